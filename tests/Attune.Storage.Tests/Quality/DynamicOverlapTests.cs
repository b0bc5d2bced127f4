using Attune.Feedback;
using Attune.Storage.Leases;
using Attune.Storage.People;
using Attune.Storage.Tests.Testing;
using Attune.Storage.Work;
using Attune.Torch;

namespace Attune.Storage.Tests.Quality;

public sealed class DynamicOverlapTests
{
    private static readonly ProjectSettings Settings = new() { Overlap = 2, MaximumOverlap = 2, Quality = new() { Overlap = new() { Minimum = 2, Maximum = 5, Threshold = 0.9 } } };

    [Theory, OnSqlite, OnPostgres]
    public async Task Two_who_agree_are_enough_and_disagreement_asks_for_more_up_to_the_maximum(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(6, Settings);
        var sure = (await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair()], null))[0];
        await Answer(test, project, people[0], 0);
        await Answer(test, project, people[1], 0); // 0.8²/(0.8² + 0.2²) = 0.94
        Assert.Equal((TaskState.Complete, 2), await StateOf(test, sure));

        var unsure = (await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair()], null))[0];
        foreach (var (best, i) in new[] { 0, 1, 0, 1, 0 }.Select((best, i) => (best, i)))
        {
            Assert.Equal((TaskState.Open, i), await StateOf(test, unsure));
            await Answer(test, project, people[i], best);
        }
        Assert.Equal((TaskState.Complete, 5), await StateOf(test, unsure)); // the most, and still not sure
        Assert.Null((await test.Database.Leases.NextAsync(project.Id, people[5].Id)).Lease);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Answers_of_those_who_miss_golden_tasks_weigh_less(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(3, Settings with { Quality = Settings.Quality with { Golden = new() { Start = 1, Floor = 1 } } });
        await test.Database.Quality.AddKnownAsync(project.Id, MixingTests.Known(12), TaskPurpose.Golden, null);
        foreach (var person in people.Take(2))
            await MixingTests.WorkAsync(test, project, person, 12, right: _ => false);
        await test.Database.Quality.RefreshStandingsAsync(project.Id); // 4 of 17: worse than chance, so they say nothing
        await test.Database.Projects.SetSettingsAsync(project.Id, Settings, null);
        var task = (await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair()], null))[0];

        await Answer(test, project, people[0], 1);
        await Answer(test, project, people[1], 1);

        Assert.Equal((TaskState.Open, 2), await StateOf(test, task));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task With_many_callers_no_task_has_more_answers_than_the_maximum_and_none_fewer_than_the_minimum(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(10, Settings);
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(25), null);

        await Task.WhenAll(people.Select((person, p) => Task.Run(async () =>
        {
            var draws = new Seed(3).For(p);
            for (var n = 0; (await test.Database.Leases.NextAsync(project.Id, person.Id)).Lease is { } lease; n++)
            {
                var answer = lease.Answer(Outcome.Choice, draws.Uniform(n) < 0.65 ? [1, 2] : [2, 1]);
                if (draws.Uniform(n, 1) < 0.1)
                    await test.Database.Leases.ReleaseAsync(lease.Token, "skip");
                else
                    await test.Database.Leases.SubmitAsync(lease.Token, person.Id, answer);
            }
        })));

        var tasks = (await test.Database.Tasks.ListAsync(project.Id, new(), new() { Size = 200 })).Items;
        var log = await test.Database.Judgments.ReadAsync(project.Id, new(InForce: true));
        Assert.All(tasks, task => Assert.Equal((task.Accepted, 0), (log.Count(judgment => judgment.ComparisonId == task.SubjectId), task.Active)));
        Assert.All(tasks.Where(task => task.State == TaskState.Complete), task => Assert.InRange(task.Accepted, 2, 5));
        Assert.All(tasks, task => Assert.True(task.Accepted <= 5));
        Assert.Contains(tasks, task => task.Accepted == 2);
        Assert.Contains(tasks, task => task.Accepted > 2);
    }

    [Fact]
    public void The_probability_is_that_of_the_likeliest_word()
    {
        Assert.Equal(0.48 / 0.56, OverlapControl.ProbabilityOf([("0", 0.8), ("0", 0.6)], 2), 12);
        Assert.Equal(0.5, OverlapControl.ProbabilityOf([], 2));
        Assert.Equal(0.5, OverlapControl.ProbabilityOf([(null, 0.9)], 2)); // "cannot judge" is no vote
        Assert.Equal(0.5, OverlapControl.ProbabilityOf([("1", 0.1)], 2), 12); // worse than chance: nothing, not the opposite
    }

    private static async Task Answer(TestDatabase test, Project project, Person person, int best)
    {
        var lease = (await test.Database.Leases.NextAsync(project.Id, person.Id)).Lease!;
        await test.Database.Leases.SubmitAsync(lease.Token, person.Id, lease.Answer(Outcome.Choice, best == 0 ? [1, 2] : [2, 1]));
    }

    private static async Task<(TaskState State, int Accepted)> StateOf(TestDatabase test, string task)
    {
        var found = (await test.Database.Tasks.FindAsync(task))!;
        return (found.State, found.Accepted);
    }
}
