using System.Text.Json;

namespace Attune.Storage;

/// <summary>One administrative act. Names people by their ids alone, so that erasing someone leaves nothing of theirs here.</summary>
public sealed record AuditEntry
{
    /// <summary>Its identifier.</summary>
    public required string Id { get; init; }

    /// <summary>When.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The person who did it; null for the program itself.</summary>
    public string? ActorId { get; init; }

    /// <summary>What was done: "project.create", "person.erase", …</summary>
    public required string Act { get; init; }

    /// <summary>What it was done to.</summary>
    public string? SubjectId { get; init; }

    /// <summary>In which project, if in one.</summary>
    public string? ProjectId { get; init; }

    /// <summary>Details as JSON; no names, addresses or secrets.</summary>
    public string? Details { get; init; }
}

/// <summary>Who did what: an append-only table, which the database itself keeps from being changed.</summary>
public sealed class AuditLog
{
    private readonly Database _database;

    internal AuditLog(Database database) => _database = database;

    /// <summary>Writes an entry within a change, so that neither is there without the other.</summary>
    /// <param name="transaction">The change.</param>
    /// <param name="actorId">Who does it; null for the program itself.</param>
    /// <param name="act">What is done: "thing.verb".</param>
    /// <param name="subjectId">What it is done to.</param>
    /// <param name="projectId">In which project.</param>
    /// <param name="details">Anything that becomes JSON; no names, addresses or secrets.</param>
#pragma warning disable CA1822 // reads as a part of the database, like every other store's methods
    public Task RecordAsync(Transaction transaction, string? actorId, string act, string? subjectId = null, string? projectId = null, object? details = null)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return transaction.ExecuteAsync(
            "INSERT INTO audit (id, at, actor_id, act, subject_id, project_id, details) VALUES (@Id, @Now, @actorId, @act, @subjectId, @projectId, @Details)",
            new { Id = transaction.NewId(), transaction.Now, actorId, act, subjectId, projectId, Details = details is null ? null : JsonSerializer.Serialize(details, StorageJson.Options) });
    }
#pragma warning restore CA1822

    /// <summary>Entries in the order of time.</summary>
    /// <param name="projectId">Of one project; null for all.</param>
    /// <param name="page">Which part.</param>
    /// <param name="stop">Gives up.</param>
    public Task<Page<AuditEntry>> ListAsync(string? projectId, PageRequest page, CancellationToken stop = default) => _database.ReadAsync(
        async transaction => page.Of(
            await transaction.QueryAsync<AuditEntry>(
                $"SELECT * FROM audit WHERE id > @From {(projectId is null ? "" : "AND project_id = @projectId")} ORDER BY id LIMIT @More",
                new { page.From, projectId, More = page.Limit + 1 }).ConfigureAwait(false),
            entry => entry.Id), stop);
}
