using Attune.Feedback;
using Attune.Feedback.Tasks;
using Attune.Runs;
using Attune.Storage.Leases;
using Attune.Storage.People;
using Attune.Storage.Tests.Testing;
using Attune.Storage.Trees;
using Attune.Storage.Work;

namespace Attune.Storage.Tests.Work;

/// <summary>Tasks that come of answers, on both engines.</summary>
public sealed class FollowUpTests
{
    [Theory, OnSqlite, OnPostgres]
    public async Task A_text_is_verified_mended_and_verified_again_once_each_however_many_answer_at_once(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(18, new() { Kind = TaskKind.Write, Overlap = 1, MaximumOverlap = 1, Chain = new() { Verifiers = 16, Rounds = 1 } });
        await test.Database.Tasks.AddAsync(project.Id, [new() { Payload = TaskPayload.ToJson(new WriteTask { Prompt = "Write a haiku." }), Choices = 0 }], null);

        var write = await Next(test, project, people[0]);
        await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => test.Database.Leases.SubmitAsync(write.Token, null, Text(write, "Rain."))));
        Assert.Equal(["Write", "Verify"], await Kinds(test, project));
        await Task.WhenAll(people.Skip(1).Take(16).Select(async person =>
        {
            var lease = await Next(test, project, person);
            await test.Database.Leases.SubmitAsync(lease.Token, null, Answers(lease, ("accept", "no")) with { Reason = "Too short." });
        }));
        Assert.Equal(["Write", "Verify", "Fix"], await Kinds(test, project));
        Assert.Null((await test.Database.Leases.NextAsync(project.Id, people[0].Id)).Lease); // its author does not mend it

        var fix = await Next(test, project, people[17]);
        Assert.Equal(16, TaskPayload.Read<FixTask>(fix.Task.Payload).Reasons.Count);
        await test.Database.Leases.SubmitAsync(fix.Token, null, Text(fix, "Rain on the pond."));
        Assert.Equal(["Write", "Verify", "Fix", "Verify"], await Kinds(test, project));
        foreach (var author in new[] { people[0], people[17] })
            Assert.Null((await test.Database.Leases.NextAsync(project.Id, author.Id)).Lease);
        Assert.IsType<UndoResult.Undone>(await test.Database.Leases.UndoAsync(fix.Lease.Id, people[17].Id));
        Assert.Equal(["Write", "Verify", "Fix"], await Kinds(test, project));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Verifiers_who_are_level_are_joined_by_one_more_who_decides_and_in_the_end_it_is_mended(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(12, new() { Kind = TaskKind.Write, Overlap = 1, MaximumOverlap = 1, Chain = new() { Verifiers = 2, Rounds = 1 } });
        await test.Database.Tasks.AddAsync(project.Id, [new() { Payload = TaskPayload.ToJson(new WriteTask { Prompt = "Write a haiku." }), Choices = 0 }], null);
        var write = await Next(test, project, people[0]);
        await test.Database.Leases.SubmitAsync(write.Token, null, Text(write, "Rain."));
        async Task Verify(int person, string? accept)
        {
            var lease = await Next(test, project, people[person]);
            var judgment = accept is null ? lease.Answer(Outcome.CannotJudge) : Answers(lease, ("accept", accept)) with { Reason = "So." };
            Assert.IsType<SubmitResult.Accepted>(await test.Database.Leases.SubmitAsync(lease.Token, null, judgment));
        }

        await Verify(1, "yes");
        await Verify(2, "no");
        Assert.Equal(["Write", "Verify"], await Kinds(test, project));
        await Verify(3, null); // says nothing: still level
        await Verify(4, "no");
        Assert.Equal(["Write", "Verify", "Fix"], await Kinds(test, project));

        var fix = await Next(test, project, people[5]);
        await test.Database.Leases.SubmitAsync(fix.Token, null, Text(fix, "Rain on the pond."));
        await Verify(6, "yes");
        await Verify(7, "no");
        await Verify(8, "yes");
        Assert.Null((await test.Database.Leases.NextAsync(project.Id, people[9].Id)).Lease);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_tree_grows_out_of_answers_given_at_once_and_forgets_who_is_erased(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(8, new() { Kind = TaskKind.Message, Overlap = 1, MaximumOverlap = 1, Tree = new() { Messages = 4, Depth = 1 } });
        await test.Database.Tasks.AddAsync(project.Id, [new() { Payload = "{}", Choices = 0 }], null);
        for (var round = 0; round < 12; round++)
            await Task.WhenAll(people.Select(person => WorkAsync(test, project, person)));

        var tree = Assert.Single((await test.Database.Trees.ListAsync(project.Id, TreeState.Ready, new())).Items);
        var messages = await test.Database.Trees.ReadAsync(tree.Id);
        Assert.Equal([MessageRole.Prompter, MessageRole.Assistant, MessageRole.Assistant, MessageRole.Assistant], messages.Select(message => message.Role));
        Assert.All(messages, message => Assert.Equal(MessageState.Accepted, message.State));
        Assert.Equal([1, 1, 1], messages.Skip(1).Select(message => message.Place!.Value)); // all found them level
        var rows = await test.Database.Trees.ContributionsAsync(project.Id);
        Assert.Equal((12, 3, (3 * 4) + (12 * 2) + (3 * 9)), (rows.Sum(row => row.Reviews), rows.Sum(row => row.Rankings), rows.Sum(row => row.Points)));
        Assert.Equal(4, (await Kinds(test, project)).Count(word => word == "Review"));

        var author = messages[1].AuthorId;
        await test.Database.Erasure.EraseAsync(author, alsoTexts: true, null);
        Assert.Equal("[removed]", (await test.Database.Trees.ReadAsync(tree.Id))[1].Text);
        Assert.DoesNotContain(await Payloads(test, project), payload => payload.Contains($"Message of {people.First(person => person.Id == author).Pseudonym}", StringComparison.Ordinal));
    }

    [Theory, OnSqlite]
    public async Task A_payload_that_is_not_of_its_kind_and_an_answer_that_is_not_are_refused(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(1, new() { Kind = TaskKind.Write, Overlap = 1, MaximumOverlap = 1 });
        Assert.Contains("is no write", (await Assert.ThrowsAsync<InputException>(() => test.Database.Tasks.AddAsync(project.Id, [new() { Payload = "{}", Choices = 0 }], null))).Message);
        await test.Database.Tasks.AddAsync(project.Id, [new() { Payload = """{"prompt":"Write."}""", Choices = 0 }], null);

        var lease = await Next(test, project, people[0]);
        var refused = Assert.IsType<SubmitResult.Refused>(await test.Database.Leases.SubmitAsync(lease.Token, null, lease.Answer(Outcome.CannotJudge)));

        Assert.Contains("expected written", refused.Fault);
    }

    [Theory]
    [InlineData("""{"chain":{"verifiers":0,"rounds":11,"minimumCharacters":0}}""", "chain.verifiers chain.rounds chain.minimumCharacters")]
    [InlineData("""{"chain":{"maximumCharacters":100001},"tree":{"messages":0,"acceptance":1.5}}""", "chain.maximumCharacters tree.messages tree.acceptance")]
    [InlineData("""{"tree":{"depth":-1,"replies":0,"reviews":0,"rankings":0,"skips":0,"redFlags":0}}""", "tree.depth tree.replies tree.reviews tree.rankings tree.skips tree.redFlags")]
    public void Settings_out_of_range_are_named_all_at_once(string json, string keys)
    {
        var problem = Assert.Throws<InputException>(() => ProjectSettings.FromJson(json));

        Assert.All(keys.Split(' '), key => Assert.Contains($"{key} ", problem.Message));
    }

    private static async Task WorkAsync(TestDatabase test, Project project, Person person)
    {
        if ((await test.Database.Leases.NextAsync(project.Id, person.Id)).Lease is not { } lease)
            return;
        var answer = lease.Task.Kind switch
        {
            TaskKind.Message => Text(lease, $"Message of {person.Pseudonym}"),
            TaskKind.Review => Answers(lease, ("acceptable", "yes"), ("spam", "no")),
            _ => lease.Answer(Outcome.Tie, [.. lease.Lease.Order.Select(_ => 1)]),
        };
        Assert.IsType<SubmitResult.Accepted>(await test.Database.Leases.SubmitAsync(lease.Token, null, answer));
    }

    // Sixteen at one row: who finds nothing but what others are about to take asks again.
    private static async Task<GrantedLease> Next(TestDatabase test, Project project, Person person)
    {
        for (var attempt = 0; ; attempt++)
        {
            if ((await test.Database.Leases.NextAsync(project.Id, person.Id)).Lease is { } lease)
                return lease;
            Assert.True(attempt < 100, "There is nothing to do.");
            await Task.Delay(50);
        }
    }

    private static Judgment Text(GrantedLease lease, string text) => lease.Answer(Outcome.Written) with { Text = text };

    private static Judgment Answers(GrantedLease lease, params (string Question, string Answer)[] answers) =>
        lease.Answer(Outcome.Answered) with { Answers = answers.ToDictionary(answer => answer.Question, answer => answer.Answer) };

    private static async Task<IReadOnlyList<string>> Kinds(TestDatabase test, Project project) =>
        [.. (await test.Database.Tasks.ListAsync(project.Id, new(), new() { Size = 200 })).Items.Where(task => task.State != TaskState.Withdrawn).Select(task => $"{task.Kind}")];

    private static async Task<IReadOnlyList<string>> Payloads(TestDatabase test, Project project) =>
        [.. (await test.Database.Tasks.ListAsync(project.Id, new(), new() { Size = 200 })).Items.Select(task => task.Payload)];
}
