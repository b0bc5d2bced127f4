using Attune.Storage;
using Attune.Storage.People;

namespace Attune.Web.Access;

/// <summary>What a request to a project needs.</summary>
internal enum ProjectRight
{
    /// <summary>To be a member.</summary>
    Belong,

    /// <summary>To see everyone's answers: its viewers and managers. Annotators do not.</summary>
    Read,

    /// <summary>To run it.</summary>
    Run,
}

/// <summary>
/// Who may do what in a project. To who is no member there is no such project (404), so that nobody learns which there are; a member with too small a role is
/// refused (403).
/// </summary>
internal static class ProjectRights
{
    /// <summary>Whether a role in a project gives a right.</summary>
    public static bool Gives(this Role? role, ProjectRight right) => right switch
    {
        ProjectRight.Belong => role is not null,
        ProjectRight.Read => role is Role.Owner or Role.Manager or Role.Viewer,
        _ => role is Role.Owner or Role.Manager,
    };

    /// <summary>Requires a right in the project that the address names as <c>{project}</c>.</summary>
    public static RouteHandlerBuilder RequireProject(this RouteHandlerBuilder endpoint, ProjectRight right) => endpoint.AddEndpointFilter(async (call, next) =>
    {
        var context = call.HttpContext;
        var services = context.RequestServices;
        var id = $"{context.Request.RouteValues["project"]}";
        var role = await services.GetRequiredService<Visitor>().RoleInAsync(id).ConfigureAwait(false);
        if (role is null || await services.GetRequiredService<Database>().Projects.FindAsync(id, context.RequestAborted).ConfigureAwait(false) is null)
            return Results.NotFound();
        return role.Gives(right) ? await next(call).ConfigureAwait(false) : Results.StatusCode(StatusCodes.Status403Forbidden);
    }).ProducesProblem(StatusCodes.Status403Forbidden).ProducesProblem(StatusCodes.Status404NotFound);
}
