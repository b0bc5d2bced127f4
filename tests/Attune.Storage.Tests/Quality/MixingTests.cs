using Attune.Feedback;
using Attune.Storage.Leases;
using Attune.Storage.People;
using Attune.Storage.Quality;
using Attune.Storage.Tests.Testing;
using Attune.Storage.Work;

namespace Attune.Storage.Tests.Quality;

/// <summary>What comes between a person's ordinary tasks, and what comes before them.</summary>
public sealed class MixingTests
{
    [Theory, OnSqlite, OnPostgres]
    public async Task Golden_tasks_come_at_the_rate_of_experience_never_twice_to_anyone_and_to_all(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(4, new() { Overlap = 4, MaximumOverlap = 4, Quality = new() { Golden = new() { Start = 0.5, Floor = 0.1, Halving = 10 } } });
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(60), null);
        await test.Database.Quality.AddKnownAsync(project.Id, Known(12), TaskPurpose.Golden, null);

        var had = await Task.WhenAll(people.Select(person => Task.Run(() => WorkAsync(test, project, person, 40))));

        Assert.All(had, tasks => Assert.Equal(40, tasks.Select(task => task.Id).Distinct().Count())); // nothing twice, golden or not
        Assert.All(had, tasks => Assert.InRange(tasks.Count(task => task.Purpose == TaskPurpose.Golden), 3, 12));
        Assert.True(had.Sum(tasks => tasks.Take(20).Count(IsGolden)) > had.Sum(tasks => tasks.Skip(20).Count(IsGolden)), "no more for the new than for the known");
        var golden = await test.Database.Quality.GoldenAsync(project.Id);
        Assert.Equal(had.Sum(tasks => tasks.Count(IsGolden)), golden.Sum(one => one.Task.Accepted));
        Assert.Contains(golden, one => one.Task.Accepted > 2); // an overlap of their own does not hold them back
        Assert.All(golden, one => Assert.Equal((TaskState.Open, 0), (one.Task.State, one.Task.Active)));
        Assert.Equal(60, (await test.Database.Tasks.ProgressAsync(project.Id)).Tasks); // they are none of the work
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Whether_a_golden_task_comes_depends_on_the_person_and_their_number_of_tasks_alone(DatabaseKind kind)
    {
        var places = new List<IReadOnlyList<int>>();
        for (var round = 0; round < 2; round++)
        {
            await using var test = await TestDatabase.Open(kind);
            var settings = new ProjectSettings { Overlap = 1, MaximumOverlap = 1, Quality = new() { Golden = new() { Start = 0.3, Floor = 0.3, Halving = 10 } } };
            var (project, people) = await test.Project(1, settings);
            await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(40), null);
            await test.Database.Quality.AddKnownAsync(project.Id, Known(20), TaskPurpose.Golden, null);
            var tasks = await WorkAsync(test, project, people[0], 25);
            var seed = new Attune.Torch.Seed((ulong)project.Seed);
            Assert.Equal(Enumerable.Range(0, 25).Where(n => settings.Quality.Golden!.IsNextGolden(people[0].Id, n, seed)), Places(tasks));
            places.Add(Places(tasks));
        }
        Assert.NotEmpty(places[0]);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Training_then_golden_tasks_then_a_skill_then_work(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var quality = new QualitySettings { Qualification = new() { Tasks = 3, PassMark = 0.6, Attempts = 2, Skill = "reading" } };
        var (project, people) = await test.Project(2, new() { Overlap = 2, MaximumOverlap = 2, Quality = quality });
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(5).Select(task => task with { RequiredSkill = "reading", RequiredLevel = 60 }).ToArray(), null);
        await test.Database.Quality.AddKnownAsync(project.Id, Known(2, "t"), TaskPurpose.Training, null);
        await test.Database.Quality.AddKnownAsync(project.Id, Known(9), TaskPurpose.Golden, null);

        var good = await WorkAsync(test, project, people[0], 7, right: n => n != 3); // one golden task of three wrong: 0.67
        Assert.Equal([TaskPurpose.Training, TaskPurpose.Training, TaskPurpose.Golden, TaskPurpose.Golden, TaskPurpose.Golden, TaskPurpose.Normal, TaskPurpose.Normal], good.Select(task => task.Purpose));
        Assert.Equal(67, Assert.Single(await test.Database.People.SkillsAsync(people[0].Id)).Level);

        var bad = await WorkAsync(test, project, people[1], 8, right: _ => false);
        Assert.Equal(8, bad.Select(task => task.Id).Distinct().Count()); // the second attempt has other tasks
        Assert.All(bad.Skip(2), task => Assert.Equal(TaskPurpose.Golden, task.Purpose));
        Assert.Equal(NothingReason.NotQualified, (await test.Database.Leases.NextAsync(project.Id, people[1].Id)).Why);
        Assert.Empty(await test.Database.People.SkillsAsync(people[1].Id));
        Assert.Equal(3, (await test.Database.Audit.ListAsync(project.Id, new() { Size = 200 })).Items.Count(entry => entry.Act == "person.qualify"));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_repeat_comes_later_in_the_other_order_and_counts_for_no_overlap(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(3, new() { Overlap = 3, MaximumOverlap = 3, Quality = new() { Repeats = new() { Share = 0.4, After = 5 } } });
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(30), null);

        var had = await Task.WhenAll(people.Select(person => Task.Run(() => WorkAsync(test, project, person, 30))));

        foreach (var (tasks, person) in had.Zip(people))
        {
            var log = await test.Database.Judgments.ReadAsync(project.Id, new(PersonId: person.Id));
            var twice = log.GroupBy(judgment => judgment.ComparisonId).Where(group => group.Count() > 1).ToList();
            Assert.NotEmpty(twice);
            Assert.All(twice, pair => Assert.Equal(2, pair.Count()));
            Assert.All(twice, pair => Assert.Equal(pair.First().Order.Reverse(), pair.Last().Order));
            Assert.All(twice, pair => Assert.True(log.ToList().IndexOf(pair.Last()) - log.ToList().IndexOf(pair.First()) >= 5));
        }
        var progress = await test.Database.Tasks.ProgressAsync(project.Id);
        Assert.Equal(30, progress.Tasks);
        Assert.Equal(had.Sum(tasks => tasks.Count(task => task.Purpose == TaskPurpose.Normal)), progress.Accepted);
        var history = Attune.Feedback.Quality.QualityHistory.Of(await test.Database.Quality.InputAsync(project.Id));
        Assert.True(history.Measure(people[0].Pseudonym, Attune.Feedback.Quality.Measure.SelfConsistency).Count > 0);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Ratings_and_questions_come_again_as_they_were_and_texts_never(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(1, new() { Kind = TaskKind.Question, Overlap = 1, MaximumOverlap = 1, Quality = new() { Repeats = new() { Share = 0.5, After = 3 } } });
        const string Question = """{"questions":[{"id":"good","text":"Good?","type":"yes-no"}]}""";
        await test.Database.Tasks.AddAsync(project.Id, [.. Enumerable.Range(0, 24).Select(i => new NewTask
        {
            Id = $"task-{i:d5}",
            Kind = (i % 3) switch { 0 => TaskKind.Question, 1 => TaskKind.Rate, _ => TaskKind.Write },
            Choices = i % 3 == 1 ? 1 : 0,
            Payload = (i % 3) switch { 0 => Question, 1 => """{"prompt":"p","answers":["red"]}""", _ => """{"prompt":"p"}""" },
        })], null);

        for (var n = 0; n < 40 && (await test.Database.Leases.NextAsync(project.Id, people[0].Id)).Lease is { } lease; n++)
        {
            test.Clock.Advance(TimeSpan.FromSeconds(1));
            var answer = lease.Task.Kind switch
            {
                TaskKind.Question => lease.Answer(Outcome.Answered) with { Answers = new Dictionary<string, string> { ["good"] = "yes" } },
                TaskKind.Rate => lease.Answer(Outcome.Rated) with { Ratings = [new("overall", 4, 7, 0)] },
                _ => lease.Answer(Outcome.Written) with { Text = "Once." },
            };
            Assert.IsType<SubmitResult.Accepted>(await test.Database.Leases.SubmitAsync(lease.Token, people[0].Id, answer));
        }

        var log = await test.Database.Judgments.ReadAsync(project.Id, new());
        var twice = log.GroupBy(judgment => judgment.ComparisonId).Where(group => group.Count() > 1).ToList();
        Assert.Equal([Outcome.Answered, Outcome.Rated], twice.Select(group => group.First().Outcome).Distinct().Order(Comparer<Outcome>.Create((x, y) => string.CompareOrdinal($"{x}", $"{y}"))));
        Assert.All(twice, group => Assert.Equal(2, group.Count()));
        var progress = await test.Database.Tasks.ProgressAsync(project.Id);
        Assert.Equal(log.Count - twice.Count, progress.Accepted); // repeats count for no overlap
        Assert.Equal(log.Select(judgment => judgment.ComparisonId).Distinct().Count(), progress.Accepted);
        var history = Attune.Feedback.Quality.QualityHistory.Of(await test.Database.Quality.InputAsync(project.Id));
        var measured = history.Measure(people[0].Pseudonym, Attune.Feedback.Quality.Measure.SelfConsistency);
        Assert.Equal((twice.Count, 1.0), (measured.Count, measured.Value));
    }

    internal static KnownComparison[] Known(int count, string prefix = "g", int best = 0) => [.. Enumerable.Range(0, count).Select(i => new KnownComparison(
        new() { Id = $"{prefix}{i}", Prompt = "Name a colour.", Answers = [new() { Id = "a", Source = "one", Text = "red" }, new() { Id = "b", Source = "two", Text = "seven" }], Order = [0, 1] },
        new() { Best = best, Why = "Seven is a number." }))];

    /// <summary>Takes and answers tasks; right ones choose answer 0.</summary>
    internal static async Task<IReadOnlyList<AnnotationTask>> WorkAsync(TestDatabase test, Project project, Person person, int count, Func<int, bool>? right = null)
    {
        var tasks = new List<AnnotationTask>();
        for (var n = 0; n < count; n++)
        {
            if ((await test.Database.Leases.NextAsync(project.Id, person.Id)).Lease is not { } lease)
                break;
            test.Clock.Advance(TimeSpan.FromSeconds(1));
            var best = right?.Invoke(n) ?? true ? 0 : 1;
            var result = await test.Database.Leases.SubmitAsync(lease.Token, person.Id, lease.Answer(Outcome.Choice, best == 0 ? [1, 2] : [2, 1]) with { Seconds = 10, ActiveSeconds = 8 });
            Assert.IsType<SubmitResult.Accepted>(result);
            tasks.Add(lease.Task);
        }
        return tasks;
    }

    private static bool IsGolden(AnnotationTask task) => task.Purpose == TaskPurpose.Golden;

    private static List<int> Places(IReadOnlyList<AnnotationTask> tasks) => [.. Enumerable.Range(0, tasks.Count).Where(place => IsGolden(tasks[place]))];
}
