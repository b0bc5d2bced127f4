using System.Net;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.People;

namespace Attune.Web.Tests;

public sealed class SignInTests
{
    private const string Password = "a long sentence";

    [Fact]
    public async Task The_right_password_begins_a_session_and_signing_out_ends_it()
    {
        await using var site = await Site.Open();
        await site.Person(password: Password, email: "ada@example.org");
        var visit = site.Visit();
        Assert.Equal(HttpStatusCode.Redirect, (await visit.Get("/")).StatusCode);
        using var reply = await TryAsync(visit, Password, "Ada@Example.org");
        Assert.Equal(HttpStatusCode.Redirect, reply.StatusCode);
        var cookie = reply.Headers.GetValues("Set-Cookie").Single(cookie => cookie.StartsWith("attune-session", StringComparison.Ordinal)).ToLowerInvariant();
        Assert.Contains("httponly", cookie);
        Assert.Contains("samesite=lax", cookie);
        var token = Visit.Token(await visit.Page("/"));
        var session = visit.Cookies.GetCookies(visit.Address)["attune-session"]!.Value;
        await visit.Send(HttpMethod.Post, "/sign-out", new FormUrlEncodedContent([new("__RequestVerificationToken", token)]));
        visit.Cookies.Add(visit.Address, new Cookie("attune-session", session)); // a stolen one is of no use afterwards
        Assert.Equal(HttpStatusCode.Redirect, (await visit.Get("/")).StatusCode);
    }

    [Fact]
    public async Task A_wrong_password_and_an_unknown_address_are_told_in_the_same_words()
    {
        await using var site = await Site.Open();
        await site.Person(password: Password, email: "ada@example.org");
        var wrong = await Problem(await TryAsync(site.Visit(), "another sentence"));
        Assert.Contains("do not fit", wrong);
        Assert.Equal(wrong, await Problem(await TryAsync(site.Visit(), Password, "bob@example.org")));
    }

    [Fact]
    public async Task After_too_many_failures_even_the_right_password_waits_until_the_time_is_over()
    {
        await using var site = await Site.Open(new() { FailuresBeforeLock = 3 });
        await site.Person(password: Password, email: "ada@example.org");
        for (var i = 0; i < 3; i++)
            await TryAsync(site.Visit(), "another sentence");
        Assert.Contains("Too many tries", await Problem(await TryAsync(site.Visit(), Password)));
        site.Clock.Advance(TimeSpan.FromMinutes(14));
        Assert.Contains("Too many tries", await Problem(await TryAsync(site.Visit(), Password)));
        site.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(HttpStatusCode.Redirect, (await TryAsync(site.Visit(), Password)).StatusCode);
    }

    [Fact]
    public async Task An_invitation_lets_one_person_in_once()
    {
        await using var site = await Site.Open();
        var project = await site.Project();
        var token = (await site.Database.Access.InviteAsync(Role.Viewer, project.Id, null, TimeSpan.FromDays(7), null)).Token;
        var visit = site.Visit();
        using var reply = await AcceptAsync(visit, token);
        Assert.Equal(HttpStatusCode.Redirect, reply.StatusCode);
        Assert.Contains("Colours", await visit.Page("/"));
        var identity = (await site.Database.People.IdentityByEmailAsync("ada@example.org"))!;
        Assert.Equal(Role.Viewer, (await site.Database.Projects.MemberAsync(project.Id, identity.PersonId))!.Role);
        Assert.Contains("used already", await site.Visit().Page($"/invitation/{token}"));
    }

    [Fact]
    public async Task An_expired_invitation_and_a_short_password_are_refused()
    {
        await using var site = await Site.Open();
        var token = (await site.Database.Access.InviteAsync(Role.Annotator, null, null, TimeSpan.FromDays(7), null)).Token;
        Assert.Contains("at least 10", await Problem(await AcceptAsync(site.Visit(), token, "short")));
        site.Clock.Advance(TimeSpan.FromDays(7));
        Assert.Contains("has expired", await site.Visit().Page($"/invitation/{token}"));
        Assert.Null(await site.Database.People.IdentityByEmailAsync("ada@example.org"));
    }

    [Fact]
    public async Task A_reset_link_works_once_and_ends_the_sessions_before_it()
    {
        await using var site = await Site.Open();
        var person = await site.Person(password: Password, email: "ada@example.org");
        var before = await site.SignedIn(person);
        var token = await site.Database.Access.BeginResetAsync("ada@example.org", TimeSpan.FromDays(1));
        var visit = site.Visit();
        Assert.Equal(HttpStatusCode.Redirect, (await visit.Post($"/reset/{token}", "reset", ("Password", "quite another one"))).StatusCode);
        Assert.Equal(HttpStatusCode.Redirect, (await before.Get("/")).StatusCode);
        Assert.Contains("do not fit", await Problem(await TryAsync(site.Visit(), Password)));
        Assert.Equal(HttpStatusCode.Redirect, (await TryAsync(site.Visit(), "quite another one")).StatusCode);
        Assert.Contains("used already", await visit.Page($"/reset/{token}"));
        Assert.DoesNotContain("name=\"Password\"", await visit.Page($"/reset/{token}"));
    }

    [Fact]
    public async Task One_changes_ones_own_password_with_the_old_one_and_other_sessions_end()
    {
        await using var site = await Site.Open(new() { FailuresBeforeLock = 3 });
        var person = await site.Person(password: Password, email: "ada@example.org");
        var (own, other) = (site.Visit(), site.Visit());
        await TryAsync(own, Password);
        await TryAsync(other, Password);
        Task<HttpResponseMessage> Change(string old, string password) => own.Post("/password", "password", ("Form.Old", old), ("Form.New", password));

        Assert.Contains("That is not your password so far", await (await Change("another sentence", "quite another one")).Content.ReadAsStringAsync());
        Assert.Contains("at least 10", await (await Change(Password, "short")).Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.OK, (await other.Get("/")).StatusCode);
        Assert.Contains("The password is changed", await (await Change(Password, "quite another one")).Content.ReadAsStringAsync());

        Assert.Equal(HttpStatusCode.OK, (await own.Get("/")).StatusCode);
        Assert.Equal(HttpStatusCode.Redirect, (await other.Get("/")).StatusCode);
        Assert.Contains("do not fit", await Problem(await TryAsync(site.Visit(), Password)));
        Assert.Equal(HttpStatusCode.Redirect, (await TryAsync(site.Visit(), "quite another one")).StatusCode);
        Assert.Single((await site.Database.Audit.ListAsync(null, new() { Size = 200 })).Items, entry => (entry.Act, entry.ActorId) == ("password.change", person.Id));
        for (var i = 0; i < 3; i++)
            await Change("another sentence", "one more of them");
        Assert.Contains("Too many tries", await (await Change("quite another one", "one more of them")).Content.ReadAsStringAsync()); // no place to guess at
    }

    [Fact]
    public async Task A_session_goes_on_while_it_is_used_and_ends_at_the_latest_after_its_longest_time()
    {
        await using var site = await Site.Open(new() { SessionLength = TimeSpan.FromDays(2), LongestSession = TimeSpan.FromDays(5) });
        await site.Person(password: Password, email: "ada@example.org");
        var (used, left) = (site.Visit(), site.Visit());
        await TryAsync(used, Password);
        await TryAsync(left, Password);
        for (var half = 1; half <= 6; half++) // 1.5 days at a time would be too long to hold without
        {
            site.Clock.Advance(TimeSpan.FromDays(0.75));
            Assert.Equal(HttpStatusCode.OK, (await used.Get("/")).StatusCode);
        }
        Assert.Equal(HttpStatusCode.Redirect, (await left.Get("/")).StatusCode); // nobody used it for two days
        site.Clock.Advance(TimeSpan.FromDays(0.5));
        Assert.Equal(HttpStatusCode.Redirect, (await used.Get("/")).StatusCode); // five days
    }

    [Fact]
    public async Task A_stranger_elsewhere_locks_nobody_out_and_one_network_cannot_try_everybody()
    {
        await using var site = await Site.Open(new() { FailuresBeforeLock = 2, Proxies = ["127.0.0.1"] });
        await site.Person(password: Password, email: "ada@example.org");
        for (var i = 0; i < 3; i++)
            await TryAsync(From(site, "203.0.113.9"), "another sentence");
        Assert.Contains("Too many tries", await Problem(await TryAsync(From(site, "203.0.113.9"), Password)));
        Assert.Equal(HttpStatusCode.Redirect, (await TryAsync(From(site, "203.0.113.10"), Password)).StatusCode);
        for (var i = 0; i < 10; i++)
            await TryAsync(From(site, "2001:db8:1:1::1"), "another sentence", $"somebody{i}@example.org");
        Assert.Contains("Too many tries", await Problem(await TryAsync(From(site, "2001:db8:1:1:ffff::2"), Password))); // another address of the same network
        Assert.Equal(HttpStatusCode.Redirect, (await TryAsync(From(site, "2001:db8:1:2::1"), Password)).StatusCode);
    }

    [Fact]
    public async Task Many_networks_against_one_account_wait_too()
    {
        await using var site = await Site.Open(new() { FailuresBeforeLock = 2, Proxies = ["127.0.0.1"] });
        await site.Person(password: Password, email: "ada@example.org");
        for (var i = 0; i < 20; i++)
            await TryAsync(From(site, $"203.0.113.{i}"), "another sentence");
        Assert.Contains("Too many tries", await Problem(await TryAsync(From(site, "203.0.113.99"), Password)));
        site.Clock.Advance(TimeSpan.FromMinutes(15));
        Assert.Equal(HttpStatusCode.Redirect, (await TryAsync(From(site, "203.0.113.99"), Password)).StatusCode);
    }

    [Fact]
    public async Task Tries_at_the_same_time_are_no_way_around_the_lock()
    {
        await using var site = await Site.Open(new() { FailuresBeforeLock = 3 });
        await site.Person(password: Password, email: "ada@example.org");
        var replies = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => TryAsync(site.Visit(), "another sentence")));
        Assert.Equal(3, (await Task.WhenAll(replies.Select(Problem))).Count(problem => problem.Contains("do not fit", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Guessed_links_and_keys_lock_the_guessers_network_out_and_nobody_else()
    {
        await using var site = await Site.Open(new() { FailuresBeforeLock = 4, Proxies = ["127.0.0.1"] });
        var person = await site.Person(Role.Owner);
        var invitation = (await site.Database.Access.InviteAsync(Role.Annotator, null, null, TimeSpan.FromDays(7), null)).Token;
        var reset = (await site.Database.Access.BeginResetAsync((await site.Database.People.IdentityAsync(person.Id))!.Email!, TimeSpan.FromDays(1)))!;
        var key = (await site.Program(person, "read")).Key!;
        var (guesser, other) = (From(site, "203.0.113.9"), From(site, "203.0.113.10"));
        for (var i = 0; i < 20; i++) // one wrong key all day long is no guess
            Assert.Equal(HttpStatusCode.Unauthorized, (await WithKey(guesser, "mistyped").Get("/api/v1/me")).StatusCode);
        Assert.Contains("never was", await guesser.Page("/invitation/guess-1"));
        Assert.Contains("never was", await guesser.Page("/reset/guess-2"));
        Assert.Equal(HttpStatusCode.Unauthorized, (await WithKey(guesser, "guess-3").Get("/api/v1/me")).StatusCode);

        using var locked = await WithKey(guesser, key).Get("/api/v1/me");
        Assert.Equal((HttpStatusCode.TooManyRequests, TimeSpan.FromMinutes(15), "application/problem+json"), (locked.StatusCode, locked.Headers.RetryAfter!.Delta!.Value, locked.Content.Headers.ContentType!.MediaType));
        foreach (var path in new[] { $"/invitation/{invitation}", $"/reset/{reset}" })
        {
            using var page = await guesser.Get(path);
            Assert.Equal(HttpStatusCode.TooManyRequests, page.StatusCode);
            Assert.Contains("too many links", await page.Content.ReadAsStringAsync());
            Assert.DoesNotContain("name=\"Form.Password\"", await page.Content.ReadAsStringAsync());
        }
        Assert.Equal(HttpStatusCode.OK, (await WithKey(other, key).Get("/api/v1/me")).StatusCode);
        Assert.Contains("Form.Password", await other.Page($"/invitation/{invitation}"));
        var here = From(site, "203.0.113.9");
        here.Cookies.Add(here.Address, new Cookie("attune-session", await site.Database.Access.BeginSessionAsync(person.Id, TimeSpan.FromDays(1))));
        Assert.Equal(HttpStatusCode.OK, (await here.Get("/")).StatusCode); // who is signed in goes on
        site.Clock.Advance(TimeSpan.FromMinutes(15));
        Assert.Equal(HttpStatusCode.OK, (await WithKey(guesser, key).Get("/api/v1/me")).StatusCode);
    }

    [Theory]
    [InlineData("http://0.0.0.0:0", "an owner with a password")]
    [InlineData("http://[::]:0", "an owner with a password")]
    [InlineData("http://example.org:0", "an owner with a password")] // a name that is not localhost is every address
    [InlineData("http://loopback:0", "an owner with a password")]
    [InlineData("http://127.0.0.1:0;http://0.0.0.0:0", "http://ADDRESS:PORT")]
    [InlineData("http://localhost/;http://0.0.0.0:0", "http://ADDRESS:PORT")]
    public async Task No_address_that_others_reach_is_listened_on_without_an_owner(string listen, string says)
    {
        await using var site = await Site.Open();
        Assert.Contains(says, (await Assert.ThrowsAsync<InputException>(() => WebServer.BuildAsync(site.Database, new() { Listen = listen }))).Message);
    }

    [Fact]
    public async Task No_setting_from_elsewhere_makes_it_listen_on_more()
    {
        await using var site = await Site.Open();
        await using var app = await WebServer.BuildAsync(site.Database, new() { Listen = "http://127.0.0.1:0" }, builder =>
        {
            builder.Configuration["Kestrel:Endpoints:More:Url"] = "http://127.0.0.1:0"; // as a file or a variable of the environment would
            builder.Configuration["http_ports"] = "0";
        });
        await app.StartAsync();
        Assert.Single(app.Urls);
    }

    [Fact]
    public async Task Forwarded_headers_are_believed_of_the_named_proxy_alone_and_make_cookies_secure()
    {
        foreach (var (proxies, isBelieved) in new (string[], bool)[] { ([], false), (["203.0.113.1"], false), (["127.0.0.1"], true) })
        {
            await using var site = await Site.Open(new() { Proxies = proxies });
            await site.Person(password: Password, email: "ada@example.org");
            var visit = From(site, "203.0.113.9");
            visit.Headers["X-Forwarded-Proto"] = "https";
            using var page = await visit.Get("/sign-in");
            Assert.Equal(isBelieved, page.Headers.Contains("Strict-Transport-Security"));
            Assert.Equal(isBelieved, page.Headers.GetValues("Set-Cookie").Single(cookie => cookie.StartsWith("attune-form", StringComparison.Ordinal)).Contains("secure", StringComparison.OrdinalIgnoreCase));
            var form = page.Headers.GetValues("Set-Cookie").Single(cookie => cookie.StartsWith("attune-form", StringComparison.Ordinal)).Split(';')[0];
            visit.Headers["Cookie"] = form; // a secure cookie is not sent back over plain HTTP by the client
            using var reply = await visit.Send(HttpMethod.Post, "/sign-in", new FormUrlEncodedContent(
                [new("_handler", "sign-in"), new("__RequestVerificationToken", Visit.Token(await page.Content.ReadAsStringAsync())), new("Form.Email", "ada@example.org"), new("Form.Password", Password)]));
            Assert.Equal(isBelieved, reply.Headers.GetValues("Set-Cookie").Single(cookie => cookie.StartsWith("attune-session", StringComparison.Ordinal)).Contains("secure", StringComparison.OrdinalIgnoreCase));
        }
    }

    [Fact]
    public async Task It_is_not_reachable_from_other_machines_before_an_owner_can_sign_in()
    {
        await using var site = await Site.Open();
        var open = new WebOptions { Listen = "http://0.0.0.0:0" };
        var refused = await Assert.ThrowsAsync<InputException>(() => WebServer.BuildAsync(site.Database, open));
        Assert.Contains("an owner with a password", refused.Message);
        await site.Person(Role.Owner, Password);
        await using var app = await WebServer.BuildAsync(site.Database, open);
    }

    private static Visit From(Site site, string address)
    {
        var visit = site.Visit();
        visit.Headers["X-Forwarded-For"] = address;
        return visit;
    }

    private static Visit WithKey(Visit visit, string key)
    {
        visit.Key = key;
        return visit;
    }

    private static Task<HttpResponseMessage> TryAsync(Visit visit, string password, string email = "ada@example.org") =>
        visit.Post("/sign-in", "sign-in", ("Form.Email", email), ("Form.Password", password));

    private static Task<HttpResponseMessage> AcceptAsync(Visit visit, string token, string password = Password) =>
        visit.Post($"/invitation/{token}", "invitation", ("Form.Name", "Ada"), ("Form.Email", "ada@example.org"), ("Form.Password", password));

    // What the page says is wrong.
    private static async Task<string> Problem(HttpResponseMessage reply)
    {
        Assert.Equal(HttpStatusCode.OK, reply.StatusCode);
        var page = await reply.Content.ReadAsStringAsync();
        var from = page.IndexOf("class=\"problem\"", StringComparison.Ordinal);
        Assert.True(from >= 0, page);
        return page[from..(page.IndexOf("</", from, StringComparison.Ordinal) + 2)];
    }
}
