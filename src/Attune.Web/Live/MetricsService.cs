using System.Collections.Concurrent;
using System.Diagnostics;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.Metrics;

namespace Attune.Web.Live;

/// <summary>What everyone in a project has earned so far.</summary>
/// <param name="Currency">The plan's currency.</param>
/// <param name="Total">Of all.</param>
/// <param name="Annotators">By pseudonym.</param>
public sealed record PaySoFar(string Currency, decimal Total, IReadOnlyDictionary<string, decimal> Annotators);

/// <summary>A project's metrics with what they were computed at.</summary>
/// <param name="Metrics">How it goes.</param>
/// <param name="Stamp">Stays the same while nothing happens, for at most a minute.</param>
public sealed record StampedMetrics(ProjectMetrics Metrics, string Stamp);

/// <summary>
/// Metrics for everyone who looks: computed when something has happened, at most once a second and at most a tenth of the time, however many look and however long
/// the log is. Keeps nothing that the database does not have.
/// </summary>
internal sealed class MetricsService(Database database)
{
    private const int RestFactor = 10;

    private static readonly TimeSpan AtMostEvery = TimeSpan.FromSeconds(0.9), PayEvery = TimeSpan.FromSeconds(20);

    private readonly ConcurrentDictionary<(string Project, int Days), Kept<StampedMetrics>> _metrics = [];
    private readonly ConcurrentDictionary<string, Kept<PaySoFar?>> _pay = [];

    /// <summary>How a project goes.</summary>
    public async Task<StampedMetrics> ReadAsync(string project, int days, CancellationToken stop)
    {
        var key = (project, Math.Clamp(days, 1, MetricsStore.MostDays));
        var known = _metrics.GetValueOrDefault(key);
        if (known is not null && known.IsFresh(AtMostEvery))
            return known.Value;
        var stamp = await StampAsync(project, stop).ConfigureAwait(false);
        if (known is not null && known.Value.Stamp == stamp)
            return known.Value;
        var began = Stopwatch.GetTimestamp();
        var read = new StampedMetrics(await database.Metrics.ReadAsync(project, key.Item2, stop).ConfigureAwait(false), stamp); // news meanwhile has a stamp of its own
        _metrics[key] = new(read, Stopwatch.GetTimestamp(), Stopwatch.GetElapsedTime(began));
        return read;
    }

    /// <summary>What is paid so far; null without a plan, or where the plan has gaps.</summary>
    public async Task<PaySoFar?> PayAsync(string project, CancellationToken stop)
    {
        if (_pay.TryGetValue(project, out var known) && known.IsFresh(PayEvery))
            return known.Value;
        var began = Stopwatch.GetTimestamp();
        PaySoFar? pay = null;
        if (await database.Projects.FindAsync(project, stop).ConfigureAwait(false) is { } found)
        {
            try
            {
                var now = await database.ReadAsync(transaction => Task.FromResult(transaction.Now), stop).ConfigureAwait(false);
                var statements = await database.Pay.StatementsAsync(project, DateTimeOffset.UnixEpoch, (now > found.CreatedAt ? now : found.CreatedAt).AddSeconds(1), null, stop).ConfigureAwait(false);
                if (statements is [var first, ..])
                    pay = new(first.Currency, statements.Sum(statement => statement.Total), statements.ToDictionary(statement => statement.AnnotatorId, statement => statement.Total));
            }
            catch (InputException)
            {
                // a gap in the plan: the page of the pay says which
            }
        }
        _pay[project] = new(pay, Stopwatch.GetTimestamp(), Stopwatch.GetElapsedTime(began));
        return pay;
    }

    // Rates and the expected end move with time alone, once a minute.
    private async Task<string> StampAsync(string project, CancellationToken stop) =>
        $"{await database.Metrics.StampAsync(project, stop).ConfigureAwait(false)}.{TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() / 60}";

    private sealed record Kept<T>(T Value, long At, TimeSpan Took)
    {
        public bool IsFresh(TimeSpan least) => Stopwatch.GetElapsedTime(At) is var age && (age < least || age < RestFactor * Took);
    }
}
