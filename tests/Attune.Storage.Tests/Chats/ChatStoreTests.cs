using Attune.Feedback;
using Attune.Storage.Chats;
using Attune.Storage.Tests.Testing;
using Attune.Storage.Transfer;
using Attune.Storage.Work;

namespace Attune.Storage.Tests.Chats;

public sealed class ChatStoreTests
{
    [Theory, OnSqlite, OnPostgres]
    public async Task What_was_sampled_and_chosen_stays_over_a_restart_and_an_export(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (lease, person) = await LeaseAsync(test);
        var chats = test.Database.Chats;
        Assert.IsType<ChatResult.Kept>(await chats.AskAsync(lease, person, 1, "Hello."));
        Assert.Equal("first", (await chats.AnswerAsync(lease, 1, "Hello.", [Answer("first"), Answer("second")]))!.Sampled[0].Text);
        Assert.Equal("first", (await chats.AnswerAsync(lease, 1, "Hello.", [Answer("third"), Answer("fourth")]))!.Sampled[0].Text); // what came first stays
        await chats.ChooseAsync(lease, person, 1, place: 1, strength: 2);
        await chats.AskAsync(lease, person, 2, "Go on.");
        Assert.Null((await chats.AnswerAsync(lease, 2, "Another message.", [Answer("stray"), Answer("stray")]))!.Answers);
        var before = (await chats.OpenAsync(lease, person))!;

        await ExportFolder.WriteAsync(test.Database, test.PathOf("all"));
        var copy = await test.Again(test.NewUrl());
        await ImportFolder.ReadAsync(copy, test.PathOf("all"));

        Assert.Equal(before, await copy.Chats.OpenAsync(lease, person));
        Assert.Equal((before[0].Order[1], 2), (before[0].Chosen!.Value, before[0].Strength!.Value));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Of_many_who_begin_a_turn_at_once_one_message_stands(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (lease, person) = await LeaseAsync(test);

        var results = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => test.Database.Chats.AskAsync(lease, person, 1, "Hello.")));

        Assert.Single(results.Cast<ChatResult.Kept>().Select(kept => kept.Turn.SideOrder).Distinct());
        Assert.Single((await test.Database.Chats.OpenAsync(lease, person))!);
        Assert.Null(await test.Database.Chats.OpenAsync(lease, "somebody else"));
        Assert.IsType<ChatResult.Unknown>(await test.Database.Chats.AskAsync(lease, "somebody else", 1, "Hello."));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Erasing_a_person_takes_their_conversations_along(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (lease, person) = await LeaseAsync(test);
        await test.Database.Chats.AskAsync(lease, person, 1, "Where do I live?");
        Assert.Contains("Where do I live?", await test.Database.Erasure.ExportAsync(person, null));

        await test.Database.Erasure.EraseAsync(person, alsoTexts: false, null);

        Assert.Empty((await test.Database.Chats.OpenAsync(lease, person))!);
    }

    private static Answer Answer(string text) => new() { Source = "model", Text = text };

    private static async Task<(string Lease, string Person)> LeaseAsync(TestDatabase test)
    {
        var (project, people) = await test.Project(1, new() { Kind = TaskKind.Chat });
        await test.Database.Tasks.AddAsync(project.Id, [new() { Payload = """{"prompt":"Talk."}""", Choices = 0 }], null);
        return ((await test.Database.Leases.NextAsync(project.Id, people[0].Id)).Lease!.Lease.Id, people[0].Id);
    }
}
