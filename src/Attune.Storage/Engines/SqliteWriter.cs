using System.Threading.Channels;
using Microsoft.Data.Sqlite;

namespace Attune.Storage.Engines;

/// <summary>
/// The one writer of a SQLite file. What waits when a transaction begins goes into it together, each in a savepoint of its own, so that many people's
/// answers share one flush of the disk; nobody is told of success before the commit. Not here: a second connection that writes.
/// </summary>
internal sealed class SqliteWriter : IAsyncDisposable
{
    private const int MostTogether = 256; // bounds how long the first one waits

    private readonly SqliteEngine _engine;
    private readonly SqliteConnection _connection;
    private readonly Channel<Change> _waiting = Channel.CreateUnbounded<Change>(new() { SingleReader = true });
    private readonly Task _loop;

    public SqliteWriter(SqliteEngine engine, SqliteConnection connection)
    {
        _engine = engine;
        _connection = connection;
        _loop = Task.Run(LoopAsync);
    }

    public Task<T> WriteAsync<T>(Func<Transaction, Task<T>> work, CancellationToken stop)
    {
        var change = new Change<T>(work, stop);
        ObjectDisposedException.ThrowIf(!_waiting.Writer.TryWrite(change), this);
        return change.Result;
    }

    /// <summary>Moves the log into the file and empties it, so that erased content is in neither.</summary>
    public Task CheckpointAsync()
    {
        var change = new Change<bool>(_ => Task.FromResult(true), CancellationToken.None) { IsCheckpoint = true };
        ObjectDisposedException.ThrowIf(!_waiting.Writer.TryWrite(change), this);
        return change.Result;
    }

    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        await _loop.ConfigureAwait(false);
        await _connection.DisposeAsync().ConfigureAwait(false);
    }

    private async Task LoopAsync()
    {
        var together = new List<Change>();
        while (await _waiting.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            together.Clear();
            try
            {
                var checkpoint = await FillAsync(together).ConfigureAwait(false);
                together.ForEach(change => change.Succeed());
                if (checkpoint is not null)
                {
                    together.Add(checkpoint);
                    SqliteEngine.Run(_connection, "PRAGMA wal_checkpoint(TRUNCATE)");
                    checkpoint.Succeed();
                }
            }
            catch (Exception e)
            {
                UndoAll();
                var told = e is SqliteException failure ? _engine.Explain(failure) : e;
                together.ForEach(change => change.Fail(told)); // those that have succeeded are not changed by this
            }
        }
    }

    /// <summary>Runs what waits in one transaction; gives the checkpoint that ended it early, if one did.</summary>
    private async Task<Change?> FillAsync(List<Change> together)
    {
        var isBegun = false;
        Change? checkpoint = null;
        while (checkpoint is null && together.Count < MostTogether && _waiting.Reader.TryRead(out var change))
        {
            if (change.IsCheckpoint)
            {
                checkpoint = change;
                continue;
            }
            if (change.CancelIfAsked())
                continue;
            together.Add(change); // before anything can throw: everyone who waits is answered
            if (!isBegun)
                SqliteEngine.Run(_connection, "BEGIN IMMEDIATE");
            isBegun = true;
            if (!await RunAsync(change).ConfigureAwait(false))
                together.Remove(change);
        }
        if (isBegun)
            SqliteEngine.Run(_connection, "COMMIT");
        return checkpoint;
    }

    private async Task<bool> RunAsync(Change change)
    {
        SqliteEngine.Run(_connection, "SAVEPOINT change");
        try
        {
            await change.RunAsync(new(_engine, _connection, null, CancellationToken.None)).ConfigureAwait(false);
            SqliteEngine.Run(_connection, "RELEASE change");
            return true;
        }
        catch (Exception e) when (IsItsOwn(e)) // the others of this transaction have nothing to do with it
        {
            SqliteEngine.Run(_connection, "ROLLBACK TO change; RELEASE change");
            change.Fail(e);
            return false;
        }
    }

    /// <summary>Whether a failure is the change's own, and not the disk's; after some of those SQLite has already undone the whole transaction.</summary>
    private bool IsItsOwn(Exception e) =>
        SQLitePCL.raw.sqlite3_get_autocommit(_connection.Handle) == 0
        && (e is not SqliteException failure || failure.SqliteErrorCode is SQLitePCL.raw.SQLITE_CONSTRAINT or SQLitePCL.raw.SQLITE_ERROR or SQLitePCL.raw.SQLITE_TOOBIG or SQLitePCL.raw.SQLITE_MISMATCH);

    private void UndoAll()
    {
        try
        {
            if (SQLitePCL.raw.sqlite3_get_autocommit(_connection.Handle) == 0)
                SqliteEngine.Run(_connection, "ROLLBACK");
        }
        catch (SqliteException)
        {
            // the disk refuses that too; the next BEGIN recovers or tells
        }
    }

    private abstract class Change(CancellationToken stop)
    {
        public bool IsCheckpoint { get; init; }

        public bool CancelIfAsked()
        {
            if (stop.IsCancellationRequested)
                Fail(new OperationCanceledException(stop));
            return stop.IsCancellationRequested;
        }

        public abstract Task RunAsync(Transaction transaction);

        public abstract void Succeed();

        public abstract void Fail(Exception e);
    }

    private sealed class Change<T>(Func<Transaction, Task<T>> work, CancellationToken stop) : Change(stop)
    {
        private readonly TaskCompletionSource<T> _told = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T? _result;

        public Task<T> Result => _told.Task;

        public override async Task RunAsync(Transaction transaction) => _result = await work(transaction).ConfigureAwait(false);

        public override void Succeed() => _told.TrySetResult(_result!);

        public override void Fail(Exception e)
        {
            if (e is OperationCanceledException cancelled)
                _told.TrySetCanceled(cancelled.CancellationToken);
            else
                _told.TrySetException(e);
        }
    }
}
