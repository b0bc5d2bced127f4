namespace Attune.Storage.Judgments;

/// <summary>An answer that is not sent yet.</summary>
/// <param name="LeaseId">Of which lease.</param>
/// <param name="Content">Whatever the page keeps.</param>
/// <param name="SavedAt">When.</param>
public sealed record Draft(string LeaseId, string Content, DateTimeOffset SavedAt)
{
    private Draft()
        : this("", "", default)
    {
        // for the rows of a query
    }
}

/// <summary>Answers that are not sent yet, one for a lease; gone when the answer is there.</summary>
public sealed class DraftStore
{
    private readonly Database _database;

    internal DraftStore(Database database) => _database = database;

    /// <summary>Keeps a draft in place of an earlier one. Whether the lease still waits for an answer of this person; otherwise nothing is kept.</summary>
    public Task<bool> SaveAsync(string leaseId, string personId, string content, CancellationToken stop = default) => _database.WriteAsync(
        async transaction => await transaction.ExecuteAsync(
            """
            INSERT INTO drafts (lease_id, content, saved_at)
            SELECT id, @content, @Now FROM leases WHERE id = @leaseId AND person_id = @personId AND judgment_id IS NULL
            ON CONFLICT (lease_id) DO UPDATE SET content = excluded.content, saved_at = excluded.saved_at
            """,
            new { leaseId, personId, content, transaction.Now }).ConfigureAwait(false) > 0, stop);

    /// <summary>A lease's draft; null where there is none or the lease is somebody else's.</summary>
    public Task<Draft?> FindAsync(string leaseId, string personId, CancellationToken stop = default) => _database.ReadAsync(
        transaction => transaction.FirstAsync<Draft>(
            "SELECT d.* FROM drafts d JOIN leases l ON l.id = d.lease_id WHERE d.lease_id = @leaseId AND l.person_id = @personId", new { leaseId, personId }), stop);
}
