using Attune.Web.Texts;
using Microsoft.AspNetCore.Antiforgery;

namespace Attune.Web.Access;

/// <summary><c>POST /language</c>: the language that somebody wants instead of their browser's, kept in a cookie.</summary>
internal static class LanguageChoice
{
    public static void MapLanguageChoice(this WebApplication app) => app.MapPost("/language", async (HttpContext context, IAntiforgery antiforgery) =>
    {
        if (!await antiforgery.IsRequestValidAsync(context).ConfigureAwait(false))
            return Results.StatusCode(StatusCodes.Status400BadRequest);
        var form = await context.Request.ReadFormAsync(context.RequestAborted).ConfigureAwait(false);
        context.Response.Cookies.Append(Wording.Cookie, Wording.Choose(form["language"], []), new CookieOptions
        {
            HttpOnly = true,
            Secure = context.Request.IsHttps,
            SameSite = SameSiteMode.Lax,
            MaxAge = TimeSpan.FromDays(365),
            Path = "/",
        });
        return Results.LocalRedirect(Local.Path(form["to"]));
    });
}
