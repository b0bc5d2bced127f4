using Attune.Feedback;
using Attune.Storage;
using Attune.Storage.People;
using Attune.Storage.Work;
using Attune.Web;
using Attune.Web.Chat;
using Attune.Web.Texts;
using Attune.Web.Work;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Logging;
using Microsoft.Playwright;

namespace Attune.Browser.Tests.Work;

/// <summary>The web application over a database of its own, and a browser to look at it. Every test makes its own project and annotators.</summary>
public sealed class WorkSite : IAsyncLifetime
{
    private const string Password = "a long sentence to keep";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("attune-work-");
    private readonly Browser _browser = new();
    private Database? _database;
    private WebApplication? _app;
    private string _passwordHash = "";
    private int _people;
    private int _projects;

    /// <summary>Where everything is kept; a file of its own where it is left out.</summary>
    public string? Url { get; init; }

    public Database Database => _database!;

    /// <summary>What people talk with.</summary>
    public ScriptedModel Model { get; } = new();

    public string Address => _app!.Urls.First();

    /// <summary>The folder of training runs that the site shows.</summary>
    public string Runs => Directory.CreateDirectory(Path.Combine(_folder.FullName, "runs")).FullName;

    public async Task InitializeAsync()
    {
        await _browser.InitializeAsync();
        _database = await Database.OpenAsync(Url ?? Path.Combine(_folder.FullName, "work.db"));
        _passwordHash = new PasswordHasher<Person>().HashPassword(null!, Password);
        await StartAsync("http://127.0.0.1:0");
    }

    public async Task DisposeAsync()
    {
        await _app!.DisposeAsync();
        await _database!.DisposeAsync();
        await _browser.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    /// <summary>Stops the server, does something, and starts it again where it was.</summary>
    public async Task RestartAsync(Func<Task> between)
    {
        var address = Address;
        await _app!.DisposeAsync();
        await between();
        await StartAsync(address);
    }

    /// <summary>A project with tasks of K answers: "Answer k of prompt n".</summary>
    public async Task<Project> ProjectAsync(ProjectSettings settings, int tasks = 1, int answers = 2, string name = "Reviews") => await ProjectAsync(
        settings, name, [.. Enumerable.Range(0, tasks).Select(n => Comparison($"Prompt {n}", [.. Enumerable.Range(0, answers).Select(k => $"Answer {k} of prompt {n}")]))]);

    /// <summary>A project with these comparisons as tasks.</summary>
    public async Task<Project> ProjectAsync(ProjectSettings settings, string name, IReadOnlyList<Comparison> comparisons)
    {
        var project = await Database.Projects.CreateAsync($"{name} {Interlocked.Increment(ref _projects)}", settings, null);
        await Database.Tasks.AddAsync(project.Id, [.. comparisons.Select(comparison => new NewTask { Payload = comparison.ToJson(), Choices = comparison.Answers.Count, SubjectId = comparison.Id })], null);
        return project;
    }

    /// <summary>A project with these lines of <c>tasks.jsonl</c> as tasks.</summary>
    public async Task<Project> ProjectAsync(ProjectSettings settings, string name, string lines)
    {
        var project = await Database.Projects.CreateAsync($"{name} {Interlocked.Increment(ref _projects)}", settings with { Overlap = 1, MaximumOverlap = 1 }, null);
        await TaskImport.Parse("test", System.Text.Encoding.UTF8.GetBytes(lines)).AddAsync(Database, project, null, CancellationToken.None);
        return project;
    }

    public static Comparison Comparison(string prompt, params string[] answers) => new()
    {
        Id = $"c-{Guid.CreateVersion7():N}",
        Prompt = prompt,
        Answers = [.. answers.Select((text, k) => new Answer { Id = $"{k}", Source = $"model-{k}", Text = text })],
        Order = [.. Enumerable.Range(0, answers.Length)],
    };

    /// <summary>Somebody new in a browser of their own, signed in, before the project's first task.</summary>
    public async Task<Worker> WorkerAsync(Project project, int width = 1280, ColorScheme scheme = ColorScheme.Light, string language = "en-GB")
    {
        var person = await PersonAsync(project);
        var complaints = new List<string>();
        var page = await _browser.Fresh(complaints, width, scheme, language);
        await page.Context.AddCookiesAsync([new() { Name = "attune-session", Value = await Database.Access.BeginSessionAsync(person.Id, TimeSpan.FromHours(1)), Url = Address }]);
        await page.GotoAsync($"{Address}/work/{project.Id}");
        return new(this, project, person, page, complaints);
    }

    /// <summary>The same, by way of the form.</summary>
    public async Task<Worker> SignInAsync(Project project)
    {
        var person = await PersonAsync(project);
        var complaints = new List<string>();
        var page = await _browser.Fresh(complaints);
        await page.GotoAsync($"{Address}/work/{project.Id}"); // leads to the form, and from there back
        await page.GetByLabel("E-mail address").FillAsync((await Database.People.IdentityAsync(person.Id))!.Email!);
        await page.GetByLabel("Password").FillAsync(Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await page.WaitForURLAsync($"{Address}/work/{project.Id}");
        return new(this, project, person, page, complaints);
    }

    private async Task<Person> PersonAsync(Project project)
    {
        var number = Interlocked.Increment(ref _people);
        var person = await Database.People.CreateAsync(new() { DisplayName = $"Ada {number}", Email = $"ada{number}@example.org", PasswordHash = _passwordHash }, null);
        await Database.Projects.SetMemberAsync(project.Id, person.Id, Role.Annotator, null);
        return person;
    }

    private async Task StartAsync(string listen)
    {
        _app = await WebServer.BuildAsync(Database, new() { Listen = listen, RequestsPerMinute = 6000, ChatModel = Model, Runs = Runs }, builder => builder.Logging.SetMinimumLevel(LogLevel.Error));
        await _app.StartAsync();
    }
}

/// <summary>A model whose answers are known: "Answer 1 to …", and the second with a list.</summary>
public sealed class ScriptedModel : IChatModel
{
    private int _answers;

    public string Name => "scripted";

    /// <summary>What it fails with; null answers.</summary>
    public Phrase? Failure { get; set; }

    public Task<IReadOnlyList<string>> SampleAsync(ChatRequest request, CancellationToken stop)
    {
        if (Failure is { } failure)
            throw new ChatModelException(failure);
        var said = request.Conversation.Messages[^1].Content;
        return Task.FromResult<IReadOnlyList<string>>([.. Enumerable.Range(0, request.Answers).Select(index => index == 0
            ? $"Answer {++_answers} to “{said}”: yes, the river scene earns every minute of it. Nobody speaks, and one knows what both would say."
            : $"Answer {++_answers} to “{said}”:\n\n- it *is* long\n- <script>document.title = 'owned'</script>\n- and worth it")]);
    }
}

/// <summary>The tests that share one site, and therefore run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class WorkSiteTests : ICollectionFixture<WorkSite>
{
    public const string Name = "Work";
}

/// <summary>Somebody at work on a project.</summary>
public sealed record Worker(WorkSite Site, Project Project, Person Person, IPage Page, List<string> Complaints) : IAsyncDisposable
{
    public async ValueTask DisposeAsync() => await Page.Context.CloseAsync();

    /// <summary>All judgments of the project in the log, once there are as many.</summary>
    public async Task<IReadOnlyList<Judgment>> Log(int count)
    {
        for (var wait = 0; ; wait++)
        {
            var log = await Site.Database.Judgments.ReadAsync(Project.Id, new());
            if (log.Count >= count)
                return log;
            if (wait == 200)
                throw new TimeoutException($"The log has {log.Count} judgments after 10 s, expected {count}; the page says '{await Page.Locator("[data-state]").TextContentAsync()}'.");
            await Task.Delay(50);
        }
    }

    /// <summary>The one judgment of the project, checked for what holds of all: whose it is, and its times.</summary>
    public async Task<Judgment> Judgment()
    {
        var judgment = Assert.Single(await Log(1));
        Assert.Equal(Person.Pseudonym, judgment.AnnotatorId);
        Assert.InRange(judgment.Seconds, 0.001, 60);
        Assert.InRange(judgment.ActiveSeconds!.Value, 0, judgment.Seconds);
        Assert.False(judgment.Late);
        return judgment;
    }

    /// <summary>The texts of the answers as they stand on the page.</summary>
    public async Task<IReadOnlyList<string>> Shown() => [.. (await Page.Locator("[data-text]").AllTextContentsAsync()).Select(text => text.Trim())];

    /// <summary>The page's address again.</summary>
    public Task Reload() => Page.ReloadAsync();

    public Task Send() => Page.Locator(".send .primary").ClickAsync();

    /// <summary>Presses keys one after the other, each once the page listens: a task is seen a moment before its script runs.</summary>
    public async Task Press(params IEnumerable<string> keys)
    {
        foreach (var key in keys)
        {
            await Page.Locator(".task[data-work]:not([data-ready])").WaitForAsync(new() { State = WaitForSelectorState.Detached });
            await Page.Keyboard.PressAsync(key);
        }
    }

    /// <summary>What kind of task the page shows; null where it shows none.</summary>
    public Task<string?> Kind() => Page.EvaluateAsync<string?>("JSON.parse(document.querySelector('[data-work]').dataset.work).kind ?? null");

    /// <summary>Goes to a field by keyboard alone and writes there, instead of what there is.</summary>
    public async Task Type(string selector, string text)
    {
        await TabTo(selector);
        await Press("Control+A");
        await Page.Keyboard.TypeAsync(text);
    }

    /// <summary>Presses Tab until an element has the focus: what a keyboard cannot reach is not there for everyone.</summary>
    public async Task TabTo(string selector)
    {
        const int Most = 80;
        for (var press = 0; press < Most; press++)
        {
            await Page.Keyboard.PressAsync("Tab");
            if (await Page.EvaluateAsync<bool>("selector => document.activeElement.matches(selector)", selector))
                return;
        }
        throw new InvalidOperationException($"{selector} does not get the focus in {Most} presses of Tab.");
    }
}
