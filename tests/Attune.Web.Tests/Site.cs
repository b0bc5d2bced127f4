using System.Net;
using Attune.Storage;
using Attune.Storage.People;
using Attune.Storage.Work;
using Attune.Web.Work;
using Microsoft.AspNetCore.Builder;

namespace Attune.Web.Tests;

/// <summary>A clock that stands still until told.</summary>
internal sealed class Clock : TimeProvider
{
    private long _ticks = new DateTimeOffset(2030, 1, 2, 12, 0, 0, TimeSpan.Zero).UtcTicks;

    public override DateTimeOffset GetUtcNow() => new(Interlocked.Read(ref _ticks), TimeSpan.Zero);

    public void Advance(TimeSpan by) => Interlocked.Add(ref _ticks, by.Ticks);
}

/// <summary>The application in this process, on a free port, over a SQLite file of its own.</summary>
internal sealed class Site : IAsyncDisposable
{
    private readonly DirectoryInfo _folder;
    private readonly WebApplication _app;
    private readonly List<Visit> _visits = [];

    private Site(DirectoryInfo folder, Database database, WebApplication app, Clock clock) => (_folder, Database, _app, Clock) = (folder, database, app, clock);

    public Database Database { get; }

    public Clock Clock { get; }

    public IServiceProvider Services => _app.Services;

    /// <param name="options">How it is served.</param>
    /// <param name="url">The database; a new file where it is left out.</param>
    /// <param name="configure">More services.</param>
    public static async Task<Site> Open(WebOptions? options = null, string? url = null, Action<WebApplicationBuilder>? configure = null)
    {
        var clock = new Clock();
        var folder = Directory.CreateTempSubdirectory("attune-web-");
        var database = await Database.OpenAsync(url ?? Path.Combine(folder.FullName, "test.db"), new() { Time = clock });
        var app = await WebServer.BuildAsync(database, (options ?? new() { RequestsPerMinute = 1_000_000 }) with { Listen = "http://127.0.0.1:0" }, configure);
        await app.StartAsync();
        return new(folder, database, app, clock);
    }

    /// <summary>Somebody's browser or program, without anything yet.</summary>
    public Visit Visit()
    {
        var visit = new Visit(new Uri(_app.Urls.First()));
        _visits.Add(visit);
        return visit;
    }

    public async Task<Person> Person(Role role = Role.Annotator, string? password = null, string? email = null)
    {
        email ??= $"{Guid.NewGuid():n}@example.org";
        var hash = password is null ? null : ((Access.SignIn)_app.Services.GetService(typeof(Access.SignIn))!).Hash(password);
        return await Database.People.CreateAsync(new() { DisplayName = "Somebody", Email = email, PasswordHash = hash, Role = role }, null);
    }

    /// <summary>A browser of a person who is signed in.</summary>
    public async Task<Visit> SignedIn(Person person)
    {
        var visit = Visit();
        visit.Cookies.Add(visit.Address, new Cookie("attune-session", await Database.Access.BeginSessionAsync(person.Id, TimeSpan.FromDays(1))));
        return visit;
    }

    /// <summary>A program with a key of a person's.</summary>
    public async Task<Visit> Program(Person person, params string[] scopes)
    {
        var visit = Visit();
        visit.Key = (await Database.Access.CreateKeyAsync(person.Id, "test", scopes, null, null)).Token;
        return visit;
    }

    /// <summary>The same, as programs in C# have it.</summary>
    public async Task<Client.AttuneClient> Client(Person person, params string[] scopes)
    {
        var visit = await Program(person, scopes);
        return new(visit.Address, visit.Key!);
    }

    /// <summary>A project of pairs, each for two people.</summary>
    public async Task<Project> Project(int tasks = 3, string name = "Colours")
    {
        var project = await Database.Projects.CreateAsync(name, new() { Overlap = 2, MaximumOverlap = 2 }, null, seed: 7);
        if (tasks > 0)
            await ComparisonProject.AddAsync(Database, project, ComparisonProject.Parse("test", Comparisons(tasks)), null, CancellationToken.None);
        return project;
    }

    /// <summary>An annotator of a project.</summary>
    public async Task<Person> Member(Project project, Role role = Role.Annotator)
    {
        var person = await Person(role == Role.Manager ? Role.Annotator : role);
        await Database.Projects.SetMemberAsync(project.Id, person.Id, role, null);
        return person;
    }

    public static byte[] Comparisons(int count, string prefix = "c") => System.Text.Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, count).Select(i =>
        $$"""{"id":"{{prefix}}{{i}}","prompt":"Name a colour.","answers":[{"source":"one","text":"red"},{"source":"two","text":"blue"}],"order":[0,1]}""" + "\n")));

    /// <summary>Another server over the same database, as after a restart, and a program there with the key of the last one made here.</summary>
    public async Task<Other> Again(Chat.IChatModel? model)
    {
        var app = await WebServer.BuildAsync(Database, new() { Listen = "http://127.0.0.1:0", RequestsPerMinute = 1_000_000, ChatModel = model });
        await app.StartAsync();
        return new(app, new Visit(new Uri(app.Urls.First())) { Key = _visits.Last(visit => visit.Key is not null).Key });
    }

    internal sealed record Other(WebApplication App, Visit Visit) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            Visit.Dispose();
            await App.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var visit in _visits)
            visit.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        await Database.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
