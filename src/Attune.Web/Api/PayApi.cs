using System.Security.Claims;
using System.Text;
using Attune.Feedback.Quality;
using Attune.Storage;
using Attune.Web.Access;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Api;

/// <summary>Pay plans, statements, one's own earnings. A time is <c>from</c> (included) to <c>until</c> (not included); without them the month that runs, of UTC.</summary>
internal static class PayApi
{
    public static void MapPay(this (RouteGroupBuilder Read, RouteGroupBuilder Write) api)
    {
        api.Read.MapGet("/projects/{project}/pay-plan", PlanAsync).RequireProject(ProjectRight.Run).Produces<YamlBody>();
        api.Write.MapPut("/projects/{project}/pay-plan", SetPlanAsync).RequireProject(ProjectRight.Run).Produces<VersionReply>().ProducesProblem(StatusCodes.Status400BadRequest);
        api.Read.MapGet("/projects/{project}/pay.json", JsonAsync).RequireProject(ProjectRight.Run).Produces<IReadOnlyList<PayStatement>>().ProducesProblem(StatusCodes.Status400BadRequest);
        api.Read.MapGet("/projects/{project}/pay.csv", CsvAsync).RequireProject(ProjectRight.Run).Produces<string>(contentType: "text/csv").ProducesProblem(StatusCodes.Status400BadRequest);
        api.Read.MapGet("/projects/{project}/earnings", EarningsAsync).RequireProject(ProjectRight.Belong).Produces<PayStatement>();
    }

    /// <summary>The time that is asked for, or the month that runs.</summary>
    public static (DateTimeOffset From, DateTimeOffset Until) Time(DateTimeOffset? from, DateTimeOffset? until, DateTimeOffset now)
    {
        var first = new DateTimeOffset(now.UtcDateTime.Year, now.UtcDateTime.Month, 1, 0, 0, 0, TimeSpan.Zero);
        return (from ?? first, until ?? (from ?? first).AddMonths(1));
    }

    private static async Task<IResult> PlanAsync(string project, Database database, CancellationToken stop) =>
        await database.Pay.PlanAsync(project, stop).ConfigureAwait(false) is { } yaml ? Results.Ok(new YamlBody(yaml)) : Results.NotFound();

    private static async Task<IResult> SetPlanAsync(string project, [FromBody] YamlBody body, ClaimsPrincipal user, Database database, CancellationToken stop) =>
        Results.Ok(new VersionReply(await database.Pay.SetPlanAsync(project, body.Yaml, user.PersonId(), stop).ConfigureAwait(false)));

    private static async Task<IResult> JsonAsync(string project, DateTimeOffset? from, DateTimeOffset? until, Database database, CancellationToken stop) =>
        Results.Text(PayExport.Json(await OfAsync(database, project, from, until, null, stop).ConfigureAwait(false)), "application/json", Encoding.UTF8);

    private static async Task<IResult> CsvAsync(string project, DateTimeOffset? from, DateTimeOffset? until, Database database, CancellationToken stop) =>
        Results.File(Encoding.UTF8.GetBytes(PayExport.Csv(await OfAsync(database, project, from, until, null, stop).ConfigureAwait(false))), "text/csv", "pay.csv");

    private static async Task<IResult> EarningsAsync(string project, DateTimeOffset? from, DateTimeOffset? until, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        var own = await OwnAsync(database, project, user.Identity?.Name ?? "", from, until, stop).ConfigureAwait(false);
        return own is null ? Results.NotFound() : Results.Text(PayExport.Json([own]), "application/json", Encoding.UTF8);
    }

    /// <summary>One's own statement; null where there is none, or where the plan has gaps, which are for those who run the project.</summary>
    public static async Task<PayStatement?> OwnAsync(Database database, string project, string pseudonym, DateTimeOffset? from, DateTimeOffset? until, CancellationToken stop)
    {
        try
        {
            return await OfAsync(database, project, from, until, pseudonym, stop).ConfigureAwait(false) is [var own, ..] ? own : null;
        }
        catch (Attune.Runs.InputException)
        {
            return null;
        }
    }

    private static async Task<IReadOnlyList<PayStatement>> OfAsync(Database database, string project, DateTimeOffset? from, DateTimeOffset? until, string? pseudonym, CancellationToken stop)
    {
        var now = await database.ReadAsync(transaction => Task.FromResult(transaction.Now), stop).ConfigureAwait(false);
        var (first, last) = Time(from, until, now);
        return await database.Pay.StatementsAsync(project, first, last, pseudonym, stop).ConfigureAwait(false);
    }
}
