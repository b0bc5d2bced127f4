using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Attune.Storage.People;
using Attune.Web.Webhooks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Attune.Web.Tests;

public sealed class WebhookTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Deliveries_come_signed_and_in_order_and_a_failing_receiver_is_tried_again()
    {
        await using var site = await Site.Open();
        await using var receiver = await Receiver.Open();
        var project = await site.Project(4);
        var manager = await site.Program(await site.Member(project, Role.Manager), "read", "write");
        var made = await manager.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/webhooks", new { url = receiver.Address, events = new[] { "judgment.created" } });
        var secret = made.GetProperty("secret").GetString()!;
        receiver.Status = 500;

        await Judge(site, await site.Member(project), project.Id, 3);
        await Until(() => !receiver.Calls.IsEmpty);
        receiver.Status = 200;
        site.Clock.Advance(TimeSpan.FromSeconds(5));
        await Until(() => receiver.Calls.Count >= 4);

        var calls = receiver.Calls.ToList();
        Assert.Equal(calls[0].Body, calls[1].Body); // the first one again, with the same id
        var log = (await site.Database.Judgments.ReadAsync(project.Id, new())).Select(judgment => judgment.Id);
        Assert.Equal(log, calls.Skip(1).Select(call => JsonSerializer.Deserialize<JsonElement>(call.Body).GetProperty("data").GetProperty("judgmentId").GetString()));
        Assert.All(calls, call =>
        {
            var parts = call.Signature.Split(',');
            Assert.Equal($"v1={Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes($"{parts[0][2..]}.{call.Body}")))}", parts[1]);
            Assert.InRange(long.Parse(parts[0][2..]), site.Clock.GetUtcNow().AddMinutes(-1).ToUnixTimeSeconds(), site.Clock.GetUtcNow().ToUnixTimeSeconds());
        });

        var id = made.GetProperty("id").GetString();
        await Until(async () => (await Deliveries(manager, project.Id, id)).All(delivery => delivery.GetProperty("state").GetString() == "delivered"));
        var deliveries = await Deliveries(manager, project.Id, id);
        Assert.Equal([1, 1, 2], deliveries.Select(delivery => delivery.GetProperty("attempts").GetInt32())); // the newest first
        Assert.DoesNotContain(secret, await manager.Page($"/api/v1/projects/{project.Id}/webhooks"));
        await manager.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/webhooks/{id}/deliveries/{deliveries[0].GetProperty("id").GetString()}/redeliver", new { });
        await Until(() => receiver.Calls.Count >= 5);
        Assert.Equal(calls[3].Body, receiver.Calls.Last().Body);
    }

    [Fact]
    public async Task A_server_that_is_killed_while_it_sends_loses_no_event()
    {
        await using var site = await Site.Open();
        await using var receiver = await Receiver.Open();
        var project = await site.Project(4);
        await site.Database.Webhooks.CreateAsync(project.Id, receiver.Address, ["judgment.created"], null);
        receiver.Hang = true; // it takes the first event and says nothing
        await Judge(site, await site.Member(project), project.Id, 3);
        await Until(() => !receiver.Calls.IsEmpty);

        await using (var killed = await site.Again(null))
            await killed.App.StopAsync(); // servers come and go meanwhile
        receiver.Hang = false;
        site.Clock.Advance(TimeSpan.FromMinutes(1)); // the claim of the one that hangs is over
        var sender = new WebhookSender(site.Database, new(), NullLogger<WebhookSender>.Instance);
        await Until(async () =>
        {
            await sender.RunAsync(CancellationToken.None);
            return receiver.Calls.Select(call => call.Body).Distinct().Count() >= 3;
        });

        var log = (await site.Database.Judgments.ReadAsync(project.Id, new())).Select(judgment => judgment.Id);
        Assert.Equal(log, receiver.Calls.Select(call => JsonSerializer.Deserialize<JsonElement>(call.Body).GetProperty("data").GetProperty("judgmentId").GetString()).Distinct());
    }

    [Fact]
    public async Task Private_addresses_are_called_only_by_a_server_that_is_private_itself()
    {
        await using var site = await Site.Open();
        await using var receiver = await Receiver.Open();
        var project = await site.Project(1);
        var hook = (await site.Database.Webhooks.CreateAsync(project.Id, receiver.Address, ["task.completed", "batch.state"], null)).Webhook;
        await site.Database.Webhooks.SetActiveAsync(project.Id, hook.Id, false, null);
        await site.Database.Webhooks.SetActiveAsync(project.Id, hook.Id, true, null);
        using var open = new WebhookSender(site.Database, new() { Listen = "http://0.0.0.0:8400" }, NullLogger<WebhookSender>.Instance);
        var due = new Storage.Webhooks.DueDelivery(Delivery(hook.Id), receiver.Address, "secret");
        Assert.Equal("the address belongs to a private network, which this server does not call", (await open.SendAsync(due, CancellationToken.None)).Problem);
        Assert.Empty(receiver.Calls);
        using var closed = new WebhookSender(site.Database, new(), NullLogger<WebhookSender>.Instance);
        Assert.Equal(new Storage.Webhooks.WebhookAnswer(200, null), await closed.SendAsync(due, CancellationToken.None));
        receiver.Status = 302;
        Assert.Equal("answered 302", (await closed.SendAsync(due, CancellationToken.None)).Problem); // not followed
        Assert.Equal(2, receiver.Calls.Count);
    }

    [Theory]
    [InlineData("127.0.0.1", false)]
    [InlineData("10.1.2.3", false)]
    [InlineData("172.31.255.255", false)]
    [InlineData("192.168.0.1", false)]
    [InlineData("169.254.169.254", false)]
    [InlineData("100.64.0.1", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("255.255.255.255", false)]
    [InlineData("::1", false)]
    [InlineData("::", false)]
    [InlineData("fd00::1", false)]
    [InlineData("fe80::1", false)]
    [InlineData("::ffff:127.0.0.1", false)]
    [InlineData("64:ff9b::7f00:1", false)]
    [InlineData("2002:7f00:1::", false)]
    [InlineData("93.184.216.34", true)]
    [InlineData("172.32.0.1", true)]
    [InlineData("2606:2800:220:1::1", true)]
    public void Addresses_are_open_or_closed(string address, bool isOpen) => Assert.Equal(isOpen, PublicAddresses.IsOpen(IPAddress.Parse(address)));

    [Fact]
    public async Task The_page_makes_a_webhook_shows_its_secret_once_and_says_what_is_wrong()
    {
        await using var site = await Site.Open();
        var project = await site.Project(1);
        var manager = await site.SignedIn(await site.Member(project, Role.Manager));
        var path = $"/projects/{project.Id}/webhooks";
        using (var wrong = await manager.Post(path, "webhook", ("Form.Url", "http://example.org/")))
        {
            var said = await wrong.Content.ReadAsStringAsync();
            Assert.True(said.Contains("expected an https address", StringComparison.Ordinal), said);
            Assert.Contains("names none", said);
        }
        using (var made = await manager.Post(path, "webhook", ("Form.Url", "https://example.org/a?b=1"), ("Form.Events", "batch.state"), ("Form.Events", "rule.fired")))
            Assert.Matches("<code>attune_[A-Za-z0-9_-]{43}</code>", await made.Content.ReadAsStringAsync());
        var page = await manager.Page(path);
        Assert.Contains("https://example.org/a?b=1", page);
        Assert.DoesNotContain("attune_", page);
        var hook = Assert.Single(await site.Database.Webhooks.ListAsync(project.Id));
        Assert.Equal("batch.state rule.fired", hook.Events);
        using (await manager.Post(path, $"state-{hook.Id}"))
            Assert.Equal(Storage.Webhooks.WebhookState.Paused, (await site.Database.Webhooks.FindAsync(project.Id, hook.Id))!.State);
        using (await manager.Post(path, $"delete-{hook.Id}"))
            Assert.Empty(await site.Database.Webhooks.ListAsync(project.Id));
        Assert.Equal(["webhook.create", "webhook.pause", "webhook.delete"], (await site.Database.Audit.ListAsync(project.Id, new() { Size = 200 })).Items.Select(entry => entry.Act).Where(act => act.StartsWith("webhook", StringComparison.Ordinal)));
        var viewer = await site.SignedIn(await site.Member(project, Role.Viewer));
        Assert.Equal(HttpStatusCode.NotFound, (await viewer.Get(path)).StatusCode);
    }

    private static Storage.Webhooks.WebhookDelivery Delivery(string hook) => new()
    {
        Id = "d",
        WebhookId = hook,
        EventId = "e",
        Event = "batch.state",
        Body = "{}",
        State = "pending",
        Attempts = 0,
        DueAt = default,
        CreatedAt = default,
    };

    private static async Task<List<JsonElement>> Deliveries(Visit visit, string project, string? hook) =>
        [.. (await visit.Ok(HttpMethod.Get, $"/api/v1/projects/{project}/webhooks/{hook}/deliveries")).GetProperty("items").EnumerateArray()];

    private static async Task Judge(Site site, Person person, string project, int count)
    {
        using var client = await site.Client(person, "work");
        for (var i = 0; i < count; i++)
            await client.SubmitAsync((await client.NextAsync(project)).Task!.Token, new() { Step = 1 });
    }

    private static Task Until(Func<bool> isTrue) => Until(() => Task.FromResult(isTrue()));

    private static async Task Until(Func<Task<bool>> isTrue)
    {
        var began = System.Diagnostics.Stopwatch.StartNew();
        while (!await isTrue())
        {
            Assert.True(began.Elapsed < Patience, "what was waited for did not come");
            await Task.Delay(50);
        }
    }

    /// <summary>A program that is called.</summary>
    private sealed class Receiver : IAsyncDisposable
    {
        private readonly WebApplication _app;

        private Receiver(WebApplication app) => _app = app;

        public ConcurrentQueue<(string Body, string Signature)> Calls { get; } = [];

        public int Status { get; set; } = 200;

        public bool Hang { get; set; }

        public string Address => $"{_app.Urls.First()}/hook";

        public static async Task<Receiver> Open()
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            builder.Logging.ClearProviders();
            var app = builder.Build();
            var receiver = new Receiver(app);
            app.MapPost("/hook", async context =>
            {
                using var reader = new StreamReader(context.Request.Body);
                receiver.Calls.Enqueue((await reader.ReadToEndAsync(), context.Request.Headers["Attune-Signature"].ToString()));
                for (var i = 0; i < 600 && receiver.Hang; i++)
                    await Task.Delay(20, context.RequestAborted);
                context.Response.StatusCode = receiver.Status;
                if (receiver.Status == 302)
                    context.Response.Headers.Location = "/hook";
            });
            await app.StartAsync();
            return receiver;
        }

        public async ValueTask DisposeAsync()
        {
            await _app.StopAsync();
            await _app.DisposeAsync();
        }
    }
}
