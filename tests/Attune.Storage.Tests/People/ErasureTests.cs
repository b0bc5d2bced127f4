using System.Text.Json;
using Attune.Feedback;
using Attune.Storage.People;
using Attune.Storage.Tests.Leases;
using Attune.Storage.Tests.Testing;

namespace Attune.Storage.Tests.People;

public sealed class ErasureTests
{
    [Theory, OnSqlite, OnPostgres]
    public async Task An_erased_person_is_nowhere_and_their_judgments_stay(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(2);
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(4), null);
        await LeaseTests.NextAndSubmit(test, project, people[0]);
        var running = (await LeaseTests.Next(test, project, people[0]))!;
        var session = await test.Database.Access.BeginSessionAsync(people[0].Id, TimeSpan.FromDays(1));
        var key = await test.Database.Access.CreateKeyAsync(people[0].Id, "script", [], null, people[0].Id);
        await test.Database.Access.InviteAsync(Role.Annotator, null, "person0@example.org", TimeSpan.FromDays(1), null);
        await test.Database.Access.BeginTryAsync([new("account person0@example.org", 8, EndsWithSuccess: true)], TimeSpan.FromMinutes(15));
        await test.Database.People.ConsentAsync(people[0].Id, project.Id, "1");

        await test.Database.Erasure.EraseAsync(people[0].Id, alsoTexts: false, people[1].Id);

        Assert.Equal(PersonState.Erased, (await test.Database.People.FindAsync(people[0].Id))!.State);
        Assert.Null(await test.Database.People.IdentityAsync(people[0].Id));
        Assert.Null(await test.Database.Access.FindSessionAsync(session));
        Assert.Null(await test.Database.Access.FindKeyAsync(key.Token));
        Assert.Equal(0, (await test.Database.Tasks.FindAsync(running.Task.Id))!.Active);
        var judgment = Assert.Single(await test.Database.Judgments.ReadAsync(project.Id, new()));
        Assert.Equal((people[0].Pseudonym, "I like red."), (judgment.AnnotatorId, judgment.Comment));
        Assert.Contains((await test.Database.Audit.ListAsync(null, new())).Items, entry => entry.Act == "person.erase" && entry.SubjectId == people[0].Id);

        await Storage.Transfer.ExportFolder.WriteAsync(test.Database, test.PathOf("all"));
        var everything = string.Concat(Directory.GetFiles(test.PathOf("all")).Select(File.ReadAllText));
        Assert.DoesNotContain("person0@", everything);
        Assert.DoesNotContain("Person 0", everything);
        if (kind == DatabaseKind.Sqlite)
            Assert.All(Directory.GetFiles(Path.GetDirectoryName(test.Url)!, "1.db*").Where(file => !file.EndsWith(".lock", StringComparison.Ordinal)), file => Assert.DoesNotContain("person0@", Text(file)));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Their_own_words_go_on_request_and_what_they_decided_stays(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(2);
        await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair()], null);
        await LeaseTests.NextAndSubmit(test, project, people[0]);
        await LeaseTests.NextAndSubmit(test, project, people[1]);

        await test.Database.Erasure.EraseAsync(people[0].Id, alsoTexts: true, null);

        var log = await test.Database.Judgments.ReadAsync(project.Id, new());
        Assert.Equal([null, "I like red."], log.Select(judgment => judgment.Comment));
        Assert.All(log, judgment => Assert.Equal((Outcome.Choice, 1), (judgment.Outcome, judgment.Ranks[0])));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_persons_data_are_one_document_without_secrets(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(1);
        await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair()], null);
        await LeaseTests.NextAndSubmit(test, project, people[0]);
        await test.Database.People.SetPasswordAsync(people[0].Id, "the hash", null);

        var text = await test.Database.Erasure.ExportAsync(people[0].Id);

        using var document = JsonDocument.Parse(text);
        Assert.Equal("person0@example.org", document.RootElement.GetProperty("identity")[0].GetProperty("email").GetString());
        Assert.Equal("I like red.", document.RootElement.GetProperty("judgments")[0].GetProperty("comment").GetString());
        Assert.Equal(1, document.RootElement.GetProperty("leases").GetArrayLength());
        Assert.DoesNotContain("hash", text);
    }

    private static string Text(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream, System.Text.Encoding.Latin1);
        return reader.ReadToEnd();
    }
}
