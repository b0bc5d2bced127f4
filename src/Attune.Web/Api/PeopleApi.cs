using System.Security.Claims;
using System.Text;
using Attune.Storage;
using Attune.Storage.People;
using Attune.Web.Access;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Api;

/// <summary>A person, with who they are; both names are empty for who was erased.</summary>
public sealed record PersonReply(string Id, string Pseudonym, Role Role, PersonState State, DateTimeOffset CreatedAt, string? Name, string? Email);

/// <summary>A role on the installation.</summary>
public sealed record RoleBody(Role Role);

/// <summary>Whether a person takes part.</summary>
/// <param name="Paused">Whether they are given nothing for now.</param>
public sealed record PausedBody(bool Paused);

/// <summary>A link that works once.</summary>
public sealed record LinkReply(string Link);

/// <summary><c>/api/v1/me</c> and <c>/api/v1/people</c>.</summary>
internal static class PeopleApi
{
    public static void MapPeople(this (RouteGroupBuilder Read, RouteGroupBuilder Write) api)
    {
        api.Read.MapGet("/me", MeAsync).Produces<PersonReply>();
        api.Read.MapGet("/people", ListAsync).RequireAuthorization(Policies.Manager).Produces<Page<PersonReply>>();
        api.Read.MapGet("/people/{person}", FindAsync).RequireAuthorization(Policies.Manager).Produces<PersonReply>();
        api.Read.MapGet("/people/{person}/data", DataAsync).Produces<System.Text.Json.Nodes.JsonObject>(contentType: "application/json");
        api.Write.MapPut("/people/{person}/role", SetRoleAsync).RequireAuthorization(Policies.Owner).Produces(StatusCodes.Status204NoContent);
        api.Write.MapPut("/people/{person}/paused", SetPausedAsync).RequireAuthorization(Policies.Manager).Produces(StatusCodes.Status204NoContent);
        api.Write.MapPost("/people/{person}/reset", ResetAsync).RequireAuthorization(Policies.Manager).Produces<LinkReply>();
        api.Write.MapDelete("/people/{person}", EraseAsync).RequireAuthorization(Policies.Owner).Produces(StatusCodes.Status204NoContent);
    }

    private static async Task<IResult> MeAsync(ClaimsPrincipal user, Database database, CancellationToken stop) => await ReplyAsync(database, user.PersonId(), stop).ConfigureAwait(false);

    private static async Task<IResult> ListAsync([AsParameters] Paging page, Database database, CancellationToken stop)
    {
        var people = await database.People.ListAsync(page.Request, stop).ConfigureAwait(false);
        var replies = new List<PersonReply>();
        foreach (var person in people.Items)
            replies.Add(Of(person, await database.People.IdentityAsync(person.Id, stop).ConfigureAwait(false)));
        return Results.Ok(new Page<PersonReply>(replies, people.Next));
    }

    private static Task<IResult> FindAsync(string person, Database database, CancellationToken stop) => ReplyAsync(database, person, stop);

    private static async Task<IResult> DataAsync(string person, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        if (person != user.PersonId() && !user.IsInRole(Policies.Owner))
            return Results.StatusCode(StatusCodes.Status403Forbidden);
        return await database.People.FindAsync(person, stop).ConfigureAwait(false) is null ? Results.NotFound()
            : Results.File(Encoding.UTF8.GetBytes(await database.Erasure.ExportAsync(person, user.PersonId(), stop).ConfigureAwait(false)), "application/json", $"{person}.json");
    }

    private static async Task<IResult> SetRoleAsync(string person, [FromBody] RoleBody body, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        if (await database.People.FindAsync(person, stop).ConfigureAwait(false) is null or { State: PersonState.Erased })
            return Results.NotFound();
        await database.People.SetRoleAsync(person, body.Role, user.PersonId(), stop).ConfigureAwait(false);
        return Results.NoContent();
    }

    private static async Task<IResult> SetPausedAsync(string person, [FromBody] PausedBody body, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        if (await RefusalAsync(database, person, user, stop).ConfigureAwait(false) is { } refusal)
            return refusal;
        await database.People.SetStateAsync(person, body.Paused ? PersonState.Paused : PersonState.Active, user.PersonId(), stop).ConfigureAwait(false);
        return Results.NoContent();
    }

    private static async Task<IResult> ResetAsync(string person, HttpContext context, ClaimsPrincipal user, Database database, WebOptions options, CancellationToken stop)
    {
        if (await RefusalAsync(database, person, user, stop).ConfigureAwait(false) is { } refusal)
            return refusal;
        return await Links.ResetAsync(database, context, options, person).ConfigureAwait(false) is { } link ? Results.Ok(new LinkReply(link))
            : Results.Problem("The person has no e-mail address, expected one to sign in with; invite them anew.", statusCode: StatusCodes.Status422UnprocessableEntity);
    }

    private static async Task<IResult> EraseAsync(string person, bool? texts, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        if (await database.People.FindAsync(person, stop).ConfigureAwait(false) is null)
            return Results.NotFound();
        await database.Erasure.EraseAsync(person, texts ?? false, user.PersonId(), stop).ConfigureAwait(false);
        return Results.NoContent();
    }

    private static async Task<IResult?> RefusalAsync(Database database, string id, ClaimsPrincipal user, CancellationToken stop) =>
        await database.People.FindAsync(id, stop).ConfigureAwait(false) is not { State: not PersonState.Erased } person ? Results.NotFound()
        : user.MayRun(person.Role) ? null : Results.StatusCode(StatusCodes.Status403Forbidden);

    private static async Task<IResult> ReplyAsync(Database database, string id, CancellationToken stop) =>
        await database.People.FindAsync(id, stop).ConfigureAwait(false) is { } person ? Results.Ok(Of(person, await database.People.IdentityAsync(id, stop).ConfigureAwait(false))) : Results.NotFound();

    private static PersonReply Of(Person person, Identity? identity) => new(person.Id, person.Pseudonym, person.Role, person.State, person.CreatedAt, identity?.DisplayName, identity?.Email);
}
