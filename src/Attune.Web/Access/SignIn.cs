using Attune.Storage;
using Attune.Storage.People;
using Microsoft.AspNetCore.Identity;

namespace Attune.Web.Access;

/// <summary>How an attempt to sign in ended.</summary>
public enum SignInResult
{
    /// <summary>The session has begun.</summary>
    Done,

    /// <summary>Address and password do not fit; which of them is wrong is not said.</summary>
    Wrong,

    /// <summary>Too many tries have failed; nothing was tried.</summary>
    Locked,
}

/// <summary>Signing in by address and password, and the session's cookie.</summary>
public sealed class SignIn
{
    /// <summary>The shortest password that is taken, in characters.</summary>
    public const int ShortestPassword = 10;

    private readonly Database _database;
    private readonly WebOptions _options;
    private readonly IPasswordHasher<Person> _hasher;
    private readonly string _nobodysHash;

    /// <summary>Made by the server.</summary>
    public SignIn(Database database, WebOptions options, IPasswordHasher<Person> hasher)
    {
        (_database, _options, _hasher) = (database, options, hasher);
        _nobodysHash = hasher.HashPassword(null!, Secret.New());
    }

    /// <summary>What is kept of a password.</summary>
    public string Hash(string password) => _hasher.HashPassword(null!, password);

    /// <summary>Tries to sign in and, if that is right, begins a session.</summary>
    public async Task<SignInResult> TryAsync(HttpContext context, string email, string password)
    {
        var limits = Limits(email, Requests.NetworkOf(context));
        if (!await _database.Access.BeginTryAsync(limits, _options.LockWindow, context.RequestAborted).ConfigureAwait(false))
            return SignInResult.Locked;
        var identity = await _database.People.IdentityByEmailAsync(email, context.RequestAborted).ConfigureAwait(false);
        // Nobody's password takes as long to check as somebody's: how long it takes must not say who is here.
        var isRight = _hasher.VerifyHashedPassword(null!, identity?.PasswordHash ?? _nobodysHash, password) != PasswordVerificationResult.Failed;
        if (identity?.PasswordHash is null || !isRight)
            return SignInResult.Wrong;
        await _database.Access.EndTryAsync(limits, context.RequestAborted).ConfigureAwait(false);
        await BeginAsync(context, identity.PersonId).ConfigureAwait(false);
        return SignInResult.Done;
    }

    // Who fails from one network waits in that network, so that a stranger elsewhere locks nobody out. Many networks against one account, and one network against
    // many accounts, have limits that are far from what people mistype.
    private FailureLimit[] Limits(string email, string network) =>
    [
        new($"account {email.Trim()} from {network}", _options.FailuresBeforeLock, EndsWithSuccess: true),
        new($"network {network}", 5 * _options.FailuresBeforeLock, EndsWithSuccess: false),
        new($"account {email.Trim()}", 10 * _options.FailuresBeforeLock, EndsWithSuccess: false),
    ];

    /// <summary>Begins a session: its token goes into a cookie that scripts cannot read.</summary>
    public async Task BeginAsync(HttpContext context, string personId)
    {
        var token = await _database.Access.BeginSessionAsync(personId, _options.SessionLength, context.RequestAborted).ConfigureAwait(false);
        SetCookie(context, token, _options.SessionLength);
    }

    /// <summary>Prolongs a session that is used, once half of its time is over, up to its absolute end.</summary>
    internal async Task ProlongAsync(HttpContext context, string token, Session session)
    {
        if (session.Left >= _options.SessionLength / 2 || session.Age + session.Left >= _options.LongestSession)
            return;
        try
        {
            if (await _database.Access.ProlongSessionAsync(token, _options.SessionLength, _options.LongestSession, context.RequestAborted).ConfigureAwait(false) is { } left && !context.Response.HasStarted)
                SetCookie(context, token, left);
        }
        catch (StorageException)
        {
            // The session holds as it is; that nothing can be kept now is said where somebody sends something.
        }
    }

    /// <summary>
    /// Changes somebody's own password, if the old one is right; their other sessions end. Tries count as those to sign in do, so that a browser left open is no place
    /// to guess at.
    /// </summary>
    public async Task<SignInResult> ChangePasswordAsync(HttpContext context, Identity identity, string old, string password)
    {
        ArgumentNullException.ThrowIfNull(identity);
        var limits = Limits(identity.Email ?? identity.PersonId, Requests.NetworkOf(context));
        if (!await _database.Access.BeginTryAsync(limits, _options.LockWindow, context.RequestAborted).ConfigureAwait(false))
            return SignInResult.Locked;
        if (identity.PasswordHash is not { } hash || _hasher.VerifyHashedPassword(null!, hash, old) == PasswordVerificationResult.Failed || context.Request.Cookies[SessionHandler.Cookie] is not { } session)
            return SignInResult.Wrong;
        await _database.Access.EndTryAsync(limits, context.RequestAborted).ConfigureAwait(false);
        return await _database.Access.ChangePasswordAsync(identity.PersonId, hash, Hash(password), session, context.RequestAborted).ConfigureAwait(false) ? SignInResult.Done : SignInResult.Wrong;
    }

    private static void SetCookie(HttpContext context, string token, TimeSpan holds) => context.Response.Cookies.Append(SessionHandler.Cookie, token, new CookieOptions
    {
        HttpOnly = true,
        Secure = context.Request.IsHttps,
        SameSite = SameSiteMode.Lax,
        MaxAge = holds,
        Path = "/",
        IsEssential = true,
    });

    /// <summary>Ends the session of a request.</summary>
    public async Task EndAsync(HttpContext context)
    {
        if (context.Request.Cookies[SessionHandler.Cookie] is { Length: > 0 } token)
            await _database.Access.EndSessionAsync(token, context.RequestAborted).ConfigureAwait(false);
        context.Response.Cookies.Delete(SessionHandler.Cookie);
    }
}
