using System.Data;
using System.Security.Cryptography;
using Attune.Runs;
using Npgsql;

namespace Attune.Storage.Engines;

/// <summary>
/// A PostgreSQL database through a pool of connections. Changes lock the rows they decide on, so "read committed" is enough; what the server still
/// refuses (a deadlock, a serialization failure) is done again.
/// </summary>
internal sealed class PostgresEngine : Engine
{
    private const int MostTries = 12;
    private const int MostPrepared = 200;
    private const long SchemaLock = 0x4174_7475_6E65; // any number that other programs do not use

    private readonly DatabaseUrl _url;
    private readonly NpgsqlDataSource _source;

    private PostgresEngine(DatabaseUrl url, DatabaseOptions options, NpgsqlDataSource source)
        : base(options)
    {
        _url = url;
        _source = source;
    }

    public override DatabaseKind Kind => DatabaseKind.Postgres;

    public override string ForUpdate => " FOR UPDATE";

    public override string SkipLocked => " FOR UPDATE SKIP LOCKED";

    public override string ByBytes => " COLLATE \"C\"";

    public static PostgresEngine Open(DatabaseUrl url, DatabaseOptions options)
    {
        var source = new NpgsqlDataSourceBuilder(url.Target);
        if (source.ConnectionStringBuilder.MaxAutoPrepare == 0)
            source.ConnectionStringBuilder.MaxAutoPrepare = MostPrepared; // giving out a task takes some twenty statements, always the same ones
        return new(url, options, source.Build());
    }

    public override async Task<T> ReadAsync<T>(Func<Transaction, Task<T>> work, CancellationToken stop)
    {
        try
        {
            await using var connection = await _source.OpenConnectionAsync(stop).ConfigureAwait(false);
            await using var inner = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, stop).ConfigureAwait(false);
            var result = await work(new(this, connection, inner, stop)).ConfigureAwait(false);
            await inner.RollbackAsync(CancellationToken.None).ConfigureAwait(false); // it has changed nothing
            return result;
        }
        catch (Exception e) when (Explain(e) is { } told)
        {
            throw told;
        }
    }

    public override async Task<T> WriteAsync<T>(Func<Transaction, Task<T>> work, CancellationToken stop)
    {
        if (Options.ReadOnly)
            throw new InvalidOperationException($"{_url} was opened to read, expected to write; open it without ReadOnly.");
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var connection = await _source.OpenConnectionAsync(stop).ConfigureAwait(false);
                await using var inner = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, stop).ConfigureAwait(false);
                var result = await work(new(this, connection, inner, stop) { MayTryAgain = attempt < MostTries }).ConfigureAwait(false);
                await inner.CommitAsync(CancellationToken.None).ConfigureAwait(false); // from here on it is not for the caller to abandon
                return result;
            }
            catch (Exception e) when (attempt < MostTries && IsPassing(e))
            {
                await Task.Delay(RandomNumberGenerator.GetInt32(1, 4 << Math.Min(attempt, 6)), stop).ConfigureAwait(false);
            }
            catch (Exception e) when (Explain(e) is { } told)
            {
                throw told;
            }
        }
    }

    public override async Task<IReadOnlyList<Column>> ColumnsAsync(Transaction transaction, string table) =>
        (await transaction.QueryAsync<(string Name, string Type, string Empty)>(
            "SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = @table AND is_generated = 'NEVER' ORDER BY ordinal_position",
            new { table }).ConfigureAwait(false))
        .Select(column => new Column(column.Name, column.Type switch { "text" => ColumnKind.Text, "bigint" => ColumnKind.Whole, _ => ColumnKind.Real }, column.Empty == "NO"))
        .ToList();

    public override Task LockSchemaAsync(Transaction transaction) => transaction.ExecuteAsync("SELECT pg_advisory_xact_lock(@lock)", new { @lock = SchemaLock });

    public override async Task<bool> HasTableAsync(Transaction transaction, string table) =>
        await transaction.CountAsync("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = @table", new { table }).ConfigureAwait(false) > 0;

    public override Task ForgetAsync() => Task.CompletedTask; // vacuum is the server's affair

    public override ValueTask DisposeAsync() => _source.DisposeAsync();

    private static bool IsPassing(Exception e) =>
        e is ContendedException or PostgresException { SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected };

    /// <summary>What the server or the network says, in words a user can act on; null where it is a mistake of the program's own.</summary>
    private Exception? Explain(Exception e) => e switch
    {
        PostgresException { SqlState: PostgresErrorCodes.CharacterNotInRepertoire or PostgresErrorCodes.UntranslatableCharacter } =>
            InputException.One("A text", "holds a NUL character", "text without one", "remove it"),
        PostgresException { SqlState: PostgresErrorCodes.DiskFull } =>
            new StorageException(StorageFault.DiskFull, $"{_url} could not be written: the server's disk is full, expected more free space; free some there, then send it again", e),
        PostgresException { SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification } =>
            InputException.One(_url.ToString(), "lets this user not in", "a user and password that the server knows", "correct them in the URL"),
        PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName } =>
            InputException.One(_url.ToString(), "is not there on the server", "a database", "make it with createdb, or correct its name"),
        PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } =>
            InputException.One(_url.ToString(), "may not be changed by this user", "one who owns the schema", "grant the rights, or name another user"),
        PostgresException { IsTransient: false, SqlState: not (PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow) } => null,
        NpgsqlException or System.Net.Sockets.SocketException =>
            new StorageException(StorageFault.Unavailable, $"{_url} does not answer ({e.Message.TrimEnd('.')}), expected a server that runs and can be reached; check it, then send it again", e),
        _ => null,
    };
}
