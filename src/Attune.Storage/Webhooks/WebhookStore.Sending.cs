namespace Attune.Storage.Webhooks;

public sealed partial class WebhookStore
{
    /// <summary>How long a delivery is tried, from its first try on; then its webhook is disabled.</summary>
    public static readonly TimeSpan TriedFor = TimeSpan.FromDays(1);

    /// <summary>How long a program that sends holds a webhook without a sign of life: longer than a delivery can take.</summary>
    public static readonly TimeSpan ClaimLasts = TimeSpan.FromSeconds(30);

    private const int DaysKept = 30, FirstWaitSeconds = 5, MostRemoved = 1_000;

    /// <summary>Webhooks whose next delivery is due and that no other program is calling.</summary>
    public Task<IReadOnlyList<string>> DueAsync(CancellationToken stop = default) => _database.ReadAsync(
        transaction => transaction.QueryAsync<string>(
            """
            SELECT w.id FROM webhooks w WHERE w.state = 'active' AND (w.claimed_until IS NULL OR w.claimed_until <= @Now)
                AND (SELECT d.due_at FROM webhook_deliveries d WHERE d.webhook_id = w.id AND d.state = 'pending' ORDER BY d.id LIMIT 1) <= @Now
            ORDER BY w.id
            """, new { transaction.Now }), stop);

    /// <summary>The next delivery of a webhook, which is now the claimer's alone; null, and no claim any more, where none is due or another program has it.</summary>
    /// <param name="id">The webhook.</param>
    /// <param name="claim">Who asks: a token of their own.</param>
    /// <param name="stop">Gives up.</param>
    public Task<DueDelivery?> NextAsync(string id, string claim, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            if (await transaction.ExecuteAsync(
                "UPDATE webhooks SET claim = @claim, claimed_until = @Until WHERE id = @id AND state = 'active' AND (claimed_until IS NULL OR claimed_until <= @Now OR claim = @claim)",
                new { id, claim, transaction.Now, Until = transaction.Now + ClaimLasts }).ConfigureAwait(false) == 0)
                return null;
            var next = await transaction.FirstAsync<WebhookDelivery>("SELECT * FROM webhook_deliveries WHERE webhook_id = @id AND state = 'pending' ORDER BY id LIMIT 1", new { id }).ConfigureAwait(false);
            if (next is null || next.DueAt > transaction.Now)
            {
                await transaction.ExecuteAsync("UPDATE webhooks SET claim = NULL, claimed_until = NULL WHERE id = @id AND claim = @claim", new { id, claim }).ConfigureAwait(false);
                return null;
            }
            var (url, secret) = await transaction.FirstAsync<(string, string)>("SELECT url, secret FROM webhooks WHERE id = @id", new { id }).ConfigureAwait(false);
            return new DueDelivery(next, url, secret);
        }, stop);

    /// <summary>Records what came of a delivery. One that has failed for <see cref="TriedFor"/> disables its webhook, with an entry in the audit log.</summary>
    public Task RecordAsync(WebhookDelivery delivery, WebhookAnswer answer, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(delivery);
        ArgumentNullException.ThrowIfNull(answer);
        return _database.WriteAsync(
            async transaction =>
            {
                if (answer.Problem is null)
                {
                    await transaction.ExecuteAsync(
                        "UPDATE webhook_deliveries SET state = 'delivered', attempts = attempts + 1, status = @Status, problem = NULL, delivered_at = @Now, first_tried_at = COALESCE(first_tried_at, @Now) WHERE id = @Id",
                        new { delivery.Id, answer.Status, transaction.Now }).ConfigureAwait(false);
                    return;
                }
                var first = delivery.FirstTriedAt ?? transaction.Now;
                var wait = TimeSpan.FromSeconds(FirstWaitSeconds * Math.Pow(2, Math.Min(delivery.Attempts, 20)));
                var due = transaction.Now + wait < first + TriedFor ? transaction.Now + wait : first + TriedFor; // a last try when the day is over
                await transaction.ExecuteAsync(
                    "UPDATE webhook_deliveries SET attempts = attempts + 1, status = @Status, problem = @Problem, first_tried_at = @first, due_at = @due WHERE id = @Id",
                    new { delivery.Id, answer.Status, answer.Problem, first, due }).ConfigureAwait(false);
                if (transaction.Now < first + TriedFor || await transaction.ExecuteAsync("UPDATE webhooks SET state = 'disabled' WHERE id = @WebhookId AND state = 'active'", new { delivery.WebhookId }).ConfigureAwait(false) == 0)
                    return;
                var project = await transaction.FirstAsync<string>("SELECT project_id FROM webhooks WHERE id = @WebhookId", new { delivery.WebhookId }).ConfigureAwait(false);
                await _database.Audit.RecordAsync(transaction, null, "webhook.disable", delivery.WebhookId, project, new { delivery.EventId, attempts = delivery.Attempts + 1, answer.Status }).ConfigureAwait(false);
            }, stop);
    }

    /// <summary>Removes what arrived more than 30 days ago; gives how many, at most a thousand at a time.</summary>
    public Task<int> TidyAsync(CancellationToken stop = default) => _database.WriteAsync(
        transaction => transaction.ExecuteAsync(
            $"DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries WHERE state = 'delivered' AND delivered_at < @Before ORDER BY id LIMIT {MostRemoved})",
            new { Before = transaction.Now.AddDays(-DaysKept) }), stop);
}
