using System.Net;
using Attune.Runs;
using Attune.Web.Access;
using Attune.Web.Arena;
using Attune.Web.Chat;

namespace Attune.Web;

/// <summary>How the web application is served.</summary>
public sealed record WebOptions
{
    /// <summary>Where it listens: <c>http://ADDRESS:PORT</c>; port 0 takes a free one.</summary>
    public string Listen { get; init; } = "http://127.0.0.1:8400";

    /// <summary>The address under which people reach it, behind a proxy say; null for the one it listens on. Links in invitations begin with it.</summary>
    public string? PublicAddress { get; init; }

    /// <summary>Addresses of reverse proxies whose <c>X-Forwarded-For</c> and <c>X-Forwarded-Proto</c> are believed.</summary>
    public IReadOnlyList<string> Proxies { get; init; } = [];

    /// <summary>How long a session lasts that nobody uses.</summary>
    public TimeSpan SessionLength { get; init; } = TimeSpan.FromDays(14);

    /// <summary>How long a session lasts from signing in, however much it is used.</summary>
    public TimeSpan LongestSession { get; init; } = TimeSpan.FromDays(90);

    /// <summary>
    /// Failed tries to sign in to one account from one network, after which that network waits there for <see cref="LockWindow"/>; so does one that fails five
    /// times as often at whatever account, and an account at which all networks together fail ten times as often. As many guesses of links and keys lock
    /// a network out of these.
    /// </summary>
    public int FailuresBeforeLock { get; init; } = 8;

    /// <summary>How long failed tries count.</summary>
    public TimeSpan LockWindow { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>Requests that one person or network address may make in a minute.</summary>
    public int RequestsPerMinute { get; init; } = 600;

    /// <summary>Streams of news that one person may have open at a time.</summary>
    public int StreamsPerPerson { get; init; } = 8;

    /// <summary>The folder below which the pages of runs look; null for no such pages.</summary>
    public string? Runs { get; init; }

    /// <summary>The model that people talk with; null for none. It stays the caller's.</summary>
    public IChatModel? ChatModel { get; init; }

    /// <summary>The arena; null for none. It stays the caller's.</summary>
    public ArenaSetup? Arena { get; init; }

    /// <summary>Another service that people may sign in with; null for none.</summary>
    public OAuthPlan? OAuth { get; init; }

    /// <summary>Whether it can be reached from this machine alone.</summary>
    public bool IsLoopback => IsOne(Listen) && BindingAddress.Parse(Listen).Host is var host
        && (host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address))); // any other name makes Kestrel listen everywhere

    /// <summary>Refuses what cannot be served.</summary>
    /// <exception cref="InputException">Lists all problems.</exception>
    public void ThrowIfBad()
    {
        var problems = Check().ToList();
        if (problems.Count > 0)
            throw new InputException("attune annotate", problems);
    }

    private IEnumerable<Problem> Check()
    {
        if (!IsOne(Listen))
            yield return Problem.Of("--listen", $"is {Listen}", "http://ADDRESS:PORT", "http://127.0.0.1:8400 is usual");
        if (PublicAddress is not null && !IsHttp(PublicAddress))
            yield return Problem.Of("--public", $"is {PublicAddress}", "an address that begins with https:// or http://", "give the one that people type");
        if (Runs is not null && !Directory.Exists(Runs))
            yield return Problem.Of("--runs", $"is {Runs}, which is no folder", "a folder with run folders below it", "give the one that --out of training verbs lies in");
        foreach (var proxy in Proxies.Where(proxy => !IPAddress.TryParse(proxy, out _)))
            yield return Problem.Of("--proxy", $"is {proxy}", "a network address such as 127.0.0.1", "give the proxy's address");
    }

    private static bool IsHttp(string text) => Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https";

    // Kestrel takes several addresses with semicolons between, of which only the first would be looked at here.
    private static bool IsOne(string address) => !address.Contains(';') && Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri is { Scheme: "http", PathAndQuery: "/", UserInfo: "" };
}
