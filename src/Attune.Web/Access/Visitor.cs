using Attune.Storage;
using Attune.Storage.People;

namespace Attune.Web.Access;

/// <summary>Who looks at the page, for pages.</summary>
public sealed class Visitor
{
    private readonly Database _database;
    private readonly HttpContext _context;

    /// <summary>Made for each request.</summary>
    public Visitor(Database database, IHttpContextAccessor accessor)
    {
        _database = database;
        _context = accessor.HttpContext ?? throw new InvalidOperationException("There is no request.");
    }

    /// <summary>Whether somebody is signed in.</summary>
    public bool IsSignedIn => _context.User.Identity?.IsAuthenticated == true;

    /// <summary>The id of who is signed in.</summary>
    public string Id => _context.User.PersonId();

    /// <summary>The pseudonym that judgments carry.</summary>
    public string Pseudonym => _context.User.Identity?.Name ?? "";

    /// <summary>Whether they run the installation's projects.</summary>
    public bool Manages => _context.User.IsInRole(Policies.Owner) || _context.User.IsInRole(Policies.Manager);

    /// <summary>Whether everything is theirs.</summary>
    public bool Owns => _context.User.IsInRole(Policies.Owner);

    /// <summary>Their role in a project: the installation's owners and managers manage every one; null where they are no members of it.</summary>
    public async Task<Role?> RoleInAsync(string projectId)
    {
        if (Manages)
            return Role.Manager;
        return await _database.Projects.MemberAsync(projectId, Id, _context.RequestAborted).ConfigureAwait(false) is { State: not Storage.Work.MemberState.Banned } member ? member.Role : null;
    }

    /// <summary>The request.</summary>
    public HttpContext Request => _context;
}
