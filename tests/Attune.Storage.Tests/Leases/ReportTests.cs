using Attune.Storage.Leases;
using Attune.Storage.People;
using Attune.Storage.Tests.Testing;
using Attune.Storage.Work;

namespace Attune.Storage.Tests.Leases;

/// <summary>Tasks that people report as broken.</summary>
public sealed class ReportTests
{
    [Theory, OnSqlite, OnPostgres]
    public async Task A_task_that_two_people_report_waits_and_what_is_in_hand_still_counts(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(6, new() { Overlap = 4, MaximumOverlap = 4 });
        var task = Assert.Single(await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair()], null));
        var inHand = (await LeaseTests.Next(test, project, people[0]))!;

        await ReportAsync(test, project, people[1]);
        Assert.Equal((TaskState.Open, null), await StateAsync(test, task));
        await ReportAsync(test, project, people[2]);
        Assert.Equal((TaskState.Waiting, (DateTimeOffset?)test.Clock.GetUtcNow()), await StateAsync(test, task));
        Assert.Equal(NothingReason.NoTask, (await test.Database.Leases.NextAsync(project.Id, people[3].Id)).Why);
        Assert.NotNull(await test.Database.Leases.HeartbeatAsync(inHand.Token));
        var answered = Assert.IsType<SubmitResult.Accepted>(await LeaseTests.Submit(test, inHand));
        Assert.False(answered.Judgment.Late);
        Assert.Equal((1, 1), await test.Database.Tasks.ProgressAsync(project.Id) is var progress ? ((int)progress.Accepted, (int)progress.Held) : default);
        Assert.Equal(2, (await test.Database.Leases.ReportsAsync(project.Id, new(), isOpen: true)).Items.Count(report => report.HeldAt is not null));

        test.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(await test.Database.Tasks.ReturnAsync(task, "the image is there", null));

        Assert.Equal((TaskState.Open, null), await StateAsync(test, task));
        Assert.Empty((await test.Database.Leases.ReportsAsync(project.Id, new(), isOpen: true)).Items);
        Assert.Equal(2, (await test.Database.Leases.ReportsAsync(project.Id, new())).Items.Count);
        test.Clock.Advance(TimeSpan.FromSeconds(1));
        await ReportAsync(test, project, people[3]); // one since it was looked at
        Assert.Equal((TaskState.Open, null), await StateAsync(test, task));
        await ReportAsync(test, project, people[4]);
        Assert.Equal(TaskState.Waiting, (await StateAsync(test, task)).State);
        await test.Database.Tasks.WithdrawAsync(task, "it is broken", null);
        Assert.Equal((TaskState.Withdrawn, null), await StateAsync(test, task));
        Assert.False(await test.Database.Tasks.ReturnAsync(task, "no", null));
        Assert.Single(await test.Database.Judgments.ReadAsync(project.Id, new()));
        Assert.Equal(["task.hold", "task.return", "task.hold", "task.withdraw"],
            (await test.Database.Audit.ListAsync(project.Id, new() { Size = 200 })).Items.Select(entry => (entry.Id, entry.Act)).OrderBy(entry => entry.Id, StringComparer.Ordinal)
                .Select(entry => entry.Act).Where(act => act is "task.hold" or "task.return" or "task.withdraw"));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_task_whose_answers_came_while_it_waited_is_complete_when_it_is_given_back(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(3, new() { Overlap = 3, MaximumOverlap = 3, ReportsToHold = 1 });
        var task = Assert.Single(await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair() with { Overlap = 2 }], null));
        var inHand = (await LeaseTests.Next(test, project, people[0]))!;
        await ReportAsync(test, project, people[1]);
        await LeaseTests.Submit(test, inHand);
        await test.Database.Tasks.SetOverlapAsync(task, 1, null);
        Assert.Equal(TaskState.Waiting, (await StateAsync(test, task)).State);

        Assert.True(await test.Database.Tasks.ReturnAsync(task, "fine", null));

        Assert.Equal(TaskState.Complete, (await StateAsync(test, task)).State);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Nothing_waits_where_the_project_does_not_want_it_and_a_skip_is_no_report(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (never, people) = await test.Project(5, new() { Overlap = 5, MaximumOverlap = 5, ReportsToHold = 0 });
        var task = Assert.Single(await test.Database.Tasks.AddAsync(never.Id, [TestDatabase.Pair()], null));
        foreach (var person in people)
            await ReportAsync(test, never, person);
        Assert.Equal(TaskState.Open, (await StateAsync(test, task)).State);

        await test.Database.Projects.SetSettingsAsync(never.Id, never.Settings with { ReportsToHold = 1 }, null);
        var other = Assert.Single(await test.Database.Tasks.AddAsync(never.Id, [TestDatabase.Pair()], null));
        await test.Database.Leases.ReleaseAsync((await LeaseTests.Next(test, never, people[0]))!.Token, "skip");
        Assert.Equal(TaskState.Open, (await StateAsync(test, other)).State);
        await ReportAsync(test, never, people[1]);
        Assert.Equal(TaskState.Waiting, (await StateAsync(test, other)).State);
    }

    private static async Task ReportAsync(TestDatabase test, Project project, Person person) =>
        Assert.True(await test.Database.Leases.ReleaseAsync((await LeaseTests.Next(test, project, person))!.Token, "broken: no image"));

    private static async Task<(TaskState State, DateTimeOffset? HeldAt)> StateAsync(TestDatabase test, string id) =>
        (await test.Database.Tasks.FindAsync(id))! is var task ? (task.State, task.HeldAt) : default;
}
