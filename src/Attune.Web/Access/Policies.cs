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
    /// <param name="scope">One of <see cref="Scopes"/>.</param>
    public static AuthorizationPolicyBuilder RequireScope(this AuthorizationPolicyBuilder policy, string scope) =>
        policy.RequireAssertion(context => !context.User.IsProgram() || context.User.HasClaim(SessionHandler.Scope, scope));

    /// <summary>What a key may be allowed: to read what its person may read, to change what they may change, to judge as them.</summary>
    public static IReadOnlyList<string> Scopes { get; } = ["read", "write", "work"];

    /// <summary>Whether the request came by an API key.</summary>
    public static bool IsProgram(this ClaimsPrincipal user) => user.HasClaim(claim => claim.Type == SessionHandler.Key);

    /// <summary>Whether somebody may invite, pause and reset people of a role: owners anyone, managers those who run nothing.</summary>
    public static bool MayRun(this ClaimsPrincipal user, Role role) => user.IsInRole(Owner) || (user.IsInRole(Manager) && role is Role.Annotator or Role.Viewer);

    /// <summary>The id of who asks.</summary>
    public static string PersonId(this ClaimsPrincipal user) => user.FindFirstValue(ClaimTypes.NameIdentifier) ?? throw new InvalidOperationException("Nobody is signed in.");
}
