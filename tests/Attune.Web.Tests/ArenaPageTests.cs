using System.Net;
using System.Text.RegularExpressions;
using Attune.Storage.Arena;
using Attune.Storage.People;

namespace Attune.Web.Tests;

public sealed class ArenaPageTests
{
    [Fact]
    public async Task Without_an_account_one_comes_only_where_that_is_allowed_and_after_the_text()
    {
        await using var closed = await ArenaSite.Open();
        Assert.Equal(HttpStatusCode.Found, (await closed.Visit().Get("/arena")).StatusCode);
        Assert.Equal(HttpStatusCode.Found, (await closed.Visit().Get("/arena/leaderboard")).StatusCode);

        await using var site = await ArenaSite.Open(plan => plan with { Visitors = true, ConsentText = "We keep <b>what</b> you write." });
        var visit = site.Visit();
        var before = await visit.Page("/arena");
        Assert.Contains("We keep &lt;b&gt;what&lt;/b&gt; you write.", before);
        Assert.DoesNotContain("Begin.Message", before);
        var agreed = await (await visit.Post("/arena", "consent", ("Consent.Pool", "true"))).Content.ReadAsStringAsync();
        Assert.Contains("Begin.Message", agreed);
        var cookie = visit.Cookies.GetCookies(visit.Address)["attune-arena"]!;
        Assert.True(cookie.HttpOnly);
        Assert.Equal(1, await site.Database.ReadAsync(transaction => transaction.CountAsync("SELECT COUNT(*) FROM arena_voters WHERE person_id IS NULL AND token_hash <> @Value", new { cookie.Value })));

        using var begun = await visit.Post("/arena", "begin", ("Begin.Token", "t"), ("Begin.Message", "What is <i>blue</i>?"));
        var path = begun.Headers.Location!.OriginalString;
        var battle = await visit.Page(path);
        Assert.Contains("What is &lt;i&gt;blue&lt;/i&gt;?", battle);
        Assert.All(ArenaSite.Names, name => Assert.DoesNotContain(name, battle));
        using var voted = await visit.Post(path, "vote", ("Vote.Choice", "a"), ("Vote.Token", Regex.Match(battle, "Vote.Token\" value=\"([^\"]+)").Groups[1].Value));
        Assert.Equal(HttpStatusCode.Found, voted.StatusCode);
        var after = await visit.Page(path);
        Assert.Equal(2, ArenaSite.Names.Count(name => after.Contains(name, StringComparison.Ordinal)));
        Assert.Contains("You voted for A", after);
        Assert.DoesNotContain("data-vote", after);
        Assert.Single(await ArenaVotes.CountedAsync(site.Database));
        Assert.Contains("crane-one", await visit.Page("/arena/leaderboard"));
        Assert.Equal(HttpStatusCode.NotFound, (await site.Visit().Get(path)).StatusCode);

        using var second = await visit.Send(HttpMethod.Post, path, new FormUrlEncodedContent([new("_handler", "vote"), new("__RequestVerificationToken", Visit.Token(battle)), new("Vote.Choice", "b"), new("Vote.Token", "other")]));
        Assert.NotEqual(HttpStatusCode.OK, second.StatusCode);
        Assert.Contains("You voted for A", await visit.Page(path));
    }

    [Fact]
    public async Task Visitors_of_one_address_share_the_votes_of_a_day()
    {
        await using var site = await ArenaSite.Open(plan => plan with { Visitors = true, VotesPerDay = 2 });
        for (var i = 0; i < 3; i++)
        {
            var visit = site.Visit(); // without the cookie of the one before
            using var consent = await visit.Post("/arena", "consent");
            using var begun = await visit.Post("/arena", "begin", ("Begin.Token", "t"), ("Begin.Message", "Hello"));
            using var voted = await visit.Post(begun.Headers.Location!.OriginalString, "vote", ("Vote.Choice", "tie"), ("Vote.Token", "v"));
            Assert.Equal(i == 2, (await visit.Page(begun.Headers.Location!.OriginalString)).Contains("reached today", StringComparison.Ordinal));
        }
        Assert.Equal(2, (await ArenaVotes.CountedAsync(site.Database)).Count);
    }

    [Fact]
    public async Task A_manager_leaves_a_voter_out_on_the_page()
    {
        await using var site = await ArenaSite.Open();
        var voter = await site.Agreed();
        await voter.Ok(HttpMethod.Post, $"/api/v1/arena/talks/{await voter.Battle()}/vote", new { choice = "a", token = "t" });
        var manager = await site.SignedIn(await site.Person(Role.Manager));
        var id = Assert.Single(await ArenaVotes.VotersAsync(site.Database)).Id;
        using var done = await manager.Post("/arena/voters", $"voter-{id}", ("Reason", "a <script>"));
        Assert.Contains("a &lt;script&gt;", await manager.Page("/arena/voters"));
        Assert.Empty(await ArenaVotes.CountedAsync(site.Database));
    }

    [Fact]
    public void A_file_with_faults_is_refused_with_all_of_them()
    {
        var problems = Assert.Throws<Runs.InputException>(() => Runs.Recipe.Parse<Arena.ArenaPlan>(
            "models: [{name: one, folder: a, url: 'ftp://x'}, {name: ONE}]\nvotesPerDay: 0\ntemperature: 0\nheldOutShare: 2", "arena.yaml", [])).Problems.Select(problem => problem.Key).ToArray();
        foreach (var key in new[] { "models", "models[0].folder", "models[1].folder", "models[0].url", "votesPerDay", "temperature", "heldOutShare" })
            Assert.Contains(key, problems);
    }
}
