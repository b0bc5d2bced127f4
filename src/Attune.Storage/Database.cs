using Attune.Runs;
using Attune.Storage.Arena;
using Attune.Storage.Chats;
using Attune.Storage.Engines;
using Attune.Storage.Judgments;
using Attune.Storage.Leases;
using Attune.Storage.Metrics;
using Attune.Storage.People;
using Attune.Storage.Quality;
using Attune.Storage.Schema;
using Attune.Storage.Trees;
using Attune.Storage.Webhooks;
using Attune.Storage.Work;
using Dapper;

namespace Attune.Storage;

/// <summary>What a database is opened with.</summary>
public sealed record DatabaseOptions
{
    /// <summary>Where time comes from.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Where identifiers come from.</summary>
    public IdSource Ids { get; init; } = IdSource.Random();

    /// <summary>Only reads, beside a program that writes; for backups and exports of a database in use.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Whether an older schema is brought up to date; otherwise it is refused.</summary>
    public bool Migrate { get; init; } = true;
}

/// <summary>
/// Projects, tasks, people, leases and judgments in one SQLite file or one PostgreSQL database. Safe for any number of callers at once; open it once
/// for the life of a program. What a store's method changes, it changes in one transaction, with the entry of the audit log; several calls become one
/// change through <see cref="WriteAsync{T}"/> and the methods that take a <see cref="Transaction"/>.
/// </summary>
public sealed class Database : IAsyncDisposable
{
    private readonly Engine _engine;

    static Database()
    {
        DefaultTypeMap.MatchNamesWithUnderscores = true;
        SqlMapper.RemoveTypeMap(typeof(DateTimeOffset));
        SqlMapper.RemoveTypeMap(typeof(DateTimeOffset?));
        SqlMapper.AddTypeHandler(new Microseconds());
    }

    private Database(DatabaseUrl url, Engine engine)
    {
        Url = url;
        _engine = engine;
        Audit = new(this);
        People = new(this);
        Access = new(this);
        Erasure = new(this);
        Projects = new(this);
        Batches = new(this);
        Tasks = new(this);
        Leases = new(this);
        Trees = new(this);
        Judgments = new(this);
        Drafts = new(this);
        Chats = new(this);
        Quality = new(this);
        Rules = new(this);
        Notices = new(this);
        Pay = new(this);
        Cycle = new(this);
        Arena = new(this);
        Metrics = new(this);
        Webhooks = new(this);
    }

    /// <summary>Where it is.</summary>
    public DatabaseUrl Url { get; }

    /// <summary>The schema's version before and after opening.</summary>
    public SchemaChange Schema { get; private set; } = new(0, 0);

    /// <summary>Who did what, append-only.</summary>
    public AuditLog Audit { get; }

    /// <summary>People, their languages and skills.</summary>
    public PersonStore People { get; }

    /// <summary>Invitations, password resets, sessions, API keys, lock-out.</summary>
    public AccessStore Access { get; }

    /// <summary>Export and erasure of one person's data.</summary>
    public PersonErasure Erasure { get; }

    /// <summary>Projects, their instructions and members.</summary>
    public ProjectStore Projects { get; }

    /// <summary>Batches of a project.</summary>
    public BatchStore Batches { get; }

    /// <summary>Tasks of a project.</summary>
    public TaskStore Tasks { get; }

    /// <summary>Who works on what, until when; answers come in here.</summary>
    public LeaseStore Leases { get; }

    /// <summary>Trees of messages.</summary>
    public TreeStore Trees { get; }

    /// <summary>The log of judgments.</summary>
    public JudgmentStore Judgments { get; }

    /// <summary>Answers that are not sent yet.</summary>
    public DraftStore Drafts { get; }

    /// <summary>Conversations with a model, turn by turn.</summary>
    public ChatStore Chats { get; }

    /// <summary>What quality control reads, golden tasks, what is brought up to date in the background.</summary>
    public QualityStore Quality { get; }

    /// <summary>Rules of projects, and what they did.</summary>
    public RuleStore Rules { get; }

    /// <summary>What rules tell annotators, and appeals.</summary>
    public NoticeStore Notices { get; }

    /// <summary>Pay plans and statements.</summary>
    public PayStore Pay { get; }

    /// <summary>The cycle of batches.</summary>
    public BatchCycle Cycle { get; }

    /// <summary>Conversations of the arena and their votes.</summary>
    public ArenaStore Arena { get; }

    /// <summary>How projects go.</summary>
    public MetricsStore Metrics { get; }

    /// <summary>Calls to other programs, and what became of them.</summary>
    public WebhookStore Webhooks { get; }

    internal Engine Engine => _engine;

    /// <summary>Opens a database, making the file and the schema if there is none.</summary>
    /// <param name="url">See <see cref="DatabaseUrl"/>.</param>
    /// <param name="options">Clock, ids, reading alone.</param>
    /// <param name="stop">Gives up waiting for a server.</param>
    /// <exception cref="InputException">The URL is none, the file is no database of Attune's, another process has it open, its schema is newer than this program.</exception>
    /// <exception cref="StorageException">The disk is full, the server does not answer.</exception>
    public static async Task<Database> OpenAsync(string url, DatabaseOptions? options = null, CancellationToken stop = default)
    {
        var where = DatabaseUrl.Parse(url);
        var settings = options ?? new();
        Engine engine = where.Kind == DatabaseKind.Sqlite ? SqliteEngine.Open(where, settings) : PostgresEngine.Open(where, settings);
        try
        {
            return new(where, engine) { Schema = await Migrations.ApplyAsync(engine, where.ToString(), stop).ConfigureAwait(false) };
        }
        catch
        {
            await engine.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The same, for programs that have not begun to serve anything.</summary>
    public static Database Open(string url, DatabaseOptions? options = null) => Task.Run(() => OpenAsync(url, options)).GetAwaiter().GetResult();

    /// <summary>Reads from one view that does not move meanwhile. Never waits for writers.</summary>
    /// <exception cref="StorageException">The database cannot be read.</exception>
    public Task<T> ReadAsync<T>(Func<Transaction, Task<T>> work, CancellationToken stop = default) => _engine.ReadAsync(work, stop);

    /// <summary>Changes something as a whole; on the disk when the task ends. What the work throws undoes all of it.</summary>
    /// <exception cref="StorageException">The database cannot be written.</exception>
    public Task<T> WriteAsync<T>(Func<Transaction, Task<T>> work, CancellationToken stop = default) => _engine.WriteAsync(work, stop);

    /// <summary>The same without a result.</summary>
    public Task WriteAsync(Func<Transaction, Task> work, CancellationToken stop = default) => _engine.WriteAsync(
        async transaction =>
        {
            await work(transaction).ConfigureAwait(false);
            return true;
        }, stop);

    /// <summary>Waits for the changes under way and closes.</summary>
    public ValueTask DisposeAsync() => _engine.DisposeAsync();
}
