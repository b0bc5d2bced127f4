using System.Text.Json;
using Attune.Feedback;
using Attune.Storage.Leases;
using Attune.Torch;

namespace Attune.Storage.Chats;

/// <summary>
/// Conversations with a model, turn by turn, as they happen: a message, its sampled answers, the one chosen. What was sampled is never replaced, and the
/// same step sent twice is one step. Not here: the model; the web app asks it.
/// </summary>
public sealed class ChatStore
{
    /// <summary>Answers of each turn.</summary>
    public const int AnswersPerTurn = 2;

    private readonly Database _database;

    internal ChatStore(Database database) => _database = database;

    /// <summary>
    /// A lease's turns, in order; null where the lease is not this person's. Somebody whose lease ran out before the conversation was handed in, and who
    /// was given the task again, goes on where they were.
    /// </summary>
    public Task<IReadOnlyList<ChatTurn>?> OpenAsync(string leaseId, string personId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            if (await LeaseAsync(transaction, leaseId, personId).ConfigureAwait(false) is not { } lease)
                return null;
            if (lease.State == LeaseState.Active)
                await TakeOverAsync(transaction, lease).ConfigureAwait(false);
            return await TurnsAsync(transaction, leaseId).ConfigureAwait(false);
        }, stop);

    /// <summary>A lease's turns within a change, in order; until it ends nothing else changes them.</summary>
    public static async Task<IReadOnlyList<ChatTurn>> HoldAsync(Transaction transaction, string leaseId)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        await transaction.FirstAsync<string>($"SELECT id FROM leases WHERE id = @leaseId{transaction.Engine.ForUpdate}", new { leaseId }).ConfigureAwait(false);
        return await TurnsAsync(transaction, leaseId).ConfigureAwait(false);
    }

    /// <summary>
    /// Begins a turn, or gives the one that was begun with this number. As long as it has no answers its message may still be changed. The order of the
    /// answers is drawn from the stored seed of (task, person) and the number.
    /// </summary>
    /// <param name="leaseId">Under this lease.</param>
    /// <param name="personId">Whose it has to be.</param>
    /// <param name="number">From 1; the next one, or one that is there.</param>
    /// <param name="prompt">What the person wrote.</param>
    /// <param name="stop">Gives up.</param>
    public Task<ChatResult> AskAsync(string leaseId, string personId, int number, string prompt, CancellationToken stop = default) => _database.WriteAsync<ChatResult>(
        async transaction =>
        {
            var (refusal, lease) = await RunningAsync(transaction, leaseId, personId).ConfigureAwait(false);
            if (refusal is not null)
                return refusal;
            var turns = await TurnsAsync(transaction, leaseId).ConfigureAwait(false);
            if (turns.FirstOrDefault(turn => turn.Number == number) is { } there)
                return await AgainAsync(transaction, there, prompt).ConfigureAwait(false);
            if (number != turns.Count + 1)
                return new ChatResult.Conflict(ChatFault.Skips, number, turns.Count);
            if (turns.Count > 0 && turns[^1].Chosen is null)
                return new ChatResult.Conflict(ChatFault.Unchosen, number, turns.Count);
            var order = new Seed((ulong)lease!.Seed).For("turn").For(number).Permutation(AnswersPerTurn);
            var begun = new ChatTurn { LeaseId = leaseId, Number = number, Prompt = prompt, SideOrder = JsonSerializer.Serialize(order), AskedAt = transaction.Now };
            await transaction.ExecuteAsync("INSERT INTO chat_turns (lease_id, number, prompt, side_order, asked_at) VALUES (@LeaseId, @Number, @Prompt, @SideOrder, @AskedAt)", begun).ConfigureAwait(false);
            return new ChatResult.Kept(begun);
        }, stop);

    /// <summary>Keeps the sampled answers of a turn. Those that were there first stay; so does a message that was changed meanwhile. Gives the turn as it stands, null where there is none.</summary>
    public Task<ChatTurn?> AnswerAsync(string leaseId, int number, string prompt, IReadOnlyList<Answer> answers, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            await transaction.ExecuteAsync(
                "UPDATE chat_turns SET answers = @Answers, answered_at = @Now WHERE lease_id = @leaseId AND number = @number AND prompt = @prompt AND answers IS NULL",
                new { leaseId, number, prompt, Answers = JsonSerializer.Serialize(answers, StorageJson.Options), transaction.Now }).ConfigureAwait(false);
            return await transaction.FirstAsync<ChatTurn>("SELECT * FROM chat_turns WHERE lease_id = @leaseId AND number = @number", new { leaseId, number }).ConfigureAwait(false);
        }, stop);

    /// <summary>Chooses the answer that the conversation goes on with. It may be chosen anew until the next turn begins.</summary>
    /// <param name="leaseId">Under this lease.</param>
    /// <param name="personId">Whose it has to be.</param>
    /// <param name="number">The turn.</param>
    /// <param name="place">The answer's place as shown, from 0.</param>
    /// <param name="strength">How much better it is, 0 to 4; null where not asked.</param>
    /// <param name="stop">Gives up.</param>
    public Task<ChatResult> ChooseAsync(string leaseId, string personId, int number, int place, int? strength, CancellationToken stop = default) => _database.WriteAsync<ChatResult>(
        async transaction =>
        {
            if (await RunningAsync(transaction, leaseId, personId).ConfigureAwait(false) is { Refusal: { } refusal })
                return refusal;
            var turns = await TurnsAsync(transaction, leaseId).ConfigureAwait(false);
            if (turns.FirstOrDefault(turn => turn.Number == number) is not { Answers: not null } there)
                return new ChatResult.Conflict(ChatFault.Unanswered, number, turns.Count);
            if (place < 0 || place >= there.Order.Count || strength is < 0 or > Judgment.MaximumStrength)
                return new ChatResult.Conflict(ChatFault.NoChoice, number, turns.Count);
            var chosen = there with { Chosen = there.Order[place], Strength = strength, ChosenAt = transaction.Now };
            if ((there.Chosen, there.Strength) == (chosen.Chosen, chosen.Strength))
                return new ChatResult.Kept(there);
            if (number < turns.Count)
                return new ChatResult.Conflict(ChatFault.WentOn, number, turns.Count);
            await transaction.ExecuteAsync("UPDATE chat_turns SET chosen = @Chosen, strength = @Strength, chosen_at = @ChosenAt WHERE lease_id = @LeaseId AND number = @Number", chosen).ConfigureAwait(false);
            return new ChatResult.Kept(chosen);
        }, stop);

    private static async Task<ChatResult> AgainAsync(Transaction transaction, ChatTurn there, string prompt)
    {
        if (there.Prompt == prompt)
            return new ChatResult.Kept(there);
        if (there.Answers is not null)
            return new ChatResult.Conflict(ChatFault.OtherMessage, there.Number, there.Number);
        await transaction.ExecuteAsync("UPDATE chat_turns SET prompt = @prompt WHERE lease_id = @LeaseId AND number = @Number", new { prompt, there.LeaseId, there.Number }).ConfigureAwait(false);
        return new ChatResult.Kept(there with { Prompt = prompt });
    }

    private static Task<IReadOnlyList<ChatTurn>> TurnsAsync(Transaction transaction, string leaseId) =>
        transaction.QueryAsync<ChatTurn>("SELECT * FROM chat_turns WHERE lease_id = @leaseId ORDER BY number", new { leaseId });

    private static Task<Lease?> LeaseAsync(Transaction transaction, string leaseId, string personId) =>
        transaction.FirstAsync<Lease>($"SELECT * FROM leases WHERE id = @leaseId AND person_id = @personId{transaction.Engine.ForUpdate}", new { leaseId, personId });

    private static async Task<(ChatResult? Refusal, Lease? Lease)> RunningAsync(Transaction transaction, string leaseId, string personId) =>
        await LeaseAsync(transaction, leaseId, personId).ConfigureAwait(false) switch
        {
            null => (new ChatResult.Unknown(), null),
            { JudgmentId: null, State: LeaseState.Active or LeaseState.Expired } lease => (null, lease), // what comes after the lease's end is late, not lost
            _ => (new ChatResult.Over(), null),
        };

    private static async Task TakeOverAsync(Transaction transaction, Lease lease)
    {
        if (await transaction.CountAsync("SELECT COUNT(*) FROM chat_turns WHERE lease_id = @Id", new { lease.Id }).ConfigureAwait(false) > 0)
            return;
        var before = await transaction.FirstAsync<string>(
            """
            SELECT id FROM leases WHERE task_id = @TaskId AND person_id = @PersonId AND state = 'expired' AND judgment_id IS NULL
                AND EXISTS (SELECT 1 FROM chat_turns t WHERE t.lease_id = leases.id) ORDER BY granted_at DESC LIMIT 1
            """, new { lease.TaskId, lease.PersonId }).ConfigureAwait(false);
        if (before is not null)
            await transaction.ExecuteAsync("UPDATE chat_turns SET lease_id = @Id WHERE lease_id = @before", new { lease.Id, before }).ConfigureAwait(false);
    }
}
