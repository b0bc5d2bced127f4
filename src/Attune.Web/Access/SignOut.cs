using Microsoft.AspNetCore.Antiforgery;

namespace Attune.Web.Access;

/// <summary><c>POST /sign-out</c>.</summary>
internal static class SignOut
{
    public static void MapSignOut(this WebApplication app) => app.MapPost("/sign-out", async (HttpContext context, SignIn signIn, IAntiforgery antiforgery) =>
    {
        if (!await antiforgery.IsRequestValidAsync(context).ConfigureAwait(false))
            return Results.StatusCode(StatusCodes.Status400BadRequest);
        await signIn.EndAsync(context).ConfigureAwait(false);
        return Results.LocalRedirect("/sign-in");
    });
}
