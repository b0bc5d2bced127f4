using Attune.Feedback;
using Attune.Runs;
using Attune.Storage.Tests.Testing;

namespace Attune.Storage.Tests.Judgments;

public sealed class AppendTests
{
    [Theory, OnSqlite, OnPostgres]
    public async Task A_log_from_elsewhere_is_kept_as_it_is_and_once(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(3);
        await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair("c-1"), TestDatabase.Pair("c-2")], null);
        var log = people.Select((person, i) => Example($"j-{i}", "c-1", person.Pseudonym)).ToList();
        log.Add(Example("j-3", "c-1", people[0].Pseudonym) with { Supersedes = "j-0", Outcome = Outcome.Withdrawn, Ranks = [] });

        Assert.Equal(4, await test.Database.Judgments.AppendAsync(project.Id, log, null));
        Assert.Equal(0, await test.Database.Judgments.AppendAsync(project.Id, log, null));

        Assert.Equal(log.Select(judgment => judgment.ToJson()), (await test.Database.Judgments.ReadAsync(project.Id, new())).Select(judgment => judgment.ToJson()));
        Assert.Equal(["j-1", "j-2"], (await test.Database.Judgments.ReadAsync(project.Id, new(InForce: true))).Select(judgment => judgment.Id));
        var task = (await test.Database.Tasks.FindAsync("c-1"))!;
        Assert.Equal((2, 2), (task.Accepted, task.Overlap)); // three came and one was taken back: as many as are wanted
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task More_answers_from_elsewhere_than_were_wanted_raise_the_overlap(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(3);
        await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair("c-1")], null);

        await test.Database.Judgments.AppendAsync(project.Id, [.. people.Select((person, i) => Example($"j-{i}", "c-1", person.Pseudonym))], null);

        var task = (await test.Database.Tasks.FindAsync("c-1"))!;
        Assert.Equal((3, 3), (task.Accepted, task.Overlap)); // two were wanted
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_log_with_bad_judgments_changes_nothing_and_names_them(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(1);
        await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair("c-1")], null);
        var good = Example("good", "c-1", people[0].Pseudonym);

        var message = (await Assert.ThrowsAsync<InputException>(() => test.Database.Judgments.AppendAsync(project.Id,
        [
            good, good with { Id = "odd", Ranks = [1, 1] }, good with { Id = "stray", ComparisonId = "c-9" }, good with { Id = "nobody", AnnotatorId = "p-9" },
            good with { Id = "three", Order = [0, 1, 2], Ranks = [1, 2, 2] }, good with { Id = "lost", Supersedes = "j-9" }, good with { Comment = "other" },
        ], null))).Message;

        Assert.Contains("has 6 problems", message);
        Assert.Contains("judgment stray   is of c-9, which is no task of this project; add its tasks first", message);
        Assert.Empty(await test.Database.Judgments.ReadAsync(project.Id, new()));
    }

    private static Judgment Example(string id, string comparison, string annotator) => new()
    {
        Id = id,
        ComparisonId = comparison,
        AnnotatorId = annotator,
        Order = [1, 0],
        Outcome = Outcome.Choice,
        Ranks = [1, 2],
        InstructionVersion = "1",
        At = new(2001, 2, 3, 4, 5, 6, TimeSpan.Zero),
    };
}
