using Attune.Web.Access;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Api;

/// <summary>The HTTP API, <c>/api/v1</c>: the one that the pages' scripts use too.</summary>
internal static class HttpApi
{
    /// <summary>What every address begins with.</summary>
    public const string Root = "/api/v1";

    public static void MapApi(this WebApplication app)
    {
        var api = app.MapGroup(Root).RequireAuthorization(Policies.Anyone).DisableAntiforgery().AddEndpointFilter(RefuseForgedAsync).WithRefusals();
        var (read, write) = (Scoped(api, "read"), Scoped(api, "write"));
        var work = Scoped(api, "work");
        work.MapWork();
        work.MapChat();
        (read, write).MapProjects();
        (read, write).MapTasks();
        (read, write).MapMembers();
        (read, write).MapPeople();
        (read, write).MapAccess();
        (read, write).MapExports();
        read.MapTrees();
        (read, write).MapQuality(work);
        (read, write).MapBatches();
        (read, write).MapPay();
        (read, write).MapArena(work);
        (read, write).MapWebhooks();
        read.MapMetrics();
        read.MapRuns();
        app.MapOpenApi("/api/{documentName}/openapi.json").RequireAuthorization(Policies.Anyone);
    }

    private static RouteGroupBuilder Scoped(RouteGroupBuilder api, string scope) => api.MapGroup("").RequireAuthorization(policy => policy.RequireScope(scope)).WithMetadata(new KeyScope(scope));

    // A request with a cookie has to carry the page's token; one with a key cannot be forged by another site.
    private static async ValueTask<object?> RefuseForgedAsync(EndpointFilterInvocationContext call, EndpointFilterDelegate next)
    {
        var context = call.HttpContext;
        var isSafe = HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method) || context.User.IsProgram();
        if (!isSafe && !await context.RequestServices.GetRequiredService<IAntiforgery>().IsRequestValidAsync(context).ConfigureAwait(false))
            return new Told(StatusCodes.Status400BadRequest, "no-form-token");
        return await next(call).ConfigureAwait(false);
    }
}
