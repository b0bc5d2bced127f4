using Attune.Web.Access;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Api;

/// <summary>The HTTP API, <c>/api/v1</c>: the one that the pages' scripts use too.</summary>
internal static class HttpApi
{
    public static void MapApi(this WebApplication app)
    {
        var api = app.MapGroup("/api/v1").RequireAuthorization(Policies.Anyone).DisableAntiforgery().AddEndpointFilter(RefuseForgedAsync);
        api.MapGroup("").RequireAuthorization(policy => policy.RequireScope("work")).MapWork();
    }

    // A request with a cookie has to carry the page's token; one with a key cannot be forged by another site.
    private static async ValueTask<object?> RefuseForgedAsync(EndpointFilterInvocationContext call, EndpointFilterDelegate next)
    {
        var context = call.HttpContext;
        var isSafe = HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method) || context.Request.Headers.Authorization.Count > 0;
        if (!isSafe && !await context.RequestServices.GetRequiredService<IAntiforgery>().IsRequestValidAsync(context).ConfigureAwait(false))
            return Results.Problem("The request carries no token of a page of ours, or one that has expired; load the page again.", statusCode: StatusCodes.Status400BadRequest);
        return await next(call).ConfigureAwait(false);
    }
}
