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
        Assert.Contains("used already", await Problem(await visit.Post($"/reset/{token}", "reset", ("Password", "yet another one"))));
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
