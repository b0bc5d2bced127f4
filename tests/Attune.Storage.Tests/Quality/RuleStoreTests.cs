using Attune.Feedback;
using Attune.Runs;
using Attune.Storage.Leases;
using Attune.Storage.Quality;
using Attune.Storage.Tests.Testing;
using Attune.Storage.Work;

namespace Attune.Storage.Tests.Quality;

public sealed class RuleStoreTests
{
    private const string Rules = """
        rules:
          - name: fails-golden
            when: [{measure: golden-accuracy, below: 0.4, minimumCount: 4}]
            then:
              - {do: ban, scope: project, message: "Too many known tasks were wrong."}
              - {do: reject, message: "These answers are not counted.", appealDays: 3}
              - {do: raise-overlap, by: 1}
              - {do: set-skill, skill: reading, from: golden-accuracy}
        """;

    [Theory, OnSqlite, OnPostgres]
    public async Task A_dry_run_changes_nothing_and_a_firing_is_carried_out_once_however_many_look(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, good, bad) = await Crowd(test);
        var version = await test.Database.Rules.AddAsync(project.Id, Rules, good.Id);

        var dry = (await test.Database.Rules.DryRunAsync(project.Id, version))!;
        Assert.Equal(bad.Pseudonym, Assert.Single(dry.Firings).AnnotatorId);
        Assert.Equal(0, await test.Database.Rules.RunAsync(project.Id)); // not switched on
        Assert.Empty(await test.Database.Notices.OfAsync(project.Id, bad.Id));
        Assert.Null(await test.Database.Rules.DryRunAsync(project.Id, 9));

        Assert.True(await test.Database.Rules.SwitchAsync(project.Id, version, good.Id));
        var done = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Task.Run(() => test.Database.Rules.RunAsync(project.Id))));
        Assert.Equal(1, done.Sum());
        Assert.Equal(0, await test.Database.Rules.RunAsync(project.Id));
        Assert.Equal(2, (await test.Database.Notices.OfAsync(project.Id, bad.Id)).Count);
        Assert.Empty(await test.Database.Notices.OfAsync(project.Id, good.Id));
        Assert.Single((await test.Database.Audit.ListAsync(project.Id, new() { Size = 200 })).Items, entry => entry.Act == "rule.fire");
        Assert.Equal(17, Assert.Single(await test.Database.People.SkillsAsync(bad.Id)).Level); // Beta(1, 5): 1/6
        Assert.Empty((await test.Database.Rules.DryRunAsync(project.Id, version))!.Firings);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_ban_from_a_kind_takes_that_kind_away_repeats_included_and_no_other_for_its_time(DatabaseKind kind)
    {
        const string ForAnHour = "rules: [{name: busy, when: [{measure: judgments, atLeast: 4}], then: [{do: ban, scope: kind, hours: 1, message: rest}]}]";
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(1, new() { Overlap = 1, MaximumOverlap = 1, Quality = new() { Repeats = new() { Share = 0.5, After = 1 } } });
        await test.Database.Tasks.AddAsync(project.Id, [.. TestDatabase.Pairs(8).Select(task => task with { Priority = 1 }), .. Enumerable.Range(0, 6).Select(i => new NewTask
        {
            Id = $"question-{i}", Kind = TaskKind.Question, Choices = 0, Payload = """{"questions":[{"id":"good","text":"Good?","type":"yes-no"}]}""",
        })], null);
        await MixingTests.WorkAsync(test, project, people[0], 4);
        var open = (await test.Database.Leases.NextAsync(project.Id, people[0].Id)).Lease!;
        await test.Database.Rules.SwitchAsync(project.Id, await test.Database.Rules.AddAsync(project.Id, ForAnHour, null), null);
        Assert.Equal(1, await test.Database.Rules.RunAsync(project.Id));

        Assert.Equal(LeaseState.Released, (await test.Database.Leases.FindAsync(open.Lease.Id))!.State);
        var questions = 0;
        while ((await test.Database.Leases.NextAsync(project.Id, people[0].Id)).Lease is { } lease)
        {
            Assert.Equal(TaskKind.Question, lease.Task.Kind);
            await test.Database.Leases.SubmitAsync(lease.Token, people[0].Id, lease.Answer(Outcome.Answered) with { Answers = new Dictionary<string, string> { ["good"] = "yes" } });
            questions++;
        }
        Assert.Equal(6, questions);
        test.Clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(TaskKind.Pair, (await test.Database.Leases.NextAsync(project.Id, people[0].Id)).Lease!.Task.Kind);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Rejected_answers_count_no_more_their_tasks_open_again_and_an_appeal_gives_them_back(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, good, bad) = await Crowd(test);
        var before = await test.Database.Judgments.ReadAsync(project.Id, new(InForce: true));
        await test.Database.Rules.SwitchAsync(project.Id, await test.Database.Rules.AddAsync(project.Id, Rules, null), null);
        await test.Database.Rules.RunAsync(project.Id);

        var evidence = Assert.Single(await test.Database.Rules.FiringsAsync(project.Id)).Firing.Evidence;
        var after = await test.Database.Judgments.ReadAsync(project.Id, new(InForce: true));
        Assert.Equal(before.Count - evidence.Count, after.Count);
        Assert.NotEmpty(evidence);
        var tasks = (await test.Database.Tasks.ListAsync(project.Id, new(Purpose: TaskPurpose.Normal), new())).Items;
        Assert.All(tasks, task => Assert.Equal(task.Accepted, after.Count(judgment => judgment.ComparisonId == task.SubjectId)));
        Assert.Equal(NothingReason.NotAllowed, (await test.Database.Leases.NextAsync(project.Id, bad.Id)).Why);

        var notice = (await test.Database.Notices.OfAsync(project.Id, bad.Id)).Single(one => one.Kind == "reject");
        Assert.False(await test.Database.Notices.AppealAsync(project.Id, notice.Id, good.Id, "mine?")); // somebody else's
        Assert.True(await test.Database.Notices.AppealAsync(project.Id, notice.Id, bad.Id, "The golden tasks are wrong."));
        await Assert.ThrowsAsync<InputException>(() => test.Database.Notices.AppealAsync(project.Id, notice.Id, bad.Id, "again"));
        Assert.Single(await test.Database.Notices.AppealsAsync(project.Id));
        Assert.True(await test.Database.Notices.DecideAsync(project.Id, notice.Id, overturn: true, "They were.", good.Id));
        Assert.False(await test.Database.Notices.DecideAsync(project.Id, notice.Id, overturn: false, "twice", good.Id));

        Assert.Equal(before.Count, (await test.Database.Judgments.ReadAsync(project.Id, new(InForce: true))).Count);
        Assert.NotNull((await test.Database.Leases.NextAsync(project.Id, bad.Id)).Lease);
        Assert.Equal(0, await test.Database.Rules.RunAsync(project.Id)); // its evidence stays used up
        tasks = (await test.Database.Tasks.ListAsync(project.Id, new(Purpose: TaskPurpose.Normal), new())).Items;
        Assert.All(tasks, task => Assert.True(task.Active + task.Accepted <= task.Overlap));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task An_appeal_after_its_days_is_too_late_and_a_pause_ends_by_itself(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, _, bad) = await Crowd(test);
        const string Pause = "rules: [{name: p, when: [{measure: golden-accuracy, below: 0.4, minimumCount: 4}], then: [{do: pause, hours: 2, message: m}]}]";
        await test.Database.Rules.SwitchAsync(project.Id, await test.Database.Rules.AddAsync(project.Id, Pause, null), null);
        await test.Database.Rules.RunAsync(project.Id);

        Assert.Equal(NothingReason.NotAllowed, (await test.Database.Leases.NextAsync(project.Id, bad.Id)).Why);
        test.Clock.Advance(TimeSpan.FromHours(2));
        Assert.NotNull((await test.Database.Leases.NextAsync(project.Id, bad.Id)).Lease);
        test.Clock.Advance(TimeSpan.FromDays(7));
        Assert.False(await test.Database.Notices.OverturnAsync(project.Id, "none", "by mistake", null));
        var notice = Assert.Single(await test.Database.Notices.OfAsync(project.Id, bad.Id));
        Assert.Contains("too late", (await Assert.ThrowsAsync<InputException>(() => test.Database.Notices.AppealAsync(project.Id, notice.Id, bad.Id, "late"))).Message);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_ban_from_a_kind_leaves_other_kinds(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, _, bad) = await Crowd(test);
        const string Ban = "rules: [{name: b, when: [{measure: golden-accuracy, below: 0.4, minimumCount: 4}], then: [{do: ban, scope: kind}]}]";
        await test.Database.Rules.SwitchAsync(project.Id, await test.Database.Rules.AddAsync(project.Id, Ban, null), null);
        await test.Database.Rules.RunAsync(project.Id);
        Assert.Equal(NothingReason.NoTask, (await test.Database.Leases.NextAsync(project.Id, bad.Id)).Why);
        await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair() with { Kind = TaskKind.Rate }], null);
        var lease = (await test.Database.Leases.NextAsync(project.Id, bad.Id)).Lease!;
        Assert.Equal(TaskKind.Rate, lease.Task.Kind);

        await test.Database.Leases.ReleaseAsync(lease.Token, null);
        var firing = Assert.Single(await test.Database.Rules.FiringsAsync(project.Id)).Firing.Id;
        Assert.True(await test.Database.Notices.OverturnAsync(project.Id, firing, "The golden tasks were wrong.", null));
        Assert.False(await test.Database.Notices.OverturnAsync(project.Id, firing, "twice", null));
        Assert.Equal(TaskKind.Pair, (await test.Database.Leases.NextAsync(project.Id, bad.Id)).Lease!.Task.Kind);
    }

    [Theory]
    [InlineData("rules: [{name: a}]", "when")]
    [InlineData("rules: []", "has no rule")]
    [InlineData("rules: [{name: a, when: [{measure: judgments, atLeast: 1}], then: [{do: warn, message: \"${HOME}\"}]}]", "variable")]
    public async Task Bad_rules_and_those_that_ask_for_the_servers_environment_are_refused(string yaml, string why)
    {
        await using var test = await TestDatabase.Open(DatabaseKind.Sqlite);
        var (project, _) = await test.Project(0);
        Assert.Contains(why, (await Assert.ThrowsAsync<InputException>(() => test.Database.Rules.AddAsync(project.Id, yaml, null))).Message);
        Assert.Empty(await test.Database.Rules.ListAsync(project.Id));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task What_an_erased_person_wrote_in_an_appeal_goes_with_their_words(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, _, bad) = await Crowd(test);
        await test.Database.Rules.SwitchAsync(project.Id, await test.Database.Rules.AddAsync(project.Id, Rules, null), null);
        await test.Database.Rules.RunAsync(project.Id);
        var notice = (await test.Database.Notices.OfAsync(project.Id, bad.Id))[0];
        await test.Database.Notices.AppealAsync(project.Id, notice.Id, bad.Id, "my own words");
        Assert.Contains("my own words", await test.Database.Erasure.ExportAsync(bad.Id, null));
        await test.Database.Erasure.EraseAsync(bad.Id, alsoTexts: true, null);
        Assert.Null(Assert.Single(await test.Database.Notices.AppealsAsync(project.Id)).Appeal);
    }

    /// <summary>Two people: one gets all golden tasks right, one all wrong; both have answered ordinary ones.</summary>
    private static async Task<(Project Project, Attune.Storage.People.Person Good, Attune.Storage.People.Person Bad)> Crowd(TestDatabase test)
    {
        var (project, people) = await test.Project(2, new() { Overlap = 2, MaximumOverlap = 2 });
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(12), null);
        await test.Database.Quality.AddKnownAsync(project.Id, MixingTests.Known(4), TaskPurpose.Golden, null);
        foreach (var (rate, tasks) in new[] { (0.0, 5), (1.0, 7) }) // five ordinary ones, four golden ones, three ordinary ones
        {
            await test.Database.Projects.SetSettingsAsync(project.Id, project.Settings with { Quality = new() { Golden = new() { Start = rate, Floor = rate } } }, null);
            await MixingTests.WorkAsync(test, project, people[0], tasks);
            await MixingTests.WorkAsync(test, project, people[1], tasks, right: _ => false);
        }
        Assert.Equal(8, (await test.Database.Judgments.ReadAsync(project.Id, new(Purpose: TaskPurpose.Golden))).Count);
        return (project, people[0], people[1]);
    }
}
