using System.Text.RegularExpressions;
using Attune.Runs;
using Npgsql;

namespace Attune.Storage;

/// <summary>Which database engine a URL names.</summary>
public enum DatabaseKind
{
    /// <summary>A file of this machine.</summary>
    Sqlite,

    /// <summary>A server.</summary>
    Postgres,
}

/// <summary>
/// Where a database is: a file's path, <c>sqlite:PATH</c>, <c>postgres://user:password@host:port/name</c>, or an Npgsql connection string.
/// What it prints never has a password in it.
/// </summary>
public sealed partial class DatabaseUrl
{
    private const string Forms = "a file's path, sqlite:PATH, postgres://user:password@host:port/name or Host=…;Database=…";

    private DatabaseUrl(DatabaseKind kind, string target, string shown)
    {
        Kind = kind;
        Target = target;
        Shown = shown;
    }

    /// <summary>The engine.</summary>
    public DatabaseKind Kind { get; }

    /// <summary>The file's full path, or a connection string with everything in it.</summary>
    internal string Target { get; }

    private string Shown { get; }

    /// <summary>Reads a URL.</summary>
    /// <exception cref="InputException">It is none; the message holds no password.</exception>
    public static DatabaseUrl Parse(string url)
    {
        ArgumentNullException.ThrowIfNull(url);
        if (string.IsNullOrWhiteSpace(url))
            throw InputException.One("The database's URL", "is empty", Forms, "name a file, for instance attune.db");
        if (PostgresScheme().IsMatch(url))
            return Postgres(url);
        if (KeyValue().IsMatch(url))
            return ConnectionString(url);
        if (url.Contains("://", StringComparison.Ordinal))
            throw InputException.One(Masked(url), $"has the scheme {url[..url.IndexOf(':')]}", Forms, "correct it");
        return File(url.StartsWith("sqlite:", StringComparison.OrdinalIgnoreCase) ? url["sqlite:".Length..] : url);
    }

    /// <inheritdoc/>
    public override string ToString() => Shown;

    private static DatabaseUrl File(string path)
    {
        if (path.Length == 0 || path.Contains('\0') || path == ":memory:")
            throw InputException.One("The database's URL", path.Length == 0 ? "names no file" : "names no file on a disk", Forms, "name a file, for instance attune.db");
        var full = Path.GetFullPath(path);
        if (Directory.Exists(full))
            throw InputException.One(path, "is a folder", "a file", "name a file in it, for instance attune.db");
        var link = System.IO.File.Exists(full) ? System.IO.File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName : null;
        return new(DatabaseKind.Sqlite, link ?? full, path); // two names of one file must meet at one lock
    }

    private static DatabaseUrl Postgres(string url)
    {
        var parts = PostgresUrl().Match(url);
        if (!parts.Success)
            throw InputException.One(Masked(url), "cannot be read", "postgres://user:password@host:port/name, with %40 for an @ in the password", "correct it");
        string? Part(string name) => parts.Groups[name] is { Success: true, Value: { Length: > 0 } value } ? Uri.UnescapeDataString(value) : null;
        var builder = new NpgsqlConnectionStringBuilder { Database = Part("name") };
        try
        {
            foreach (var pair in (Part("query") ?? "").Split('&', StringSplitOptions.RemoveEmptyEntries))
            {
                var at = pair.IndexOf('=');
                builder[at < 0 ? pair : pair[..at]] = at < 0 ? "" : pair[(at + 1)..];
            }
            if (Part("host") is { } host)
                builder.Host = host;
            if (Part("user") is { } user)
                builder.Username = user;
            if (Part("password") is { } password)
                builder.Password = password;
            if (Part("port") is { } port)
                builder.Port = int.Parse(port);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException or KeyNotFoundException)
        {
            throw InputException.One(Masked(url), "has a port or a setting that cannot be read", "a port from 1 to 65535 and settings of Npgsql, as in ?sslmode=require", "correct it");
        }
        return Checked(builder, Masked(url));
    }

    private static DatabaseUrl ConnectionString(string text)
    {
        try
        {
            return Checked(new(text), Masked(text));
        }
        catch (Exception e) when (e is ArgumentException or FormatException or KeyNotFoundException)
        {
            throw InputException.One(Masked(text), "has a setting that cannot be read", "settings of Npgsql, as in Host=localhost;Database=attune;Username=me", "correct it");
        }
    }

    private static DatabaseUrl Checked(NpgsqlConnectionStringBuilder builder, string shown)
    {
        var problems = new List<Problem>();
        if (string.IsNullOrEmpty(builder.Host))
            problems.Add(Problem.Of("host", "is missing", "a machine's name or a socket's folder", "write it behind the @"));
        if (string.IsNullOrEmpty(builder.Database))
            problems.Add(Problem.Of("name", "is missing", "a database's name", "write it behind the last /"));
        if (problems.Count > 0)
            throw new InputException(shown, problems);
        builder.ApplicationName ??= "attune";
        return new(DatabaseKind.Postgres, builder.ConnectionString, $"postgres://{(builder.Username is { Length: > 0 } user ? user + "@" : "")}{builder.Host}:{builder.Port}/{builder.Database}");
    }

    private static string Masked(string url) => NamedPassword().Replace(UrlPassword().Replace(url, "$1:***@"), "$1=***");

    [GeneratedRegex("^postgres(ql)?://", RegexOptions.IgnoreCase)]
    private static partial Regex PostgresScheme();

    [GeneratedRegex(@"^\s*(host|server|data source|username|user id|database|port)\s*=", RegexOptions.IgnoreCase)]
    private static partial Regex KeyValue();

    [GeneratedRegex(@"^[^:]+://(?:(?<user>[^:@/?]*)(?::(?<password>[^@/?]*))?@)?(?<host>[^:@/?]*)(?::(?<port>\d+))?(?:/(?<name>[^/?]*))?(?:\?(?<query>.*))?$")]
    private static partial Regex PostgresUrl();

    [GeneratedRegex("^([^:]+://[^:@]*):.*@", RegexOptions.Singleline)]
    private static partial Regex UrlPassword();

    [GeneratedRegex(@"\b(password|pwd|passfile)\s*=\s*(?:""[^""]*""|'[^']*'|[^;&]*)", RegexOptions.IgnoreCase)]
    private static partial Regex NamedPassword();
}
