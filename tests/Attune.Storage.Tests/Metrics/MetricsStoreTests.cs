using Attune.Feedback;
using Attune.Storage.Leases;
using Attune.Storage.Tests.Testing;
using Attune.Storage.Work;

namespace Attune.Storage.Tests.Metrics;

public sealed class MetricsStoreTests
{
    [Theory, OnSqlite, OnPostgres]
    public async Task An_empty_project_has_figures_of_nothing(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, _) = await test.Project(1);
        var metrics = await test.Database.Metrics.ReadAsync(project.Id, 7);
        Assert.Equal((0L, 0.0, null, null), (metrics.Progress.Wanted, metrics.PerHour, metrics.ExpectedEnd, metrics.LastJudgmentId));
        Assert.Equal((7, 48), (metrics.Days.Count, metrics.Hours.Count));
        Assert.Empty(metrics.Agreement);
        Assert.Empty(metrics.Annotators);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Rate_and_end_follow_from_the_last_day_and_withdrawn_answers_do_not_count(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(2);
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(5), null); // ten answers wanted

        for (var i = 0; i < 4; i++)
        {
            await Answer(test, project, people[0].Id, 0);
            test.Clock.Advance(TimeSpan.FromMinutes(30));
        }
        var last = (await test.Database.Leases.NextAsync(project.Id, people[0].Id)).Lease!;
        await test.Database.Leases.SubmitAsync(last.Token, people[0].Id, last.Answer(Outcome.Choice, [1, 2]) with { Seconds = 5 });
        await test.Database.Leases.UndoAsync(last.Lease.Id, people[0].Id);

        var metrics = await test.Database.Metrics.ReadAsync(project.Id, 3);
        Assert.Equal((10L, 4L), (metrics.Progress.Wanted, metrics.Progress.Accepted));
        Assert.Equal(2.0, metrics.PerHour, 9); // four answers since the first one, two hours ago
        Assert.Equal(metrics.At.AddHours(3), metrics.ExpectedEnd); // six are missing
        Assert.Equal([0, 0, 4], metrics.Days.Select(day => day.Answers));
        Assert.Equal([2, 2, 0], metrics.Hours.TakeLast(3).Select(hour => hour.Answers));
        var row = Assert.Single(metrics.Annotators);
        Assert.Equal((people[0].Pseudonym, 4, 4, 28.0), (row.AnnotatorId, row.Answers, row.LastDay, row.ActiveSeconds)); // active time, where there is some

        test.Clock.Advance(TimeSpan.FromDays(2));
        metrics = await test.Database.Metrics.ReadAsync(project.Id, 3);
        Assert.Equal((0.0, null), (metrics.PerHour, metrics.ExpectedEnd));
        Assert.Equal([4, 0, 0], metrics.Days.Select(day => day.Answers));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Agreement_is_of_the_tasks_answered_on_a_day_and_later_answers_change_nothing_of_it(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(3, new() { Overlap = 3, MaximumOverlap = 3 });
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(4), null);
        foreach (var person in people.Take(2))
        {
            for (var i = 0; i < 4; i++)
                await AnswerByTask(test, project, person.Id, task => task % 2); // both the same: two tasks each way
        }
        test.Clock.Advance(TimeSpan.FromDays(1));
        for (var i = 0; i < 4; i++)
            await AnswerByTask(test, project, people[2].Id, task => 1 - task % 2); // the third the other way round

        var agreement = (await test.Database.Metrics.ReadAsync(project.Id, 3)).Agreement;
        Assert.Equal(2, agreement.Count);
        Assert.Equal((4, 8, 1.0), (agreement[0].Tasks, agreement[0].Answers, agreement[0].Alpha));
        // Krippendorff 2011 by hand: twelve values, six a label. In each of four tasks 2 : 1, so observed disagreement 8·(2·1/2)/12 = 2/3; expected 2·6·6/(12·11) = 6/11.
        Assert.Equal((4, 12), (agreement[1].Tasks, agreement[1].Answers));
        Assert.Equal(1 - 2.0 / 3 / (6.0 / 11), agreement[1].Alpha!.Value, 9);
        Assert.NotNull(agreement[1].Interval);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Each_axis_of_ratings_has_an_agreement_of_its_own(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(2, new() { Kind = TaskKind.Rate, Overlap = 2, MaximumOverlap = 2, Axes = ["overall", "helpful"] });
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(4), null);
        foreach (var (person, number) in people.Select((person, number) => (person, number)))
        {
            for (var i = 0; i < 4; i++)
            {
                var lease = (await test.Database.Leases.NextAsync(project.Id, person.Id)).Lease!;
                var task = int.Parse(lease.Task.Id[^5..]);
                var (same, opposite) = (task % 2 == 0 ? 1 : 7, (task + number) % 2 == 0 ? 1 : 7);
                // Overall they agree on both answers; about help they are at the opposite ends.
                AxisRating[] ratings = [new("overall", same, 7, 0), new("overall", same, 7, 1), new("helpful", opposite, 7, 0), new("helpful", opposite, 7, 1)];
                Assert.IsType<SubmitResult.Accepted>(await test.Database.Leases.SubmitAsync(lease.Token, person.Id, lease.Answer(Outcome.Rated) with { Ratings = ratings }));
            }
        }

        var agreement = (await test.Database.Metrics.ReadAsync(project.Id, 1)).Agreement;
        Assert.Equal(["overall", "helpful"], agreement.Select(row => row.Part));
        Assert.All(agreement, row => Assert.Equal((4, 8), (row.Tasks, row.Answers)));
        Assert.Equal(1, agreement[0].Alpha);
        // Krippendorff 2011 by hand: eight units (four tasks, two answers) of two values each, always unequal; of two values ordinal distance is all or nothing,
        // so observed disagreement 1, expected 2·8·8/(16·15) = 8/15.
        Assert.Equal(1 - 15.0 / 8, agreement[1].Alpha!.Value, 9);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task The_stamp_changes_with_answers_leases_and_steps_of_batches_alone(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(1);
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(2), null);
        var stamps = new List<string> { await test.Database.Metrics.StampAsync(project.Id) };
        Assert.Equal(stamps[0], await test.Database.Metrics.StampAsync(project.Id));
        var lease = (await test.Database.Leases.NextAsync(project.Id, people[0].Id)).Lease!;
        stamps.Add(await test.Database.Metrics.StampAsync(project.Id));
        await test.Database.Leases.SubmitAsync(lease.Token, people[0].Id, lease.Answer(Outcome.Choice, [1, 2]));
        stamps.Add(await test.Database.Metrics.StampAsync(project.Id));
        await test.Database.Batches.CreateAsync(project.Id, "week 1", "{}", null);
        stamps.Add(await test.Database.Metrics.StampAsync(project.Id));
        Assert.Equal(4, stamps.Distinct().Count());
        Assert.Equal("week 1", Assert.Single((await test.Database.Metrics.ReadAsync(project.Id)).Batches).Name);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task An_answer_is_news_also_where_judgments_were_brought_in_and_others_hold_newer_leases(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(2);
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(3), null);
        var lease = (await test.Database.Leases.NextAsync(project.Id, people[0].Id)).Lease!;
        var before = await test.Database.Metrics.StampAsync(project.Id);
        var brought = new Judgment
        {
            Id = "import-ffff",
            ComparisonId = lease.Task.SubjectId,
            AnnotatorId = people[1].Pseudonym,
            Order = [0, 1],
            Outcome = Outcome.Choice,
            Ranks = [2, 1],
            InstructionVersion = "1",
            At = DateTimeOffset.UnixEpoch,
        };
        await test.Database.Judgments.AppendAsync(project.Id, [brought], null);
        test.Clock.Advance(TimeSpan.FromSeconds(1));
        await test.Database.Leases.NextAsync(project.Id, people[1].Id);
        var stamp = await test.Database.Metrics.StampAsync(project.Id);
        Assert.NotEqual(before, stamp);

        await test.Database.Leases.SubmitAsync(lease.Token, people[0].Id, lease.Answer(Outcome.Choice, [1, 2]));

        Assert.NotEqual(stamp, await test.Database.Metrics.StampAsync(project.Id));
        Assert.StartsWith("0", (await test.Database.Metrics.ReadAsync(project.Id)).LastJudgmentId);
    }

    private static Task Answer(TestDatabase test, Project project, string person, int best) => AnswerByTask(test, project, person, _ => best);

    private static async Task AnswerByTask(TestDatabase test, Project project, string person, Func<int, int> best)
    {
        var lease = (await test.Database.Leases.NextAsync(project.Id, person)).Lease!;
        var answer = lease.Answer(Outcome.Choice, best(int.Parse(lease.Task.Id[^5..])) == 0 ? [1, 2] : [2, 1]) with { Seconds = 9, ActiveSeconds = 7 };
        Assert.IsType<SubmitResult.Accepted>(await test.Database.Leases.SubmitAsync(lease.Token, person, answer));
    }
}
