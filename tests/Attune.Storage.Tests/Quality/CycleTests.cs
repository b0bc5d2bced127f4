using Attune.Feedback;
using Attune.Runs;
using Attune.Storage.Leases;
using Attune.Storage.People;
using Attune.Storage.Tests.Testing;
using Attune.Storage.Work;

namespace Attune.Storage.Tests.Quality;

public sealed class CycleTests
{
    [Theory, OnSqlite, OnPostgres]
    public async Task Everyone_gets_all_calibration_tasks_and_the_gate_opens_with_agreement(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(4, new() { Overlap = 1, MaximumOverlap = 1, Quality = new() { Gate = 0.6, Accuracy = 0.6 } });
        var batch = await test.Database.Batches.CreateAsync(project.Id, "week 1", "{}", null);
        await Assert.ThrowsAsync<InputException>(() => test.Database.Cycle.CalibrateAsync(batch.Id, null)); // no calibration tasks
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(6).Select(task => task with { BatchId = batch.Id, Purpose = TaskPurpose.Calibration }).ToArray(), null);
        await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair("work") with { BatchId = batch.Id }], null);
        await test.Database.Cycle.CalibrateAsync(batch.Id, null);

        await Task.WhenAll(people.Select((person, p) => Task.Run(() => Answer(test, project, person, task => p == 0 && task == "task-00000" ? 1 : int.Parse(task[^1..]) % 2))));

        var agreement = await test.Database.Cycle.AgreementAsync(batch);
        Assert.Equal((6, 4, 24), (agreement.Tasks, agreement.Annotators, agreement.Answers)); // and the ordinary task was not given out
        Assert.InRange(agreement.Alpha!.Value, 0.7, 0.99);
        Assert.True(agreement.Interval!.Value.Lower <= agreement.Alpha && agreement.Passed);
        await test.Database.Cycle.OpenAsync(batch.Id, null, people[0].Id);
        Assert.Equal("work", (await test.Database.Leases.NextAsync(project.Id, people[0].Id)).Lease!.Task.Id);
        Assert.Equal(6, (await test.Database.Tasks.ProgressAsync(project.Id, batch.Id)).Complete);
    }

    /// <summary>Two people rate four answers. Their values lie one step apart (close on a scale), or as far as they can; both times no two are equal, and the outcome is "rated".</summary>
    [Theory]
    [InlineData(new[] { 1, 3, 5, 6 }, new[] { 2, 4, 6, 7 }, true)]
    [InlineData(new[] { 1, 7, 1, 7 }, new[] { 7, 1, 7, 1 }, false)]
    public async Task The_gate_of_ratings_measures_how_far_apart_they_are(int[] first, int[] second, bool passes)
    {
        await using var test = await TestDatabase.Open(DatabaseKind.Sqlite);
        var (project, people) = await test.Project(2, new() { Kind = TaskKind.Rate, Quality = new() { Gate = 0.5 } });
        var batch = await test.Database.Batches.CreateAsync(project.Id, "week 1", "{}", null);
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(4).Select(task => task with { BatchId = batch.Id, Purpose = TaskPurpose.Calibration, Kind = TaskKind.Rate }).ToArray(), null);
        await test.Database.Cycle.CalibrateAsync(batch.Id, null);
        foreach (var (person, values) in people.Zip([first, second]))
        {
            while ((await test.Database.Leases.NextAsync(project.Id, person.Id)).Lease is { } lease)
                await test.Database.Leases.SubmitAsync(lease.Token, person.Id, lease.Answer(Outcome.Rated) with { Ratings = [new("overall", values[int.Parse(lease.Task.SubjectId[^1..])], 7, 0)] });
        }

        var agreement = await test.Database.Cycle.AgreementAsync(batch);

        Assert.Equal((4, 2, 8, passes), (agreement.Tasks, agreement.Annotators, agreement.Answers, agreement.Passed));
        Assert.True(passes ? agreement.Alpha > 0.5 : agreement.Alpha < 0, $"{agreement.Alpha}");
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_closed_gate_and_a_no_go_need_a_reason_that_is_kept(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(2, new() { Overlap = 1, MaximumOverlap = 1, Quality = new() { Gate = 0.6, Accuracy = 0.6 } });
        var batch = await test.Database.Batches.CreateAsync(project.Id, "week 1", "{}", null);
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(4).Select(task => task with { BatchId = batch.Id, Purpose = TaskPurpose.Calibration }).ToArray(), null);
        await test.Database.Cycle.CalibrateAsync(batch.Id, null);
        await Answer(test, project, people[0], _ => 0);
        await Answer(test, project, people[1], task => int.Parse(task[^1..]) % 2);

        var refused = await Assert.ThrowsAsync<InputException>(() => test.Database.Cycle.OpenAsync(batch.Id, null, null));
        Assert.Contains("has an agreement of", refused.Message);
        Assert.Equal(BatchState.Calibrating, (await test.Database.Batches.FindAsync(batch.Id))!.State);
        await test.Database.Cycle.OpenAsync(batch.Id, "The differences were discussed.", people[0].Id);
        await Assert.ThrowsAsync<InputException>(() => test.Database.Cycle.DeliverAsync(batch.Id, "too early", null)); // still open
        await test.Database.Cycle.CloseAsync(batch.Id, null);
        Assert.Contains("has no accuracy", (await Assert.ThrowsAsync<InputException>(() => test.Database.Cycle.DeliverAsync(batch.Id, null, null))).Message);
        await Assert.ThrowsAsync<InputException>(() => test.Database.Cycle.RecordAccuracyAsync(batch.Id, 0.7, " ", null)); // no source
        await test.Database.Cycle.RecordAccuracyAsync(batch.Id, 0.55, "runs/reward-12", null);
        Assert.Contains("0.550", (await Assert.ThrowsAsync<InputException>(() => test.Database.Cycle.DeliverAsync(batch.Id, null, null))).Message);
        await test.Database.Cycle.RecordAccuracyAsync(batch.Id, 0.65, "runs/reward-13", null);
        await test.Database.Cycle.DeliverAsync(batch.Id, null, people[0].Id);

        Assert.Equal(BatchState.Delivered, (await test.Database.Batches.FindAsync(batch.Id))!.State);
        var decisions = await test.Database.Cycle.DecisionsAsync(batch.Id);
        Assert.Equal([("gate", false), ("accuracy", false), ("accuracy", true), ("delivery", true)], decisions.Select(decision => (decision.Kind, decision.Passed)));
        Assert.Equal(("The differences were discussed.", "runs/reward-13"), (decisions[0].Reason, decisions[3].Source));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Chosen_pairs_come_first_and_a_share_is_marked_as_drawn(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(1, new() { Overlap = 1, MaximumOverlap = 1, Quality = new() { ActivePairs = new() { RandomShare = 0.3 } } });
        var tasks = Enumerable.Range(0, 60).Select(i => TestDatabase.Pair($"task-{i:d5}") with
        {
            Payload = $$$"""{"id":"c{{{i}}}","prompt":"Q","answers":[{"id":"a","source":"m{{{i % 4}}}","text":"x"},{"id":"b","source":"m{{{(i % 4 + 1 + i / 20) % 4}}}","text":"y"}],"order":[0,1]}""",
        }).ToArray();
        await test.Database.Tasks.AddAsync(project.Id, tasks, null);

        Assert.Equal(20, await test.Database.Quality.ChoosePairsAsync(project.Id));
        Assert.Equal(0, await test.Database.Quality.ChoosePairsAsync(project.Id)); // enough are open
        var first = await test.Database.Quality.PairsAsync(project.Id);
        var chosen = first.Select(pair => pair.TaskId).ToHashSet();
        Assert.InRange(first.Count(pair => pair.IsRandom), 1, 19);
        var had = await MixingTests.WorkAsync(test, project, people[0], 15);
        Assert.All(had, task => Assert.Contains(task.Id, chosen));
        Assert.Equal(20, await test.Database.Quality.ChoosePairsAsync(project.Id));
        var all = await test.Database.Quality.PairsAsync(project.Id);
        Assert.Equal(Enumerable.Range(0, 40).Select(i => (long)i), all.Select(pair => pair.Place));
        Assert.Equal(40, all.Select(pair => pair.TaskId).Distinct().Count());
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Statements_pay_what_was_not_rejected_at_the_skill_of_its_time(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(1, new() { Overlap = 1, MaximumOverlap = 1, Quality = new() { PaySkill = "reading" } });
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(20), null);
        Assert.Empty(await test.Database.Pay.StatementsAsync(project.Id, Day(1), Day(9)));
        await test.Database.Pay.SetPlanAsync(project.Id, "currency: EUR\nprices:\n  - {kind: pair, from: 0, to: 79, tasks: 10, price: 1.00}\n  - {kind: pair, from: 80, to: 100, tasks: 10, price: 2.00}", null);
        await MixingTests.WorkAsync(test, project, people[0], 5);
        test.Clock.Advance(TimeSpan.FromHours(1));
        await test.Database.People.SetSkillAsync(people[0].Id, "reading", 90, null);
        test.Clock.Advance(TimeSpan.FromHours(1));
        await MixingTests.WorkAsync(test, project, people[0], 5);

        var statement = Assert.Single(await test.Database.Pay.StatementsAsync(project.Id, Day(1), Day(9)));
        Assert.Equal(0.50m + 1.00m, statement.Total);
        Assert.Equal(0.0222m, statement.Wages.Single().Hours);
        const string Reject = "rules: [{name: r, window: {last: 4}, when: [{measure: judgments, atLeast: 4}], then: [{do: reject, message: m}, {do: bonus, amount: 0.25}]}]";
        await test.Database.Rules.SwitchAsync(project.Id, await test.Database.Rules.AddAsync(project.Id, Reject, null), null);
        await test.Database.Rules.RunAsync(project.Id); // 4 and 4 of the 10
        statement = Assert.Single(await test.Database.Pay.StatementsAsync(project.Id, Day(1), Day(9)));
        Assert.Equal((8, 2 * 0.25m + 0.40m), (statement.Rejected, statement.Total)); // two left, at the higher price
        await Assert.ThrowsAsync<InputException>(() => test.Database.Pay.StatementsAsync(project.Id, Day(9), Day(1)));
    }

    private static DateTimeOffset Day(int day) => new(2030, 1, day, 0, 0, 0, TimeSpan.Zero);

    private static async Task Answer(TestDatabase test, Project project, Person person, Func<string, int> best)
    {
        while ((await test.Database.Leases.NextAsync(project.Id, person.Id)).Lease is { Task.Purpose: TaskPurpose.Calibration } lease)
            Assert.IsType<SubmitResult.Accepted>(await test.Database.Leases.SubmitAsync(lease.Token, person.Id, lease.Answer(Outcome.Choice, best(lease.Task.Id) == 0 ? [1, 2] : [2, 1])));
    }
}
