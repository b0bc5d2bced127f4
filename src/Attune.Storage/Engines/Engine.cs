namespace Attune.Storage.Engines;

/// <summary>What differs between SQLite and PostgreSQL.</summary>
internal abstract class Engine(DatabaseOptions options) : IAsyncDisposable
{
    public DatabaseOptions Options { get; } = options;

    public abstract DatabaseKind Kind { get; }

    /// <summary>Behind a SELECT: waits until nobody else changes these rows. SQLite has one writer.</summary>
    public abstract string ForUpdate { get; }

    /// <summary>The same, leaving out rows that somebody else changes.</summary>
    public abstract string SkipLocked { get; }

    /// <summary>Behind a text in ORDER BY: by bytes, whatever the database's language.</summary>
    public abstract string ByBytes { get; }

    public abstract Task<T> ReadAsync<T>(Func<Transaction, Task<T>> work, CancellationToken stop);

    public abstract Task<T> WriteAsync<T>(Func<Transaction, Task<T>> work, CancellationToken stop);

    /// <summary>A table's columns in order, without generated ones: name, and whether it holds text, a whole number or a real one.</summary>
    public abstract Task<IReadOnlyList<Column>> ColumnsAsync(Transaction transaction, string table);

    /// <summary>Keeps other programs from migrating at the same time, until the transaction ends.</summary>
    public abstract Task LockSchemaAsync(Transaction transaction);

    public abstract Task<bool> HasTableAsync(Transaction transaction, string table);

    /// <summary>Takes deleted content off the disk as far as the engine can.</summary>
    public abstract Task ForgetAsync();

    public abstract ValueTask DisposeAsync();
}

/// <summary>What is wanted is in others' hands for a moment: the change is undone, so that it holds nobody up, and tried again.</summary>
internal sealed class ContendedException : Exception;

/// <summary>What a column holds.</summary>
internal enum ColumnKind
{
    Text,
    Whole,
    Real,
}

/// <summary>A column of a table.</summary>
internal sealed record Column(string Name, ColumnKind Kind, bool IsRequired);
