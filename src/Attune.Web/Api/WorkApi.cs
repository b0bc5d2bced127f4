using System.Security.Claims;
using Attune.Storage;
using Attune.Storage.Chats;
using Attune.Storage.Leases;
using Attune.Storage.Work;
using Attune.Web.Access;
using Attune.Web.Texts;
using Attune.Web.Work;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Api;

/// <summary>The next task asked for.</summary>
/// <param name="Known">Leases that the caller already shows.</param>
public sealed record NextRequest(IReadOnlyList<string>? Known = null);

/// <summary>A task, or why there is none.</summary>
/// <param name="Task">The task; null where there is none.</param>
/// <param name="Why">Why not; null where there is one.</param>
public sealed record NextReply(TaskView? Task, NothingReason? Why);

/// <summary>A lease's token.</summary>
/// <param name="Token">As given with the task.</param>
/// <param name="Reason">Of giving back: "skip", "broken: …".</param>
public sealed record LeaseRequestBody(string Token, string? Reason = null);

/// <summary>What somebody agrees to.</summary>
/// <param name="Version">The version of the project's consent text that they were shown.</param>
public sealed record ConsentBody(string Version);

/// <summary>How long the lease runs.</summary>
/// <param name="ExpiresAt">Until then without another heartbeat.</param>
public sealed record HeartbeatReply(DateTimeOffset ExpiresAt);

/// <summary>An answer.</summary>
/// <param name="Token">The lease's.</param>
/// <param name="Answer">What was decided.</param>
/// <param name="Next">Whether to be given the next task of the project in the same change.</param>
public sealed record SubmitRequest(string Token, GivenAnswer Answer, bool Next = false);

/// <summary>The answer is in the log.</summary>
/// <param name="JudgmentId">Under which id.</param>
/// <param name="Late">Whether it came after the lease had ended: kept, not counted.</param>
/// <param name="Repeat">Whether it had been there already.</param>
/// <param name="Next">The next task, where it was asked for.</param>
public sealed record SubmitReply(string JudgmentId, bool Late, bool Repeat, NextReply? Next = null);

/// <summary>A draft.</summary>
/// <param name="Content">JSON of the page's own.</param>
public sealed record DraftBody(string Content);

/// <summary><c>/api/v1</c> for those who judge: next task, heartbeat, draft, answer, undo, giving back.</summary>
internal static class WorkApi
{
    public static void MapWork(this IEndpointRouteBuilder api)
    {
        api.MapPost("/projects/{project}/next", NextAsync).RequireProject(ProjectRight.Belong).Produces<NextReply>();
        api.MapPost("/projects/{project}/consent", ConsentAsync).RequireProject(ProjectRight.Belong).Produces(StatusCodes.Status204NoContent).ProducesProblem(StatusCodes.Status409Conflict);
        var leases = api.MapGroup("/leases");
        leases.MapPost("/heartbeat", HeartbeatAsync).Produces<HeartbeatReply>().ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status410Gone);
        leases.MapPost("/submit", SubmitAsync).Produces<SubmitReply>().ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status422UnprocessableEntity);
        leases.MapPost("/release", ReleaseAsync).Produces(StatusCodes.Status204NoContent).ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status410Gone);
        leases.MapPut("/{lease}/draft", SaveDraftAsync).Produces(StatusCodes.Status204NoContent);
        leases.MapGet("/{lease}/draft", ReadDraftAsync).Produces<DraftBody>();
        leases.MapPost("/{lease}/undo", UndoAsync).Produces<NextReply>().ProducesProblem(StatusCodes.Status409Conflict);
    }

    private static async Task<IResult> NextAsync(string project, [FromBody] NextRequest? request, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        if (await database.Projects.FindAsync(project, stop).ConfigureAwait(false) is not { } found)
            return Results.NotFound();
        var next = await database.Leases.NextAsync(project, user.PersonId(), new() { Known = request?.Known ?? [] }, stop).ConfigureAwait(false);
        return Results.Ok(Reply(next, found.Settings));
    }

    // Of a text that has changed since it was shown nobody has agreed to anything.
    private static async Task<IResult> ConsentAsync(string project, [FromBody] ConsentBody body, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        var version = (await database.Projects.FindAsync(project, stop).ConfigureAwait(false))!.Settings.ConsentVersion;
        if (body.Version != version)
            return new Told(StatusCodes.Status409Conflict, "consent", body.Version, version);
        await database.People.ConsentAsync(user.PersonId(), project, version, stop).ConfigureAwait(false);
        return Results.NoContent();
    }

    private static NextReply Reply(NextTask next, ProjectSettings settings) => new(next.Lease is null ? null : TaskView.Of(next.Lease, settings), next.Why);

    private static async Task<IResult> HeartbeatAsync([FromBody] LeaseRequestBody body, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        if (await MineAsync(database, body.Token, user, stop).ConfigureAwait(false) is null)
            return Unknown();
        return await database.Leases.HeartbeatAsync(body.Token, stop).ConfigureAwait(false) is { } until
            ? Results.Ok(new HeartbeatReply(until)) : new Told(StatusCodes.Status410Gone, "lease-over");
    }

    private static async Task<IResult> SubmitAsync([FromBody] SubmitRequest body, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        if (await MineAsync(database, body.Token, user, stop).ConfigureAwait(false) is not { } granted)
            return Unknown();
        var settings = (await database.Projects.FindAsync(granted.Lease.ProjectId, stop).ConfigureAwait(false))!.Settings;
        if (granted.Task.Kind == TaskKind.Chat)
            return await SubmitChatAsync(database, granted, settings, body.Answer, stop).ConfigureAwait(false);
        if (body.Answer.ToJudgment(granted, settings, out var fault) is not { } judgment)
            return Unfit(fault!);
        if (body.Answer.TextFault(granted.Task, settings) is { } unfit)
            return unfit;
        var (submitted, next) = body.Next ? await database.Leases.SubmitAndNextAsync(body.Token, user.PersonId(), judgment, stop: stop).ConfigureAwait(false)
            : (await database.Leases.SubmitAsync(body.Token, user.PersonId(), judgment, stop).ConfigureAwait(false), null);
        return Replied(submitted, next, settings);
    }

    private static IResult Replied(SubmitResult submitted, NextTask? next, ProjectSettings settings) => submitted switch
    {
        SubmitResult.Accepted accepted => Results.Ok(new SubmitReply(accepted.Judgment.Id, accepted.Judgment.Late, accepted.IsRepeat, next is null ? null : Reply(next, settings))),
        SubmitResult.Conflict => new Told(StatusCodes.Status409Conflict, "answered"),
        SubmitResult.Refused refused => Unfit(new("fault.record", refused.Fault)),
        _ => Unknown(),
    };

    // Of a conversation the turns are those that the database holds; they are read and closed in one change.
    private static Task<IResult> SubmitChatAsync(Database database, GrantedLease granted, ProjectSettings settings, GivenAnswer answer, CancellationToken stop) => database.WriteAsync(
        async transaction => answer.ToConversation(granted, settings, await ChatStore.HoldAsync(transaction, granted.Lease.Id).ConfigureAwait(false), out var fault) is { } judgment
            ? Replied(await database.Leases.SubmitAsync(transaction, granted.Token, granted.Lease.PersonId, judgment).ConfigureAwait(false), null, settings)
            : Unfit(fault!), stop);

    private static Told Unfit(Phrase fault) => new(StatusCodes.Status422UnprocessableEntity, "answer", fault);

    private static async Task<IResult> ReleaseAsync([FromBody] LeaseRequestBody body, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        if (await MineAsync(database, body.Token, user, stop).ConfigureAwait(false) is null)
            return Unknown();
        return await database.Leases.ReleaseAsync(body.Token, body.Reason, stop).ConfigureAwait(false) ? Results.NoContent() : Results.StatusCode(StatusCodes.Status410Gone);
    }

    private static async Task<IResult> SaveDraftAsync(string lease, [FromBody] DraftBody body, ClaimsPrincipal user, Database database, CancellationToken stop) =>
        await database.Drafts.SaveAsync(lease, user.PersonId(), body.Content, stop).ConfigureAwait(false) ? Results.NoContent() : Results.NotFound();

    private static async Task<IResult> ReadDraftAsync(string lease, ClaimsPrincipal user, Database database, CancellationToken stop) =>
        await database.Drafts.FindAsync(lease, user.PersonId(), stop).ConfigureAwait(false) is { } draft ? Results.Ok(new DraftBody(draft.Content)) : Results.NotFound();

    private static async Task<IResult> UndoAsync(string lease, ClaimsPrincipal user, Database database, CancellationToken stop) =>
        await database.Leases.UndoAsync(lease, user.PersonId(), stop).ConfigureAwait(false) switch
        {
            UndoResult.Undone undone => Results.Ok(new NextReply(TaskView.Of(undone.Lease, (await database.Projects.FindAsync(undone.Lease.Lease.ProjectId, stop).ConfigureAwait(false))!.Settings), null)),
            UndoResult.TooLate => new Told(StatusCodes.Status409Conflict, "undo-over"),
            _ => Results.NotFound(),
        };

    private static async Task<GrantedLease?> MineAsync(Database database, string token, ClaimsPrincipal user, CancellationToken stop) =>
        await database.Leases.FindByTokenAsync(token, stop).ConfigureAwait(false) is { } granted && granted.Lease.PersonId == user.PersonId() ? granted : null;

    private static Told Unknown() => new(StatusCodes.Status404NotFound, "no-lease");
}
