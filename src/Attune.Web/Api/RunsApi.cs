using System.Text.Json;
using Attune.Runs;
using Attune.Storage;
using Attune.Updates;
using Attune.Web.Access;
using Attune.Web.Live;
using Attune.Web.RunView;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Api;

/// <summary>A run below the folder that is served, by the name to ask for it.</summary>
public sealed record RunReply(string Name, DateTimeOffset Changed, bool IsFinished, IReadOnlyList<int> RolloutSteps, JsonElement? Result = null);

/// <summary>A line of a run's metrics; null stands for what is no finite number.</summary>
public sealed record MetricsLine(int Step, IReadOnlyDictionary<string, double?> Values);

/// <summary><c>/api/v1/runs</c>: training runs on the server's disk, for owners and managers.</summary>
internal static class RunsApi
{
    public static void MapRuns(this RouteGroupBuilder read)
    {
        var runs = read.MapGroup("/runs").RequireAuthorization(Policies.Manager);
        runs.MapGet("", ([AsParameters] Paging page, RunLibrary library) => library.IsOpen ? Results.Ok(page.Request.Part(library.List(), run => run.Name).Select(run => Reply(run))) : Results.NotFound()).Produces<Page<RunReply>>().ProducesProblem(StatusCodes.Status404NotFound);
        runs.MapGet("/run", (string? name, RunLibrary library) => library.Find(name) is { } run ? Results.Ok(Reply(run, RunLibrary.Result(run))) : Results.NotFound()).Produces<RunReply>().ProducesProblem(StatusCodes.Status404NotFound);
        runs.MapGet("/metrics", (string? name, int? after, int? size, RunLibrary library) => library.Find(name) is { } run
            ? Results.Ok(new PageRequest { Size = size ?? new PageRequest().Size }.Part([.. RunLibrary.Metrics(run).Where(row => row.Step > (after ?? -1))], row => $"{row.Step}").Select(Line)) : Results.NotFound()).Produces<Page<MetricsLine>>().ProducesProblem(StatusCodes.Status404NotFound);
        runs.MapGet("/rollouts", (string? name, int? step, RunLibrary library) => library.Find(name) is { } run && step is { } asked && RunLibrary.Steps(run).Contains(asked)
            ? Results.Text(ResultFile.Json(RunLibrary.Rollouts(run, asked)), "application/json") : Results.NotFound()).Produces<IReadOnlyList<RolloutRecord>>().ProducesProblem(StatusCodes.Status404NotFound);
        runs.MapGet("/events", EventsAsync).Produces<string>(contentType: "text/event-stream").ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<IResult> EventsAsync(string? name, HttpContext context, Visitor visitor, RunLibrary library, EventStreams streams) => library.Find(name) is null
        ? Results.NotFound()
        : await streams.RunAsync(
            context, "metrics",
            (_, _) => Task.FromResult(library.Find(name) is { } run ? new News(RunLibrary.Stamp(run), Reply(run)) : null),
            () => Task.FromResult(visitor.Manages)).ConfigureAwait(false);

    private static RunReply Reply(RunEntry run, string? result = null)
    {
        JsonElement? content = null;
        try
        {
            content = result is null ? null : JsonSerializer.Deserialize<JsonElement>(result);
        }
        catch (JsonException)
        {
            // no result of ours
        }
        return new(run.Name, run.Changed, run.IsFinished, RunLibrary.Steps(run), content);
    }

    private static MetricsLine Line(MetricsRow row) => new(row.Step, row.Values.ToDictionary(value => value.Key, value => double.IsFinite(value.Value) ? value.Value : (double?)null));
}
