using System.Net;
using System.Security.Cryptography;
using System.Text;
using Attune.Runs;

namespace Attune.Web.Serving;

/// <summary>How a model is served: where, to whom, and for how much.</summary>
public sealed record ServeOptions
{
    /// <summary>The shortest key, in characters.</summary>
    public const int ShortestKey = 16;

    /// <summary>Where it listens: <c>http://ADDRESS:PORT</c>; port 0 takes a free one.</summary>
    public string Listen { get; init; } = "http://127.0.0.1:8500";

    /// <summary>What requests call the model.</summary>
    public required string ModelName { get; init; }

    /// <summary>Who has one of these may ask; none lets everybody who reaches it.</summary>
    public IReadOnlyList<string> Keys { get; init; } = [];

    /// <summary>Answers that are decoded together.</summary>
    public int MaximumRows { get; init; } = 64;

    /// <summary>Answers that may wait for a place; more are refused with 429.</summary>
    public int MaximumWaiting { get; init; } = 256;

    /// <summary>Most new tokens of one answer; null for as many as the model has room for.</summary>
    public int? MaximumNewTokens { get; init; }

    /// <summary>Most answers of one request: prompts times <c>n</c>.</summary>
    public int MaximumAnswers { get; init; } = 128;

    /// <summary>How long a request may take, waiting included.</summary>
    public TimeSpan RequestTime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long answers that are being written may still take once the server is to stop.</summary>
    public TimeSpan DrainTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The largest body of a request, in bytes.</summary>
    public long LargestBody { get; init; } = 8 << 20;

    /// <summary>Whether it can be reached from this machine alone.</summary>
    public bool IsLoopback => Uri.TryCreate(Listen, UriKind.Absolute, out var uri) && (uri.IsLoopback || (IPAddress.TryParse(uri.Host, out var address) && IPAddress.IsLoopback(address)));

    /// <summary>Whether a key is one of ours; takes as long for a wrong one as for a right one.</summary>
    public bool Admits(string key)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(key));
        var isKnown = false;
        foreach (var own in Keys)
            isKnown |= CryptographicOperations.FixedTimeEquals(hash, SHA256.HashData(Encoding.UTF8.GetBytes(own)));
        return isKnown;
    }

    /// <summary>Reads keys, one a line; lines that begin with # are passed over.</summary>
    /// <exception cref="InputException">The file is missing, or a line holds no key.</exception>
    public static IReadOnlyList<string> ReadKeys(string path)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw InputException.One(path, $"cannot be read ({e.Message.TrimEnd('.')})", "a text file with one key a line", "check the path and the file's permissions");
        }

        var problems = new List<Problem>();
        var keys = new List<string>();
        for (var k = 0; k < lines.Length; k++)
        {
            var key = lines[k].Trim();
            if (key.Length == 0 || key[0] == '#')
                continue;
            if (key.Length < ShortestKey || key.Any(c => c is <= ' ' or > '~'))
                problems.Add(Problem.Of($"line {k + 1}", $"is no key ({key.Length} characters)", $"at least {ShortestKey} letters, digits or signs without blanks", "make one with: openssl rand -hex 24"));
            keys.Add(key);
        }

        if (keys.Count == 0)
            problems.Add(Problem.Of("keys", "are not there", "one key a line", "make one with: openssl rand -hex 24"));
        return problems.Count == 0 ? keys : throw new InputException(path, problems);
    }

    /// <summary>Refuses what cannot be served.</summary>
    /// <exception cref="InputException">Lists all problems.</exception>
    public void ThrowIfBad()
    {
        var problems = Problems().ToList();
        if (problems.Count > 0)
            throw new InputException("attune serve", problems);
    }

    /// <summary>What is wrong with the values, if anything, by the flags of <c>attune serve</c>.</summary>
    public IEnumerable<Problem> Problems()
    {
        if (!Uri.TryCreate(Listen, UriKind.Absolute, out var uri) || uri.Scheme != "http")
            yield return Problem.Of("--listen", $"is {Listen}", "http://ADDRESS:PORT", "http://127.0.0.1:8500 is usual; a reverse proxy brings https");
        else if (!IsLoopback && Keys.Count == 0)
            yield return Problem.Of("--listen", $"is {Listen}, which other machines reach, while everybody may ask", "keys", "give --keys FILE, or listen on 127.0.0.1");
        if (MaximumRows is < 1 or > 4096)
            yield return Problem.Of("--rows", $"is {MaximumRows}", "1 to 4096", "64 is usual");
        if (MaximumWaiting < 0)
            yield return Problem.Of("--queue", $"is {MaximumWaiting}", "0 or more", "256 is usual");
        if (MaximumNewTokens is < 1)
            yield return Problem.Of("--max-tokens", $"is {MaximumNewTokens}", "at least 1", "leave it out for as many as fit");
        if (MaximumAnswers < 1)
            yield return Problem.Of("--max-answers", $"is {MaximumAnswers}", "at least 1", "128 is usual");
        if (RequestTime <= TimeSpan.Zero)
            yield return Problem.Of("--time", $"is {RequestTime.TotalSeconds}", "seconds above 0", "600 is usual");
        if (DrainTime < TimeSpan.Zero)
            yield return Problem.Of("--drain", $"is {DrainTime.TotalSeconds}", "seconds, 0 or more", "30 is usual");
    }
}
