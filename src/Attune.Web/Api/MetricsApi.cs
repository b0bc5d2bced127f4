using Attune.Storage.Metrics;
using Attune.Web.Access;
using Attune.Web.Live;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Api;

/// <summary>How a project goes, and what it cost.</summary>
/// <param name="Metrics">Progress, throughput, agreement, annotators, batches.</param>
/// <param name="Pay">Earnings so far; null without a pay plan, where it has gaps, and for those who do not run the project.</param>
public sealed record MetricsReply(ProjectMetrics Metrics, PaySoFar? Pay);

/// <summary><c>/api/v1/projects/{project}/metrics</c> and <c>…/events</c>.</summary>
internal static class MetricsApi
{
    public static void MapMetrics(this RouteGroupBuilder read)
    {
        read.MapGet("/projects/{project}/metrics", ReadAsync).RequireProject(ProjectRight.Read).Produces<MetricsReply>();
        read.MapGet("/projects/{project}/events", EventsAsync).RequireProject(ProjectRight.Read).Produces<string>(contentType: "text/event-stream").ProducesProblem(StatusCodes.Status429TooManyRequests);
    }

    private static async Task<IResult> ReadAsync(string project, int? days, Visitor visitor, MetricsService metrics, CancellationToken stop)
    {
        var mayPay = (await visitor.RoleInAsync(project).ConfigureAwait(false)).Gives(ProjectRight.Run);
        return Results.Ok(new MetricsReply(
            (await metrics.ReadAsync(project, days ?? MetricsStore.UsualDays, stop).ConfigureAwait(false)).Metrics, mayPay ? await metrics.PayAsync(project, stop).ConfigureAwait(false) : null));
    }

    private static Task<IResult> EventsAsync(string project, int? days, HttpContext context, Visitor visitor, MetricsService metrics, EventStreams streams) => streams.RunAsync(
        context, "metrics",
        async (_, stop) =>
        {
            var now = await metrics.ReadAsync(project, days ?? MetricsStore.UsualDays, stop).ConfigureAwait(false);
            return new(now.Stamp, now.Metrics);
        },
        async () => (await visitor.RoleInAsync(project).ConfigureAwait(false)).Gives(ProjectRight.Read));
}
