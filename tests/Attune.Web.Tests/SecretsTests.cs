using System.Collections.Concurrent;
using System.Net;
using Attune.Storage.People;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Attune.Web.Tests;

/// <summary>What must never be told: secrets in logs and errors; and guessing, which ends soon.</summary>
public sealed class SecretsTests
{
    private const string Password = "horse 7341 battery";

    [Fact]
    public async Task No_log_at_any_level_and_no_reply_to_somebody_else_holds_a_secret()
    {
        var log = new Log();
        await using var site = await Site.Open(configure: builder => builder.Logging.SetMinimumLevel(LogLevel.Trace).Services.AddSingleton<ILoggerProvider>(log));
        var project = await site.Project(1);
        var person = await site.Person(password: Password, email: "ada@example.org");
        await site.Database.Projects.SetMemberAsync(project.Id, person.Id, Role.Annotator, null);
        var invitation = (await site.Database.Access.InviteAsync(Role.Viewer, null, null, TimeSpan.FromDays(1), null)).Token;
        var reset = (await site.Database.Access.BeginResetAsync("ada@example.org", TimeSpan.FromDays(1)))!;
        var visit = site.Visit();
        await visit.Post("/sign-in", "sign-in", ("Form.Email", "ada@example.org"), ("Form.Password", "staple 9920 wrong"));
        await visit.Post("/sign-in", "sign-in", ("Form.Email", "ada@example.org"), ("Form.Password", Password));
        var session = visit.Cookies.GetCookies(visit.Address)["attune-session"]!.Value;
        var program = await site.Program(person, "work", "read");
        var token = (await program.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task").GetProperty("token").GetString()!;
        string[] secrets = [Password, "staple 9920 wrong", session, program.Key!, invitation, reset, token, (await site.Database.People.IdentityAsync(person.Id))!.PasswordHash!];

        var replies = new List<string>();
        foreach (var reply in new[]
        {
            await site.Visit().Get($"/invitation/{invitation}x"), await site.Visit().Get($"/reset/{reset}?q={session}"), await visit.Get($"/api/v1/nothing/{token}"),
            await program.Json(HttpMethod.Post, "/api/v1/leases/submit", raw: $$$"""{"token":"{{{token}}}","answer":{"oops":"{{{program.Key}}}"}}"""),
            await program.Json(HttpMethod.Post, "/api/v1/leases/submit", raw: $$$"""{"token":"{{{token}}}","answer":{"step":99}}"""),
            await program.Json(HttpMethod.Post, "/api/v1/leases/submit", raw: $"{{\"token\":\"{token}"),
            await site.Visit().Post($"/invitation/{invitation}", "invitation", ("Form.Name", ""), ("Form.Email", "x"), ("Form.Password", Password)),
        })
        {
            replies.Add(await reply.Content.ReadAsStringAsync());
        }
        await site.Database.DisposeAsync(); // whatever fails now fails badly
        replies.Add(await (await program.Json(HttpMethod.Post, "/api/v1/leases/submit", new { token, answer = new { step = 1 } })).Content.ReadAsStringAsync());
        replies.Add((await (await site.Visit().Get($"/invitation/{invitation}")).Content.ReadAsStringAsync()).Replace($"href=\"/invitation/{invitation}\"", "", StringComparison.Ordinal)); // "try again" is the page itself

        Assert.NotEmpty(log.Lines); // it does listen
        foreach (var secret in secrets)
        {
            Assert.DoesNotContain(log.Lines, line => line.Contains(secret, StringComparison.Ordinal));
            Assert.All(replies.Where(reply => !reply.Contains("<form", StringComparison.Ordinal)), reply => Assert.False(reply.Contains(secret, StringComparison.Ordinal), reply));
        }
        foreach (var inner in (string[])[Password, "   at ", "Exception"])
            Assert.All(replies, reply => Assert.DoesNotContain(inner, reply));
    }

    [Theory]
    [InlineData("GET", "/invitation/{n}", null)]
    [InlineData("GET", "/reset/{n}", null)]
    [InlineData("GET", "/api/v1/me", "key-{n}")]
    [InlineData("GET", "/sign-in", null)]
    public async Task Guessing_ends_at_the_limit_and_says_when_to_come_back(string method, string path, string? key)
    {
        await using var site = await Site.Open(new() { RequestsPerMinute = 30 });
        var visit = site.Visit();
        var statuses = new List<HttpStatusCode>();
        for (var n = 0; n < 60; n++)
        {
            visit.Key = key?.Replace("{n}", $"{n}", StringComparison.Ordinal);
            using var reply = await visit.Send(new(method), path.Replace("{n}", $"{Guid.NewGuid():n}", StringComparison.Ordinal));
            statuses.Add(reply.StatusCode);
            if (reply.StatusCode == HttpStatusCode.TooManyRequests)
                Assert.True(reply.Headers.Contains("Content-Security-Policy") && reply.Headers.RetryAfter is not null);
        }
        Assert.Contains(HttpStatusCode.TooManyRequests, statuses);
        Assert.NotEqual(HttpStatusCode.TooManyRequests, statuses[0]);
    }

    [Fact]
    public async Task Expired_and_used_tokens_open_nothing()
    {
        await using var site = await Site.Open();
        var project = await site.Project(1);
        var person = await site.Member(project);
        var browser = await site.SignedIn(person);
        var form = Visit.Token(await browser.Page("/keys"));
        var program = site.Visit();
        program.Key = (await site.Database.Access.CreateKeyAsync(person.Id, "short", ["work"], TimeSpan.FromHours(1), null)).Token;
        var token = (await program.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task").GetProperty("token").GetString();

        // A form's token is of its person alone.
        var other = await site.SignedIn(await site.Member(project));
        using (var forged = await other.Send(HttpMethod.Post, "/api/v1/leases/heartbeat", new StringContent($$"""{"token":"{{token}}"}""", System.Text.Encoding.UTF8, "application/json"), form))
            Assert.Equal(HttpStatusCode.BadRequest, forged.StatusCode);

        site.Clock.Advance(TimeSpan.FromMinutes(31)); // the lease is over: its heartbeat is gone, its answer late, and a second one no other
        Assert.Equal(HttpStatusCode.Gone, (await program.Json(HttpMethod.Post, "/api/v1/leases/heartbeat", new { token })).StatusCode);
        Assert.True((await program.Ok(HttpMethod.Post, "/api/v1/leases/submit", new { token, answer = new { step = 1 } })).GetProperty("late").GetBoolean());
        Assert.Equal(HttpStatusCode.Conflict, (await program.Json(HttpMethod.Post, "/api/v1/leases/submit", new { token, answer = new { step = 2 } })).StatusCode);
        site.Clock.Advance(TimeSpan.FromMinutes(31));
        Assert.Equal(HttpStatusCode.Unauthorized, (await program.Get("/api/v1/me")).StatusCode);
        site.Clock.Advance(TimeSpan.FromDays(14)); // nobody has used the session meanwhile
        Assert.Equal(HttpStatusCode.Redirect, (await browser.Get("/")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await browser.Get("/api/v1/me")).StatusCode);
    }

    private sealed class Log : ILoggerProvider, ILogger
    {
        public ConcurrentBag<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Lines.Add($"{formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
