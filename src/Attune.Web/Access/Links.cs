using Attune.Storage;
using Attune.Storage.People;

namespace Attune.Web.Access;

/// <summary>The links that let people in; each is shown once, to who made it.</summary>
public static class Links
{
    /// <summary>How long an invitation can be used.</summary>
    public static readonly TimeSpan InvitationLasts = TimeSpan.FromDays(7);

    /// <summary>How long a password can be chosen anew.</summary>
    public static readonly TimeSpan ResetLasts = TimeSpan.FromDays(1);

    /// <summary>A page's address as others can open it.</summary>
    public static string To(HttpRequest request, WebOptions options, string path)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(options);
        return (options.PublicAddress ?? $"{request.Scheme}://{request.Host}").TrimEnd('/') + path;
    }

    /// <summary>The link with which a person chooses a new password; null for who has no address, or is not there.</summary>
    public static async Task<string?> ResetAsync(Database database, HttpContext context, WebOptions options, string personId)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(context);
        var email = (await database.People.IdentityAsync(personId, context.RequestAborted).ConfigureAwait(false))?.Email;
        var token = email is null ? null : await database.Access.BeginResetAsync(email, ResetLasts, context.User.PersonId(), context.RequestAborted).ConfigureAwait(false);
        return token is null ? null : To(context.Request, options, $"/reset/{token}");
    }

    /// <summary>Makes an invitation and gives its link.</summary>
    public static async Task<(Invitation Invitation, string Link)> InviteAsync(Database database, HttpContext context, WebOptions options, Role role, string? projectId, string? email)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(context);
        var made = await database.Access.InviteAsync(role, projectId, email, InvitationLasts, context.User.PersonId(), context.RequestAborted).ConfigureAwait(false);
        return (made.Value, To(context.Request, options, $"/invitation/{made.Token}"));
    }
}
