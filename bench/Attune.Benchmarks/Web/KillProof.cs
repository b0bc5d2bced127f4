using System.Diagnostics;
using Attune.Feedback;
using Attune.Runs;
using Attune.Storage;
using Attune.Torch;
using Attune.Web.Simulation;

namespace Attune.Benchmarks.Web;

/// <summary>How large a proof is.</summary>
public sealed record KillProofOptions
{
    /// <summary>The program and what comes before its verb.</summary>
    public required IReadOnlyList<string> Program { get; init; }

    /// <summary>The database, new.</summary>
    public required string Url { get; init; }

    /// <summary>Pairs.</summary>
    public required int Tasks { get; init; }

    /// <summary>Answers to each.</summary>
    public int Overlap { get; init; } = 5;

    /// <summary>Annotators at once.</summary>
    public required int Annotators { get; init; }

    /// <summary>How often the server is killed.</summary>
    public required int Kills { get; init; }

    /// <summary>The mean time from a task to its answer.</summary>
    public required TimeSpan ThinkTime { get; init; }

    /// <summary>Told about twice a second how many answers count.</summary>
    public ProgressMeter? Progress { get; init; }
}

/// <summary>What a proof found. <see cref="Faults"/> is empty where everything held.</summary>
/// <param name="Run">What the crowd saw.</param>
/// <param name="Log">All judgments of the database at the end.</param>
/// <param name="Project">Project and crowd.</param>
/// <param name="Kills">How often the server was killed.</param>
/// <param name="Looks">How often the overlap rule was checked over all tasks meanwhile.</param>
/// <param name="Faults">What did not hold, in words.</param>
public sealed record KillProofResult(CrowdRun Run, IReadOnlyList<Judgment> Log, CrowdProject Project, int Kills, int Looks, IReadOnlyList<string> Faults);

/// <summary>
/// A crowd judges over HTTP while the server is killed with -9 again and again. Then: every judgment that the server acknowledged is in the database, once; at no look
/// did running leases and counted answers exceed a task's overlap, or differ from the leases themselves; every task has exactly its answers, of different people;
/// nobody starves.
/// </summary>
public static class KillProof
{
    /// <summary>Whoever has less than the median annotator by this factor starves.</summary>
    private const int Starving = 4;

    private const string OverlapFaults =
        """
        SELECT t.id FROM tasks t WHERE t.active + t.accepted > t.overlap
            OR t.active <> (SELECT COUNT(*) FROM leases l WHERE l.task_id = t.id AND l.state = 'active')
            OR t.accepted <> (SELECT COUNT(*) FROM leases l WHERE l.task_id = t.id AND l.state = 'submitted')
        """;

    /// <summary>Runs it.</summary>
    public static async Task<KillProofResult> RunAsync(KillProofOptions options, CancellationToken stop = default)
    {
        CrowdProject project;
        await using (var database = await Database.OpenAsync(options.Url, stop: stop).ConfigureAwait(false))
            project = await CrowdProject.CreateAsync(database, options.Tasks, options.Overlap, CrowdProject.Mixed(options.Annotators)).ConfigureAwait(false);
        using var server = await ServerProcess.StartAsync(options.Program, options.Url).ConfigureAwait(false);
        await using var beside = await Database.OpenAsync(options.Url, new() { ReadOnly = true }, stop).ConfigureAwait(false);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var faults = new List<string>();
        var looking = LookAsync(beside, project.ProjectId, options.Progress, faults, end.Token);
        var killing = KillAsync(server, beside, project.ProjectId, options, end.Token);
        var crowd = new HttpCrowdOptions
        {
            Address = server.Address,
            ProjectId = project.ProjectId,
            Members = project.Members,
            LeftIsBetter = CrowdProject.LeftIsBetter,
            ThinkTime = options.ThinkTime,
            Mishaps = 0.1,
            Patience = TimeSpan.FromMinutes(5),
        };
        var run = await HttpCrowd.RunAsync(crowd, async cancel => (await beside.Tasks.ProgressAsync(project.ProjectId, stop: cancel).ConfigureAwait(false)) is var progress && progress.Complete == progress.Tasks, stop).ConfigureAwait(false);
        await end.CancelAsync().ConfigureAwait(false);
        var (looks, kills) = (await looking.ConfigureAwait(false), await killing.ConfigureAwait(false));
        server.Dispose();
        var log = await beside.Judgments.ReadAsync(project.ProjectId, new(), stop).ConfigureAwait(false);
        var inForce = await beside.Judgments.ReadAsync(project.ProjectId, new(InForce: true), stop).ConfigureAwait(false);
        faults.AddRange(Faults(options, project, run, log, inForce));
        if (kills < options.Kills)
            faults.Add($"the crowd was done after {kills} of {options.Kills} kills");
        return new(run, log, project, kills, looks, faults);
    }

    private static async Task<int> LookAsync(Database beside, string projectId, ProgressMeter? progress, List<string> faults, CancellationToken end)
    {
        var looks = 0;
        for (; !end.IsCancellationRequested; looks++)
        {
            foreach (var task in await beside.ReadAsync(transaction => transaction.QueryAsync<string>(OverlapFaults), CancellationToken.None).ConfigureAwait(false))
                faults.Add($"task {task} broke the overlap rule at look {looks}");
            progress?.Advance((await beside.Tasks.ProgressAsync(projectId, stop: CancellationToken.None).ConfigureAwait(false)).Accepted);
            await Task.Delay(TimeSpan.FromMilliseconds(500), end).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default).ConfigureAwait(false);
        }
        return looks;
    }

    /// <summary>Kills the server at random moments of the work, measured by answers, so that every kill falls into it however fast the machine is.</summary>
    private static async Task<int> KillAsync(ServerProcess server, Database beside, string projectId, KillProofOptions options, CancellationToken end)
    {
        var seed = new Seed((ulong)TimeProvider.System.GetTimestamp()); // other moments each time: what holds must hold at any
        var all = options.Tasks * options.Overlap;
        var at = Enumerable.Range(0, options.Kills).Select(kill => (int)(all * (kill + seed.Uniform(kill)) / (options.Kills + 0.2))).ToArray();
        var kills = 0;
        try
        {
            while (kills < at.Length)
            {
                if ((await beside.Tasks.ProgressAsync(projectId, stop: end).ConfigureAwait(false)).Accepted >= at[kills])
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(seed.Below(50, kills, 1)), end).ConfigureAwait(false);
                    server.Kill();
                    kills++;
                    await server.StartAsync().ConfigureAwait(false);
                }
                await Task.Delay(TimeSpan.FromMilliseconds(20), end).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // the crowd is done
        }
        return kills;
    }

    /// <summary>
    /// Annotators who had fewer answers acknowledged than a quarter of the median's, with how many. Nobody is slower than most by so much on their own: half of
    /// the crowd thinks as long as the slowest do, and what the queue holds back from somebody is what is looked for.
    /// </summary>
    /// <param name="answers">Everybody's answers by name, of those without any too.</param>
    public static IEnumerable<string> Starved(IEnumerable<(string Name, int Answers)> answers)
    {
        var all = answers.OrderBy(one => one.Answers).ThenBy(one => one.Name, StringComparer.Ordinal).ToArray();
        if (all.Length == 0)
            yield break;
        var median = (all[(all.Length - 1) / 2].Answers + all[all.Length / 2].Answers) / 2.0;
        foreach (var (name, count) in all.Where(one => one.Answers == 0 || one.Answers * Starving < median))
            yield return $"{name} starved: {count} answers, expected at least a quarter of the median of {median}";
    }

    private static IEnumerable<string> Faults(KillProofOptions options, CrowdProject project, CrowdRun run, IReadOnlyList<Judgment> log, IReadOnlyList<Judgment> inForce)
    {
        var once = log.CountBy(judgment => judgment.Id).ToDictionary(StringComparer.Ordinal);
        var lost = run.Acknowledged.Keys.Count(id => !once.ContainsKey(id));
        if (lost > 0)
            yield return $"{lost} of {run.Acknowledged.Count} acknowledged judgments are lost";
        if (once.Values.Any(count => count > 1))
            yield return "a judgment is there more than once";
        foreach (var task in inForce.GroupBy(judgment => judgment.ComparisonId).Where(task => task.Count() != options.Overlap || task.DistinctBy(judgment => judgment.AnnotatorId).Count() != options.Overlap).Take(5))
            yield return $"{task.Key} has {task.Count()} answers of {task.DistinctBy(judgment => judgment.AnnotatorId).Count()} people, expected {options.Overlap} of as many";
        if (inForce.Count != options.Tasks * options.Overlap)
            yield return $"{inForce.Count} answers count, expected {options.Tasks * options.Overlap}";
        foreach (var fault in Starved(project.Members.Select(member => (member.Name, run.Answers.GetValueOrDefault(member.Name)))))
            yield return fault;
        foreach (var fault in log.Select(judgment => judgment.Fault()).OfType<string>().Take(5))
            yield return $"a judgment {fault}";
    }
}
