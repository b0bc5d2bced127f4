using Attune.Feedback;
using Attune.Runs;
using Attune.Storage.People;
using Attune.Updates;
using Microsoft.Playwright;

namespace Attune.Browser.Tests.Work;

/// <summary>The dashboard and the pages of runs as people see them. With ATTUNE_SCREENSHOTS set to a folder, pictures are left there.</summary>
[Collection(WorkSiteTests.Name)]
public sealed class DashboardTests(WorkSite site)
{
    [Fact]
    public async Task The_dashboard_follows_answers_without_a_reload_and_keeps_open_what_is_open()
    {
        var project = await site.ProjectAsync(new() { Overlap = 2, MaximumOverlap = 2 }, tasks: 6);
        await site.Database.Batches.CreateAsync(project.Id, "Week 12", "{}", null);
        await using var worker = await site.WorkerAsync(project);
        await using var viewer = await site.WorkerAsync(project);
        await site.Database.Projects.SetMemberAsync(project.Id, viewer.Person.Id, Role.Viewer, null);
        await JudgeAsync(project.Id, worker.Person, 2);

        var page = viewer.Page;
        await page.GotoAsync($"{site.Address}/projects/{project.Id}/dashboard");
        await Assertions.Expect(page.Locator("[data-figure=accepted]")).ToHaveTextAsync("2 of 12");
        await Assertions.Expect(page.Locator("[data-live-state]")).ToHaveTextAsync("This page follows what happens.");
        await page.EvaluateAsync("window.stillHere = true");
        await page.GetByText("Numbers as a table").First.ClickAsync();

        await JudgeAsync(project.Id, worker.Person, 2);
        await Assertions.Expect(page.Locator("[data-figure=accepted]")).ToHaveTextAsync("4 of 12");
        Assert.True(await page.EvaluateAsync<bool>("window.stillHere === true"));
        Assert.Equal("hours-numbers", await page.Locator("details[open]").GetAttributeAsync("id"));
        Assert.Equal(49, await page.Locator("details[open] tr").CountAsync()); // a head and 48 hours
        Assert.Empty(viewer.Complaints);
    }

    [Theory]
    [InlineData(360, ColorScheme.Dark)]
    [InlineData(1440, ColorScheme.Light)]
    public async Task Dashboard_webhooks_and_runs_fit_a_phone_and_a_desk(int width, ColorScheme scheme)
    {
        var project = await site.ProjectAsync(new() { Overlap = 2, MaximumOverlap = 2 }, tasks: 12);
        await using var owner = await site.WorkerAsync(project, width, scheme);
        await using var other = await site.WorkerAsync(project);
        await site.Database.Batches.CreateAsync(project.Id, "Week 12", "{}", null);
        await site.Database.Pay.SetPlanAsync(project.Id, "currency: EUR\nprices: [{kind: pair, from: 0, to: 100, tasks: 10, price: 1.20}]", null);
        await JudgeAsync(project.Id, owner.Person, 9);
        await JudgeAsync(project.Id, other.Person, 7);
        await site.Database.People.SetRoleAsync(owner.Person.Id, Role.Owner, null);
        var hook = (await site.Database.Webhooks.CreateAsync(project.Id, "https://example.invalid/a-rather-long-path/that/has/to/break", ["judgment.created"], null)).Webhook;
        await site.Database.Webhooks.SetActiveAsync(project.Id, hook.Id, false, null);
        WriteRun();

        foreach (var (name, path) in new[]
        {
            ("dashboard", $"/projects/{project.Id}/dashboard"), ("webhooks", $"/projects/{project.Id}/webhooks"), ("runs", "/runs"), ("run", "/runs/run?name=film%2Fppo"),
            ("rollouts", "/runs/rollouts?name=film%2Fppo&step=25&against=0"),
        })
        {
            await owner.Page.GotoAsync(site.Address + path);
            Assert.Equal(width, await owner.Page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
            await Browser.Picture(owner.Page, $"live-{name}-{width}-{scheme.ToString().ToLowerInvariant()}.png");
        }
        Assert.Empty(owner.Complaints);
    }

    private async Task JudgeAsync(string project, Person person, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var lease = (await site.Database.Leases.NextAsync(project, person.Id)).Lease!;
            await site.Database.Leases.SubmitAsync(lease.Token, person.Id, lease.Answer(Outcome.Choice, i % 3 == 0 ? [2, 1] : [1, 2]) with { Seconds = 40, ActiveSeconds = 31 });
        }
    }

    private void WriteRun()
    {
        var run = Path.Combine(site.Runs, "film", "ppo");
        Directory.CreateDirectory(run);
        using (var log = new MetricsLog(Path.Combine(run, "metrics.jsonl"), 0))
        {
            for (var step = 0; step < 60; step++)
                log.Append(step, new Dictionary<string, double> { ["objective/score"] = 1 - Math.Exp(-step / 20.0), ["objective/kl"] = step / 9.0, ["policy/entropy"] = 3 - step / 40.0, ["response/length"] = 40 + 8 * Math.Sin(step) });
        }
        ResultFile.Write(run, new { steps = 60, answers = 960, score = 0.95 });
        string[] before = ["The", " film", " was", " long", " and", " I", " slept", "."], after = ["The", " film", " was", " a", " joy", " to", " watch", "."];
        foreach (var (step, tokens) in new[] { (0, before), (25, after) })
        {
            RolloutRecords.Write(run, step, [new()
            {
                Step = step, Row = 2, Prompt = "What did you think of the film?", Answer = string.Concat(tokens), Score = step / 25.0, Finish = "end-token", Tokens = tokens,
                LogProbs = [.. tokens.Select((_, t) => -0.3 * (t + 1))], Kl = [.. tokens.Select((_, t) => 0.1 * Math.Sin(t))], Values = [.. tokens.Select((_, t) => 0.1 * t)],
                Rewards = [.. tokens.Select((_, t) => t == 7 ? 1.0 : -0.01)], Advantages = [.. tokens.Select((_, t) => Math.Cos(t) * 1.5)],
            }], 10);
        }
    }
}
