using Attune.Feedback;
using Attune.Feedback.Quality;
using Attune.Feedback.Tasks;
using Attune.Runs;
using Attune.Storage.Leases;
using Attune.Storage.Work;

namespace Attune.Storage.Quality;

/// <summary>A golden task as it turned out.</summary>
/// <param name="Task">The task.</param>
/// <param name="Right">How many of the good annotators got it.</param>
/// <param name="ShouldRetire">Whether so few did that the task must be taken to be wrong.</param>
public sealed record GoldenTask(AnnotationTask Task, Proportion Right, bool ShouldRetire);

/// <summary>A pair that was put first.</summary>
public sealed record ChosenPair
{
    /// <summary>Its task.</summary>
    public required string TaskId { get; init; }

    /// <summary>The how-manieth choice of the project, from 0.</summary>
    public required long Place { get; init; }

    /// <summary>What it was expected to tell, in nats.</summary>
    public required double Information { get; init; }

    /// <summary>Whether it was drawn at random, so that it may measure how good the scores are.</summary>
    public required bool IsRandom { get; init; }
}

/// <summary>What quality control reads of a project, golden tasks, and what is brought up to date in the background.</summary>
public sealed class QualityStore
{
    private readonly Database _database;

    internal QualityStore(Database database) => _database = database;

    /// <summary>The log of a project in force, rejected judgments included, with what is known of tasks, times and skips; training left out.</summary>
    public Task<QualityInput> InputAsync(string projectId, CancellationToken stop = default) => _database.ReadAsync(transaction => InputAsync(transaction, projectId), stop);

    internal static async Task<QualityInput> InputAsync(Transaction transaction, string projectId)
    {
        var judgments = (await transaction.QueryAsync<string>(
            """
            SELECT content FROM judgments j WHERE project_id = @projectId AND purpose <> 'training' AND outcome <> 'withdrawn'
                AND NOT EXISTS (SELECT 1 FROM judgments s WHERE s.supersedes = j.id) ORDER BY id
            """, new { projectId }).ConfigureAwait(false)).Select(Judgment.FromJson).ToList();
        var tasks = await transaction.QueryAsync<(string Subject, string Kind, string Purpose, string State, string? Expected, string? Payload)>(
            $"""
            SELECT subject_id, kind, purpose, state, expected, CASE WHEN kind IN ('{string.Join("', '", TaskPayload.Written)}') THEN payload END FROM tasks
            WHERE project_id = @projectId AND purpose <> 'training' ORDER BY id
            """, new { projectId }).ConfigureAwait(false);
        var skips = await transaction.QueryAsync<(string Pseudonym, string Subject, long At)>(
            $"""
            SELECT p.pseudonym, t.subject_id, l.ended_at FROM leases l JOIN tasks t ON t.id = l.task_id JOIN people p ON p.id = l.person_id
            WHERE l.project_id = @projectId AND l.state = 'released' AND l.reason IS NOT NULL AND l.reason NOT LIKE '{LeaseStore.Broken}%' AND l.reason <> '{LeaseStore.AnsweredLate}' AND t.purpose <> 'training' ORDER BY l.id
            """, new { projectId }).ConfigureAwait(false);
        return new(
            judgments,
            [.. tasks.Select(task => new TaskFacts
            {
                ComparisonId = task.Subject,
                Kind = task.Kind,
                Expected = task.Purpose == "golden" && task.State != "withdrawn" ? ExpectedAnswer.Stored(task.Expected) : null,
                Prompt = task.Payload is { } payload ? TaskPayload.AnsweredText(task.Kind, payload) : null,
            })],
            [], // judgments say it themselves
            [.. skips.Select(skip => new Skip(skip.Pseudonym, skip.Subject, Microseconds.At(skip.At)))]);
    }

    /// <summary>Adds golden or training tasks, each comparison once however often it comes; gives how many were new.</summary>
    /// <exception cref="InputException">A task is bad, or the purpose is another.</exception>
    public async Task<int> AddKnownAsync(string projectId, IReadOnlyList<KnownComparison> known, TaskPurpose purpose, string? actorId, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(known);
        if (purpose is not (TaskPurpose.Golden or TaskPurpose.Training))
            throw InputException.One("The tasks", $"are to be {StorageJson.Word(purpose)} ones", "golden or training", "add ordinary ones as such");
        var there = (await _database.ReadAsync(transaction => transaction.QueryAsync<string>("SELECT subject_id FROM tasks WHERE project_id = @projectId", new { projectId }), stop).ConfigureAwait(false)).ToHashSet(StringComparer.Ordinal);
        var project = await _database.Projects.FindAsync(projectId, stop).ConfigureAwait(false) ?? throw InputException.One($"Project {projectId}", "is not there", "one of this database", "check the id");
        var tasks = known.Where(item => !there.Contains(item.Comparison.Id)).Select(item => new NewTask
        {
            Payload = item.Comparison.ToJson(),
            Choices = item.Comparison.Answers.Count,
            SubjectId = item.Comparison.Id,
            Kind = project.Settings.Kind == TaskKind.Best ? TaskKind.Best : item.Comparison.Answers.Count == 2 ? TaskKind.Pair : TaskKind.Rank,
            Purpose = purpose,
            Expected = item.Expected.ToJson(),
        }).ToArray();
        if (tasks.Length > 0)
            await _database.Tasks.AddAsync(projectId, tasks, actorId, stop).ConfigureAwait(false);
        return tasks.Length;
    }

    /// <summary>A project's golden tasks that are in use or were retired, with how hard they turned out to be.</summary>
    public Task<IReadOnlyList<GoldenTask>> GoldenAsync(string projectId, CancellationToken stop = default) => _database.ReadAsync<IReadOnlyList<GoldenTask>>(
        async transaction =>
        {
            var difficulty = GoldenDifficulty.Of(await InputAsync(transaction, projectId).ConfigureAwait(false)).ToDictionary(item => item.ComparisonId, StringComparer.Ordinal);
            var tasks = await transaction.QueryAsync<AnnotationTask>(
                "SELECT * FROM tasks WHERE project_id = @projectId AND purpose = 'golden' AND expected IS NOT NULL ORDER BY id", new { projectId }).ConfigureAwait(false);
            return [.. tasks.Select(task => difficulty.TryGetValue(task.SubjectId, out var of) ? new GoldenTask(task, of.Right, of.IsRetired && task.State != TaskState.Withdrawn) : new GoldenTask(task, new(0, 0), false))];
        }, stop);

    /// <summary>Takes out golden tasks that so few good annotators got that they must be taken to be wrong; gives how many. They count against nobody any more.</summary>
    public async Task<int> RetireAsync(string projectId, CancellationToken stop = default)
    {
        var wrong = (await GoldenAsync(projectId, stop).ConfigureAwait(false)).Where(golden => golden.ShouldRetire).ToList();
        foreach (var golden in wrong)
            await _database.Tasks.WithdrawAsync(golden.Task.Id, $"retired: {golden.Right.Successes} of {golden.Right.Trials} good annotators got it", null, stop).ConfigureAwait(false);
        return wrong.Count;
    }

    /// <summary>Pairs that were put first, in the order of their choice.</summary>
    public Task<IReadOnlyList<ChosenPair>> PairsAsync(string projectId, CancellationToken stop = default) => _database.ReadAsync(
        transaction => transaction.QueryAsync<ChosenPair>("SELECT task_id, place, information, is_random FROM pair_choices WHERE project_id = @projectId ORDER BY place", new { projectId }), stop);

    /// <summary>Brings up to date what answers are weighed with: everyone's skill, from golden tasks, or from agreement with the others where there are none.</summary>
    public async Task RefreshStandingsAsync(string projectId, CancellationToken stop = default)
    {
        var history = QualityHistory.Of(
            await InputAsync(projectId, stop).ConfigureAwait(false), new() { PriorRight = OverlapControl.PriorRight, PriorWrong = OverlapControl.PriorWrong });
        var skills = history.Annotators.ToDictionary(annotator => annotator, annotator => SkillOf(history, annotator), StringComparer.Ordinal);
        await _database.WriteAsync(
            async transaction =>
            {
                foreach (var (pseudonym, skill) in skills.OrderBy(entry => entry.Key, StringComparer.Ordinal))
                {
                    await transaction.ExecuteAsync(
                        """
                        INSERT INTO standings (project_id, person_id, skill, updated_at) SELECT @projectId, id, @skill, @Now FROM people WHERE pseudonym = @pseudonym AND state <> 'erased'
                        ON CONFLICT (project_id, person_id) DO UPDATE SET skill = excluded.skill, updated_at = excluded.updated_at
                        """, new { projectId, pseudonym, skill, transaction.Now }).ConfigureAwait(false);
                }
            }, stop).ConfigureAwait(false);
    }

    /// <summary>
    /// Puts the next pairs first, by what their comparison is expected to tell of the Bradley–Terry scores of what the answers come from (model, person, …); a
    /// share is drawn at random and marked. Does nothing while enough chosen ones are open; gives how many were chosen.
    /// </summary>
    public async Task<int> ChoosePairsAsync(string projectId, CancellationToken stop = default)
    {
        if (await _database.Projects.FindAsync(projectId, stop).ConfigureAwait(false) is not { Settings.Quality.ActivePairs: { } options } project)
            return 0;
        var chosen = await _database.ReadAsync(transaction => PairQueue.PlanAsync(transaction, project, options), stop).ConfigureAwait(false); // what takes long holds up no answers
        return chosen.Count == 0 ? 0 : await _database.WriteAsync(transaction => PairQueue.PutFirstAsync(transaction, projectId, chosen), stop).ConfigureAwait(false);
    }

    private static double SkillOf(QualityHistory history, string annotator)
    {
        const double Prior = OverlapControl.PriorRight + OverlapControl.PriorWrong;
        var golden = history.Measure(annotator, Measure.GoldenAccuracy);
        if (golden.Count > 0)
            return golden.Value; // the mean of the posterior
        var agreement = history.Measure(annotator, Measure.Agreement);
        return ((agreement.Count == 0 ? 0 : agreement.Value * agreement.Count) + OverlapControl.PriorRight) / (agreement.Count + Prior);
    }
}
