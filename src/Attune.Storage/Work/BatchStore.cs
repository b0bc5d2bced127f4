using Attune.Runs;
using Attune.Storage.Webhooks;

namespace Attune.Storage.Work;

/// <summary>Where a batch is in its cycle.</summary>
public enum BatchState
{
    /// <summary>Being put together: its tasks are not given out.</summary>
    Planned,

    /// <summary>Only its calibration tasks are given out.</summary>
    Calibrating,

    /// <summary>All its tasks are given out.</summary>
    Open,

    /// <summary>Nothing more is given out.</summary>
    Closed,

    /// <summary>Handed over.</summary>
    Delivered,
}

/// <summary>Tasks that are planned, judged and delivered together.</summary>
public sealed record Batch
{
    /// <summary>The identifier.</summary>
    public required string Id { get; init; }

    /// <summary>The project.</summary>
    public required string ProjectId { get; init; }

    /// <summary>From 1 within the project.</summary>
    public required int Number { get; init; }

    /// <summary>A name, such as "week 12".</summary>
    public required string Name { get; init; }

    /// <summary>Where it is in its cycle.</summary>
    public required BatchState State { get; init; }

    /// <summary>Where its answers come from, as JSON: policy checkpoint, sampling settings, rows ordered, …</summary>
    public required string Details { get; init; }

    /// <summary>Since when.</summary>
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>Batches of a project.</summary>
public sealed class BatchStore
{
    private readonly Database _database;

    internal BatchStore(Database database) => _database = database;

    /// <summary>Adds a batch, planned.</summary>
    public Task<Batch> CreateAsync(string projectId, string name, string detailsJson, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            if (await transaction.FirstAsync<string>($"SELECT id FROM projects WHERE id = @projectId{transaction.Engine.ForUpdate}", new { projectId }).ConfigureAwait(false) is null)
                throw InputException.One($"Project {projectId}", "is not there", "one of this database", "check the id");
            var batch = new Batch
            {
                Id = transaction.NewId(),
                ProjectId = projectId,
                Name = name,
                State = BatchState.Planned,
                Details = detailsJson,
                CreatedAt = transaction.Now,
                Number = 1 + (int)await transaction.CountAsync("SELECT COALESCE(MAX(number), 0) FROM batches WHERE project_id = @projectId", new { projectId }).ConfigureAwait(false),
            };
            await transaction.ExecuteAsync(
                "INSERT INTO batches (id, project_id, number, name, state, details, created_at) VALUES (@Id, @ProjectId, @Number, @Name, 'planned', @Details, @CreatedAt)", batch).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "batch.create", batch.Id, projectId).ConfigureAwait(false);
            return batch;
        }, stop);

    /// <summary>Moves a batch on, or back.</summary>
    public Task SetStateAsync(string id, BatchState state, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            await transaction.ExecuteAsync("UPDATE batches SET state = @State WHERE id = @id", new { id, State = StorageJson.Word(state) }).ConfigureAwait(false);
            var project = await transaction.FirstAsync<string>("SELECT project_id FROM batches WHERE id = @id", new { id }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "batch.state", id, project, new { state }).ConfigureAwait(false);
            if (project is not null)
                await Outbox.BatchStateAsync(transaction, project, id, state).ConfigureAwait(false);
        }, stop);

    /// <summary>A batch by id; null where there is none.</summary>
    public Task<Batch?> FindAsync(string id, CancellationToken stop = default) =>
        _database.ReadAsync(transaction => transaction.FirstAsync<Batch>("SELECT * FROM batches WHERE id = @id", new { id }), stop);

    /// <summary>A project's batches, by number.</summary>
    public Task<IReadOnlyList<Batch>> ListAsync(string projectId, CancellationToken stop = default) =>
        _database.ReadAsync(transaction => transaction.QueryAsync<Batch>("SELECT * FROM batches WHERE project_id = @projectId ORDER BY number", new { projectId }), stop);
}
