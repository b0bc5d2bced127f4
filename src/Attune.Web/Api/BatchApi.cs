using System.Security.Claims;
using System.Text.Json;
using Attune.Feedback.Exchange;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.Training;
using Attune.Storage.Work;
using Attune.Web.Access;
using Attune.Web.Work;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Api;

/// <summary>A batch to plan.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Details">Where its answers come from: policy checkpoint hash, sampling settings, rows ordered, …</param>
public sealed record NewBatch(string Name, JsonElement? Details = null);

/// <summary>A batch with how far it is.</summary>
public sealed record BatchReply(
    string Id, int Number, string Name, BatchState State, JsonElement Details, DateTimeOffset CreatedAt, Progress Progress, CalibrationAgreement Agreement, IReadOnlyList<BatchDecision> Decisions)
{
    internal static async Task<BatchReply> OfAsync(Database database, Batch batch, CancellationToken stop) => new(
        batch.Id, batch.Number, batch.Name, batch.State, JsonSerializer.Deserialize<JsonElement>(batch.Details), batch.CreatedAt,
        await database.Tasks.ProgressAsync(batch.ProjectId, batch.Id, stop).ConfigureAwait(false),
        await database.Cycle.AgreementAsync(batch, stop).ConfigureAwait(false), await database.Cycle.DecisionsAsync(batch.Id, stop).ConfigureAwait(false));
}

/// <summary>A step of a batch's cycle.</summary>
/// <param name="Reason">Why it is taken although a gate is closed.</param>
public sealed record BatchStepBody(string? Reason = null);

/// <summary>A reward model's accuracy.</summary>
/// <param name="Accuracy">From 0 to 1.</param>
/// <param name="Source">Where it comes from: a run, a report.</param>
public sealed record AccuracyBody(double Accuracy, string Source);

/// <summary><c>/api/v1/projects/{project}/batches</c>: the weekly cycle.</summary>
internal static class BatchApi
{
    public static void MapBatches(this (RouteGroupBuilder Read, RouteGroupBuilder Write) api)
    {
        const string Root = "/projects/{project}/batches";
        api.Read.MapGet(Root, ListAsync).RequireProject(ProjectRight.Read).Produces<Page<BatchReply>>();
        api.Write.MapPost(Root, CreateAsync).RequireProject(ProjectRight.Run).Produces<BatchReply>(StatusCodes.Status201Created).ProducesProblem(StatusCodes.Status400BadRequest);
        api.Read.MapGet($"{Root}/{{batch}}", FindAsync).RequireProject(ProjectRight.Read).Produces<BatchReply>();
        api.Write.MapPost($"{Root}/{{batch}}/tasks", AddAsync).RequireProject(ProjectRight.Run).WithMetadata(new RequestSizeLimitAttribute(TaskApi.LargestImport))
            .TakesFile("Lines of comparisons.jsonl.").Produces<AddedTasks>().ProducesProblem(StatusCodes.Status400BadRequest);
        api.Read.MapGet($"{Root}/{{batch}}/delivery.zip", DownloadAsync).RequireProject(ProjectRight.Read).Produces<byte[]>(contentType: "application/zip").ProducesProblem(StatusCodes.Status400BadRequest);
        foreach (var step in (string[])["calibrate", "open", "close", "reopen", "deliver"])
        {
            api.Write.MapPost($"{Root}/{{batch}}/{step}", (string project, string batch, [FromBody] BatchStepBody body, ClaimsPrincipal user, Database database, CancellationToken stop) =>
                StepAsync(database, project, batch, () => TakeAsync(database, batch, step, body.Reason, user.PersonId(), stop), stop))
                .RequireProject(ProjectRight.Run).Produces<BatchReply>().ProducesProblem(StatusCodes.Status400BadRequest);
        }
        api.Write.MapPost($"{Root}/{{batch}}/accuracy", (string project, string batch, [FromBody] AccuracyBody body, ClaimsPrincipal user, Database database, CancellationToken stop) =>
            StepAsync(database, project, batch, () => database.Cycle.RecordAccuracyAsync(batch, body.Accuracy, body.Source, user.PersonId(), stop), stop))
            .RequireProject(ProjectRight.Run).Produces<BatchReply>().ProducesProblem(StatusCodes.Status400BadRequest);
    }

    /// <summary>Takes a step. What cannot be handed over because of its terms is not marked as delivered.</summary>
    /// <exception cref="InputException">The batch is in another state, a gate is closed, or terms forbid the delivery.</exception>
    public static Task TakeAsync(Database database, string batch, string step, string? reason, string actor, CancellationToken stop) => step switch
    {
        "calibrate" => database.Cycle.CalibrateAsync(batch, actor, stop),
        "open" => database.Cycle.OpenAsync(batch, reason, actor, stop),
        "close" => database.Cycle.CloseAsync(batch, actor, stop),
        "reopen" => database.Cycle.ReopenAsync(batch, actor, stop),
        "deliver" => DeliverAsync(database, batch, reason, actor, stop),
        _ => throw InputException.One("The step", $"is {step}", "calibrate, open, close, reopen or deliver", "correct it"),
    };

    private static async Task DeliverAsync(Database database, string batch, string? reason, string actor, CancellationToken stop)
    {
        if (await database.Batches.FindAsync(batch, stop).ConfigureAwait(false) is { } found && await database.Projects.FindAsync(found.ProjectId, stop).ConfigureAwait(false) is { } project)
            await DataExport.MakeAsync(database, project, new() { BatchId = batch }, stop).ConfigureAwait(false);
        await database.Cycle.DeliverAsync(batch, reason, actor, stop).ConfigureAwait(false);
    }

    private static async Task<IResult> DownloadAsync(string project, string batch, [FromQuery(Name = "for")] string? uses, Database database, CancellationToken stop)
    {
        if (await InAsync(database, project, batch, stop).ConfigureAwait(false) is not { } found)
            return Results.NotFound();
        var problems = new InputProblems("The delivery");
        var wanted = DataTerms.Uses("for", uses ?? "train", problems);
        problems.ThrowIfAny();
        var zip = await Delivery.ZipAsync(database, (await database.Projects.FindAsync(project, stop).ConfigureAwait(false))!, batch, wanted, stop).ConfigureAwait(false);
        return Results.Bytes(zip, "application/zip", $"batch-{found.Number}.zip");
    }

    /// <summary>Plans a batch.</summary>
    /// <exception cref="InputException">The name is empty, or the details are no JSON object.</exception>
    public static Task<Batch> PlanAsync(Database database, string project, string name, string details, string actor, CancellationToken stop)
    {
        if (string.IsNullOrWhiteSpace(name) || name.Contains('\0') || name.Length > 200)
            throw InputException.One("The batch's name", "is empty or too long", "1 to 200 characters", "give one, such as week 12");
        try
        {
            if (JsonSerializer.Deserialize<JsonElement>(details).ValueKind != JsonValueKind.Object)
                throw new JsonException("is no object");
        }
        catch (JsonException e)
        {
            throw InputException.One("The batch's details", $"cannot be read ({e.Message.TrimEnd('.')})", "a JSON object", "correct it; {} says nothing");
        }
        return database.Batches.CreateAsync(project, name.Trim(), details, actor, stop);
    }

    private static async Task<IResult> ListAsync(string project, [AsParameters] Paging page, Database database, CancellationToken stop)
    {
        var part = page.Request.Part(await database.Batches.ListAsync(project, stop).ConfigureAwait(false), batch => batch.Id);
        var replies = new List<BatchReply>();
        foreach (var batch in part.Items)
            replies.Add(await BatchReply.OfAsync(database, batch, stop).ConfigureAwait(false));
        return Results.Ok(new Page<BatchReply>(replies, part.Next));
    }

    private static async Task<IResult> CreateAsync(string project, [FromBody] NewBatch body, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        var batch = await PlanAsync(database, project, body.Name, body.Details?.GetRawText() ?? "{}", user.PersonId(), stop).ConfigureAwait(false);
        return Results.Created($"/api/v1/projects/{project}/batches/{batch.Id}", await BatchReply.OfAsync(database, batch, stop).ConfigureAwait(false));
    }

    private static async Task<IResult> FindAsync(string project, string batch, Database database, CancellationToken stop) =>
        await InAsync(database, project, batch, stop).ConfigureAwait(false) is { } found ? Results.Ok(await BatchReply.OfAsync(database, found, stop).ConfigureAwait(false)) : Results.NotFound();

    private static async Task<IResult> AddAsync(string project, string batch, bool? calibration, HttpRequest request, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        using var content = new MemoryStream();
        await request.Body.CopyToAsync(content, stop).ConfigureAwait(false);
        var comparisons = ComparisonProject.Parse("The body", content.ToArray());
        if (await InAsync(database, project, batch, stop).ConfigureAwait(false) is null)
            return Results.NotFound();
        var found = (await database.Projects.FindAsync(project, stop).ConfigureAwait(false))!;
        var added = await ComparisonProject.AddAsync(database, found, comparisons, user.PersonId(), stop, batch, calibration == true ? TaskPurpose.Calibration : TaskPurpose.Normal).ConfigureAwait(false);
        return Results.Ok(new AddedTasks(added.Added, added.Known));
    }

    private static async Task<IResult> StepAsync(Database database, string project, string batch, Func<Task> take, CancellationToken stop)
    {
        if (await InAsync(database, project, batch, stop).ConfigureAwait(false) is null)
            return Results.NotFound();
        await take().ConfigureAwait(false);
        return Results.Ok(await BatchReply.OfAsync(database, (await database.Batches.FindAsync(batch, stop).ConfigureAwait(false))!, stop).ConfigureAwait(false));
    }

    private static async Task<Batch?> InAsync(Database database, string project, string batch, CancellationToken stop) =>
        await database.Batches.FindAsync(batch, stop).ConfigureAwait(false) is { } found && found.ProjectId == project ? found : null;
}
