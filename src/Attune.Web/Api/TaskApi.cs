using System.Security.Claims;
using System.Text.Json;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.Judgments;
using Attune.Storage.Leases;
using Attune.Storage.Work;
using Attune.Web.Access;
using Attune.Web.Work;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Api;

/// <summary>A task as those who run the project see it.</summary>
public sealed record TaskReply(
    string Id, string? BatchId, TaskKind Kind, TaskPurpose Purpose, string SubjectId, JsonElement Payload, TaskState State, int Priority, int Overlap, int MaximumOverlap, int Active, int Accepted,
    DateTimeOffset CreatedAt, DateTimeOffset? CompletedAt, DateTimeOffset? HeldAt)
{
    internal static TaskReply Of(AnnotationTask task) => new(
        task.Id, task.BatchId, task.Kind, task.Purpose, task.SubjectId, JsonSerializer.Deserialize<JsonElement>(task.Payload), task.State, task.Priority, task.Overlap, task.MaximumOverlap, task.Active,
        task.Accepted, task.CreatedAt, task.CompletedAt, task.HeldAt);
}

/// <summary>What came of adding tasks.</summary>
/// <param name="Added">Tasks that were not there before.</param>
/// <param name="Known">Tasks that were there already.</param>
public sealed record AddedTasks(int Added, int Known);

/// <summary>Why a task is taken out, or given out again.</summary>
public sealed record WithdrawBody(string Reason);

/// <summary><c>/api/v1/projects/{project}/tasks</c> and <c>…/judgments</c>.</summary>
internal static class TaskApi
{
    /// <summary>The largest body of tasks, in bytes.</summary>
    public const long LargestImport = 64 << 20;

    public static void MapTasks(this (RouteGroupBuilder Read, RouteGroupBuilder Write) api)
    {
        api.Read.MapGet("/projects/{project}/tasks", ListAsync).RequireProject(ProjectRight.Read).Produces<Page<TaskReply>>();
        api.Write.MapPost("/projects/{project}/tasks", AddAsync).RequireProject(ProjectRight.Run).WithMetadata(new RequestSizeLimitAttribute(LargestImport))
            .TakesFile("Lines of comparisons.jsonl or tasks.jsonl.").Produces<AddedTasks>().ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status413PayloadTooLarge);
        api.Write.MapPost("/projects/{project}/tasks/{task}/withdraw", WithdrawAsync).RequireProject(ProjectRight.Run).Produces(StatusCodes.Status204NoContent);
        api.Write.MapPost("/projects/{project}/tasks/{task}/return", ReturnAsync).RequireProject(ProjectRight.Run).Produces(StatusCodes.Status204NoContent).ProducesProblem(StatusCodes.Status404NotFound);
        api.Read.MapGet("/projects/{project}/reports", async (string project, bool? open, [AsParameters] Paging page, Database database, CancellationToken stop) =>
            Results.Ok(await database.Leases.ReportsAsync(project, page.Request, open ?? false, stop).ConfigureAwait(false))).RequireProject(ProjectRight.Read).Produces<Page<TaskReport>>();
        api.Read.MapGet("/projects/{project}/judgments", JudgmentsAsync).RequireProject(ProjectRight.Read).Produces<Page<JsonElement>>();
    }

    private static async Task<IResult> ListAsync(
        string project, string? batch, Word<TaskState>? state, Word<TaskPurpose>? purpose, [AsParameters] Paging page, Database database, CancellationToken stop) =>
        Results.Ok((await database.Tasks.ListAsync(project, new(batch, state?.Member, purpose?.Member), page.Request, stop).ConfigureAwait(false)).Select(TaskReply.Of));

    private static async Task<IResult> AddAsync(string project, HttpRequest request, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        using var content = new MemoryStream();
        await request.Body.CopyToAsync(content, stop).ConfigureAwait(false);
        var import = TaskImport.Parse("The body", content.ToArray());
        var found = (await database.Projects.FindAsync(project, stop).ConfigureAwait(false))!;
        var added = await import.AddAsync(database, found, user.PersonId(), stop).ConfigureAwait(false);
        return Results.Ok(new AddedTasks(added.Added, added.Known));
    }

    private static async Task<IResult> WithdrawAsync(string project, string task, [FromBody] WithdrawBody body, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        if (await database.Tasks.FindAsync(task, stop).ConfigureAwait(false) is not { } found || found.ProjectId != project)
            return Results.NotFound();
        await database.Tasks.WithdrawAsync(task, body.Reason, user.PersonId(), stop).ConfigureAwait(false);
        return Results.NoContent();
    }

    private static async Task<IResult> ReturnAsync(string project, string task, [FromBody] WithdrawBody body, ClaimsPrincipal user, Database database, CancellationToken stop) =>
        await database.Tasks.FindAsync(task, stop).ConfigureAwait(false) is { } found && found.ProjectId == project
            && await database.Tasks.ReturnAsync(task, body.Reason, user.PersonId(), stop).ConfigureAwait(false) ? Results.NoContent() : Results.NotFound();

    private static async Task<IResult> JudgmentsAsync(
        string project, string? batch, string? task, string? person, Word<TaskPurpose>? purpose, bool? inForce, [AsParameters] Paging page, Database database, CancellationToken stop)
    {
        var filter = new JudgmentFilter(batch, task, person, purpose?.Member, inForce ?? false);
        return Results.Ok((await database.Judgments.ListAsync(project, filter, page.Request, stop).ConfigureAwait(false)).Select(judgment => JsonSerializer.Deserialize<JsonElement>(judgment.ToJson())));
    }
}
