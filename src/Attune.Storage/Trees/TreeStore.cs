namespace Attune.Storage.Trees;

/// <summary>What somebody contributed to the trees of a project.</summary>
/// <param name="Pseudonym">Who.</param>
/// <param name="Prompts">First prompts written.</param>
/// <param name="PrompterReplies">Replies written as prompter.</param>
/// <param name="AssistantReplies">Replies written as assistant.</param>
/// <param name="Accepted">Of all these, those that passed.</param>
/// <param name="AcceptedReplies">Replies as assistant that passed.</param>
/// <param name="FirstPlaces">Replies as assistant that were ranked first.</param>
/// <param name="Reviews">Messages of others reviewed.</param>
/// <param name="Rankings">Rankings of others' replies.</param>
public sealed record Contribution(string Pseudonym, long Prompts, long PrompterReplies, long AssistantReplies, long Accepted, long AcceptedReplies, long FirstPlaces, long Reviews, long Rankings)
{
    /// <summary>4 for each reply as assistant that passed, 2 for each review, 9 for each reply as assistant that was ranked first.</summary>
    public long Points => (4 * AcceptedReplies) + (2 * Reviews) + (9 * FirstPlaces);
}

/// <summary>Trees of messages that people write, review and rank. Answers to tasks make them grow; see <see cref="TreeGrowth"/>.</summary>
public sealed class TreeStore
{
    private readonly Database _database;

    internal TreeStore(Database database) => _database = database;

    /// <summary>A page of a project's trees, oldest first.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="state">In this state; null for all.</param>
    /// <param name="page">Which page.</param>
    /// <param name="stop">Gives up.</param>
    public Task<Page<MessageTree>> ListAsync(string projectId, TreeState? state, PageRequest page, CancellationToken stop = default) => _database.ReadAsync(
        async transaction =>
        {
            var rows = await transaction.QueryAsync<MessageTree>(
                $"SELECT * FROM message_trees WHERE project_id = @projectId AND id > @From {(state is null ? "" : "AND state = @State")} ORDER BY id LIMIT @More",
                new { projectId, page.From, More = page.Limit + 1, State = state is { } wanted ? StorageJson.Word(wanted) : null }).ConfigureAwait(false);
            return page.Of(rows, tree => tree.Id);
        }, stop);

    /// <summary>All messages of a tree, the first prompt first.</summary>
    public Task<IReadOnlyList<TreeMessage>> ReadAsync(string treeId, CancellationToken stop = default) => _database.ReadAsync(transaction => MessagesAsync(transaction, treeId), stop);

    /// <summary>Who contributed what, most points first; the first 200.</summary>
    public Task<IReadOnlyList<Contribution>> ContributionsAsync(string projectId, CancellationToken stop = default) => _database.ReadAsync<IReadOnlyList<Contribution>>(
        async transaction =>
        {
            var written = await transaction.QueryAsync<Written>(
                $"""
                SELECT p.pseudonym, {Sum("m.depth = 0")} AS prompts, {Sum("m.depth > 0 AND m.role = 'prompter'")} AS prompter_replies, {Sum("m.role = 'assistant'")} AS assistant_replies,
                    {Sum("m.state = 'accepted'")} AS accepted, {Sum("m.state = 'accepted' AND m.role = 'assistant'")} AS accepted_replies,
                    {Sum("m.state = 'accepted' AND m.role = 'assistant' AND m.place = 1")} AS first_places
                FROM messages m JOIN message_trees t ON t.id = m.tree_id JOIN people p ON p.id = m.author_id WHERE t.project_id = @projectId GROUP BY p.pseudonym
                """, new { projectId }).ConfigureAwait(false);
            var judged = await transaction.QueryAsync<Judged>(
                $"""
                SELECT p.pseudonym, {Sum("t.kind = 'review'")} AS reviews, {Sum("t.kind = 'rank'")} AS rankings
                FROM judgments j JOIN tasks t ON t.id = j.task_id JOIN people p ON p.id = j.person_id
                WHERE j.project_id = @projectId AND t.kind IN ('review', 'rank') AND j.late = 0 AND j.outcome NOT IN ('withdrawn', 'cannotjudge')
                    AND NOT EXISTS (SELECT 1 FROM judgments s WHERE s.supersedes = j.id)
                GROUP BY p.pseudonym
                """, new { projectId }).ConfigureAwait(false);
            var writers = written.ToDictionary(row => row.Pseudonym, StringComparer.Ordinal);
            var judges = judged.ToDictionary(row => row.Pseudonym, StringComparer.Ordinal);
            return [.. writers.Keys.Union(judges.Keys, StringComparer.Ordinal).Select(name => Of(name, writers.GetValueOrDefault(name) ?? new(), judges.GetValueOrDefault(name) ?? new()))
                .OrderByDescending(row => row.Points).ThenBy(row => row.Pseudonym, StringComparer.Ordinal).Take(PageRequest.Largest)];
        }, stop);

    internal static Task<TreeMessage?> MessageAsync(Transaction transaction, string id) => transaction.FirstAsync<TreeMessage>("SELECT * FROM messages WHERE id = @id", new { id });

    internal static Task<IReadOnlyList<TreeMessage>> MessagesAsync(Transaction transaction, string treeId) =>
        transaction.QueryAsync<TreeMessage>("SELECT * FROM messages WHERE tree_id = @treeId ORDER BY depth, id", new { treeId });

    /// <summary>A tree whose changes wait for each other.</summary>
    internal static Task<MessageTree?> LockAsync(Transaction transaction, string id) =>
        transaction.FirstAsync<MessageTree>($"SELECT * FROM message_trees WHERE id = @id{transaction.Engine.ForUpdate}", new { id });

    private static Contribution Of(string name, Written written, Judged judged) => new(
        name, written.Prompts, written.PrompterReplies, written.AssistantReplies, written.Accepted, written.AcceptedReplies, written.FirstPlaces, judged.Reviews, judged.Rankings);

    private static string Sum(string condition) => $"CAST(SUM(CASE WHEN {condition} THEN 1 ELSE 0 END) AS BIGINT)";

    private sealed record Written
    {
        public string Pseudonym { get; init; } = "";

        public long Prompts { get; init; }

        public long PrompterReplies { get; init; }

        public long AssistantReplies { get; init; }

        public long Accepted { get; init; }

        public long AcceptedReplies { get; init; }

        public long FirstPlaces { get; init; }
    }

    private sealed record Judged
    {
        public string Pseudonym { get; init; } = "";

        public long Reviews { get; init; }

        public long Rankings { get; init; }
    }
}
