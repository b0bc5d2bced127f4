using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Attune.Feedback.Arena;
using Attune.Torch;

namespace Attune.Storage.Arena;

/// <summary>What decides about a vote.</summary>
public sealed record VoteRules
{
    /// <summary>Whether an answer gives its maker away.</summary>
    public required Func<string, bool> NamesMaker { get; init; }

    /// <summary>Votes of a day (UTC) that count, of one voter; of visitors also of one network address.</summary>
    public required int VotesPerDay { get; init; }

    /// <summary>The visitor's network address; null for people of the installation.</summary>
    public string? Address { get; init; }
}

/// <summary>
/// Conversations of the arena, their votes, and who may not vote any more. Each step is one transaction, and the same step sent twice is one step: a
/// conversation and a vote carry a token, a turn its number. Scores are computed from what is here whenever they are asked for. Not here: the models.
/// </summary>
public sealed class ArenaStore
{
    private const string KeyName = "arena-key";

    private readonly Database _database;

    internal ArenaStore(Database database) => (_database, Pool) = (database, new(database));

    /// <summary>Prompts that people gave away.</summary>
    public ArenaPool Pool { get; }

    /// <summary>A person's voter, or a visitor's by their cookie's token; null where there is none.</summary>
    public Task<ArenaVoter?> VoterAsync(string? personId, string? token, CancellationToken stop = default) => _database.ReadAsync(
        transaction => VoterAsync(transaction, personId, token), stop);

    /// <summary>Keeps that somebody agreed to the text, and whether their prompts may go to the pool.</summary>
    /// <param name="personId">The person; null for a visitor.</param>
    /// <param name="token">The visitor's token; null for a person.</param>
    /// <param name="version">Of the text.</param>
    /// <param name="pools">Whether their prompts go to the pool from now on.</param>
    /// <param name="stop">Gives up.</param>
    public Task<ArenaVoter> ConsentAsync(string? personId, string? token, string version, bool pools, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            await transaction.ExecuteAsync(
                "INSERT INTO arena_voters (id, person_id, token_hash, created_at) VALUES (@Id, @personId, @Hash, @Now) ON CONFLICT DO NOTHING",
                new { Id = transaction.NewId(), personId, Hash = personId is null ? Secret.Hash(token!) : null, transaction.Now }).ConfigureAwait(false);
            var voter = (await VoterAsync(transaction, personId, token).ConfigureAwait(false))!;
            await transaction.ExecuteAsync(
                "UPDATE arena_voters SET consent_version = @version, consented_at = @Now, pools_since = @Since WHERE id = @Id",
                new { voter.Id, version, transaction.Now, Since = pools ? transaction.Now : (DateTimeOffset?)null }).ConfigureAwait(false);
            return (await VoterAsync(transaction, personId, token).ConfigureAwait(false))!;
        }, stop);

    /// <summary>Takes consent back: the voter's prompts leave the pool and their conversations. Their votes stay.</summary>
    public async Task WithdrawAsync(string voterId, CancellationToken stop = default)
    {
        await _database.WriteAsync(transaction => ForgetWordsAsync(transaction, voterId), stop).ConfigureAwait(false);
        await _database.Engine.ForgetAsync().ConfigureAwait(false);
    }

    /// <summary>Begins a conversation. The two models of a blind one, and their sides, are drawn from a seed that only the server can make, and that is kept.</summary>
    /// <param name="voterId">Whose.</param>
    /// <param name="token">The same token is the same conversation.</param>
    /// <param name="mode">How.</param>
    /// <param name="models">The chosen one or two; of a blind one all there are.</param>
    /// <param name="sampling">How answers are drawn.</param>
    /// <param name="stop">Gives up.</param>
    public Task<ArenaState> BeginAsync(string voterId, string token, ArenaMode mode, IReadOnlyList<string> models, ArenaSampling sampling, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            if (await transaction.FirstAsync<string>("SELECT id FROM arena_talks WHERE voter_id = @voterId AND token = @token", new { voterId, token }).ConfigureAwait(false) is { } there)
                return (await StateAsync(transaction, there, voterId, "").ConfigureAwait(false))!;
            var id = transaction.NewId();
            var seed = await SeedAsync(transaction, id).ConfigureAwait(false);
            var order = new Seed((ulong)seed).For("models").Permutation(models.Count);
            var drawn = mode == ArenaMode.Blind ? [models[order[0]], models[order[1]]] : models;
            await transaction.ExecuteAsync(
                """
                INSERT INTO arena_talks (id, voter_id, token, mode, seed, model_a, model_b, sampling, created_at)
                VALUES (@id, @voterId, @token, @Mode, @seed, @A, @B, @Sampling, @Now)
                """,
                new { id, voterId, token, Mode = ArenaWords.Of(mode), seed, A = drawn[0], B = mode == ArenaMode.Single ? null : drawn[1], Sampling = JsonSerializer.Serialize(sampling, StorageJson.Options), transaction.Now }).ConfigureAwait(false);
            return (await StateAsync(transaction, id, voterId, "").ConfigureAwait(false))!;
        }, stop);

    /// <summary>A conversation as it stands; null where it is not this voter's.</summary>
    public Task<ArenaState?> FindAsync(string talkId, string voterId, CancellationToken stop = default) => _database.ReadAsync(transaction => StateAsync(transaction, talkId, voterId, ""), stop);

    /// <summary>Begins a turn, or gives the one with this number. Until it has answers its message may be changed.</summary>
    /// <param name="talkId">The conversation.</param>
    /// <param name="voterId">Whose it has to be.</param>
    /// <param name="number">From 1.</param>
    /// <param name="prompt">What is said.</param>
    /// <param name="pool">How a first message goes to the pool, where its voter agreed to that.</param>
    /// <param name="stop">Gives up.</param>
    public Task<ArenaResult> AskAsync(string talkId, string voterId, int number, string prompt, PoolRules pool, CancellationToken stop = default) => _database.WriteAsync<ArenaResult>(
        async transaction =>
        {
            if (await StateAsync(transaction, talkId, voterId, transaction.Engine.ForUpdate).ConfigureAwait(false) is not { } state)
                return new ArenaResult.Unknown();
            var there = state.Turns.FirstOrDefault(turn => turn.Number == number);
            if (there is { AnsweredAt: not null } && there.Prompt == prompt)
                return new ArenaResult.Kept(state);
            if (state.Talk.RevealedAt is not null)
                return new ArenaResult.Conflict(ArenaFault.Over);
            if (there is { AnsweredAt: not null })
                return new ArenaResult.Conflict(ArenaFault.OtherMessage, number);
            if (there is null && (number != state.Turns.Count + 1 || state.Turns is [.., { AnsweredAt: null }]))
                return new ArenaResult.Conflict(ArenaFault.Skips, number, state.Turns.Count(turn => turn.AnsweredAt is not null));
            await transaction.ExecuteAsync(
                """
                INSERT INTO arena_turns (talk_id, number, prompt, asked_at) VALUES (@talkId, @number, @prompt, @Now)
                ON CONFLICT (talk_id, number) DO UPDATE SET prompt = @prompt
                """, new { talkId, number, prompt, transaction.Now }).ConfigureAwait(false);
            if (number == 1)
                await ArenaPool.AddAsync(transaction, voterId, prompt, pool).ConfigureAwait(false);
            return new ArenaResult.Kept((await StateAsync(transaction, talkId, voterId, "").ConfigureAwait(false))!);
        }, stop);

    /// <summary>Keeps a turn's answers, both at once; those that were there first stay.</summary>
    public Task<ArenaState?> AnswerAsync(string talkId, string voterId, int number, string prompt, string answerA, string? answerB, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            await transaction.ExecuteAsync(
                """
                UPDATE arena_turns SET answer_a = @answerA, answer_b = @answerB, answered_at = @Now WHERE talk_id = @talkId AND number = @number AND prompt = @prompt AND answered_at IS NULL
                AND EXISTS (SELECT 1 FROM arena_talks t WHERE t.id = talk_id AND t.revealed_at IS NULL)
                """, new { talkId, number, prompt, answerA, answerB, transaction.Now }).ConfigureAwait(false);
            return await StateAsync(transaction, talkId, voterId, "").ConfigureAwait(false);
        }, stop);

    /// <summary>Votes and names the models, in one transaction. What is void is kept with its reason.</summary>
    /// <param name="talkId">The conversation.</param>
    /// <param name="voterId">Whose it has to be.</param>
    /// <param name="choice">What is decided.</param>
    /// <param name="token">The same token is the same vote.</param>
    /// <param name="rules">What decides whether it counts.</param>
    /// <param name="stop">Gives up.</param>
    public Task<ArenaResult> VoteAsync(string talkId, string voterId, ArenaChoice choice, string token, VoteRules rules, CancellationToken stop = default) => _database.WriteAsync<ArenaResult>(
        async transaction =>
        {
            ArgumentNullException.ThrowIfNull(rules);
            await transaction.FirstAsync<string>($"SELECT id FROM arena_voters WHERE id = @voterId{transaction.Engine.ForUpdate}", new { voterId }).ConfigureAwait(false); // votes of a day one after the other
            if (await StateAsync(transaction, talkId, voterId, transaction.Engine.ForUpdate).ConfigureAwait(false) is not { } state)
                return new ArenaResult.Unknown();
            if (state.Vote is { } vote)
                return vote.Token == token && vote.Choice == ArenaWords.Of(choice) ? new ArenaResult.Kept(state) : new ArenaResult.Conflict(ArenaFault.Voted);
            if (state.Talk.Kind == ArenaMode.Single)
                return new ArenaResult.Conflict(ArenaFault.OneModel);
            if (state.Talk.RevealedAt is not null)
                return new ArenaResult.Conflict(ArenaFault.Named);
            var origin = rules.Address is null ? null : await OriginAsync(transaction, rules.Address).ConfigureAwait(false);
            var reason = await VoidReasonAsync(transaction, state, rules, origin).ConfigureAwait(false);
            await transaction.ExecuteAsync(
                "INSERT INTO arena_votes (id, talk_id, voter_id, token, choice, void_reason, origin, given_at) VALUES (@Id, @talkId, @voterId, @token, @Choice, @reason, @origin, @Now)",
                new { Id = transaction.NewId(), talkId, voterId, token, Choice = ArenaWords.Of(choice), reason, origin, transaction.Now }).ConfigureAwait(false);
            await transaction.ExecuteAsync("UPDATE arena_talks SET revealed_at = @Now WHERE id = @talkId", new { talkId, transaction.Now }).ConfigureAwait(false);
            return new ArenaResult.Kept((await StateAsync(transaction, talkId, voterId, "").ConfigureAwait(false))!);
        }, stop);

    /// <summary>Names the models without a vote; there can be none afterwards.</summary>
    public Task<ArenaResult> RevealAsync(string talkId, string voterId, CancellationToken stop = default) => _database.WriteAsync<ArenaResult>(
        async transaction =>
        {
            await transaction.ExecuteAsync("UPDATE arena_talks SET revealed_at = @Now WHERE id = @talkId AND voter_id = @voterId AND revealed_at IS NULL", new { talkId, voterId, transaction.Now }).ConfigureAwait(false);
            return await StateAsync(transaction, talkId, voterId, "").ConfigureAwait(false) is { } state ? new ArenaResult.Kept(state) : new ArenaResult.Unknown();
        }, stop);

    /// <summary>A person's own words, and a voter's consent, are gone; votes stay.</summary>
    internal static async Task ForgetWordsAsync(Transaction transaction, string voterId)
    {
        await ArenaPool.RemoveAsync(transaction, voterId).ConfigureAwait(false);
        // Answers too: they repeat what was asked.
        await transaction.ExecuteAsync("UPDATE arena_turns SET prompt = @Removed, answer_a = CASE WHEN answer_a IS NULL THEN NULL ELSE @Removed END, answer_b = CASE WHEN answer_b IS NULL THEN NULL ELSE @Removed END WHERE talk_id IN (SELECT id FROM arena_talks WHERE voter_id = @voterId)", new { voterId, ArenaPool.Removed }).ConfigureAwait(false);
        await transaction.ExecuteAsync("UPDATE arena_talks SET revealed_at = @Now WHERE voter_id = @voterId AND revealed_at IS NULL", new { voterId, transaction.Now }).ConfigureAwait(false); // nothing goes on
        await transaction.ExecuteAsync("UPDATE arena_voters SET consent_version = NULL, consented_at = NULL, pools_since = NULL WHERE id = @voterId", new { voterId }).ConfigureAwait(false);
    }

    private static Task<ArenaVoter?> VoterAsync(Transaction transaction, string? personId, string? token) => personId is not null
        ? transaction.FirstAsync<ArenaVoter>("SELECT * FROM arena_voters WHERE person_id = @personId", new { personId })
        : transaction.FirstAsync<ArenaVoter>("SELECT * FROM arena_voters WHERE token_hash = @Hash", new { Hash = Secret.Hash(token ?? "") });

    private static async Task<ArenaState?> StateAsync(Transaction transaction, string talkId, string voterId, string lockRow)
    {
        if (await transaction.FirstAsync<ArenaTalk>($"SELECT * FROM arena_talks WHERE id = @talkId AND voter_id = @voterId{lockRow}", new { talkId, voterId }).ConfigureAwait(false) is not { } talk)
            return null;
        var turns = await transaction.QueryAsync<ArenaTurn>("SELECT * FROM arena_turns WHERE talk_id = @talkId ORDER BY number", new { talkId }).ConfigureAwait(false);
        return new(talk, turns, await transaction.FirstAsync<ArenaBallot>("SELECT * FROM arena_votes WHERE talk_id = @talkId", new { talkId }).ConfigureAwait(false));
    }

    private static async Task<string?> VoidReasonAsync(Transaction transaction, ArenaState state, VoteRules rules, string? origin)
    {
        var answered = state.Turns.Where(turn => turn.AnsweredAt is not null).ToArray();
        if (answered.Length == 0)
            return "empty";
        if (answered.Any(turn => rules.NamesMaker(turn.AnswerA!) || rules.NamesMaker(turn.AnswerB!)))
            return "names-maker";
        var day = new DateTimeOffset(transaction.Now.UtcDateTime.Date, TimeSpan.Zero);
        var today = await transaction.CountAsync("SELECT COUNT(*) FROM arena_votes WHERE voter_id = @VoterId AND given_at >= @day AND void_reason IS NULL", new { state.Talk.VoterId, day }).ConfigureAwait(false);
        var here = origin is null ? 0 : await transaction.CountAsync("SELECT COUNT(*) FROM arena_votes WHERE origin = @origin AND void_reason IS NULL", new { origin }).ConfigureAwait(false);
        return Math.Max(today, here) >= rules.VotesPerDay ? "daily-limit" : null;
    }

    private static async Task<string> OriginAsync(Transaction transaction, string address) =>
        Secret.Of(await KeyAsync(transaction).ConfigureAwait(false), $"{transaction.Now:yyyy-MM-dd} {address}");

    private static async Task<long> SeedAsync(Transaction transaction, string talkId) =>
        BinaryPrimitives.ReadInt64LittleEndian(HMACSHA256.HashData(Encoding.UTF8.GetBytes(await KeyAsync(transaction).ConfigureAwait(false)), Encoding.UTF8.GetBytes(talkId)));

    private static async Task<string> KeyAsync(Transaction transaction)
    {
        await transaction.ExecuteAsync("INSERT INTO secrets (name, value) VALUES (@KeyName, @Value) ON CONFLICT DO NOTHING", new { KeyName, Value = Secret.New() }).ConfigureAwait(false);
        return (await transaction.FirstAsync<string>("SELECT value FROM secrets WHERE name = @KeyName", new { KeyName }).ConfigureAwait(false))!;
    }
}
