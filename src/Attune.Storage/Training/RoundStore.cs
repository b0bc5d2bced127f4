using Attune.Feedback;
using Attune.Feedback.Exchange;
using Attune.Loop;
using Attune.Storage.People;
using Attune.Storage.Work;

namespace Attune.Storage.Training;

/// <summary>
/// The rounds of a quick start in a database: one project, a batch for each round, and everyone who judges. What simulated annotators said comes in as a
/// whole, through the log; a person's judgments come in through leases, as anybody's do.
/// </summary>
public static class RoundStore
{
    /// <summary>The project's name.</summary>
    public const string ProjectName = "Quick start";

    /// <summary>Keeps judgments of simulated annotators with their tasks, each once however often it is called, in one change.</summary>
    /// <param name="database">Where to.</param>
    /// <param name="round">The round.</param>
    /// <param name="judgments">What they said.</param>
    /// <param name="stop">Gives up; nothing is kept then.</param>
    public static async Task KeepAsync(Database database, FeedbackRound round, IReadOnlyList<Judgment> judgments, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(round);
        ArgumentNullException.ThrowIfNull(judgments);
        var (project, batch) = await BatchAsync(database, round, "simulated annotators, made up by a program; nobody had to consent", stop).ConfigureAwait(false);
        var votes = judgments.CountBy(judgment => judgment.ComparisonId, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
        await database.WriteAsync(
            async transaction =>
            {
                foreach (var pseudonym in judgments.Select(judgment => judgment.AnnotatorId).Distinct(StringComparer.Ordinal))
                    await MemberAsync(database, transaction, project.Id, pseudonym, JudgmentSource.Simulated).ConfigureAwait(false);
                await AddAsync(database, transaction, batch, [.. round.Comparisons.Where(comparison => votes.ContainsKey(comparison.Id))], comparison => votes[comparison.Id]).ConfigureAwait(false);
                await database.Judgments.AppendAsync(transaction, project.Id, judgments, null).ConfigureAwait(false);
            }, stop).ConfigureAwait(false);
    }

    /// <summary>Makes a person's tasks, each once however often it is called.</summary>
    /// <param name="database">Where to.</param>
    /// <param name="round">The round.</param>
    /// <param name="asked">What they are to judge.</param>
    /// <param name="pseudonym">The person's.</param>
    /// <param name="instructions">What they are to go by, as Markdown.</param>
    /// <param name="stop">Gives up.</param>
    public static async Task<(Project Project, Batch Batch, string PersonId)> AskAsync(
        Database database, FeedbackRound round, IReadOnlyList<Comparison> asked, string pseudonym, string instructions, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(round);
        ArgumentNullException.ThrowIfNull(asked);
        var (project, batch) = await BatchAsync(database, round, "one person, who judged for their own training run", stop).ConfigureAwait(false);
        if (await database.Projects.InstructionAsync(project.Id, stop: stop).ConfigureAwait(false) is null)
            await database.Projects.AddInstructionAsync(project.Id, instructions, null, stop).ConfigureAwait(false);
        var person = await database.WriteAsync(
            async transaction =>
            {
                await AddAsync(database, transaction, batch, asked, _ => 1).ConfigureAwait(false);
                return await MemberAsync(database, transaction, project.Id, pseudonym, JudgmentSource.Human).ConfigureAwait(false);
            }, stop).ConfigureAwait(false);
        return (project, batch, person);
    }

    /// <summary>Tasks of a batch that a person has neither judged nor given back, and how many they were given in all.</summary>
    public static Task<(long Left, long All)> LeftAsync(Database database, string batchId, string personId, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        return database.ReadAsync(
            async transaction =>
            {
                var left = await transaction.CountAsync(
                    "SELECT COUNT(*) FROM tasks t WHERE t.batch_id = @batchId AND t.state = 'open' AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.task_id = t.id AND l.person_id = @personId AND l.state = 'released')",
                    new { batchId, personId }).ConfigureAwait(false);
                return (left, await transaction.CountAsync("SELECT COUNT(*) FROM tasks WHERE batch_id = @batchId AND state <> 'withdrawn'", new { batchId }).ConfigureAwait(false));
            }, stop);
    }

    /// <summary>All judgments of a round, in the order of their ids.</summary>
    public static async Task<IReadOnlyList<Judgment>> ReadAsync(Database database, FeedbackRound round, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(round);
        return await database.Projects.FindByNameAsync(ProjectName, stop).ConfigureAwait(false) is not { } project ? []
            : await FindAsync(database, project.Id, round.Number, stop).ConfigureAwait(false) is not { } batch ? []
            : await database.Judgments.ReadAsync(project.Id, new(BatchId: batch.Id), stop).ConfigureAwait(false);
    }

    private static async Task<(Project, Batch)> BatchAsync(Database database, FeedbackRound round, string consent, CancellationToken stop)
    {
        var settings = new ProjectSettings
        {
            Overlap = 1,
            MaximumOverlap = 1,
            Terms = new() { Source = "answers of the quick start's policies", Licence = "none given", Consent = consent, Allows = [DataUse.Train] },
        };
        var project = await database.Projects.FindByNameAsync(ProjectName, stop).ConfigureAwait(false) ?? await database.Projects.CreateAsync(ProjectName, settings, null, stop: stop).ConfigureAwait(false);
        if (await FindAsync(database, project.Id, round.Number, stop).ConfigureAwait(false) is not { } batch)
        {
            batch = await database.Batches.CreateAsync(project.Id, NameOf(round.Number), $$"""{"round":{{round.Number}}}""", null, stop).ConfigureAwait(false);
            await database.Batches.SetStateAsync(batch.Id, BatchState.Open, null, stop).ConfigureAwait(false);
        }
        return (project, batch);
    }

    private static async Task<Batch?> FindAsync(Database database, string projectId, int round, CancellationToken stop) =>
        (await database.Batches.ListAsync(projectId, stop).ConfigureAwait(false)).FirstOrDefault(batch => batch.Name == NameOf(round));

    private static string NameOf(int round) => $"Round {round}";

    private static async Task<string> MemberAsync(Database database, Transaction transaction, string projectId, string pseudonym, JudgmentSource source)
    {
        if (await transaction.FirstAsync<string>("SELECT id FROM people WHERE pseudonym = @pseudonym", new { pseudonym }).ConfigureAwait(false) is { } there)
            return there;
        var person = await database.People.CreateAsync(transaction, new() { DisplayName = pseudonym, Pseudonym = pseudonym, Source = source }, null).ConfigureAwait(false);
        await database.Projects.SetMemberAsync(transaction, projectId, person.Id, Role.Annotator, null).ConfigureAwait(false);
        return person.Id;
    }

    private static async Task AddAsync(Database database, Transaction transaction, Batch batch, IReadOnlyList<Comparison> comparisons, Func<Comparison, int> overlap)
    {
        var known = (await transaction.QueryAsync<string>("SELECT subject_id FROM tasks WHERE batch_id = @Id", new { batch.Id }).ConfigureAwait(false)).ToHashSet(StringComparer.Ordinal);
        NewTask[] tasks = [.. comparisons.Where(comparison => !known.Contains(comparison.Id)).Select(comparison => new NewTask
        {
            Payload = comparison.ToJson(),
            Choices = comparison.Answers.Count,
            SubjectId = comparison.Id,
            BatchId = batch.Id,
            Kind = comparison.Answers.Count == 2 ? TaskKind.Pair : TaskKind.Rank,
            Overlap = overlap(comparison),
        })];
        if (tasks.Length > 0)
            await database.Tasks.AddAsync(transaction, batch.ProjectId, tasks, null).ConfigureAwait(false);
    }
}
