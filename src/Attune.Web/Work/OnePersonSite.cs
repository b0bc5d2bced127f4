using Attune.Storage;
using Attune.Web.Access;

namespace Attune.Web.Work;

/// <summary>
/// The web application for one person of this machine, who is known to it by a link that works once: nobody else reaches it, and they need no password.
/// For programs that want a person's judgments and go on by themselves.
/// </summary>
public sealed class OnePersonSite : IAsyncDisposable
{
    private static readonly WebOptions Loopback = new() { Listen = "http://127.0.0.1:0" };

    private readonly WebApplication _app;
    private string? _token;

    private OnePersonSite(WebApplication app, string token) => (_app, _token) = (app, token);

    /// <summary>What the person opens, once.</summary>
    public string Link { get; private set; } = "";

    /// <summary>Serves a project to one of its members.</summary>
    /// <param name="database">Where the project is.</param>
    /// <param name="projectId">The project.</param>
    /// <param name="personId">Who judges.</param>
    /// <param name="stop">Gives up starting.</param>
    public static async Task<OnePersonSite> StartAsync(Database database, string projectId, string personId, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(database);
        var app = await WebServer.BuildAsync(database, Loopback).ConfigureAwait(false);
        var site = new OnePersonSite(app, Secret.New());
        app.MapGet("/begin/{token}", async (string token, HttpContext context, SignIn signIn) =>
        {
            if (!site.Use(token))
                return Results.StatusCode(StatusCodes.Status410Gone);
            await signIn.BeginAsync(context, personId).ConfigureAwait(false);
            return Results.LocalRedirect($"/work/{projectId}");
        });
        try
        {
            await app.StartAsync(stop).ConfigureAwait(false);
        }
        catch
        {
            await app.DisposeAsync().ConfigureAwait(false);
            throw;
        }
        site.Link = $"{app.Urls.First().TrimEnd('/')}/begin/{site._token}";
        return site;
    }

    /// <summary>Lets requests under way end, then stops serving.</summary>
    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync().ConfigureAwait(false);
        await _app.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Whether it is the link's token and was not used before. Hashes are compared, so that the time it takes says nothing.</summary>
    private bool Use(string token)
    {
        var there = _token;
        return there is not null && Secret.Hash(there) == Secret.Hash(token) && Interlocked.CompareExchange(ref _token, null, there) == there;
    }
}
