using Attune.Storage;
using Attune.Web.Access;
using Attune.Web.Work;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Api;

/// <summary><c>/api/v1/projects/{project}/export/…</c>: JSON Lines, sent while they are read.</summary>
internal static class ExportApi
{
    private const string JsonLines = "application/jsonl";

    public static void MapExports(this RouteGroupBuilder api)
    {
        api.MapGet("/projects/{project}/export/judgments.jsonl", (string project, bool? inForce, Database database, CancellationToken stop) =>
            Results.Stream(to => ProjectExport.WriteJudgmentsAsync(database, project, new(InForce: inForce ?? false), to, stop), JsonLines, "judgments.jsonl"))
            .RequireProject(ProjectRight.Read).Produces<string>(contentType: JsonLines);
        api.MapGet("/projects/{project}/export/preferences.jsonl", (string project, Database database, CancellationToken stop) =>
            Results.Stream(to => ProjectExport.WritePreferencesAsync(database, project, to, stop), JsonLines, "preferences.jsonl"))
            .RequireProject(ProjectRight.Read).Produces<string>(contentType: JsonLines);
        api.MapGet("/projects/{project}/export/comparisons.jsonl", (string project, Database database, CancellationToken stop) =>
            Results.Stream(to => ProjectExport.WriteComparisonsAsync(database, project, to, stop), JsonLines, "comparisons.jsonl"))
            .RequireProject(ProjectRight.Read).Produces<string>(contentType: JsonLines);
        api.MapGet("/projects/{project}/export/texts.jsonl", (string project, Database database, CancellationToken stop) =>
            Results.Stream(to => ProjectExport.WriteTextsAsync(database, project, to, stop), JsonLines, "texts.jsonl"))
            .RequireProject(ProjectRight.Read).Produces<string>(contentType: JsonLines);
    }
}
