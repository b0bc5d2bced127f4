using System.Security.Claims;
using Attune.Storage.People;
using Microsoft.AspNetCore.Authorization;

namespace Attune.Web.Access;

/// <summary>Who may do what on the installation; a project's own roles are looked up where a project is.</summary>
public static class Policies
{
    /// <summary>Owners.</summary>
    public const string Owner = "owner";

    /// <summary>Owners and managers.</summary>
    public const string Manager = "manager";

    /// <summary>Anyone signed in.</summary>
    public const string Anyone = "anyone";

    /// <summary>The name that claims and pages use.</summary>
    public static string Name(Role role) => role switch { Role.Owner => "owner", Role.Manager => "manager", Role.Annotator => "annotator", _ => "viewer" };

    internal static void Add(AuthorizationOptions options)
    {
        options.AddPolicy(Owner, policy => policy.RequireRole(Name(Role.Owner)));
        options.AddPolicy(Manager, policy => policy.RequireRole(Name(Role.Owner), Name(Role.Manager)));
        options.AddPolicy(Anyone, policy => policy.RequireAuthenticatedUser());
    }

    /// <summary>A policy for programs: the role, and where the request came by an API key also the scope.</summary>
    /// <param name="policy">What to require it of.</param>
    /// <param name="scope">"read", "write", …</param>
    public static AuthorizationPolicyBuilder RequireScope(this AuthorizationPolicyBuilder policy, string scope) =>
        policy.RequireAssertion(context => !context.User.HasClaim(claim => claim.Type == SessionHandler.Scope) || context.User.HasClaim(SessionHandler.Scope, scope));

    /// <summary>The id of who asks.</summary>
    public static string PersonId(this ClaimsPrincipal user) => user.FindFirstValue(ClaimTypes.NameIdentifier) ?? throw new InvalidOperationException("Nobody is signed in.");
}
