using System.Security.Claims;
using Attune.Feedback;
using Attune.Feedback.Arena;
using Attune.Feedback.Exchange;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.Arena;
using Attune.Storage.Training;
using Attune.Web.Access;
using Attune.Web.Arena;
using Attune.Web.Texts;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Api;

/// <summary>Agreement to the arena's text.</summary>
/// <param name="Pool">Whether first messages go to the pool of prompts.</param>
internal sealed record ArenaConsentBody(bool Pool);

/// <summary>A conversation to begin.</summary>
/// <param name="Mode">"single", "blind", "side-by-side".</param>
/// <param name="Models">The chosen one or two; of a blind one none.</param>
/// <param name="Token">The same token is the same conversation.</param>
internal sealed record ArenaTalkBody(string Mode, string Token, IReadOnlyList<string>? Models = null);

/// <summary>A message.</summary>
internal sealed record ArenaMessageBody(string Prompt);

/// <summary>A vote.</summary>
/// <param name="Choice">"a", "b", "tie", "both-bad".</param>
/// <param name="Token">The same token is the same vote.</param>
internal sealed record ArenaVoteBody(string Choice, string Token);

/// <summary>Whether a voter's votes are left out, and why.</summary>
internal sealed record ArenaExclusionBody(bool Excluded, string? Reason = null);

/// <summary>What an export of votes shall be: as of a project, and of which <c>mode</c>, "blind" or "side-by-side"; of both without one.</summary>
internal sealed record ArenaExportQuery(string? Shape, string? Aggregation, string? Mode, [FromQuery(Name = "for")] string? Uses)
{
    public Task<ExportedData> MakeAsync(Database database, ArenaDesk desk, CancellationToken stop) =>
        ArenaExport.MakeAsync(database, desk.Setup?.Plan, ArenaExport.Mode("mode", Mode), new ExportQuery(Shape, Aggregation, null, Uses).Order(), stop);
}

/// <summary><c>/api/v1/arena/…</c>.</summary>
internal static class ArenaApi
{
    private const string JsonLines = "application/jsonl";
    private const int LongestReason = 1000;

    public static void MapArena(this (RouteGroupBuilder Read, RouteGroupBuilder Write) api, RouteGroupBuilder work)
    {
        api.Read.MapGet("/arena/leaderboard", (ArenaDesk desk, CancellationToken stop) => desk.LeaderboardAsync(stop)).Produces<ArenaLeaderboard>();
        api.Read.MapGet("/arena/voters", async ([AsParameters] Paging page, Database database, CancellationToken stop) =>
            page.Request.Part(await ArenaVotes.VotersAsync(database, stop).ConfigureAwait(false), voter => voter.Id)).RequireAuthorization(Policies.Manager);
        api.Read.MapGet("/arena/export/comparisons.jsonl", ([FromQuery(Name = "for")] string? uses, ArenaDesk desk, Database database, CancellationToken stop) =>
            Stream(desk, uses, "comparisons.jsonl", to => ArenaExport.WriteComparisonsAsync(database, desk.Setup?.Plan, to, stop)))
            .RequireAuthorization(Policies.Manager).Produces<string>(contentType: JsonLines);
        api.Read.MapGet("/arena/export/judgments.jsonl", ([FromQuery(Name = "for")] string? uses, ArenaDesk desk, Database database, CancellationToken stop) =>
            Stream(desk, uses, "judgments.jsonl", to => ArenaExport.WriteJudgmentsAsync(database, to, stop)))
            .RequireAuthorization(Policies.Manager).Produces<string>(contentType: JsonLines);
        api.Read.MapGet("/arena/export/prompts.jsonl", Prompts).RequireAuthorization(Policies.Manager).Produces<string>(contentType: JsonLines).ProducesProblem(StatusCodes.Status400BadRequest);
        api.Read.MapGet("/arena/export/data.jsonl", DataAsync).RequireAuthorization(Policies.Manager).Produces<string>(contentType: JsonLines);
        api.Read.MapGet("/arena/export/DATASET.md", CardAsync).RequireAuthorization(Policies.Manager).Produces<string>(contentType: "text/markdown");
        api.Write.MapPut("/arena/voters/{voter}", ExcludeAsync).RequireAuthorization(Policies.Manager).Produces(StatusCodes.Status204NoContent)
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status422UnprocessableEntity);
        work.MapPut("/arena/consent", ConsentAsync).Produces(StatusCodes.Status204NoContent).ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status429TooManyRequests);
        work.MapDelete("/arena/consent", WithdrawAsync).Produces(StatusCodes.Status204NoContent).ProducesProblem(StatusCodes.Status404NotFound);
        Talks(work.MapPost("/arena/talks", BeginAsync));
        Talks(work.MapGet("/arena/talks/{talk}", FindAsync));
        Talks(work.MapPut("/arena/talks/{talk}/turns/{number:int}", SayAsync)).ProducesProblem(StatusCodes.Status502BadGateway);
        Talks(work.MapPost("/arena/talks/{talk}/vote", VoteAsync));
        Talks(work.MapPost("/arena/talks/{talk}/reveal", RevealAsync));
    }

    private static RouteHandlerBuilder Talks(RouteHandlerBuilder route) => route.Produces<ArenaTalkView>().ProducesProblem(StatusCodes.Status403Forbidden).ProducesProblem(StatusCodes.Status404NotFound)
        .ProducesProblem(StatusCodes.Status409Conflict).ProducesProblem(StatusCodes.Status422UnprocessableEntity).ProducesProblem(StatusCodes.Status429TooManyRequests);

    private static IResult Stream(ArenaDesk desk, string? uses, string name, Func<Stream, Task> write)
    {
        var problems = new InputProblems("The export");
        var wanted = DataTerms.Uses("for", uses ?? "train", problems);
        problems.ThrowIfAny();
        ArenaExport.Require(desk.Setup?.Plan, wanted);
        return Results.Stream(write, JsonLines, name);
    }

    private static IResult Prompts(string? split, [FromQuery(Name = "for")] string? uses, ArenaDesk desk, Database database, CancellationToken stop)
    {
        PromptSplit? side = split switch { null or "" => null, "training" => PromptSplit.Training, "held-out" => PromptSplit.HeldOut, _ => (PromptSplit)(-1) };
        return side is (PromptSplit)(-1) ? Results.Problem($"The split is '{split}', expected training or held-out.", statusCode: StatusCodes.Status400BadRequest)
            : Stream(desk, uses, "prompts.jsonl", to => ArenaExport.WritePromptsAsync(database, side, to, stop));
    }

    private static async Task<IResult> DataAsync([AsParameters] ArenaExportQuery query, ArenaDesk desk, Database database, CancellationToken stop) =>
        Results.Bytes((await query.MakeAsync(database, desk, stop).ConfigureAwait(false)).Bytes(), JsonLines, "arena.jsonl");

    private static async Task<IResult> CardAsync([AsParameters] ArenaExportQuery query, ArenaDesk desk, Database database, CancellationToken stop) =>
        Results.Text((await query.MakeAsync(database, desk, stop).ConfigureAwait(false)).Card, "text/markdown; charset=utf-8");

    private static async Task<IResult> ExcludeAsync(string voter, [FromBody] ArenaExclusionBody body, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        if (body.Excluded && (string.IsNullOrWhiteSpace(body.Reason) || body.Reason.Length > LongestReason))
            return Results.Problem($"The reason has {body.Reason?.Length ?? 0} characters, expected 1 to {LongestReason}.", statusCode: StatusCodes.Status422UnprocessableEntity);
        return await ArenaVotes.ExcludeAsync(database, voter, body.Excluded ? body.Reason : null, user.PersonId(), stop).ConfigureAwait(false) ? Results.NoContent()
            : Results.Problem("There is no such voter.", statusCode: StatusCodes.Status404NotFound);
    }

    private static async Task<IResult> ConsentAsync([FromBody] ArenaConsentBody body, HttpContext context, ArenaDesk desk) =>
        desk.Setup is null ? NoArena()
        : await desk.ConsentAsync(context, body.Pool).ConfigureAwait(false) is not null ? Results.NoContent()
        : Results.Problem("You ask too often; wait a little.", statusCode: StatusCodes.Status429TooManyRequests);

    private static async Task<IResult> WithdrawAsync(HttpContext context, ArenaDesk desk, Database database)
    {
        if (desk.Setup is null)
            return NoArena();
        if (await desk.VoterAsync(context).ConfigureAwait(false) is { } voter)
            await database.Arena.WithdrawAsync(voter.Id, context.RequestAborted).ConfigureAwait(false);
        return Results.NoContent();
    }

    private static Task<IResult> BeginAsync([FromBody] ArenaTalkBody body, HttpContext context, ArenaDesk desk) => DoAsync(
        context, desk, voter => ArenaWords.TryMode(body.Mode) is { } mode ? desk.BeginAsync(context, voter, mode, body.Models ?? [], body.Token)
            : Task.FromResult(new ArenaReply(StatusCodes.Status422UnprocessableEntity, null, new("arena.fault.mode", body.Mode))));

    private static Task<IResult> FindAsync(string talk, HttpContext context, ArenaDesk desk, Database database) => DoAsync(
        context, desk, async voter => await database.Arena.FindAsync(talk, voter.Id, context.RequestAborted).ConfigureAwait(false) is { } state ? new(StatusCodes.Status200OK, state, null)
            : new ArenaReply(StatusCodes.Status404NotFound, null, new("arena.fault.unknown")));

    private static Task<IResult> SayAsync(string talk, int number, [FromBody] ArenaMessageBody body, HttpContext context, ArenaDesk desk) =>
        DoAsync(context, desk, voter => desk.SayAsync(context, voter, talk, number, body.Prompt));

    private static Task<IResult> VoteAsync(string talk, [FromBody] ArenaVoteBody body, HttpContext context, ArenaDesk desk) =>
        DoAsync(context, desk, voter => desk.VoteAsync(context, voter, talk, body.Choice, body.Token));

    private static Task<IResult> RevealAsync(string talk, HttpContext context, ArenaDesk desk) => DoAsync(context, desk, voter => desk.RevealAsync(context, voter, talk));

    private static async Task<IResult> DoAsync(HttpContext context, ArenaDesk desk, Func<ArenaVoter, Task<ArenaReply>> step)
    {
        if (desk.Setup is null)
            return NoArena();
        if (await desk.VoterAsync(context).ConfigureAwait(false) is not { } voter)
            return Results.Problem("You have not agreed to the arena's text as it stands; PUT /arena/consent first.", statusCode: StatusCodes.Status403Forbidden);
        var reply = await step(voter).ConfigureAwait(false);
        return reply.Fault is null ? Results.Ok(ArenaTalkView.Of(reply.State!)) : Results.Problem(new Wording(context).Of(reply.Fault), statusCode: reply.Status);
    }

    private static IResult NoArena() => Results.Problem("This server has no arena.", statusCode: StatusCodes.Status404NotFound);
}
