using Attune.Feedback;
using Attune.Feedback.Arena;

namespace Attune.Storage.Arena;

/// <summary>A voter as managers see them: by pseudonym.</summary>
/// <param name="Id">The identifier.</param>
/// <param name="Name">The person's pseudonym; "guest-…" for a visitor.</param>
/// <param name="Counted">Blind votes that count, or would if the voter were not left out.</param>
/// <param name="Void">Votes that are void.</param>
/// <param name="Test">How far their votes stand from others'; null without any.</param>
/// <param name="ExcludedAt">Since when their votes are left out.</param>
/// <param name="ExcludedReason">Why.</param>
public sealed record VoterReport(string Id, string Name, int Counted, int Void, VoterTest? Test, DateTimeOffset? ExcludedAt, string? ExcludedReason);

/// <summary>A vote with what it is about.</summary>
/// <param name="State">The conversation.</param>
/// <param name="Voter">The voter's name as judgments carry it.</param>
/// <param name="Pooled">The side of the split on which the pool has its first message; null where the pool does not have it.</param>
public sealed record VotedTalk(ArenaState State, string Voter, PromptSplit? Pooled)
{
    /// <summary>
    /// The side of the split: that of its first message in the pool, so that people who ask the same do not land on two sides; of other messages their voter's.
    /// </summary>
    public PromptSplit Split(PoolRules rules)
    {
        ArgumentNullException.ThrowIfNull(rules);
        return Pooled ?? PromptPool.SplitOf(State.Talk.VoterId, rules.HeldOutShare, rules.Seed);
    }
}

/// <summary>What the arena's votes say: everything is computed from the rows each time.</summary>
public static class ArenaVotes
{
    private const string Name = "COALESCE(p.pseudonym, 'guest-' || v.id)";

    /// <summary>The blind votes that count, in the order in which they were given: neither void nor of a voter who is left out.</summary>
    public static Task<IReadOnlyList<ArenaVote>> CountedAsync(Database database, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        return database.ReadAsync(transaction => BlindAsync(transaction, "AND v.excluded_at IS NULL"), stop);
    }

    /// <summary>Every voter with the test of their votes against all others' that count, in the order in which they came.</summary>
    public static Task<IReadOnlyList<VoterReport>> VotersAsync(Database database, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        return database.ReadAsync<IReadOnlyList<VoterReport>>(
            async transaction =>
            {
                var blind = await BlindAsync(transaction, "").ConfigureAwait(false);
                var tests = VoterAnomaly.Of(blind).ToDictionary(test => test.Voter, StringComparer.Ordinal);
                var counts = blind.CountBy(vote => vote.Voter).ToDictionary(StringComparer.Ordinal);
                var voters = await transaction.QueryAsync<VoterRow>(
                    $"""
                    SELECT v.id, {Name} AS name, v.excluded_at, v.excluded_reason, (SELECT COUNT(*) FROM arena_votes b WHERE b.voter_id = v.id AND b.void_reason IS NOT NULL) AS voided
                    FROM arena_voters v LEFT JOIN people p ON p.id = v.person_id WHERE EXISTS (SELECT 1 FROM arena_votes b WHERE b.voter_id = v.id) ORDER BY v.id
                    """).ConfigureAwait(false);
                return [.. voters.Select(row => new VoterReport(row.Id, row.Name, counts.GetValueOrDefault(row.Id), (int)row.Voided, tests.GetValueOrDefault(row.Id), row.ExcludedAt, row.ExcludedReason))];
            }, stop);
    }

    /// <summary>Leaves a voter's votes out from now on, or counts them again; whether there is such a voter.</summary>
    /// <param name="database">The database.</param>
    /// <param name="voterId">Who.</param>
    /// <param name="reason">Why; null counts them again.</param>
    /// <param name="actorId">Who decides.</param>
    /// <param name="stop">Gives up.</param>
    public static Task<bool> ExcludeAsync(Database database, string voterId, string? reason, string? actorId, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        return database.WriteAsync(
            async transaction =>
            {
                var changed = await transaction.ExecuteAsync(
                    "UPDATE arena_voters SET excluded_at = @At, excluded_reason = @reason WHERE id = @voterId",
                    new { voterId, reason, At = reason is null ? (DateTimeOffset?)null : transaction.Now }).ConfigureAwait(false);
                if (changed > 0)
                    await database.Audit.RecordAsync(transaction, actorId, reason is null ? "arena.include" : "arena.exclude", voterId).ConfigureAwait(false);
                return changed > 0;
            }, stop);
    }

    /// <summary>Conversations whose votes count, blind ones and such with chosen models, in the order of their beginning.</summary>
    public static Task<Page<VotedTalk>> ListAsync(Database database, PageRequest page, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(page);
        return database.ReadAsync(
            async transaction =>
            {
                var talks = await transaction.QueryAsync<ArenaTalk>(
                    """
                    SELECT t.* FROM arena_talks t JOIN arena_votes b ON b.talk_id = t.id JOIN arena_voters v ON v.id = t.voter_id
                    WHERE t.id > @From AND b.void_reason IS NULL AND v.excluded_at IS NULL ORDER BY t.id LIMIT @More
                    """, new { page.From, More = page.Limit + 1 }).ConfigureAwait(false);
                var all = new List<VotedTalk>();
                foreach (var talk in talks)
                {
                    var turns = await transaction.QueryAsync<ArenaTurn>("SELECT * FROM arena_turns WHERE talk_id = @Id ORDER BY number", new { talk.Id }).ConfigureAwait(false);
                    var vote = await transaction.FirstAsync<ArenaBallot>("SELECT * FROM arena_votes WHERE talk_id = @Id", new { talk.Id }).ConfigureAwait(false);
                    var voter = await transaction.FirstAsync<string>($"SELECT {Name} FROM arena_voters v LEFT JOIN people p ON p.id = v.person_id WHERE v.id = @VoterId", new { talk.VoterId }).ConfigureAwait(false);
                    all.Add(new(new(talk, turns, vote), voter!, await ArenaPool.SplitOfAsync(transaction, turns[0].Prompt).ConfigureAwait(false)));
                }
                return page.Of(all, voted => voted.State.Talk.Id);
            }, stop);
    }

    private static async Task<IReadOnlyList<ArenaVote>> BlindAsync(Transaction transaction, string more) =>
    [
        .. (await transaction.QueryAsync<VoteRow>(
            $"""
            SELECT b.voter_id, t.model_a, t.model_b, b.choice FROM arena_votes b JOIN arena_talks t ON t.id = b.talk_id JOIN arena_voters v ON v.id = b.voter_id
            WHERE t.mode = 'blind' AND b.void_reason IS NULL {more} ORDER BY b.given_at, b.id
            """).ConfigureAwait(false)).Select(row => new ArenaVote(row.VoterId, row.ModelA, row.ModelB, ArenaWords.Choice(row.Choice)!.Value)),
    ];

    private sealed record VoteRow
    {
        public required string VoterId { get; init; }

        public required string ModelA { get; init; }

        public required string ModelB { get; init; }

        public required string Choice { get; init; }
    }

    private sealed record VoterRow
    {
        public required string Id { get; init; }

        public required string Name { get; init; }

        public DateTimeOffset? ExcludedAt { get; init; }

        public string? ExcludedReason { get; init; }

        public required long Voided { get; init; }
    }
}
