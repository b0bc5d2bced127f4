using System.CommandLine;
using Attune.Cli.Output;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.People;
using Attune.Web;
using Attune.Web.Access;
using Attune.Web.Arena;
using Attune.Web.Work;

namespace Attune.Cli.Verbs;

/// <summary><c>attune annotate</c>: serves the web application in which people judge.</summary>
internal static class AnnotateVerb
{
    private static readonly TimeSpan FirstLinkLasts = TimeSpan.FromDays(1);

    private static readonly Option<string> Listen = new("--listen")
    {
        Description = "Address to listen on; other machines reach it only where it is not of this machine alone",
        HelpName = "URL",
        DefaultValueFactory = _ => new WebOptions().Listen,
    };

    private static readonly Option<string?> Public = new("--public") { Description = "Address that people type, behind a proxy; links in invitations begin with it", HelpName = "URL" };

    private static readonly Option<string[]> Proxy = new("--proxy") { Description = "Network address of a reverse proxy whose forwarded headers are believed; may be repeated", HelpName = "ADDRESS" };

    private static readonly Option<string?> Tasks = new("--tasks") { Description = "Tasks to add (comparisons.jsonl or tasks.jsonl); those that are there already are left", HelpName = "FILE" };

    private static readonly Option<string> Project = new("--project") { Description = "Name of the project that --tasks go to; made if there is none", HelpName = "NAME", DefaultValueFactory = _ => "First project" };

    private static readonly Option<string?> Arena = new("--arena") { Description = "Serve an arena of several models, as this file says", HelpName = "FILE" };

    private static readonly Option<string?> OAuth = new("--oauth") { Description = "Let people sign in with another service, as this file says", HelpName = "FILE" };

    private static readonly Option<string?> Runs = new("--runs") { Description = "Folder whose training runs are shown to owners and managers", HelpName = "FOLDER" };

    public static Verb Create(ConsoleOutput output)
    {
        var verb = new Verb("annotate", "Serve the web application in which people compare, rank and rate answers.", "attune annotate --tasks comparisons.jsonl --project Reviews")
        {
            DbVerb.Url, Listen, Public, Proxy, Tasks, Project, Runs, ChatModelOptions.Folder, ChatModelOptions.Url, ChatModelOptions.Name, ChatModelOptions.KeyVariable, Arena, OAuth, ComputeOptions.Device, ComputeOptions.Type,
            CommonOptions.Json,
        };
        return verb.Does(output, (parsed, stop) => DbVerb.Run(async () =>
        {
            var options = new WebOptions { Listen = parsed.GetValue(Listen)!, PublicAddress = parsed.GetValue(Public), Proxies = parsed.GetValue(Proxy) ?? [], Runs = parsed.GetValue(Runs) };
            options.ThrowIfBad();
            var oauth = parsed.GetValue(OAuth) is { } service ? OAuthPlan.Load(service) : null;
            var model = ChatModelOptions.Open(parsed);
            using var owned = model as IDisposable;
            using var arena = parsed.GetValue(Arena) is { } file ? ArenaSetup.Open(file, ComputeOptions.Read(parsed, [])) : null;
            options = options with { ChatModel = model, Arena = arena, OAuth = oauth };
            await using var database = await Database.OpenAsync(parsed.GetValue(DbVerb.Url)!, null, stop);
            var added = parsed.GetValue(Tasks) is { } tasks ? await TaskImport.AddFileAsync(database, parsed.GetValue(Project)!, tasks, null, stop) : null;
            await using var app = await WebServer.BuildAsync(database, options);
            await StartAsync(app, options, stop);
            var address = (options.PublicAddress ?? app.Urls.First()).TrimEnd('/');
            var invitation = await WebServer.HasOwnerAsync(database) ? null
                : $"{address}/invitation/{(await database.Access.InviteAsync(Role.Owner, null, null, FirstLinkLasts, null, stop)).Token}";
            if (parsed.GetValue(CommonOptions.Json))
                output.Json(new { address, database = $"{database.Url}", invitation, project = added?.Project.Name, added = added?.Added, known = added?.Known });
            else
                Say(output, address, database, invitation, added);
            output.Flush();
            await Task.Delay(Timeout.Infinite, stop).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            await app.StopAsync(CancellationToken.None);
            return true;
        }));
    }

    private static async Task StartAsync(Microsoft.AspNetCore.Builder.WebApplication app, WebOptions options, CancellationToken stop)
    {
        try
        {
            await app.StartAsync(stop);
        }
        catch (IOException e)
        {
            throw InputException.One(options.Listen, $"cannot be listened on ({e.InnerException?.Message ?? e.Message})", "a free port of an address of this machine", "give another --listen");
        }
    }

    private static void Say(ConsoleOutput output, string address, Database database, string? invitation, ComparisonProject? added)
    {
        if (added is not null)
            output.Line($"Project {added.Project.Name}: {added.Added:N0} tasks added{(added.Known > 0 ? $", {added.Known:N0} were there" : "")}");
        output.Line($"Attune is at {address}, its data in {database.Url}. Ctrl-C stops it.");
        if (invitation is not null)
            output.Line($"Nobody can sign in yet. Open this once, within a day, and choose a password:\n  {invitation}");
    }
}
