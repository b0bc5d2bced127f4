using Attune.Runs;

namespace Attune.Web.Access;

/// <summary>Another service that people may sign in with, by OAuth 2 (RFC 6749) with a code, PKCE (RFC 7636) and user info.</summary>
public sealed record OAuthPlan : IChecked
{
    /// <summary>How the button calls it.</summary>
    public required string Name { get; init; }

    /// <summary>Where people are sent.</summary>
    public required string Authorization { get; init; }

    /// <summary>Where a code becomes a token.</summary>
    public required string Token { get; init; }

    /// <summary>Where the token tells who it is.</summary>
    public required string UserInfo { get; init; }

    /// <summary>The id that the service gave this installation.</summary>
    public required string ClientId { get; init; }

    /// <summary>The environment variable that holds the secret.</summary>
    public required string SecretVariable { get; init; }

    /// <summary>What is asked for.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = ["openid", "email", "profile"];

    /// <summary>The key of the address in user info.</summary>
    public string EmailClaim { get; init; } = "email";

    /// <summary>The key that has to be true for the address to be believed; null where only <see cref="TrustedDomains"/> are.</summary>
    public string? VerifiedClaim { get; init; } = "email_verified";

    /// <summary>Domains whose addresses are believed without that, because the service is theirs.</summary>
    public IReadOnlyList<string> TrustedDomains { get; init; } = [];

    /// <summary>The key of the name in user info.</summary>
    public string NameClaim { get; init; } = "name";

    /// <summary>A project that everybody who signs in so joins as annotator; null for none.</summary>
    public string? Project { get; init; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="InputException">It cannot be read, or something in it is wrong; lists every problem.</exception>
    public static OAuthPlan Load(string path) => Recipe.Load<OAuthPlan>(path, []);

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        foreach (var (key, text) in ((string, string)[])[("authorization", Authorization), ("token", Token), ("userInfo", UserInfo)])
        {
            if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || !(uri.Scheme == "https" || (uri.Scheme == "http" && uri.IsLoopback)))
                yield return Problem.Of(key, $"is {text}", "an address that begins with https://", "http:// is for services on this machine alone");
        }
        foreach (var (key, text) in ((string, string)[])[("name", Name), ("clientId", ClientId), ("emailClaim", EmailClaim), ("nameClaim", NameClaim)])
        {
            if (string.IsNullOrWhiteSpace(text))
                yield return Problem.Of(key, "is empty", "a text", "give one");
        }
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(SecretVariable)))
            yield return Problem.Of("secretVariable", $"names {SecretVariable}, which is not set", "an environment variable with the client's secret", "set it");
        if (string.IsNullOrEmpty(VerifiedClaim) && TrustedDomains.Count == 0)
            yield return Problem.Of("verifiedClaim", "is empty, and so is trustedDomains", "one of them", "an address that nobody has checked lets anyone in");
        foreach (var domain in TrustedDomains.Where(domain => domain.Contains('@') || !domain.Contains('.')))
            yield return Problem.Of("trustedDomains", $"holds {domain}", "what stands behind the @", "example.org is one");
    }

    /// <summary>Whether an address may be believed.</summary>
    /// <param name="email">The address.</param>
    /// <param name="isVerified">Whether the service says that it has checked it.</param>
    internal bool Believes(string email, bool isVerified) =>
        email.LastIndexOf('@') is var at and > 0 && email.IndexOf('@') == at
        && ((!string.IsNullOrEmpty(VerifiedClaim) && isVerified) || TrustedDomains.Contains(email[(at + 1)..], StringComparer.OrdinalIgnoreCase));
}
