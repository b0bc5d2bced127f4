using System.Net;
using System.Security.Claims;
using System.Text.Encodings.Web;
using Attune.Storage;
using Attune.Storage.People;
using Attune.Web.Api;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Attune.Web.Access;

/// <summary>Nothing to set.</summary>
internal sealed class SessionSchemeOptions : AuthenticationSchemeOptions;

/// <summary>
/// Who asks: by the session's cookie, whose token is kept in the database as a hash, or by an API key in <c>Authorization: Bearer</c>. A person's state and
/// role are read at every request, so that who is paused, erased or demoted is so at once.
/// </summary>
internal sealed class SessionHandler(IOptionsMonitor<SessionSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, Database database, GuessLock guesses, SignIn signIn)
    : AuthenticationHandler<SessionSchemeOptions>(options, logger, encoder)
{
    public new const string Scheme = "session";
    public const string Cookie = "attune-session";

    /// <summary>The claim of a request that came by an API key: the key's id. Requests with a session have none, and may all that their role may.</summary>
    public const string Key = "key";

    /// <summary>The claims that carry a key's scopes; without one of them a key may do nothing.</summary>
    public const string Scope = "scope";

    private bool _isLocked;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (Request.Path.StartsWithSegments("/assets"))
            return AuthenticateResult.NoResult(); // everybody's; a page that says that the database is away looks like one all the same
        // Keys open the API alone: on a page they would reach past their scopes.
        if (Requests.IsApi(Request) && Bearer() is { } key)
        {
            if (_isLocked = await guesses.HoldsAsync(Context).ConfigureAwait(false))
                return AuthenticateResult.Fail("Too many keys were guessed.");
            if (await database.Access.FindKeyAsync(key, Context.RequestAborted).ConfigureAwait(false) is not { } found
                || await database.People.FindAsync(found.PersonId, Context.RequestAborted).ConfigureAwait(false) is not { } owner)
            {
                await guesses.NoteAsync(Context, key).ConfigureAwait(false);
                return AuthenticateResult.Fail("The key is unknown, has expired or was revoked.");
            }
            return Ticket(owner, [new(Key, found.Id), .. found.Scopes.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(scope => new Claim(Scope, scope))]);
        }
        if (Request.Cookies[Cookie] is { Length: > 0 } token && await database.Access.FindSessionAsync(token, Context.RequestAborted).ConfigureAwait(false) is { } session)
        {
            await signIn.ProlongAsync(Context, token, session).ConfigureAwait(false);
            return Ticket(session.Person, []);
        }
        return AuthenticateResult.NoResult();
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        if (_isLocked)
        {
            guesses.Refuse(Context);
            return new Told(StatusCodes.Status429TooManyRequests, "locked", guesses.Minutes).ExecuteAsync(Context);
        }
        if (Requests.IsApi(Request))
        {
            Response.StatusCode = (int)HttpStatusCode.Unauthorized;
            Response.Headers.WWWAuthenticate = "Bearer";
        }
        else
        {
            Response.Redirect($"{Request.PathBase}/sign-in?to={Uri.EscapeDataString(Request.Path + Request.QueryString)}");
        }
        return Task.CompletedTask;
    }

    private string? Bearer()
    {
        const string Kind = "Bearer ";
        var header = Request.Headers.Authorization.ToString();
        return header.StartsWith(Kind, StringComparison.OrdinalIgnoreCase) ? header[Kind.Length..].Trim() : null;
    }

    private static AuthenticateResult Ticket(Person person, IEnumerable<Claim> more)
    {
        Claim[] claims =
        [
            new(ClaimTypes.NameIdentifier, person.Id), new(ClaimTypes.Name, person.Pseudonym), new(ClaimTypes.Role, Policies.Name(person.Role)), .. more,
        ];
        return AuthenticateResult.Success(new(new ClaimsPrincipal(new ClaimsIdentity(claims, Scheme)), Scheme));
    }
}
