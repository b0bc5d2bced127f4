using System.Diagnostics;
using System.Reflection;
using Attune.Cli.Tests;
using Attune.Storage.People;
using Attune.Storage.Work;
using Xunit.Sdk;

namespace Attune.Storage.Tests.Testing;

/// <summary>A row of a theory: SQLite.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class OnSqliteAttribute : DataAttribute
{
    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => [[DatabaseKind.Sqlite]];
}

/// <summary>A row of a theory: PostgreSQL, where its programs are there.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class OnPostgresAttribute : DataAttribute
{
    public OnPostgresAttribute() => Skip = PostgresServer.WhyNot;

    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => [[DatabaseKind.Postgres]];
}

/// <summary>A clock that stands still until told.</summary>
internal sealed class Clock : TimeProvider
{
    private long _ticks = new DateTimeOffset(2030, 1, 2, 12, 0, 0, TimeSpan.Zero).UtcTicks;

    public override DateTimeOffset GetUtcNow() => new(Interlocked.Read(ref _ticks), TimeSpan.Zero);

    public void Advance(TimeSpan by) => Interlocked.Add(ref _ticks, by.Ticks);
}

/// <summary>A clock that runs, twenty times as fast as others.</summary>
internal sealed class FastClock : TimeProvider
{
    public const double Speed = 20;

    private readonly long _began = Stopwatch.GetTimestamp();

    public override DateTimeOffset GetUtcNow() => new DateTimeOffset(2030, 1, 2, 12, 0, 0, TimeSpan.Zero) + (Stopwatch.GetElapsedTime(_began) * Speed);
}

/// <summary>A new database for one test, with a clock that the test moves.</summary>
internal sealed class TestDatabase : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("attune-db-");
    private readonly List<Database> _opened = [];
    private TimeProvider? _time;
    private int _named;

    private TestDatabase(DatabaseKind kind)
    {
        Kind = kind;
        Url = NewUrl();
    }

    public DatabaseKind Kind { get; }

    public string Url { get; }

    public Clock Clock { get; } = new();

    public Database Database => _opened[0];

    public static async Task<TestDatabase> Open(DatabaseKind kind, TimeProvider? time = null)
    {
        var test = new TestDatabase(kind) { _time = time };
        await test.Again(test.Url);
        return test;
    }

    public string PathOf(string name) => Path.Combine(_folder.FullName, name);

    public string NewUrl() => Kind == DatabaseKind.Sqlite ? PathOf($"{++_named}.db") : PostgresServer.Shared.NewDatabase();

    public async Task<Database> Again(string url, DatabaseOptions? options = null)
    {
        var database = await Database.OpenAsync(url, (options ?? new()) with { Time = _time ?? Clock });
        _opened.Add(database);
        return database;
    }

    /// <summary>A project with annotators.</summary>
    public async Task<(Project Project, IReadOnlyList<Person> People)> Project(int people, ProjectSettings? settings = null)
    {
        var project = await Database.Projects.CreateAsync("Tests", settings ?? new() { Overlap = 2, MaximumOverlap = 5 }, null, seed: 7);
        await Database.Projects.AddInstructionAsync(project.Id, "Choose the *better* one.", null);
        var added = new List<Person>();
        for (var i = 0; i < people; i++)
        {
            added.Add(await Database.People.CreateAsync(new() { DisplayName = $"Person {i}", Email = $"person{i}@example.org" }, null));
            await Database.Projects.SetMemberAsync(project.Id, added[i].Id, Role.Annotator, null);
        }
        return (project, added);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var database in _opened)
            await database.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    public static NewTask Pair(string? id = null) => new() { Id = id, Payload = """{"prompt":"Name a colour.","answers":["red","blue"]}""", Choices = 2 };

    public static NewTask[] Pairs(int count) => Enumerable.Range(0, count).Select(i => Pair($"task-{i:d5}")).ToArray();
}
