using System.Security.Claims;
using Attune.Feedback;
using Attune.Feedback.Aggregation;
using Attune.Feedback.Exchange;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.Training;
using Attune.Web.Access;
using Attune.Web.Work;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Api;

/// <summary>What an export shall be: shape, aggregation, batch, and what it is <c>for</c>, with commas between.</summary>
internal sealed record ExportQuery(string? Shape, string? Aggregation, string? Batch, [FromQuery(Name = "for")] string? Uses)
{
    public ExportOrder Order()
    {
        var problems = new InputProblems("The export");
        var order = new ExportOrder
        {
            Shape = ExchangeShapes.Parse(Shape ?? "attune", toWrite: true),
            Aggregation = AggregatedPreferences.Parse(Aggregation ?? "majority-vote"),
            BatchId = string.IsNullOrEmpty(Batch) ? null : Batch,
            Uses = DataTerms.Uses("for", Uses ?? "train", problems),
        };
        problems.ThrowIfAny();
        return order;
    }
}

/// <summary>What the body of an import is, and what is stated of it.</summary>
internal sealed record ImportQuery(
    string? Shape, string? Name, JudgmentSource? Source, string? Annotator, string? Prefix, string? Prompt, string? Answers, string? Terms, string? Origin, string? Licence, string? Consent, string? Allows)
{
    public DataSetFile File(byte[] content) => ImportedFile.Of(content, Name, Shape, Source, Annotator, Prefix, Prompt, Answers, DataTerms.Of(Terms, Origin, Licence, Consent, Allows));
}

/// <summary><c>/api/v1/projects/{project}/export/…</c>: JSON Lines; <c>…/import</c> and <c>…/data-sets</c>: data from elsewhere with their terms.</summary>
internal static class ExportApi
{
    private const string JsonLines = "application/jsonl";

    public static void MapExports(this (RouteGroupBuilder Read, RouteGroupBuilder Write) api)
    {
        api.Read.MapGet("/projects/{project}/export/judgments.jsonl", (string project, bool? inForce, [FromQuery(Name = "for")] string? uses, Database database, CancellationToken stop) =>
            StreamAsync(database, project, uses, "judgments.jsonl", to => ProjectExport.WriteJudgmentsAsync(database, project, new(InForce: inForce ?? false), to, stop), stop))
            .RequireProject(ProjectRight.Read).Produces<string>(contentType: JsonLines);
        api.Read.MapGet("/projects/{project}/export/comparisons.jsonl", (string project, [FromQuery(Name = "for")] string? uses, Database database, CancellationToken stop) =>
            StreamAsync(database, project, uses, "comparisons.jsonl", to => ProjectExport.WriteComparisonsAsync(database, project, to, stop), stop))
            .RequireProject(ProjectRight.Read).Produces<string>(contentType: JsonLines);
        api.Read.MapGet("/projects/{project}/export/texts.jsonl", (string project, [FromQuery(Name = "for")] string? uses, Database database, CancellationToken stop) =>
            StreamAsync(database, project, uses, "texts.jsonl", to => ProjectExport.WriteTextsAsync(database, project, to, stop), stop))
            .RequireProject(ProjectRight.Read).Produces<string>(contentType: JsonLines);
        api.Read.MapGet("/projects/{project}/export/data.jsonl", DataAsync).RequireProject(ProjectRight.Read)
            .Produces<string>(contentType: JsonLines).ProducesProblem(StatusCodes.Status400BadRequest);
        api.Read.MapGet("/projects/{project}/export/DATASET.md", CardAsync).RequireProject(ProjectRight.Read)
            .Produces<string>(contentType: "text/markdown").ProducesProblem(StatusCodes.Status400BadRequest);
        api.Read.MapGet("/projects/{project}/data-sets", async (string project, [AsParameters] Paging page, Database database, CancellationToken stop) =>
            page.Request.Part(await DataSets.ListAsync(database, project, stop).ConfigureAwait(false), set => set.Id)).RequireProject(ProjectRight.Read);
        api.Write.MapPost("/projects/{project}/import", ImportAsync).RequireProject(ProjectRight.Run).WithMetadata(new RequestSizeLimitAttribute(TaskApi.LargestImport))
            .TakesFile("Rows in the shape that is named, as they were exported.").Produces<ImportReport>().ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status413PayloadTooLarge);
    }

    /// <summary>An export of lines, if the terms of the project's data allow what it is for.</summary>
    /// <exception cref="InputException">They do not; names all parts and uses.</exception>
    public static async Task<IResult> StreamAsync(Database database, string project, string? uses, string name, Func<Stream, Task> write, CancellationToken stop)
    {
        var problems = new InputProblems("The export");
        var wanted = DataTerms.Uses("for", uses ?? "train", problems);
        problems.ThrowIfAny();
        await DataExport.RequireAsync(database, (await database.Projects.FindAsync(project, stop).ConfigureAwait(false))!, wanted, name != "judgments.jsonl", stop).ConfigureAwait(false);
        return Results.Stream(write, JsonLines, name);
    }

    private static async Task<IResult> DataAsync(string project, [AsParameters] ExportQuery query, Database database, CancellationToken stop)
    {
        var order = query.Order();
        var data = await DataExport.MakeAsync(database, (await database.Projects.FindAsync(project, stop).ConfigureAwait(false))!, order, stop).ConfigureAwait(false);
        return Results.Bytes(data.Bytes(), JsonLines, $"{ExchangeShapes.Word(order.Shape)}.jsonl");
    }

    private static async Task<IResult> CardAsync(string project, [AsParameters] ExportQuery query, Database database, CancellationToken stop)
    {
        var data = await DataExport.MakeAsync(database, (await database.Projects.FindAsync(project, stop).ConfigureAwait(false))!, query.Order(), stop).ConfigureAwait(false);
        return Results.Text(data.Card, "text/markdown; charset=utf-8");
    }

    private static async Task<IResult> ImportAsync(string project, [AsParameters] ImportQuery query, HttpRequest request, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        using var content = new MemoryStream();
        await request.Body.CopyToAsync(content, stop).ConfigureAwait(false);
        var found = (await database.Projects.FindAsync(project, stop).ConfigureAwait(false))!;
        return Results.Ok(await DataSets.ImportAsync(database, found, query.File(content.ToArray()), user.PersonId(), stop).ConfigureAwait(false));
    }
}
