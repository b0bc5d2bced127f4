using System.Text.Json;
using System.Text.RegularExpressions;
using Attune.Feedback;
using Attune.Feedback.Tasks;
using Attune.Storage.People;
using Attune.Storage.Tests.Leases;
using Attune.Storage.Tests.Testing;
using Attune.Storage.Work;

namespace Attune.Storage.Tests.People;

public sealed partial class ErasureTests
{
    // Where the schema names a person, and the part of their data that has it; null where it says only that they made something, which "acts" has.
    private static readonly Dictionary<string, string?> Named = new()
    {
        ["identities.person_id"] = "identity",
        ["person_languages.person_id"] = "languages",
        ["person_skills.person_id"] = "skills",
        ["skill_changes.person_id"] = "skillChanges",
        ["memberships.person_id"] = "memberships",
        ["consents.person_id"] = "consents",
        ["invitations.used_by"] = "invitations",
        ["invitations.created_by"] = null,
        ["password_resets.person_id"] = "passwordResets",
        ["api_keys.person_id"] = "keys",
        ["sessions.person_id"] = "sessions",
        ["leases.person_id"] = "leases",
        ["judgments.person_id"] = "judgments",
        ["task_authors.person_id"] = null,
        ["messages.author_id"] = "messages",
        ["repeats.person_id"] = "repeats",
        ["qualifications.person_id"] = "qualifications",
        ["standings.person_id"] = "standings",
        ["rule_firings.person_id"] = "ruleFirings",
        ["notices.person_id"] = "notices",
        ["notices.decided_by"] = "appealsDecided",
        ["bans.person_id"] = "bans",
        ["batch_decisions.actor_id"] = "batchDecisions",
        ["arena_voters.person_id"] = "arena",
        ["instructions.author_id"] = null,
        ["rule_sets.author_id"] = null,
        ["pay_plans.author_id"] = null,
        ["webhooks.created_by"] = null,
    };

    [Theory, OnSqlite, OnPostgres]
    public async Task Whatever_the_schema_knows_of_a_person_is_in_their_data_and_what_is_theirs_alone_goes(DatabaseKind kind)
    {
        var there = Schema.Migrations.For(kind).SelectMany(migration => Table().Matches(migration.Sql))
            .SelectMany(table => Column().Matches(table.Groups[2].Value).Select(column => $"{table.Groups[1].Value}.{column.Groups[1].Value}"));
        Assert.Equal(Named.Keys.Order(StringComparer.Ordinal), there.Order(StringComparer.Ordinal)); // a new one has to be thought of here

        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(2, new() { ConsentText = "I agree." });
        var (database, id) = (test.Database, people[0].Id);
        var joined = await database.Access.AcceptInvitationAsync((await database.Access.InviteAsync(Role.Annotator, null, null, TimeSpan.FromDays(1), null)).Token, new() { DisplayName = "Bea", Email = "bea@example.org", Languages = ["de"] });
        id = joined!.Id;
        await database.Projects.SetMemberAsync(project.Id, id, Role.Annotator, null);
        await database.People.ConsentAsync(id, project.Id, "1");
        await database.People.SetSkillAsync(id, "medicine", 0.5, null);
        await database.Access.BeginSessionAsync(id, TimeSpan.FromDays(1));
        await database.Access.CreateKeyAsync(id, "script", ["read"], null, id);
        await database.Access.BeginResetAsync("bea@example.org", TimeSpan.FromDays(1));
        await database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(2), null);
        await LeaseTests.NextAndSubmit(test, project, joined);
        var skipped = (await LeaseTests.Next(test, project, joined))!;
        await database.Leases.ReleaseAsync(skipped.Token, "broken: my cat says so");

        using var data = JsonDocument.Parse(await database.Erasure.ExportAsync(id, null));
        foreach (var part in Named.Values.OfType<string>())
            Assert.True(data.RootElement.TryGetProperty(part, out _), part);
        foreach (var part in new[] { "identity", "languages", "skills", "skillChanges", "memberships", "consents", "invitations", "passwordResets", "keys", "sessions", "leases", "judgments", "acts" })
            Assert.True(data.RootElement.GetProperty(part).GetArrayLength() > 0, part);
        Assert.Contains("my cat says so", data.RootElement.GetRawText());
        Assert.DoesNotContain("hash", data.RootElement.GetRawText());

        await database.Erasure.EraseAsync(id, alsoTexts: true, null);
        foreach (var table in new[] { "identities", "person_languages", "person_skills", "memberships", "consents", "password_resets", "api_keys", "sessions" })
            Assert.Equal(0, await database.ReadAsync(transaction => transaction.CountAsync($"SELECT COUNT(*) FROM {table} WHERE person_id = @id", new { id })));
        await Storage.Transfer.ExportFolder.WriteAsync(database, test.PathOf("after"));
        var everything = string.Concat(Directory.GetFiles(test.PathOf("after")).Select(File.ReadAllText));
        Assert.All(new[] { "bea@", "Bea", "my cat" }, word => Assert.DoesNotContain(word, everything));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Words_that_are_the_programs_too_are_removed_only_where_somebody_wrote_them(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(3, new() { Kind = TaskKind.Write, Overlap = 1, MaximumOverlap = 1, Chain = new() { Verifiers = 1 } });
        await test.Database.Tasks.AddAsync(project.Id, [new() { Payload = TaskPayload.ToJson(new WriteTask { Prompt = "Name a key." }), Choices = 0 }], null);
        var write = (await LeaseTests.Next(test, project, people[0]))!;
        await test.Database.Leases.SubmitAsync(write.Token, null, write.Answer(Outcome.Written) with { Text = "text" });
        var verify = (await LeaseTests.Next(test, project, people[1]))!;
        await test.Database.Leases.SubmitAsync(verify.Token, null, verify.Answer(Outcome.Answered) with { Answers = new Dictionary<string, string> { ["accept"] = "no" }, Reason = "reasons" });

        await test.Database.Erasure.EraseAsync(people[0].Id, alsoTexts: true, null);
        await test.Database.Erasure.EraseAsync(people[1].Id, alsoTexts: true, null);

        var tasks = (await test.Database.Tasks.ListAsync(project.Id, new(), new() { Size = 200 })).Items;
        var (verified, mend) = (TaskPayload.Read<VerifyTask>(tasks.Single(task => task.Kind == TaskKind.Verify).Payload), TaskPayload.Read<FixTask>(tasks.Single(task => task.Kind == TaskKind.Fix).Payload));
        Assert.Equal(("Name a key.", "[removed]"), (verified.Prompt, verified.Text));
        Assert.Equal(("[removed]", "[removed]"), (mend.Text, Assert.Single(mend.Reasons)));
    }

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

        var text = await test.Database.Erasure.ExportAsync(people[0].Id, null);

        using var document = JsonDocument.Parse(text);
        Assert.Equal("person0@example.org", document.RootElement.GetProperty("identity")[0].GetProperty("email").GetString());
        Assert.Equal("I like red.", document.RootElement.GetProperty("judgments")[0].GetProperty("comment").GetString());
        Assert.Equal(1, document.RootElement.GetProperty("leases").GetArrayLength());
        Assert.DoesNotContain("hash", text);
    }

    [GeneratedRegex(@"CREATE TABLE (\w+) \((.*?)\n\);", RegexOptions.Singleline)]
    private static partial Regex Table();

    [GeneratedRegex(@"^    (\w+) [^\n]*REFERENCES people \(id\)", RegexOptions.Multiline)]
    private static partial Regex Column();

    private static string Text(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream, System.Text.Encoding.Latin1);
        return reader.ReadToEnd();
    }
}
