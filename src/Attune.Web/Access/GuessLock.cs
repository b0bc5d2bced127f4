using Attune.Storage;

namespace Attune.Web.Access;

/// <summary>
/// Keeps a network out that guesses at links and keys. Only tokens that were never made count, each once: a link that was used, a key that was taken back and a
/// program that sends the same wrong key all day lock nobody out. Who is signed in goes on.
/// </summary>
public sealed class GuessLock
{
    private readonly Database _database;
    private readonly WebOptions _options;

    /// <summary>Made by the server.</summary>
    public GuessLock(Database database, WebOptions options) => (_database, _options) = (database, options);

    /// <summary>Whether the network of a request has to wait: what it shows is not even looked at.</summary>
    public async Task<bool> HoldsAsync(HttpContext context) =>
        await _database.Access.FailuresAsync(Subject(context), _options.LockWindow, context.RequestAborted).ConfigureAwait(false) >= _options.FailuresBeforeLock;

    /// <summary>Notes what opened nothing.</summary>
    public Task NoteAsync(HttpContext context, string token) => _database.Access.NoteGuessAsync(Subject(context), token, context.RequestAborted);

    /// <summary>Says with the reply's status and header that it has to wait.</summary>
    public void Refuse(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status429TooManyRequests;
        context.Response.Headers.RetryAfter = $"{Minutes * 60}";
    }

    /// <summary>For how long it waits, in whole minutes.</summary>
    public int Minutes => (int)Math.Ceiling(_options.LockWindow.TotalMinutes);

    private static string Subject(HttpContext context) => $"guesses {Requests.NetworkOf(context)}";
}
