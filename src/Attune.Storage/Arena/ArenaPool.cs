using Attune.Feedback;
using Attune.Feedback.Arena;

namespace Attune.Storage.Arena;

/// <summary>How prompts go to the pool.</summary>
/// <param name="HeldOutShare">The share of people whose prompts are held out, from 0 to 1.</param>
/// <param name="Seed">Decides who.</param>
public sealed record PoolRules(double HeldOutShare, ulong Seed);

/// <summary>A prompt of the pool.</summary>
/// <param name="Id">The identifier.</param>
/// <param name="Prompt">The text.</param>
/// <param name="Split">"training" or "held-out".</param>
public sealed record PooledPrompt(string Id, string Prompt, string Split);

/// <summary>
/// First messages of conversations whose voters agreed to give them away: without private data, each once (also where it is nearly the same), a person's all on
/// the same side of the split.
/// </summary>
public sealed class ArenaPool
{
    internal const string Removed = "[removed]";

    private readonly Database _database;

    internal ArenaPool(Database database) => _database = database;

    /// <summary>The pool in the order in which it grew.</summary>
    /// <param name="split">One side of the split; null for both.</param>
    /// <param name="page">Which part.</param>
    /// <param name="stop">Gives up.</param>
    public Task<Page<PooledPrompt>> ListAsync(PromptSplit? split, PageRequest page, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(page);
        return _database.ReadAsync(
            async transaction => page.Of(
                await transaction.QueryAsync<PooledPrompt>(
                    $"SELECT id AS \"Id\", text AS \"Prompt\", split AS \"Split\" FROM arena_prompts WHERE id > @From {(split is null ? "" : "AND split = @Split")} ORDER BY id LIMIT @More",
                    new { page.From, Split = split is null ? null : Word(split.Value), More = page.Limit + 1 }).ConfigureAwait(false),
                prompt => prompt.Id), stop);
    }

    internal static async Task AddAsync(Transaction transaction, string voterId, string prompt, PoolRules rules)
    {
        var pools = await transaction.CountAsync("SELECT COUNT(*) FROM arena_voters WHERE id = @voterId AND pools_since IS NOT NULL AND excluded_at IS NULL", new { voterId }).ConfigureAwait(false) > 0;
        var normal = PromptPool.Normalise(prompt);
        if (!pools || normal.Length == 0 || PrivateData.Kinds(prompt).Count > 0)
            return;
        var shingles = PromptPool.Shingles(normal);
        var hash = Secret.Hash(normal);
        if (await transaction.CountAsync("SELECT COUNT(*) FROM arena_prompts WHERE normal_hash = @hash", new { hash }).ConfigureAwait(false) > 0 || await IsNearOneAsync(transaction, shingles).ConfigureAwait(false))
            return;
        var id = transaction.NewId();
        var added = await transaction.ExecuteAsync(
            "INSERT INTO arena_prompts (id, voter_id, text, normal_hash, shingles, split, created_at) VALUES (@id, @voterId, @prompt, @hash, @Count, @Split, @Now) ON CONFLICT DO NOTHING",
            new { id, voterId, prompt, hash, shingles.Count, Split = Word(PromptPool.SplitOf(voterId, rules.HeldOutShare, rules.Seed)), transaction.Now }).ConfigureAwait(false);
        foreach (var shingle in added > 0 ? shingles : [])
            await transaction.ExecuteAsync("INSERT INTO arena_shingles (shingle, prompt_id) VALUES (@shingle, @id)", new { shingle, id }).ConfigureAwait(false);
    }

    /// <summary>The side of the split on which a text lies in the pool; null where the pool does not have it.</summary>
    internal static async Task<PromptSplit?> SplitOfAsync(Transaction transaction, string prompt) =>
        await transaction.FirstAsync<string>("SELECT split FROM arena_prompts WHERE normal_hash = @Hash", new { Hash = Secret.Hash(PromptPool.Normalise(prompt)) }).ConfigureAwait(false) is { } word
            ? Enum.GetValues<PromptSplit>().First(split => Word(split) == word) : null;

    internal static async Task RemoveAsync(Transaction transaction, string voterId)
    {
        await transaction.ExecuteAsync("DELETE FROM arena_shingles WHERE prompt_id IN (SELECT id FROM arena_prompts WHERE voter_id = @voterId)", new { voterId }).ConfigureAwait(false);
        await transaction.ExecuteAsync("DELETE FROM arena_prompts WHERE voter_id = @voterId", new { voterId }).ConfigureAwait(false);
    }

    private static async Task<bool> IsNearOneAsync(Transaction transaction, IReadOnlyList<long> shingles)
    {
        const int AtOnce = 500;
        var shared = new Dictionary<string, (int Shared, int Of)>(StringComparer.Ordinal);
        foreach (var some in shingles.Chunk(AtOnce))
        {
            foreach (var row in await transaction.QueryAsync<Overlap>(
                "SELECT p.id, p.shingles, COUNT(*) AS shared FROM arena_shingles s JOIN arena_prompts p ON p.id = s.prompt_id WHERE s.shingle IN @some GROUP BY p.id, p.shingles", new { some }).ConfigureAwait(false))
                shared[row.Id] = (shared.GetValueOrDefault(row.Id).Shared + (int)row.Shared, (int)row.Shingles);
        }
        return shared.Values.Any(other => PromptPool.Jaccard(other.Shared, shingles.Count, other.Of) >= PromptPool.NearDuplicate);
    }

    private static string Word(PromptSplit split) => split == PromptSplit.HeldOut ? "held-out" : "training";

    private sealed record Overlap
    {
        public required string Id { get; init; }

        public required long Shingles { get; init; }

        public required long Shared { get; init; }
    }
}
