using System.Security.Claims;
using Attune.Storage;
using Attune.Storage.People;
using Attune.Storage.Work;
using Attune.Web.Access;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Api;

/// <summary>A member, by pseudonym.</summary>
public sealed record MemberReply(string PersonId, string? Pseudonym, Role Role, MemberState State, DateTimeOffset? BannedUntil, DateTimeOffset CreatedAt);

/// <summary>A person's place in a project.</summary>
/// <param name="Role">Manager, annotator or viewer.</param>
/// <param name="State">Whether they are given tasks; left out, it stays as it is.</param>
/// <param name="BannedUntil">When a ban ends; left out, it does not.</param>
public sealed record MemberBody(Role Role, MemberState? State = null, DateTimeOffset? BannedUntil = null);

/// <summary><c>/api/v1/projects/{project}/members</c>.</summary>
internal static class MemberApi
{
    public static void MapMembers(this (RouteGroupBuilder Read, RouteGroupBuilder Write) api)
    {
        api.Read.MapGet("/projects/{project}/members", ListAsync).RequireProject(ProjectRight.Read).Produces<Page<MemberReply>>();
        api.Write.MapPut("/projects/{project}/members/{person}", SetAsync).RequireProject(ProjectRight.Run).Produces(StatusCodes.Status204NoContent);
        api.Write.MapDelete("/projects/{project}/members/{person}", RemoveAsync).RequireProject(ProjectRight.Run).Produces(StatusCodes.Status204NoContent);
    }

    private static async Task<IResult> ListAsync(string project, [AsParameters] Paging page, Database database, CancellationToken stop)
    {
        var members = await database.Projects.MembersAsync(project, page.Request, stop).ConfigureAwait(false);
        var replies = new List<MemberReply>();
        foreach (var member in members.Items)
        {
            var person = await database.People.FindAsync(member.PersonId, stop).ConfigureAwait(false);
            replies.Add(new(member.PersonId, person?.Pseudonym, member.Role, member.State, member.BannedUntil, member.CreatedAt));
        }
        return Results.Ok(new Page<MemberReply>(replies, members.Next));
    }

    private static async Task<IResult> SetAsync(string project, string person, [FromBody] MemberBody body, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        if (await database.People.FindAsync(person, stop).ConfigureAwait(false) is null or { State: PersonState.Erased })
            return Results.NotFound();
        await database.Projects.SetMemberAsync(project, person, body.Role, user.PersonId(), stop).ConfigureAwait(false);
        if (body.State is { } state)
            await database.Projects.SetMemberStateAsync(project, person, state, body.BannedUntil, user.PersonId(), stop).ConfigureAwait(false);
        return Results.NoContent();
    }

    private static async Task<IResult> RemoveAsync(string project, string person, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        if (await database.Projects.MemberAsync(project, person, stop).ConfigureAwait(false) is null)
            return Results.NotFound();
        await database.Projects.RemoveMemberAsync(project, person, user.PersonId(), stop).ConfigureAwait(false);
        return Results.NoContent();
    }
}
