using System.Collections.Concurrent;
using System.Diagnostics;
using Attune.Storage;
using Attune.Storage.Work;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Attune.Web.Work;

/// <summary>
/// What quality control does in the background, after answers and at most every few seconds: everyone's standing, which pairs come first, golden tasks that are wrong, rules. It keeps
/// nothing that matters: what is missed is found the next time, and what was done before is not done again.
/// </summary>
internal sealed partial class QualityService(Database database, ILogger<QualityService> logger) : BackgroundService
{
    private const int RestFactor = 10; // at most a tenth of the time goes into a project, however long its log is

    private static readonly TimeSpan Every = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan AtLeastEvery = TimeSpan.FromMinutes(1); // skips and the passing of time

    private readonly ConcurrentDictionary<string, Seen> _seen = new(StringComparer.Ordinal);

    /// <summary>Everything for one project, now.</summary>
    public async Task RunAsync(Project project, CancellationToken stop)
    {
        if (project.Settings.Quality.Overlap is not null)
            await database.Quality.RefreshStandingsAsync(project.Id, stop).ConfigureAwait(false);
        if (project.Settings.Quality.ActivePairs is not null)
            await database.Quality.ChoosePairsAsync(project.Id, stop).ConfigureAwait(false);
        await database.Quality.RetireAsync(project.Id, stop).ConfigureAwait(false); // before rules, which would hold a wrong one against people
        await database.Rules.RunAsync(project.Id, stop).ConfigureAwait(false);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
                await RoundAsync(stoppingToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // the program ends
        }
    }

    private async Task RoundAsync(CancellationToken stop)
    {
        try
        {
            string? after = null;
            do
            {
                var page = await database.Projects.ListAsync(null, new() { After = after, Size = PageRequest.Largest }, stop).ConfigureAwait(false);
                foreach (var project in page.Items.Where(project => project.State == ProjectState.Active))
                    await LookAtAsync(project, stop).ConfigureAwait(false);
                after = page.Next;
            }
            while (after is not null);
        }
        catch (Exception e) when (e is StorageException or Attune.Runs.InputException or System.Text.Json.JsonException)
        {
            TryAgain(logger, e.Message);
        }
    }

    private async Task LookAtAsync(Project project, CancellationToken stop)
    {
        var newest = await database.ReadAsync(
            transaction => transaction.FirstAsync<string>("SELECT MAX(id) FROM judgments WHERE project_id = @Id", new { project.Id }), stop).ConfigureAwait(false);
        var known = _seen.GetValueOrDefault(project.Id);
        var since = known is null ? TimeSpan.MaxValue : Stopwatch.GetElapsedTime(known.At);
        if (known is not null && (since < RestFactor * known.Took || (newest == known.Newest && since < AtLeastEvery)))
            return;
        var began = Stopwatch.GetTimestamp();
        await RunAsync(project, stop).ConfigureAwait(false);
        _seen[project.Id] = new(newest, Stopwatch.GetTimestamp(), Stopwatch.GetElapsedTime(began));
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Quality control will be tried again: {Reason}")]
    private static partial void TryAgain(ILogger logger, string reason);

    private sealed record Seen(string? Newest, long At, TimeSpan Took);
}
