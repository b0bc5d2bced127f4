using System.Net;
using Attune.Feedback;
using Attune.Storage.Leases;
using Attune.Storage.Work;
using Attune.Web.Client;
using Attune.Web.Work;

namespace Attune.Web.Tests;

/// <summary>The typed client, and what only a program asks for.</summary>
public sealed class ClientTests
{
    [Fact]
    public async Task On_nine_steps_the_pairs_of_one_prompt_come_one_after_the_other_and_the_answer_brings_the_next()
    {
        await using var site = await Site.Open();
        var project = await site.Database.Projects.CreateAsync("Summaries", new() { Scale = PreferenceScale.Nine, Overlap = 1, MaximumOverlap = 1 }, null, seed: 7);
        await ComparisonProject.AddAsync(site.Database, project, ComparisonProject.Parse("test", Site.Comparisons(3)), null, CancellationToken.None);
        using var client = await Client(site, project);

        var task = (await client.NextAsync(project.Id)).Task!;
        for (var place = 1; place <= 3; place++)
        {
            Assert.Equal((place, 3), (task.Place, task.GroupSize));
            var reply = await client.SubmitAsync(task.Token, new() { Step = 9, Comment = "clear" }, next: true);
            Assert.Equal((false, false), (reply.Late, reply.Repeat));
            Assert.Equal(place < 3, reply.Next!.Task is not null);
            task = reply.Next.Task ?? task;
        }

        Assert.Equal(NothingReason.NoTask, (await client.NextAsync(project.Id)).Why);
        var log = await site.Database.Judgments.ReadAsync(project.Id, new());
        Assert.Equal(3, log.Count);
        Assert.All(log, judgment => Assert.Equal(Judgment.MaximumStrength, judgment.Strength));
    }

    [Fact]
    public async Task Taking_back_twice_is_taking_back_once()
    {
        await using var site = await Site.Open();
        var project = await site.Project();
        using var client = await Client(site, project);
        var task = (await client.NextAsync(project.Id)).Task!;
        var first = await client.SubmitAsync(task.Token, new() { Step = 2 });

        var undone = await client.UndoAsync(task.LeaseId);
        var again = await client.UndoAsync(task.LeaseId); // the first reply got lost, say
        var second = await client.SubmitAsync(task.Token, new() { Step = 7 });

        Assert.Equal((task.Token, task.Token), (undone!.Token, again!.Token));
        Assert.NotEqual(first.JudgmentId, second.JudgmentId);
        Assert.Equal(3, (await site.Database.Judgments.ReadAsync(project.Id, new())).Count); // the first, its withdrawal, the second
        Assert.Equal(second.JudgmentId, Assert.Single(await site.Database.Judgments.ReadAsync(project.Id, new(InForce: true))).Id);
    }

    [Fact]
    public async Task A_refusal_has_its_status_and_its_words()
    {
        await using var site = await Site.Open();
        var project = await site.Project();
        using var client = await Client(site, project);
        var task = (await client.NextAsync(project.Id)).Task!;

        var wrong = await Assert.ThrowsAsync<AttuneApiException>(() => client.SubmitAsync(task.Token, new() { Step = 12 }));
        var unknown = await Assert.ThrowsAsync<AttuneApiException>(() => client.SubmitAsync("nobodys", new() { Step = 1 }));

        Assert.Equal((HttpStatusCode.UnprocessableEntity, "The answer has step 12, expected 1 to 8."), (wrong.Status, wrong.Message));
        Assert.Equal(HttpStatusCode.NotFound, unknown.Status);
        Assert.True(await client.HeartbeatAsync(task.Token) > site.Clock.GetUtcNow());
        Assert.True(await client.ReleaseAsync(task.Token));
        Assert.False(await client.ReleaseAsync(task.Token));
        Assert.Null(await client.HeartbeatAsync(task.Token));
    }

    [Fact]
    public async Task A_reply_that_breaks_off_is_asked_for_again()
    {
        await using var site = await Site.Open();
        var project = await site.Project();
        var key = (await site.Database.Access.CreateKeyAsync((await site.Member(project)).Id, "test", ["work", "read"], null, null)).Token;
        using var breaking = new BreakingOff(new SocketsHttpHandler(), replies: 2);
        using var http = new HttpClient(breaking) { BaseAddress = site.Visit().Address };
        using var client = new AttuneClient(http, key) { Patience = TimeSpan.FromSeconds(5) };

        var task = (await client.NextAsync(project.Id)).Task!;
        var given = await client.SubmitAsync(task.Token, new() { Step = 2 });

        Assert.Equal(0, breaking.Left);
        Assert.Equal(given.JudgmentId, Assert.Single(await site.Database.Judgments.ReadAsync(project.Id, new())).Id);
    }

    /// <summary>A server that is killed while it writes: the head of a reply arrives, half of its body, and no more.</summary>
    private sealed class BreakingOff(HttpMessageHandler inner, int replies) : DelegatingHandler(inner)
    {
        public int Left { get; private set; } = replies;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken stop)
        {
            var reply = await base.SendAsync(request, stop);
            if (Left == 0)
                return reply;
            Left--;
            var whole = await reply.Content.ReadAsByteArrayAsync(stop);
            var half = new StreamContent(new Half(whole[..(whole.Length / 2)]));
            half.Headers.ContentType = reply.Content.Headers.ContentType;
            return new(reply.StatusCode) { Content = half };
        }

        private sealed class Half(byte[] bytes) : MemoryStream(bytes)
        {
            public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
                await base.ReadAsync(buffer, cancellationToken) is > 0 and var read ? read : throw new IOException("The response ended prematurely.");

            public override async Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken)
            {
                await base.CopyToAsync(destination, bufferSize, cancellationToken);
                throw new IOException("The response ended prematurely.");
            }
        }
    }

    private static async Task<AttuneClient> Client(Site site, Project project)
    {
        var person = await site.Member(project);
        return new(site.Visit().Address, (await site.Database.Access.CreateKeyAsync(person.Id, "test", ["work", "read"], null, null)).Token) { Patience = TimeSpan.FromSeconds(5) };
    }
}
