using Attune.Feedback;
using Attune.Feedback.Aggregation;
using Attune.Runs;
using Attune.Storage.Webhooks;

namespace Attune.Storage.Work;

/// <summary>Something that was decided about a batch: the agreement gate, an accuracy, a delivery.</summary>
public sealed record BatchDecision
{
    /// <summary>"gate", "accuracy" or "delivery".</summary>
    public required string Kind { get; init; }

    /// <summary>Krippendorff's alpha of the gate, or the reward model's accuracy; null where there was no number.</summary>
    public double? Value { get; init; }

    /// <summary>The lower end of alpha's 95 % interval.</summary>
    public double? Lower { get; init; }

    /// <summary>The upper end.</summary>
    public double? Upper { get; init; }

    /// <summary>What the project asked for then.</summary>
    public double? Wanted { get; init; }

    /// <summary>Where the accuracy comes from: a run's folder, a report.</summary>
    public string? Source { get; init; }

    /// <summary>Whether what was asked for was reached.</summary>
    public required bool Passed { get; init; }

    /// <summary>Why somebody went on all the same.</summary>
    public string? Reason { get; init; }

    /// <summary>When.</summary>
    public required DateTimeOffset At { get; init; }
}

/// <summary>How far the annotators of a calibration round agree.</summary>
/// <param name="Tasks">Tasks of the round.</param>
/// <param name="Annotators">Who answered any.</param>
/// <param name="Answers">Answers in all, "cannot judge" left out.</param>
/// <param name="Alpha">Krippendorff's alpha, nominal, of ratings ordinal, the mean over axes, labels and questions (<see cref="PartsAlpha"/>); null while no task has two answers, and of texts, marks and conversations.</param>
/// <param name="Interval">The middle 95 % of alphas on resampled tasks.</param>
/// <param name="Wanted">The project's gate; null without one.</param>
public sealed record CalibrationAgreement(int Tasks, int Annotators, int Answers, double? Alpha, Interval? Interval, double? Wanted)
{
    /// <summary>Whether the gate is open.</summary>
    public bool Passed => Wanted is null || Alpha >= Wanted;
}

/// <summary>
/// The cycle of a batch: planned, calibrating, open, closed, delivered. A batch opens where its calibration round agrees well enough, and is delivered where the
/// reward model trained on it is good enough; somebody who runs the project may go on all the same, with a reason that is kept.
/// </summary>
public sealed class BatchCycle
{
    private readonly Database _database;

    internal BatchCycle(Database database) => _database = database;

    /// <summary>What was decided about a batch, in order.</summary>
    public Task<IReadOnlyList<BatchDecision>> DecisionsAsync(string batchId, CancellationToken stop = default) => _database.ReadAsync(transaction => DecisionsAsync(transaction, batchId), stop);

    /// <summary>How far the calibration round of a batch agrees.</summary>
    public Task<CalibrationAgreement> AgreementAsync(Batch batch, CancellationToken stop = default) => _database.ReadAsync(transaction => AgreementAsync(transaction, batch), stop);

    /// <summary>Begins the calibration round.</summary>
    /// <exception cref="InputException">The batch is not planned, or has no calibration tasks.</exception>
    public Task CalibrateAsync(string batchId, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            var batch = await InAsync(transaction, batchId, BatchState.Planned).ConfigureAwait(false);
            if (await transaction.CountAsync("SELECT COUNT(*) FROM tasks WHERE batch_id = @batchId AND purpose = 'calibration' AND state <> 'withdrawn'", new { batchId }).ConfigureAwait(false) == 0)
                throw Fault(batch, "has no calibration tasks", "at least one", "add some, or open it without a round");
            await MoveAsync(transaction, batch, BatchState.Calibrating, actorId).ConfigureAwait(false);
        }, stop);

    /// <summary>Opens a batch; its calibration round ends.</summary>
    /// <param name="batchId">The batch, planned or calibrating.</param>
    /// <param name="reason">Why it is opened although the round does not agree well enough; null where it does.</param>
    /// <param name="actorId">Who does it.</param>
    /// <param name="stop">Gives up.</param>
    /// <exception cref="InputException">The gate is closed and no reason is given, or the batch is in another state.</exception>
    public Task OpenAsync(string batchId, string? reason, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            var batch = await InAsync(transaction, batchId, BatchState.Planned, BatchState.Calibrating).ConfigureAwait(false);
            var agreement = await AgreementAsync(transaction, batch).ConfigureAwait(false);
            if (!agreement.Passed && string.IsNullOrWhiteSpace(reason))
            {
                throw Fault(batch, agreement.Alpha is { } alpha ? $"has an agreement of {alpha:0.000}" : "has no agreement yet", $"at least {agreement.Wanted:0.000}",
                    "discuss where annotators differ and go on calibrating, or give a reason to open it all the same");
            }
            await DecideAsync(transaction, batchId, actorId, new()
            {
                Kind = "gate",
                Value = agreement.Alpha,
                Lower = agreement.Interval?.Lower,
                Upper = agreement.Interval?.Upper,
                Wanted = agreement.Wanted,
                Passed = agreement.Passed,
                Reason = agreement.Passed ? null : reason!.Trim(),
                At = transaction.Now,
            }).ConfigureAwait(false);
            var ended = await transaction.QueryAsync<string>(
                "SELECT id FROM tasks WHERE batch_id = @batchId AND purpose = 'calibration' AND state = 'open' AND active + accepted > 0 ORDER BY id", new { batchId }).ConfigureAwait(false);
            await transaction.ExecuteAsync(
                "UPDATE tasks SET state = 'complete', overlap = active + accepted, completed_at = @Now WHERE batch_id = @batchId AND purpose = 'calibration' AND state = 'open' AND active + accepted > 0",
                new { batchId, transaction.Now }).ConfigureAwait(false);
            foreach (var task in ended)
                await Outbox.TaskCompletedAsync(transaction, task).ConfigureAwait(false);
            await MoveAsync(transaction, batch, BatchState.Open, actorId, agreement.Passed ? null : "gate").ConfigureAwait(false);
        }, stop);

    /// <summary>Closes an open batch: nothing more of it is given out.</summary>
    public Task CloseAsync(string batchId, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction => await MoveAsync(transaction, await InAsync(transaction, batchId, BatchState.Open).ConfigureAwait(false), BatchState.Closed, actorId).ConfigureAwait(false), stop);

    /// <summary>Opens a closed batch again.</summary>
    public Task ReopenAsync(string batchId, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction => await MoveAsync(transaction, await InAsync(transaction, batchId, BatchState.Closed).ConfigureAwait(false), BatchState.Open, actorId).ConfigureAwait(false), stop);

    /// <summary>Records how accurate a reward model trained on the batch is; the last number counts.</summary>
    /// <exception cref="InputException">The number is no share, or has no source.</exception>
    public Task RecordAccuracyAsync(string batchId, double accuracy, string source, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            var batch = await InAsync(transaction, batchId, BatchState.Open, BatchState.Closed).ConfigureAwait(false);
            if (accuracy is not (>= 0 and <= 1) || string.IsNullOrWhiteSpace(source) || source.Contains('\0'))
                throw Fault(batch, $"is given the accuracy {accuracy} of '{source}'", "a number from 0 to 1 and where it comes from", "name the run or report");
            var wanted = (await ProjectStore.FindAsync(transaction, batch.ProjectId).ConfigureAwait(false))!.Settings.Quality.Accuracy;
            await DecideAsync(transaction, batchId, actorId, new() { Kind = "accuracy", Value = accuracy, Wanted = wanted, Source = source.Trim(), Passed = wanted is null || accuracy >= wanted, At = transaction.Now }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "batch.accuracy", batchId, batch.ProjectId, new { accuracy }).ConfigureAwait(false);
        }, stop);

    /// <summary>Marks a closed batch as delivered. What is handed over is written by whoever calls this, before.</summary>
    /// <param name="batchId">The batch.</param>
    /// <param name="reason">Why it goes although the accuracy is too low or not known; null where it is not.</param>
    /// <param name="actorId">Who does it.</param>
    /// <param name="stop">Gives up.</param>
    /// <exception cref="InputException">It is a no-go and no reason is given, or the batch is in another state.</exception>
    public Task DeliverAsync(string batchId, string? reason, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            var batch = await InAsync(transaction, batchId, BatchState.Closed).ConfigureAwait(false);
            var wanted = (await ProjectStore.FindAsync(transaction, batch.ProjectId).ConfigureAwait(false))!.Settings.Quality.Accuracy;
            var last = (await DecisionsAsync(transaction, batchId).ConfigureAwait(false)).LastOrDefault(decision => decision.Kind == "accuracy");
            var isGo = wanted is null || last?.Value >= wanted;
            if (!isGo && string.IsNullOrWhiteSpace(reason))
            {
                throw Fault(batch, last is null ? "has no accuracy of a reward model" : $"has a reward model's accuracy of {last.Value:0.000}", $"at least {wanted:0.000}",
                    "find out what is wrong with its labels, or give a reason to deliver it all the same");
            }
            await DecideAsync(transaction, batchId, actorId, new() { Kind = "delivery", Value = last?.Value, Wanted = wanted, Source = last?.Source, Passed = isGo, Reason = isGo ? null : reason!.Trim(), At = transaction.Now }).ConfigureAwait(false);
            await MoveAsync(transaction, batch, BatchState.Delivered, actorId, isGo ? null : "accuracy").ConfigureAwait(false);
        }, stop);

    private static async Task<CalibrationAgreement> AgreementAsync(Transaction transaction, Batch batch)
    {
        var wanted = (await ProjectStore.FindAsync(transaction, batch.ProjectId).ConfigureAwait(false))!.Settings.Quality.Gate;
        var judgments = (await transaction.QueryAsync<string>(
            """
            SELECT content FROM judgments j WHERE batch_id = @Id AND purpose = 'calibration' AND outcome <> 'withdrawn' AND NOT EXISTS (SELECT 1 FROM judgments s WHERE s.supersedes = j.id)
                AND NOT EXISTS (SELECT 1 FROM rejections r WHERE r.judgment_id = j.id AND r.lifted_at IS NULL) ORDER BY id
            """, new { batch.Id }).ConfigureAwait(false)).Select(Judgment.FromJson).ToList();
        var tasks = (int)await transaction.CountAsync("SELECT COUNT(*) FROM tasks WHERE batch_id = @Id AND purpose = 'calibration' AND state <> 'withdrawn'", new { batch.Id }).ConfigureAwait(false);
        var units = judgments.SelectMany(AgreementUnit.Of).ToList();
        var areRatings = units.Any(unit => unit.IsScale);
        var alpha = PartsAlpha.Of(units.Where(unit => unit.IsScale == areRatings));
        var (annotators, answers) = (judgments.Select(judgment => judgment.AnnotatorId).Distinct().Count(), judgments.Count(judgment => judgment.Outcome != Outcome.CannotJudge));
        return new(tasks, annotators, answers, alpha?.Value, alpha?.Interval, wanted);
    }

    private static async Task<Batch> InAsync(Transaction transaction, string batchId, params BatchState[] states)
    {
        var batch = await transaction.FirstAsync<Batch>($"SELECT * FROM batches WHERE id = @batchId{transaction.Engine.ForUpdate}", new { batchId }).ConfigureAwait(false)
            ?? throw InputException.One($"Batch {batchId}", "is not there", "one of this project", "check the id");
        return states.Contains(batch.State) ? batch : throw Fault(batch, $"is {StorageJson.Word(batch.State)}", string.Join(" or ", states.Select(StorageJson.Word)), "take the steps of its cycle in order");
    }

    private async Task MoveAsync(Transaction transaction, Batch batch, BatchState state, string? actorId, string? overridden = null)
    {
        await transaction.ExecuteAsync("UPDATE batches SET state = @State WHERE id = @Id", new { batch.Id, State = StorageJson.Word(state) }).ConfigureAwait(false);
        await _database.Audit.RecordAsync(transaction, actorId, "batch.state", batch.Id, batch.ProjectId, new { state, overridden }).ConfigureAwait(false);
        await Outbox.BatchStateAsync(transaction, batch.ProjectId, batch.Id, state).ConfigureAwait(false);
    }

    private static Task<IReadOnlyList<BatchDecision>> DecisionsAsync(Transaction transaction, string batchId) => transaction.QueryAsync<BatchDecision>(
        "SELECT kind, value, lower, upper, wanted, source, passed, reason, at FROM batch_decisions WHERE batch_id = @batchId ORDER BY id", new { batchId });

    private static Task<int> DecideAsync(Transaction transaction, string batchId, string? actorId, BatchDecision decision) => transaction.ExecuteAsync(
        """
        INSERT INTO batch_decisions (id, batch_id, kind, value, lower, upper, wanted, source, passed, reason, actor_id, at)
        VALUES (@Id, @batchId, @Kind, @Value, @Lower, @Upper, @Wanted, @Source, @Passed, @Reason, @actorId, @At)
        """,
        new { Id = transaction.NewId(), batchId, decision.Kind, decision.Value, decision.Lower, decision.Upper, decision.Wanted, decision.Source, Passed = decision.Passed ? 1L : 0L, decision.Reason, actorId, decision.At });

    private static InputException Fault(Batch batch, string found, string expected, string fix) => InputException.One($"Batch {batch.Number}", found, expected, fix);
}
