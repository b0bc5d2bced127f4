using System.Security.Claims;
using Attune.Feedback.Quality;
using Attune.Storage;
using Attune.Storage.Quality;
using Attune.Storage.Work;
using Attune.Web.Access;
using Attune.Web.Work;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Api;

/// <summary>A golden task as those who run the project see it.</summary>
public sealed record GoldenReply(string TaskId, string SubjectId, TaskState State, int Answers, int GoodAnswers, int GoodRight, bool ShouldRetire);

/// <summary>How many golden tasks were added.</summary>
public sealed record AddedGolden(int Added);

/// <summary>Rules or a plan, YAML.</summary>
public sealed record YamlBody(string Yaml);

/// <summary>A version that was added.</summary>
public sealed record VersionReply(int Version);

/// <summary>The version to switch on; null switches off.</summary>
public sealed record RulesOnBody(int? Version = null);

/// <summary>What a rule did or would do.</summary>
public sealed record FiringReply(
    string Id, string Rule, string AnnotatorId, DateTimeOffset At, string Why, IReadOnlyList<ActionKind> Actions, int Judgments, int? Skill, int? Version = null, DateTimeOffset? DoneAt = null, DateTimeOffset? OverturnedAt = null)
{
    internal static FiringReply Of(Firing firing) => new(
        firing.Id, firing.Rule, firing.AnnotatorId, firing.At, firing.Why, [.. firing.Actions.Select(action => action.Do)], firing.Evidence.Count, firing.Skill);

    internal static FiringReply Of(DoneFiring done) => Of(done.Firing) with { Version = done.Version, DoneAt = done.DoneAt, OverturnedAt = done.OverturnedAt };
}

/// <summary>What rules would do now.</summary>
/// <param name="Firings">In order of time.</param>
/// <param name="Prevented">Judgments of the log that pauses and bans would have kept from being given, by annotator.</param>
public sealed record DryRunReply(IReadOnlyList<FiringReply> Firings, IReadOnlyDictionary<string, int> Prevented);

/// <summary>An appeal.</summary>
public sealed record AppealBody(string Text);

/// <summary>The decision on an appeal.</summary>
public sealed record AppealDecisionBody(bool Overturn, string Reason);

/// <summary>A firing to undo without an appeal.</summary>
public sealed record OverturnBody(string Firing, string Reason);

/// <summary>Golden tasks, measures, rules, notices and appeals.</summary>
internal static class QualityApi
{
    public static void MapQuality(this (RouteGroupBuilder Read, RouteGroupBuilder Write) api, IEndpointRouteBuilder work)
    {
        api.Read.MapGet("/projects/{project}/measures", MeasuresAsync).RequireProject(ProjectRight.Read).Produces<Page<AnnotatorReply>>();
        api.Read.MapGet("/projects/{project}/pairs", PairsAsync).RequireProject(ProjectRight.Read).Produces<Page<ChosenPair>>();
        api.Read.MapGet("/projects/{project}/golden", GoldenAsync).RequireProject(ProjectRight.Read).Produces<Page<GoldenReply>>();
        api.Write.MapPost("/projects/{project}/golden", AddGoldenAsync).RequireProject(ProjectRight.Run).WithMetadata(new RequestSizeLimitAttribute(TaskApi.LargestImport))
            .TakesFile("Lines of comparisons with what is expected.").Produces<AddedGolden>().ProducesProblem(StatusCodes.Status400BadRequest);
        api.Write.MapPost("/projects/{project}/golden/make", MakeGoldenAsync).RequireProject(ProjectRight.Run).WithMetadata(new RequestSizeLimitAttribute(TaskApi.LargestImport))
            .Produces<AddedGolden>().ProducesProblem(StatusCodes.Status400BadRequest);
        api.Read.MapGet("/projects/{project}/rules", RulesAsync).RequireProject(ProjectRight.Read).Produces<Page<RuleVersion>>();
        api.Write.MapPost("/projects/{project}/rules", AddRulesAsync).RequireProject(ProjectRight.Run).Produces<VersionReply>().ProducesProblem(StatusCodes.Status400BadRequest);
        api.Write.MapPut("/projects/{project}/rules/on", SwitchAsync).RequireProject(ProjectRight.Run).Produces(StatusCodes.Status204NoContent);
        api.Read.MapGet("/projects/{project}/rules/{version:int}/dry-run", DryRunAsync).RequireProject(ProjectRight.Read).Produces<DryRunReply>();
        api.Read.MapGet("/projects/{project}/firings", FiringsAsync).RequireProject(ProjectRight.Read).Produces<Page<FiringReply>>();
        api.Write.MapPost("/projects/{project}/firings/overturn", OverturnAsync).RequireProject(ProjectRight.Run).Produces(StatusCodes.Status204NoContent).ProducesProblem(StatusCodes.Status400BadRequest);
        api.Read.MapGet("/projects/{project}/appeals", AppealsAsync).RequireProject(ProjectRight.Read).Produces<Page<Notice>>();
        api.Write.MapPost("/projects/{project}/appeals/{notice}", DecideAsync).RequireProject(ProjectRight.Run).Produces(StatusCodes.Status204NoContent).ProducesProblem(StatusCodes.Status400BadRequest);
        work.MapGet("/projects/{project}/notices", NoticesAsync).RequireProject(ProjectRight.Belong).Produces<Page<Notice>>();
        work.MapPost("/projects/{project}/notices/{notice}/appeal", AppealAsync).RequireProject(ProjectRight.Belong).Produces(StatusCodes.Status204NoContent).ProducesProblem(StatusCodes.Status400BadRequest);
        work.MapGet("/leases/{lease}/feedback", FeedbackAsync).Produces<TaskFeedback>();
    }

    private static async Task<IResult> MeasuresAsync(string project, [AsParameters] Paging page, Database database, CancellationToken stop) =>
        Results.Ok(page.Request.Part(await AnnotatorReply.OfAsync(database, project, stop).ConfigureAwait(false), annotator => annotator.AnnotatorId));

    private static async Task<IResult> PairsAsync(string project, [AsParameters] Paging page, Database database, CancellationToken stop) =>
        Results.Ok(page.Request.Part(await database.Quality.PairsAsync(project, stop).ConfigureAwait(false), pair => pair.TaskId));

    private static async Task<IResult> GoldenAsync(string project, [AsParameters] Paging page, Database database, CancellationToken stop) =>
        Results.Ok(page.Request.Part(await database.Quality.GoldenAsync(project, stop).ConfigureAwait(false), golden => golden.Task.Id).Select(golden => new GoldenReply(
            golden.Task.Id, golden.Task.SubjectId, golden.Task.State, golden.Task.Accepted, golden.Right.Trials, (int)golden.Right.Successes, golden.ShouldRetire)));

    private static async Task<IResult> AddGoldenAsync(string project, bool? training, HttpRequest request, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        using var content = new MemoryStream();
        await request.Body.CopyToAsync(content, stop).ConfigureAwait(false);
        var found = (await database.Projects.FindAsync(project, stop).ConfigureAwait(false))!;
        var known = TaskImport.ParseKnown("The body", content.ToArray(), training == true ? TaskPurpose.Training : TaskPurpose.Golden, found.Settings);
        return Results.Ok(new AddedGolden((await known.AddAsync(database, found, user.PersonId(), stop).ConfigureAwait(false)).Added));
    }

    private static async Task<IResult> MakeGoldenAsync(string project, [FromBody] GoldenRequest body, ClaimsPrincipal user, Database database, CancellationToken stop) =>
        Results.Ok(new AddedGolden(await body.AddAsync(database, project, user.PersonId(), stop).ConfigureAwait(false)));

    private static async Task<IResult> RulesAsync(string project, [AsParameters] Paging page, Database database, CancellationToken stop) =>
        Results.Ok(page.Request.Part(await database.Rules.ListAsync(project, stop).ConfigureAwait(false), rules => $"{rules.Version}"));

    private static async Task<IResult> AddRulesAsync(string project, [FromBody] YamlBody body, ClaimsPrincipal user, Database database, CancellationToken stop) =>
        Results.Ok(new VersionReply(await database.Rules.AddAsync(project, body.Yaml, user.PersonId(), stop).ConfigureAwait(false)));

    private static async Task<IResult> SwitchAsync(string project, [FromBody] RulesOnBody body, ClaimsPrincipal user, Database database, CancellationToken stop) =>
        await database.Rules.SwitchAsync(project, body.Version, user.PersonId(), stop).ConfigureAwait(false) ? Results.NoContent() : Results.NotFound();

    private static async Task<IResult> DryRunAsync(string project, int version, Database database, CancellationToken stop) =>
        await database.Rules.DryRunAsync(project, version, stop).ConfigureAwait(false) is { } outcome
            ? Results.Ok(new DryRunReply([.. outcome.Firings.Select(FiringReply.Of)], outcome.Prevented)) : Results.NotFound();

    private static async Task<IResult> FiringsAsync(string project, [AsParameters] Paging page, Database database, CancellationToken stop) =>
        Results.Ok(page.Request.Part(await database.Rules.FiringsAsync(project, stop).ConfigureAwait(false), done => done.Firing.Id).Select(FiringReply.Of));

    private static async Task<IResult> OverturnAsync(string project, [FromBody] OverturnBody body, ClaimsPrincipal user, Database database, CancellationToken stop) =>
        await database.Notices.OverturnAsync(project, body.Firing, body.Reason, user.PersonId(), stop).ConfigureAwait(false) ? Results.NoContent() : Results.NotFound();

    private static async Task<IResult> AppealsAsync(string project, [AsParameters] Paging page, Database database, CancellationToken stop) =>
        Results.Ok(page.Request.Part(await database.Notices.AppealsAsync(project, stop).ConfigureAwait(false), notice => notice.Id));

    private static async Task<IResult> DecideAsync(string project, string notice, [FromBody] AppealDecisionBody body, ClaimsPrincipal user, Database database, CancellationToken stop) =>
        await database.Notices.DecideAsync(project, notice, body.Overturn, body.Reason, user.PersonId(), stop).ConfigureAwait(false) ? Results.NoContent() : Results.NotFound();

    private static async Task<IResult> NoticesAsync(string project, [AsParameters] Paging page, ClaimsPrincipal user, Database database, CancellationToken stop) =>
        Results.Ok(page.Request.Part(await database.Notices.OfAsync(project, user.PersonId(), stop).ConfigureAwait(false), notice => notice.Id));

    private static async Task<IResult> AppealAsync(string project, string notice, [FromBody] AppealBody body, ClaimsPrincipal user, Database database, CancellationToken stop) =>
        await database.Notices.AppealAsync(project, notice, user.PersonId(), body.Text, stop).ConfigureAwait(false) ? Results.NoContent() : Results.NotFound();

    private static async Task<IResult> FeedbackAsync(string lease, ClaimsPrincipal user, Database database, CancellationToken stop) =>
        await TaskFeedback.FindAsync(database, lease, user.PersonId(), stop).ConfigureAwait(false) is { } feedback ? Results.Ok(feedback) : Results.NotFound();
}
