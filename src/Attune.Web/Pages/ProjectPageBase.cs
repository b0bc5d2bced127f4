using Attune.Storage;
using Attune.Storage.Work;
using Attune.Web.Access;
using Attune.Web.Texts;
using Microsoft.AspNetCore.Components;

namespace Attune.Web.Pages;

/// <summary>What pages of a project's quality control share: the project is not there (404) for those who may not see everyone's answers, and only who runs it changes anything.</summary>
public abstract class ProjectPageBase : ComponentBase
{
    [Inject]
    protected Database Database { get; set; } = null!;

    [Inject]
    protected Visitor Visitor { get; set; } = null!;

    [Inject]
    protected NavigationManager Navigation { get; set; } = null!;

    [Parameter]
    public string ProjectId { get; set; } = "";

    protected Project? Shown { get; private set; }

    protected bool Runs { get; private set; }

    protected bool IsReady { get; private set; }

    protected IReadOnlyList<PageProblem> Faults { get; set; } = [];

    protected CancellationToken Stop => Visitor.Request.RequestAborted;

    /// <summary>Reads what the page shows.</summary>
    protected abstract Task LoadAsync(Project project);

    protected override async Task OnInitializedAsync()
    {
        var role = await Visitor.RoleInAsync(ProjectId).ConfigureAwait(true);
        var found = role.Gives(ProjectRight.Read) ? await Database.Projects.FindAsync(ProjectId, Stop).ConfigureAwait(true) : null;
        if (found is null)
        {
            Visitor.Request.Response.StatusCode = StatusCodes.Status404NotFound;
        }
        else
        {
            Runs = role.Gives(ProjectRight.Run);
            await LoadAsync(found).ConfigureAwait(true);
            Shown = found;
        }
        IsReady = true;
    }

    /// <summary>Does what a form asks for, if who asks runs the project; then the page as it is now, or what is wrong.</summary>
    protected async Task DoAsync(string page, Func<Task> work)
    {
        if (Shown is null || !Runs)
            return;
        Faults = await Problems.OfAsync(work).ConfigureAwait(true);
        if (Faults.Count == 0)
            Navigation.NavigateTo($"/projects/{ProjectId}{page}");
    }

    /// <summary>A share in percent.</summary>
    protected static string Percent(double? share) => share is { } value ? $"{100 * value:0} %" : "–";
}
