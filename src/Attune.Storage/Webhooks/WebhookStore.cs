using Attune.Runs;

namespace Attune.Storage.Webhooks;

/// <summary>Webhooks of projects, and their deliveries: at least once, in order, tried again until a day has passed.</summary>
public sealed partial class WebhookStore
{
    private const string Columns = "id, project_id, url, events, state, created_at";

    private readonly Database _database;

    internal WebhookStore(Database database) => _database = database;

    /// <summary>Adds a webhook; gives it with the secret that its deliveries are signed with, which nobody is shown again.</summary>
    /// <exception cref="InputException">The address or the events are wrong; lists every problem.</exception>
    public Task<(Webhook Webhook, string Secret)> CreateAsync(string projectId, string url, IReadOnlyList<string> events, string? actorId, CancellationToken stop = default)
    {
        var problems = Webhook.Check(url, events).ToList();
        if (problems.Count > 0)
            throw new InputException("The webhook", problems);
        return _database.WriteAsync(
            async transaction =>
            {
                var webhook = new Webhook { Id = transaction.NewId(), ProjectId = projectId, Url = url, Events = string.Join(' ', events.Distinct()), State = WebhookState.Active, CreatedAt = transaction.Now };
                var secret = $"attune_{Secret.New()}";
                await transaction.ExecuteAsync(
                    "INSERT INTO webhooks (id, project_id, url, events, secret, state, created_by, created_at) VALUES (@Id, @ProjectId, @Url, @Events, @secret, 'active', @actorId, @CreatedAt)",
                    new { webhook.Id, webhook.ProjectId, webhook.Url, webhook.Events, secret, actorId, webhook.CreatedAt }).ConfigureAwait(false);
                await _database.Audit.RecordAsync(transaction, actorId, "webhook.create", webhook.Id, projectId, new { host = new Uri(url).Host, events }).ConfigureAwait(false);
                return (webhook, secret);
            }, stop);
    }

    /// <summary>A project's webhooks, the first one first.</summary>
    public Task<IReadOnlyList<Webhook>> ListAsync(string projectId, CancellationToken stop = default) => _database.ReadAsync(
        transaction => transaction.QueryAsync<Webhook>($"SELECT {Columns} FROM webhooks WHERE project_id = @projectId ORDER BY id", new { projectId }), stop);

    /// <summary>A webhook of a project; null where there is none.</summary>
    public Task<Webhook?> FindAsync(string projectId, string id, CancellationToken stop = default) => _database.ReadAsync(transaction => FindAsync(transaction, projectId, id, ""), stop);

    /// <summary>Pauses a webhook, or has it called again; what still waits is then tried at once. False where there is none.</summary>
    public Task<bool> SetActiveAsync(string projectId, string id, bool active, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            if (await FindAsync(transaction, projectId, id, transaction.Engine.ForUpdate).ConfigureAwait(false) is null)
                return false;
            await transaction.ExecuteAsync("UPDATE webhooks SET state = @State WHERE id = @id", new { id, State = active ? "active" : "paused" }).ConfigureAwait(false);
            if (active)
                await transaction.ExecuteAsync("UPDATE webhook_deliveries SET attempts = 0, first_tried_at = NULL, due_at = @Now WHERE webhook_id = @id AND state = 'pending'", new { id, transaction.Now }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, active ? "webhook.activate" : "webhook.pause", id, projectId).ConfigureAwait(false);
            return true;
        }, stop);

    /// <summary>Removes a webhook with its deliveries. False where there is none.</summary>
    public Task<bool> DeleteAsync(string projectId, string id, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            if (await FindAsync(transaction, projectId, id, transaction.Engine.ForUpdate).ConfigureAwait(false) is null)
                return false;
            await transaction.ExecuteAsync("DELETE FROM webhook_deliveries WHERE webhook_id = @id", new { id }).ConfigureAwait(false);
            await transaction.ExecuteAsync("DELETE FROM webhooks WHERE id = @id", new { id }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "webhook.delete", id, projectId).ConfigureAwait(false);
            return true;
        }, stop);

    /// <summary>A webhook's deliveries, the newest first.</summary>
    public Task<Page<WebhookDelivery>> DeliveriesAsync(string projectId, string id, PageRequest page, CancellationToken stop = default) => _database.ReadAsync(
        async transaction => page.Of(
            await transaction.QueryAsync<WebhookDelivery>(
                $"""
                SELECT d.* FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
                WHERE w.project_id = @projectId AND w.id = @id {(page.After is null ? "" : "AND d.id < @After")} ORDER BY d.id DESC LIMIT @More
                """, new { projectId, id, page.After, More = page.Limit + 1 }).ConfigureAwait(false),
            delivery => delivery.Id), stop);

    /// <summary>Has a delivery made again, arrived or not, with the same event id. False where there is none.</summary>
    public Task<bool> RedeliverAsync(string projectId, string id, string deliveryId, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            if (await FindAsync(transaction, projectId, id, transaction.Engine.ForUpdate).ConfigureAwait(false) is null)
                return false;
            if (await transaction.ExecuteAsync(
                "UPDATE webhook_deliveries SET state = 'pending', attempts = 0, first_tried_at = NULL, delivered_at = NULL, due_at = @Now WHERE id = @deliveryId AND webhook_id = @id",
                new { id, deliveryId, transaction.Now }).ConfigureAwait(false) == 0)
                return false;
            await _database.Audit.RecordAsync(transaction, actorId, "webhook.redeliver", id, projectId, new { deliveryId }).ConfigureAwait(false);
            return true;
        }, stop);

    private static Task<Webhook?> FindAsync(Transaction transaction, string projectId, string id, string lockRow) =>
        transaction.FirstAsync<Webhook>($"SELECT {Columns} FROM webhooks WHERE id = @id AND project_id = @projectId{lockRow}", new { projectId, id });
}
