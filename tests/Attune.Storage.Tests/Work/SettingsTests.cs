using Attune.Feedback;
using Attune.Feedback.Tasks;
using Attune.Runs;
using Attune.Storage.Tests.Testing;
using Attune.Storage.Work;

namespace Attune.Storage.Tests.Work;

public sealed class SettingsTests
{
    [Fact]
    public void Settings_read_back_and_what_is_left_out_has_its_usual_value()
    {
        var settings = new ProjectSettings { Kind = TaskKind.Rank, Overlap = 5, MaximumOverlap = 9, Axes = ["helpful"], Scale = PreferenceScale.Nine };

        Assert.Equal(settings.ToJson(), ProjectSettings.FromJson(settings.ToJson()).ToJson());
        Assert.Equal(new ProjectSettings().ToJson(), ProjectSettings.FromJson("{}").ToJson());
    }

    [Theory]
    [InlineData("""{"overlapp":3}""")]
    [InlineData("""{"overlap":"three"}""")]
    [InlineData("""{"kind":2}""")]
    [InlineData("""{"overlap":3,"overlap":4}""")]
    [InlineData("null")]
    public void Settings_that_are_none_are_refused(string json) =>
        Assert.Contains("cannot be read", Assert.Throws<InputException>(() => ProjectSettings.FromJson(json)).Message);

    [Fact]
    public void All_values_out_of_range_are_listed_at_once()
    {
        var message = Assert.Throws<InputException>(() => ProjectSettings.FromJson(
            """{"overlap":0,"maximumOverlap":-1,"leaseMinutes":0,"undoMinutes":-1,"reportsToHold":101,"openTasks":0,"dailyLimit":0,"idleSeconds":1,"axes":["a","a"],"consentVersion":" "}""")).Message;

        Assert.Contains("has 10 problems", message);
        Assert.Contains("maximumOverlap  is -1, expected at least overlap, 0; the same means a fixed overlap", message);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Bad_tasks_are_listed_and_none_is_added(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, _) = await test.Project(0);
        var bad = new NewTask[] { TestDatabase.Pair() with { Payload = "{" }, TestDatabase.Pair(), TestDatabase.Pair() with { Choices = -1, Overlap = 0, Place = 2 } };

        var message = (await Assert.ThrowsAsync<InputException>(() => test.Database.Tasks.AddAsync(project.Id, bad, null))).Message;

        Assert.Contains("has 4 problems", message);
        Assert.Contains("task 3: choices", message);
        Assert.Empty((await test.Database.Tasks.ListAsync(project.Id, new(), new())).Items);
        await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair("a")], null);
        Assert.Contains("is there already", (await Assert.ThrowsAsync<InputException>(() => test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair("b"), TestDatabase.Pair("a")], null))).Message);
        Assert.Equal(["a"], (await test.Database.Tasks.ListAsync(project.Id, new(), new())).Items.Select(task => task.Id));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Instructions_have_versions_and_the_newest_is_given(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, _) = await test.Project(0);

        Assert.Equal(2, await test.Database.Projects.AddInstructionAsync(project.Id, "Better.", null));

        Assert.Equal("Better.", (await test.Database.Projects.InstructionAsync(project.Id))!.Markdown);
        Assert.StartsWith("Choose", (await test.Database.Projects.InstructionAsync(project.Id, 1))!.Markdown);
        Assert.Null(await test.Database.Projects.InstructionAsync(project.Id, 3));
    }

    [Fact]
    public void A_majority_is_what_more_say_than_anything_else()
    {
        Judgment Says(string word) => new()
        {
            Id = "j",
            ComparisonId = "c",
            AnnotatorId = "p",
            Order = [],
            Outcome = Outcome.Answered,
            Ranks = [],
            InstructionVersion = "1",
            At = default,
            Answers = new Dictionary<string, string> { ["q"] = word },
        };

        Assert.Equal("no", TaskOutcome.Majority([Says("no"), Says("yes"), Says("no")]));
        Assert.Null(TaskOutcome.Majority([Says("no"), Says("yes")]));
        Assert.Null(TaskOutcome.Majority([Says("no") with { Outcome = Outcome.CannotJudge, Answers = null }]));
        Assert.Equal("1", TaskOutcome.Of(Says("x") with { Outcome = Outcome.Choice, Order = [0, 1], Ranks = [2, 1] }));
    }
}
