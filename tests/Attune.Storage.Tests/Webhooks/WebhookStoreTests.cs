using System.Text.Json;
using Attune.Feedback;
using Attune.Storage.Tests.Testing;
using Attune.Storage.Webhooks;
using Attune.Storage.Work;

namespace Attune.Storage.Tests.Webhooks;

public sealed class WebhookStoreTests
{
    private const string Url = "https://example.org/hook";

    [Theory, OnSqlite, OnPostgres]
    public async Task Each_event_is_queued_for_whoever_wants_it_with_ids_and_no_texts(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(2);
        var all = (await test.Database.Webhooks.CreateAsync(project.Id, Url, Webhook.AllEvents, people[0].Id)).Webhook;
        var completed = (await test.Database.Webhooks.CreateAsync(project.Id, Url, ["task.completed"], null)).Webhook;
        var batch = await test.Database.Batches.CreateAsync(project.Id, "week 1", "{}", null);
        await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair("task-00000") with { BatchId = batch.Id }], null);
        await test.Database.Cycle.OpenAsync(batch.Id, null, null);
        foreach (var person in people)
            await Answer(test, project, person.Id);

        var queued = await Queued(test, project, all.Id);
        Assert.Equal(["batch.state", "judgment.created", "judgment.created", "task.completed"], queued.Select(delivery => delivery.Event));
        Assert.DoesNotContain("secret words", string.Concat(queued.Select(delivery => delivery.Body)));
        var body = JsonSerializer.Deserialize<JsonElement>(queued[1].Body);
        Assert.Equal((queued[1].EventId, "judgment.created", project.Id), (body.GetProperty("id").GetString(), body.GetProperty("event").GetString(), body.GetProperty("projectId").GetString()));
        Assert.Equal(people[0].Pseudonym, body.GetProperty("data").GetProperty("annotatorId").GetString());
        var other = Assert.Single(await Queued(test, project, completed.Id));
        Assert.Equal(queued[3].EventId, other.EventId); // the same event, another delivery
        Assert.NotEqual(queued[3].Id, other.Id);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task What_is_undone_queues_nothing(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(1);
        var hook = (await test.Database.Webhooks.CreateAsync(project.Id, Url, Webhook.AllEvents, null)).Webhook;
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(1), null);
        var lease = (await test.Database.Leases.NextAsync(project.Id, people[0].Id)).Lease!;
        await Assert.ThrowsAsync<TimeoutException>(() => test.Database.WriteAsync(async transaction =>
        {
            await test.Database.Leases.SubmitAsync(transaction, lease.Token, people[0].Id, lease.Answer(Outcome.Choice, [1, 2]));
            throw new TimeoutException();
        }));
        Assert.Empty(await Queued(test, project, hook.Id));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task One_program_sends_at_a_time_in_order_and_a_claim_ends_with_its_program(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, hook) = await WithAnswers(test, 3);
        var webhooks = test.Database.Webhooks;
        Assert.Equal([hook], await webhooks.DueAsync());
        var first = (await webhooks.NextAsync(hook, "one"))!;
        Assert.Empty(await webhooks.DueAsync());
        Assert.Null(await webhooks.NextAsync(hook, "other"));
        Assert.Equal(first.Delivery.Id, (await webhooks.NextAsync(hook, "one"))!.Delivery.Id); // not recorded: again
        test.Clock.Advance(WebhookStore.ClaimLasts); // the first was killed
        Assert.Equal(first.Delivery.Id, (await webhooks.NextAsync(hook, "other"))!.Delivery.Id);
        await webhooks.RecordAsync(first.Delivery, new(200, null));
        var second = (await webhooks.NextAsync(hook, "other"))!;
        Assert.True(string.CompareOrdinal(second.Delivery.Id, first.Delivery.Id) > 0);
        await webhooks.RecordAsync(second.Delivery, new(500, "answered 500"));
        Assert.Null(await webhooks.NextAsync(hook, "other")); // the third waits behind it
        test.Clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal((second.Delivery.Id, 1), ((await webhooks.NextAsync(hook, "other"))!.Delivery is var again ? (again.Id, again.Attempts) : default));
        Assert.Equal(["delivered", "pending", "pending"], (await Queued(test, project, hook)).Select(delivery => delivery.State));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task After_a_day_of_failures_it_is_disabled_with_a_note_and_goes_on_when_it_is_switched_on(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, hook) = await WithAnswers(test, 1);
        var waits = new List<TimeSpan>();
        while (await test.Database.Webhooks.NextAsync(hook, "one") is { } due)
        {
            await test.Database.Webhooks.RecordAsync(due.Delivery, new(null, "could not be reached"));
            var now = (await Queued(test, project, hook))[0];
            waits.Add(now.DueAt - test.Clock.GetUtcNow());
            test.Clock.Advance(waits[^1] < TimeSpan.Zero ? TimeSpan.Zero : waits[^1]);
        }
        Assert.Equal([5.0, 10.0, 20.0], waits.Take(3).Select(wait => wait.TotalSeconds));
        Assert.Equal(TimeSpan.FromDays(1), waits.Aggregate(TimeSpan.Zero, (sum, wait) => sum + wait));
        Assert.Equal(WebhookState.Disabled, (await test.Database.Webhooks.FindAsync(project.Id, hook))!.State);
        Assert.Single((await test.Database.Audit.ListAsync(project.Id, new() { Size = 200 })).Items, entry => entry.Act == "webhook.disable" && entry.ActorId is null);

        Assert.True(await test.Database.Webhooks.SetActiveAsync(project.Id, hook, active: true, null));
        var again = (await test.Database.Webhooks.NextAsync(hook, "one"))!;
        await test.Database.Webhooks.RecordAsync(again.Delivery, new(500, "answered 500"));
        Assert.Equal(WebhookState.Active, (await test.Database.Webhooks.FindAsync(project.Id, hook))!.State); // its day begins anew
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_delivery_is_made_again_by_hand_with_the_same_event(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, hook) = await WithAnswers(test, 1);
        var first = (await test.Database.Webhooks.NextAsync(hook, "one"))!.Delivery;
        await test.Database.Webhooks.RecordAsync(first, new(204, null));
        Assert.Null(await test.Database.Webhooks.NextAsync(hook, "one"));
        Assert.False(await test.Database.Webhooks.RedeliverAsync("other", hook, first.Id, null));
        Assert.True(await test.Database.Webhooks.RedeliverAsync(project.Id, hook, first.Id, null));
        Assert.Equal((first.Id, first.EventId), ((await test.Database.Webhooks.NextAsync(hook, "one"))!.Delivery is var again ? (again.Id, again.EventId) : default));
        test.Clock.Advance(TimeSpan.FromDays(31));
        Assert.Equal(0, await test.Database.Webhooks.TidyAsync()); // what waits is never removed
        await test.Database.Webhooks.RecordAsync(first, new(204, null));
        test.Clock.Advance(TimeSpan.FromDays(31));
        Assert.Equal(1, await test.Database.Webhooks.TidyAsync());
        Assert.True(await test.Database.Webhooks.DeleteAsync(project.Id, hook, null));
        Assert.Empty(await test.Database.Webhooks.ListAsync(project.Id));
    }

    [Theory]
    [InlineData("http://example.org/hook")]
    [InlineData("ftp://example.org")]
    [InlineData("https://user:pass@example.org/")]
    [InlineData("/hook")]
    [InlineData("")]
    public void Addresses_that_are_not_closed_to_listeners_are_refused(string url) => Assert.Single(Webhook.Check(url, ["batch.state"]));

    [Fact]
    public void All_that_is_wrong_is_said_at_once() => Assert.Equal(2, Webhook.Check("x", ["batch.state", "nothing"]).Count());

    private static async Task<(Project Project, string Hook)> WithAnswers(TestDatabase test, int answers)
    {
        var (project, people) = await test.Project(1);
        var hook = (await test.Database.Webhooks.CreateAsync(project.Id, Url, ["judgment.created"], null)).Webhook;
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(answers), null);
        for (var i = 0; i < answers; i++)
            await Answer(test, project, people[0].Id);
        return (project, hook.Id);
    }

    private static async Task Answer(TestDatabase test, Project project, string person)
    {
        var lease = (await test.Database.Leases.NextAsync(project.Id, person)).Lease!;
        await test.Database.Leases.SubmitAsync(lease.Token, person, lease.Answer(Outcome.Choice, [1, 2]) with { Comment = "secret words" });
    }

    private static async Task<IReadOnlyList<WebhookDelivery>> Queued(TestDatabase test, Project project, string hook) =>
        [.. (await test.Database.Webhooks.DeliveriesAsync(project.Id, hook, new())).Items.Reverse()];
}
