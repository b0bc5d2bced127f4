using System.Collections.Concurrent;
using Attune.Runs;
using Microsoft.Data.Sqlite;

namespace Attune.Storage.Engines;

/// <summary>
/// One SQLite file in WAL mode: a single writer (<see cref="SqliteWriter"/>), readers that never wait for it, and a lock file that keeps a second
/// writing process out.
/// </summary>
internal sealed class SqliteEngine : Engine
{
    private const int ApplicationId = 0x4174_7475; // "Attu"
    private const int WaitSeconds = 30; // for other programs that hold the file, such as the sqlite3 shell

    private readonly DatabaseUrl _url;
    private readonly FileStream? _lock;
    private readonly SqliteWriter? _writer;
    private readonly ConcurrentBag<SqliteConnection> _readers = [];
    private bool _isClosed;

    private SqliteEngine(DatabaseUrl url, DatabaseOptions options, FileStream? held, SqliteConnection? connection)
        : base(options)
    {
        _url = url;
        _lock = held;
        _writer = connection is null ? null : new(this, connection);
    }

    public override DatabaseKind Kind => DatabaseKind.Sqlite;

    public override string ForUpdate => "";

    public override string SkipLocked => "";

    public override string ByBytes => " COLLATE BINARY";

    public static SqliteEngine Open(DatabaseUrl url, DatabaseOptions options)
    {
        SystemSqlite.Prepare();
        if (options.ReadOnly)
        {
            if (!File.Exists(url.Target))
                throw InputException.One(url.ToString(), "is not there", "a database", "check the path");
            try
            {
                using var probe = Connect(url, "PRAGMA query_only = ON");
                Recognise(url, probe, mayMark: false);
            }
            catch (SqliteException e)
            {
                throw Explain(url, e);
            }
            return new(url, options, null, null);
        }
        var held = TakeLock(url);
        SqliteConnection? connection = null;
        try
        {
            // secure_delete: what was erased is overwritten. FULL: a commit is on the disk before it is told of.
            connection = Connect(url, "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = 4000; PRAGMA temp_store = MEMORY");
            Recognise(url, connection, mayMark: true);
            using var mode = connection.CreateCommand();
            mode.CommandText = "PRAGMA journal_mode = WAL";
            if (mode.ExecuteScalar() is not "wal")
                throw InputException.One(url.ToString(), "lies on a file system without shared memory", "a local disk", "move it there");
            return new(url, options, held, connection);
        }
        catch (SqliteException e)
        {
            connection?.Dispose();
            held.Dispose();
            throw Explain(url, e);
        }
        catch
        {
            connection?.Dispose();
            held.Dispose();
            throw;
        }
    }

    public override async Task<T> ReadAsync<T>(Func<Transaction, Task<T>> work, CancellationToken stop)
    {
        ObjectDisposedException.ThrowIf(_isClosed, this);
        stop.ThrowIfCancellationRequested();
        SqliteConnection? connection = null;
        try
        {
            connection = _readers.TryTake(out var idle) ? idle : Connect(_url, "PRAGMA query_only = ON");
            Run(connection, "BEGIN");
            var result = await work(new(this, connection, null, stop)).ConfigureAwait(false);
            Run(connection, "COMMIT");
            _readers.Add(connection);
            return result;
        }
        catch (Exception e)
        {
            connection?.Dispose(); // ends its transaction too
            throw e is SqliteException failure ? Explain(_url, failure) : Rethrown(e);
        }
    }

    public override Task<T> WriteAsync<T>(Func<Transaction, Task<T>> work, CancellationToken stop)
    {
        ObjectDisposedException.ThrowIf(_isClosed, this);
        return _writer is null ? throw new InvalidOperationException($"{_url} was opened to read, expected to write; open it without ReadOnly.") : _writer.WriteAsync(work, stop);
    }

    public override async Task<IReadOnlyList<Column>> ColumnsAsync(Transaction transaction, string table) =>
        (await transaction.QueryAsync<(string Name, string Type, long Required, long Key)>($"SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo('{table}') WHERE hidden = 0 ORDER BY cid").ConfigureAwait(false))
        .Select(column => new Column(column.Name, column.Type switch { "TEXT" => ColumnKind.Text, "BIGINT" => ColumnKind.Whole, _ => ColumnKind.Real }, column.Required != 0 || column.Key != 0))
        .ToList();

    public override Task LockSchemaAsync(Transaction transaction) => Task.CompletedTask; // there is one writer

    public override async Task<bool> HasTableAsync(Transaction transaction, string table) =>
        await transaction.CountAsync("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = @table", new { table }).ConfigureAwait(false) > 0;

    public override Task ForgetAsync() => _writer!.CheckpointAsync();

    public override async ValueTask DisposeAsync()
    {
        if (_isClosed)
            return;
        _isClosed = true;
        if (_writer is not null)
            await _writer.DisposeAsync().ConfigureAwait(false);
        while (_readers.TryTake(out var reader))
            reader.Dispose();
        _lock?.Dispose();
    }

    /// <summary>Puts a file in a database's place while nobody else has it.</summary>
    /// <exception cref="InputException">Another process has it open.</exception>
    internal static void Replace(DatabaseUrl url, string file)
    {
        using var held = TakeLock(url);
        if (File.Exists(url.Target))
            EmptyLog(url); // should the machine stop before the next lines are done, the old file is whole
        foreach (var ending in (string[])["-wal", "-shm"])
            File.Delete(url.Target + ending); // they belong to the old file, and would be read into the new one
        File.Move(file, url.Target, overwrite: true);
    }

    private static void EmptyLog(DatabaseUrl url)
    {
        try
        {
            using var old = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = url.Target, Pooling = false }.ConnectionString);
            old.Open();
            Run(old, "PRAGMA wal_checkpoint(TRUNCATE)");
        }
        catch (SqliteException)
        {
            // damaged: that is why it is replaced
        }
    }

    internal static void Run(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <summary>What SQLite says, in words a user can act on.</summary>
    internal Exception Explain(SqliteException e) => Explain(_url, e);

    internal static Exception Explain(DatabaseUrl url, SqliteException e) => e.SqliteErrorCode switch
    {
        SQLitePCL.raw.SQLITE_FULL => new StorageException(StorageFault.DiskFull, $"{url} could not be written: the disk is full, expected more free space; free some, then send it again", e),
        SQLitePCL.raw.SQLITE_IOERR when e.SqliteExtendedErrorCode is SQLitePCL.raw.SQLITE_IOERR_WRITE or SQLitePCL.raw.SQLITE_IOERR_SHMSIZE or SQLitePCL.raw.SQLITE_IOERR_TRUNCATE =>
            new StorageException(StorageFault.DiskFull, $"{url} could not be written: the disk takes no more, expected free space; free some, then send it again", e),
        SQLitePCL.raw.SQLITE_BUSY or SQLitePCL.raw.SQLITE_LOCKED =>
            new StorageException(StorageFault.Busy, $"{url} is held by another program, expected it for this one alone; close the other (a sqlite3 shell?), then send it again", e),
        SQLitePCL.raw.SQLITE_NOTADB => InputException.One(url.ToString(), "is no SQLite database", "one, or a new file", "name another file"),
        SQLitePCL.raw.SQLITE_CANTOPEN or SQLitePCL.raw.SQLITE_READONLY or SQLitePCL.raw.SQLITE_PERM or SQLitePCL.raw.SQLITE_AUTH =>
            InputException.One(url.ToString(), "cannot be opened to write", "a file in a folder that this user may write", "change its permissions or name another"),
        SQLitePCL.raw.SQLITE_IOERR or SQLitePCL.raw.SQLITE_CORRUPT =>
            new StorageException(StorageFault.Damaged, $"{url} could not be read or written ({e.Message}), expected a sound disk and file; check the disk, then restore a backup with 'attune db restore'", e),
        _ => e, // a mistake of the program's own: a constraint, a statement
    };

    private static SqliteConnection Connect(DatabaseUrl url, string pragmas)
    {
        var settings = new SqliteConnectionStringBuilder { DataSource = url.Target, ForeignKeys = true, Pooling = false, DefaultTimeout = WaitSeconds };
        var connection = new SqliteConnection(settings.ConnectionString);
        try
        {
            connection.Open();
            Run(connection, pragmas);
            return connection;
        }
        catch (SqliteException e)
        {
            connection.Dispose();
            throw Explain(url, e);
        }
    }

    /// <summary>Refuses a database of another program, and marks a new one.</summary>
    private static void Recognise(DatabaseUrl url, SqliteConnection connection, bool mayMark)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT (SELECT application_id FROM pragma_application_id), (SELECT COUNT(*) FROM sqlite_master)";
        long id, objects;
        using (var row = command.ExecuteReader())
        {
            row.Read();
            (id, objects) = (row.GetInt64(0), row.GetInt64(1));
        }
        if (id == ApplicationId)
            return;
        if (objects > 0 || id != 0 || !mayMark)
            throw InputException.One(url.ToString(), objects > 0 || id != 0 ? "is a database of another program" : "is empty", "a database of Attune's", "name another file");
        Run(connection, $"PRAGMA application_id = {ApplicationId}");
    }

    private static FileStream TakeLock(DatabaseUrl url)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(url.Target)!);
            // The lock is the open file, not its existence: the system lets go of it when the process ends, however it ends.
            return new(url.Target + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException) when (File.Exists(url.Target + ".lock"))
        {
            throw InputException.One(url.ToString(), "is in use by another process", "a database for this one alone", "stop the other, or go through its HTTP API; backup and export work meanwhile");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw InputException.One(url.ToString(), $"cannot be opened ({e.Message.TrimEnd('.')})", "a file in a folder that this user may write", "change its permissions or name another");
        }
    }

    private static Exception Rethrown(Exception e)
    {
        System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e);
        return e;
    }
}
