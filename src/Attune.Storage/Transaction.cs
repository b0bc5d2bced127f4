using System.Data.Common;
using Attune.Storage.Engines;
using Dapper;

namespace Attune.Storage;

/// <summary>
/// One view of the database that does not move, or one change that happens as a whole. Work inside may run more than once and must have no effect
/// outside the database; on SQLite it holds the one writer, so it must not wait for anything else.
/// </summary>
public sealed class Transaction
{
    private readonly DbConnection _connection;
    private readonly DbTransaction? _inner;
    private readonly IdSource _ids;
    private readonly CancellationToken _stop;

    internal Transaction(Engine engine, DbConnection connection, DbTransaction? inner, CancellationToken stop)
    {
        Engine = engine;
        _connection = connection;
        _inner = inner;
        _ids = engine.Options.Ids;
        _stop = stop;
        Now = Microseconds.Truncate(engine.Options.Time.GetUtcNow());
    }

    /// <summary>The time of everything that happens in it, in whole microseconds.</summary>
    public DateTimeOffset Now { get; }

    internal Engine Engine { get; }

    /// <summary>Whether <see cref="ContendedException"/> would have it tried again.</summary>
    internal bool MayTryAgain { get; init; }

    /// <summary>A new identifier.</summary>
    public string NewId() => _ids.Next(Now);

    /// <summary>Runs a statement; gives the number of rows it changed.</summary>
    /// <param name="sql">Plain SQL of both engines, with parameters as <c>@name</c>.</param>
    /// <param name="parameters">An object whose properties are the parameters.</param>
    public Task<int> ExecuteAsync(string sql, object? parameters = null) => _connection.ExecuteAsync(Command(sql, parameters));

    /// <summary>All rows of a query; a column <c>some_name</c> goes to the property <c>SomeName</c>.</summary>
    public async Task<IReadOnlyList<T>> QueryAsync<T>(string sql, object? parameters = null) =>
        (await _connection.QueryAsync<T>(Command(sql, parameters)).ConfigureAwait(false)).AsList();

    /// <summary>The first row of a query, or the default value where there is none.</summary>
    public async Task<T?> FirstAsync<T>(string sql, object? parameters = null) =>
        await _connection.QueryFirstOrDefaultAsync<T>(Command(sql, parameters)).ConfigureAwait(false);

    /// <summary>A number that a query gives.</summary>
    public async Task<long> CountAsync(string sql, object? parameters = null) =>
        await _connection.ExecuteScalarAsync<long>(Command(sql, parameters)).ConfigureAwait(false);

    /// <summary>Reads row after row without holding them all.</summary>
    internal async Task<DbDataReader> ReaderAsync(string sql)
    {
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.Transaction = _inner;
        return await command.ExecuteReaderAsync(_stop).ConfigureAwait(false);
    }

    /// <summary>A statement to run many times.</summary>
    internal DbCommand Prepared(string sql)
    {
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.Transaction = _inner;
        return command;
    }

    private CommandDefinition Command(string sql, object? parameters) => new(sql, parameters, _inner, cancellationToken: _stop);
}
