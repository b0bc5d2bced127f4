using System.Security.Claims;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.People;
using Attune.Web.Access;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Api;

/// <summary>An invitation to make.</summary>
/// <param name="Role">The role that it gives.</param>
/// <param name="ProjectId">The project in which it gives it; left out, on the installation.</param>
/// <param name="Email">Whom it is for; left out, anyone who has the link.</param>
public sealed record InvitationBody(Role Role, string? ProjectId = null, string? Email = null);

/// <summary>An invitation with the link that is shown this once.</summary>
public sealed record InvitationReply(string Id, string Link, DateTimeOffset ExpiresAt);

/// <summary>A key to make.</summary>
/// <param name="Name">What it is for.</param>
/// <param name="Scopes">Of "read", "write", "work".</param>
/// <param name="Days">How long it holds, at least 1; left out, until it is taken back.</param>
public sealed record KeyBody(string Name, IReadOnlyList<string> Scopes, int? Days = null);

/// <summary>A key with what is shown this once.</summary>
public sealed record KeyReply(string Id, string Key);

/// <summary><c>/api/v1/invitations</c>, <c>/api/v1/keys</c>, <c>/api/v1/audit</c>.</summary>
internal static class AccessApi
{
    public static void MapAccess(this (RouteGroupBuilder Read, RouteGroupBuilder Write) api)
    {
        api.Read.MapGet("/invitations", async ([AsParameters] Paging page, Database database, CancellationToken stop) =>
            await database.Access.InvitationsAsync(page.Request, stop).ConfigureAwait(false)).RequireAuthorization(Policies.Manager);
        api.Read.MapGet("/projects/{project}/invitations", async (string project, [AsParameters] Paging page, Database database, CancellationToken stop) =>
            page.Request.Part(await database.Access.OpenInvitationsAsync(project, stop).ConfigureAwait(false), invitation => invitation.Id)).RequireProject(ProjectRight.Run);
        api.Write.MapDelete("/invitations/{invitation}", RevokeInvitationAsync).Produces(StatusCodes.Status204NoContent).ProducesProblem(StatusCodes.Status404NotFound);
        api.Write.MapPost("/invitations", InviteAsync).Produces<InvitationReply>().ProducesProblem(StatusCodes.Status403Forbidden);
        api.Read.MapGet("/keys", async ([AsParameters] Paging page, ClaimsPrincipal user, Database database, CancellationToken stop) =>
            page.Request.Part(await database.Access.KeysAsync(user.PersonId(), stop).ConfigureAwait(false), key => key.Id));
        api.Write.MapPost("/keys", CreateKeyAsync).Produces<KeyReply>().ProducesProblem(StatusCodes.Status403Forbidden);
        api.Write.MapDelete("/keys/{key}", RevokeKeyAsync).Produces(StatusCodes.Status204NoContent).ProducesProblem(StatusCodes.Status404NotFound);
        api.Read.MapGet("/audit", async (string? project, [AsParameters] Paging page, Database database, CancellationToken stop) =>
            await database.Audit.ListAsync(project, page.Request, stop).ConfigureAwait(false)).RequireAuthorization(Policies.Manager);
        api.Read.MapGet("/projects/{project}/audit", async (string project, [AsParameters] Paging page, Database database, CancellationToken stop) =>
            await database.Audit.ListAsync(project, page.Request, stop).ConfigureAwait(false)).RequireProject(ProjectRight.Run).Produces<Page<AuditEntry>>();
    }

    /// <summary>Whether somebody may make, and take back, an invitation of this kind.</summary>
    internal static async Task<bool> MayInviteAsync(this Visitor visitor, Role role, string? projectId) => projectId is null
        ? visitor.Request.User.MayRun(role) : role != Role.Owner && (await visitor.RoleInAsync(projectId).ConfigureAwait(false)).Gives(ProjectRight.Run);

    // To who may not take it back it is not there.
    private static async Task<IResult> RevokeInvitationAsync(string invitation, Visitor visitor, Database database, CancellationToken stop) =>
        await database.Access.InvitationAsync(invitation, stop).ConfigureAwait(false) is { } found && await visitor.MayInviteAsync(found.Role, found.ProjectId).ConfigureAwait(false)
            && await database.Access.RevokeInvitationAsync(invitation, visitor.Id, stop).ConfigureAwait(false) ? Results.NoContent() : Results.NotFound();

    private static async Task<IResult> InviteAsync([FromBody] InvitationBody body, HttpContext context, Visitor visitor, Database database, WebOptions options)
    {
        if (!await visitor.MayInviteAsync(body.Role, body.ProjectId).ConfigureAwait(false))
            return Results.StatusCode(StatusCodes.Status403Forbidden);
        if (body.ProjectId is not null && await database.Projects.FindAsync(body.ProjectId, context.RequestAborted).ConfigureAwait(false) is null)
            return Results.NotFound();
        var (invitation, link) = await Links.InviteAsync(database, context, options, body.Role, body.ProjectId, body.Email).ConfigureAwait(false);
        return Results.Ok(new InvitationReply(invitation.Id, link, invitation.ExpiresAt));
    }

    // A key cannot make one that may more than itself, or outlives it: keys come from people who are signed in.
    private static async Task<IResult> CreateKeyAsync([FromBody] KeyBody body, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        if (user.IsProgram())
            return Results.Problem("A key cannot make another; sign in and make it on the page of keys.", statusCode: StatusCodes.Status403Forbidden);
        var problems = KeyProblems(body.Name, body.Scopes, body.Days).ToList();
        if (problems.Count > 0)
            throw new InputException("The key", problems);
        var days = body.Days is { } count ? TimeSpan.FromDays(count) : (TimeSpan?)null;
        var made = await database.Access.CreateKeyAsync(user.PersonId(), body.Name, [.. body.Scopes.Distinct()], days, user.PersonId(), stop).ConfigureAwait(false);
        return Results.Ok(new KeyReply(made.Value.Id, made.Token));
    }

    /// <summary>What is wrong with a key that somebody wants.</summary>
    internal static IEnumerable<Problem> KeyProblems(string name, IReadOnlyList<string> scopes, int? days)
    {
        if (string.IsNullOrWhiteSpace(name) || name.Contains('\0'))
            yield return Problem.Of("name", "is empty or holds a NUL", "what the key is for", "name the program");
        if (scopes.Count == 0 || scopes.Except(Policies.Scopes).Any())
            yield return Problem.Of("scopes", $"is [{string.Join(", ", scopes)}]", $"at least one of {string.Join(", ", Policies.Scopes)}", "choose what the program needs");
        if (days is < 1 or > 3_650)
            yield return Problem.Of("days", $"is {days}", "1 to 3650", "leave it out for a key without an end");
    }

    private static async Task<IResult> RevokeKeyAsync(string key, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        if (!(await database.Access.KeysAsync(user.PersonId(), stop).ConfigureAwait(false)).Any(mine => mine.Id == key))
            return Results.NotFound();
        await database.Access.RevokeKeyAsync(key, user.PersonId(), stop).ConfigureAwait(false);
        return Results.NoContent();
    }
}
