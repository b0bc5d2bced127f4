using Attune.Storage;
using Attune.Web.Simulation;

namespace Attune.Benchmarks.Web;

/// <summary>How fast "submit and get next" is under a load.</summary>
/// <param name="Answers">Answers in the measured time.</param>
/// <param name="Seconds">The measured time.</param>
/// <param name="Milliseconds">Each call's time, ascending.</param>
internal sealed record LoadResult(int Answers, double Seconds, IReadOnlyList<double> Milliseconds)
{
    public double Quantile(double share) => Milliseconds[Math.Min(Milliseconds.Count - 1, (int)(share * Milliseconds.Count))];
}

/// <summary>A crowd of honest annotators without mishaps for a fixed time, the server in a process of its own, both on this machine.</summary>
internal static class LoadRun
{
    private const int Tasks = 30_000, Overlap = 3;

    public static async Task<LoadResult> MeasureAsync(IReadOnlyList<string> program, string url, int annotators, TimeSpan thinkTime, TimeSpan duration)
    {
        CrowdProject project;
        await using (var database = await Database.OpenAsync(url).ConfigureAwait(false))
            project = await CrowdProject.CreateAsync(database, Tasks, Overlap, [.. Enumerable.Repeat(Behaviour.Honest, annotators)]).ConfigureAwait(false);
        using var server = await ServerProcess.StartAsync(program, url).ConfigureAwait(false);
        var options = new HttpCrowdOptions
        {
            Address = server.Address,
            ProjectId = project.ProjectId,
            Members = project.Members,
            LeftIsBetter = CrowdProject.LeftIsBetter,
            ThinkTime = thinkTime,
        };
        await RunAsync(options, TimeSpan.FromSeconds(5) + thinkTime).ConfigureAwait(false); // the program compiles what it runs, pools fill
        var run = await RunAsync(options with { Seed = 2 }, duration).ConfigureAwait(false);
        return new(run.Latencies.Count, run.Elapsed.TotalSeconds, [.. run.Latencies.Select(latency => latency.TotalMilliseconds).Order()]);
    }

    private static async Task<CrowdRun> RunAsync(HttpCrowdOptions options, TimeSpan duration) =>
        await HttpCrowd.RunAsync(options with { Duration = duration }, _ => Task.FromResult(true)).ConfigureAwait(false);
}
