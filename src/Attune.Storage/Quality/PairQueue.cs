using Attune.Feedback;
using Attune.Feedback.Aggregation;
using Attune.Feedback.Quality;
using Attune.Storage.Work;
using Attune.Torch;

namespace Attune.Storage.Quality;

/// <summary>Which pairs come first: planned from one view of the project, then written in a short change of its own.</summary>
internal static class PairQueue
{
    private const int MostItems = 300; // beliefs are a matrix of items, and every pair is looked at for every choice
    private const int ChosenAtOnce = 20;
    private const int ChosenPriority = 1_000;

    /// <summary>The next choices; none while enough of the earlier ones are open.</summary>
    public static async Task<IReadOnlyList<ChosenPair>> PlanAsync(Transaction transaction, Project project, ActivePairOptions options)
    {
        var tasks = await transaction.QueryAsync<PairTask>(
            """
            SELECT t.id, t.subject_id, t.payload, t.state, c.place FROM tasks t LEFT JOIN pair_choices c ON c.task_id = t.id
            WHERE t.project_id = @Id AND t.purpose = 'normal' AND t.kind = 'pair' AND t.choices = 2 AND t.state <> 'withdrawn' ORDER BY t.id
            """, new { project.Id }).ConfigureAwait(false);
        if (tasks.Count(task => task is { State: TaskState.Open, Place: not null }) >= ChosenAtOnce / 2)
            return [];
        var sources = tasks.ToDictionary(task => task.Id, task => Comparison.FromJson(task.Payload).Answers.Select(answer => answer.Source).ToArray(), StringComparer.Ordinal);
        var items = sources.Values.SelectMany(pair => pair).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        if (items.Count is < 2 or > MostItems)
            return [];
        var bySubject = tasks.GroupBy(task => task.SubjectId, StringComparer.Ordinal).ToDictionary(group => group.Key, group => sources[group.First().Id], StringComparer.Ordinal);
        var log = await QualityStore.InputAsync(transaction, project.Id).ConfigureAwait(false);
        var beliefs = PairBeliefs.Of(items, Rows(log.Judgments, bySubject), options.PriorTies);
        return Choose(beliefs, options, new Seed((ulong)project.Seed), 1 + (tasks.Max(task => task.Place) ?? -1), OpenPairs(tasks, sources, items));
    }

    /// <summary>Writes choices down and puts their tasks first; nothing where another program did so meanwhile.</summary>
    public static async Task<int> PutFirstAsync(Transaction transaction, string projectId, IReadOnlyList<ChosenPair> chosen)
    {
        await transaction.FirstAsync<string>($"SELECT id FROM projects WHERE id = @projectId{transaction.Engine.ForUpdate}", new { projectId }).ConfigureAwait(false);
        if (await transaction.CountAsync("SELECT COALESCE(MAX(place), -1) FROM pair_choices WHERE project_id = @projectId", new { projectId }).ConfigureAwait(false) >= chosen[0].Place)
            return 0;
        foreach (var pair in chosen)
        {
            await transaction.ExecuteAsync(
                "INSERT INTO pair_choices (task_id, project_id, place, information, is_random, at) VALUES (@TaskId, @projectId, @Place, @Information, @Random, @Now)",
                new { pair.TaskId, projectId, pair.Place, pair.Information, Random = pair.IsRandom ? 1L : 0L, transaction.Now }).ConfigureAwait(false);
            await transaction.ExecuteAsync("UPDATE tasks SET priority = @ChosenPriority WHERE id = @TaskId AND priority < @ChosenPriority", new { pair.TaskId, ChosenPriority }).ConfigureAwait(false);
        }
        return chosen.Count;
    }

    private static List<ChosenPair> Choose(PairBeliefs beliefs, ActivePairOptions options, Seed seed, long asked, Dictionary<(int, int), Queue<string>> open)
    {
        var chosen = new List<ChosenPair>();
        while (chosen.Count < ChosenAtOnce
            && ActivePairs.Next(beliefs, 1, options, seed, asked + chosen.Count, (first, second) => open.TryGetValue((first, second), out var left) && left.Count > 0) is [var choice])
        {
            chosen.Add(new() { TaskId = open[(choice.First, choice.Second)].Dequeue(), Place = asked + chosen.Count, Information = choice.Information, IsRandom = choice.IsRandom });
            beliefs = beliefs.Expecting(choice.First, choice.Second);
        }
        return chosen;
    }

    private static IEnumerable<PairRow> Rows(IEnumerable<Judgment> judgments, Dictionary<string, string[]> sources) =>
        from judgment in judgments
        where judgment.Compares && sources.ContainsKey(judgment.ComparisonId)
        let pair = sources[judgment.ComparisonId]
        where pair[0] != pair[1]
        select new PairRow(pair[0], pair[1], judgment.Between(0, 1) switch { > 0 => Winner.Left, < 0 => Winner.Right, _ => Winner.Tie });

    private static Dictionary<(int, int), Queue<string>> OpenPairs(IReadOnlyList<PairTask> tasks, Dictionary<string, string[]> sources, List<string> items)
    {
        var number = items.Select((item, i) => (item, i)).ToDictionary(entry => entry.item, entry => entry.i, StringComparer.Ordinal);
        return tasks.Where(task => task is { State: TaskState.Open, Place: null }).GroupBy(task =>
        {
            var (first, second) = (number[sources[task.Id][0]], number[sources[task.Id][1]]);
            return (Math.Min(first, second), Math.Max(first, second));
        }).Where(group => group.Key.Item1 != group.Key.Item2).ToDictionary(group => group.Key, group => new Queue<string>(group.Select(task => task.Id)));
    }

    private sealed record PairTask
    {
        public required string Id { get; init; }

        public required string SubjectId { get; init; }

        public required string Payload { get; init; }

        public required TaskState State { get; init; }

        public long? Place { get; init; }
    }
}
