using System.Net;
using System.Text.Json;
using Attune.Feedback;
using Attune.Storage.Arena;
using Attune.Storage.People;

namespace Attune.Web.Tests;

public sealed class ArenaApiTests
{
    [Fact]
    public async Task A_blind_battle_names_nobody_before_the_vote_and_takes_none_after_it()
    {
        await using var site = await ArenaSite.Open();
        var visit = await site.Agreed();
        var id = await visit.Battle();
        await visit.Ok(HttpMethod.Put, $"/api/v1/arena/talks/{id}/turns/2", new { prompt = "And red?" });
        var before = (await visit.Ok(HttpMethod.Get, $"/api/v1/arena/talks/{id}")).GetRawText();
        Assert.All(ArenaSite.Names, name => Assert.DoesNotContain(name, before));

        var vote = new { choice = "b", token = "once" };
        var after = await visit.Ok(HttpMethod.Post, $"/api/v1/arena/talks/{id}/vote", vote);
        Assert.Equal(2, after.GetProperty("models").GetArrayLength());
        Assert.Equal("b", after.GetProperty("choice").GetString());
        Assert.Equal(JsonValueKind.Null, after.GetProperty("voidReason").ValueKind);
        Assert.Equal(after.GetRawText(), (await visit.Ok(HttpMethod.Post, $"/api/v1/arena/talks/{id}/vote", vote)).GetRawText()); // the reply was lost, say
        await Refused(visit, 409, HttpMethod.Post, $"/api/v1/arena/talks/{id}/vote", new { choice = "a", token = "twice" });
        await Refused(visit, 409, HttpMethod.Post, $"/api/v1/arena/talks/{id}/vote", new { choice = "a", token = "once" });
        await Refused(visit, 409, HttpMethod.Put, $"/api/v1/arena/talks/{id}/turns/3", new { prompt = "More." });
        visit.Language = "de"; // what visitors are told is in their language
        using (var told = await visit.Json(HttpMethod.Post, $"/api/v1/arena/talks/{id}/vote", new { choice = "a", token = "twice" }))
            Assert.Equal("Nichts wurde geändert: dieses Gespräch hat schon seine Stimme.", JsonSerializer.Deserialize<JsonElement>(await told.Content.ReadAsStringAsync()).GetProperty("detail").GetString());

        var counted = Assert.Single(await ArenaVotes.CountedAsync(site.Database));
        Assert.Equal((after.GetProperty("models")[0].GetString(), after.GetProperty("models")[1].GetString()), (counted.ModelA, counted.ModelB));
        var board = await visit.Ok(HttpMethod.Get, "/api/v1/arena/leaderboard");
        Assert.Equal(1, board.GetProperty("votes").GetInt32());
        Assert.Equal(3, board.GetProperty("standings").GetArrayLength());
    }

    [Fact]
    public async Task After_a_reveal_without_a_vote_there_is_no_vote()
    {
        await using var site = await ArenaSite.Open();
        var visit = await site.Agreed();
        var id = await visit.Battle();
        Assert.Equal(2, (await visit.Ok(HttpMethod.Post, $"/api/v1/arena/talks/{id}/reveal")).GetProperty("models").GetArrayLength());
        await Refused(visit, 409, HttpMethod.Post, $"/api/v1/arena/talks/{id}/vote", new { choice = "a", token = "t" });
        Assert.Empty(await ArenaVotes.CountedAsync(site.Database));
    }

    [Fact]
    public async Task Votes_of_chosen_models_and_void_ones_are_kept_and_not_counted()
    {
        await using var site = await ArenaSite.Open(plan => plan with { VotesPerDay = 2 }, name => name == "finch-two" ? "I am Finch Two." : "Blue.");
        var visit = await site.Agreed();
        async Task<string?> Vote(string id) => (await visit.Ok(HttpMethod.Post, $"/api/v1/arena/talks/{id}/vote", new { choice = "tie", token = "t" })).GetProperty("voidReason").GetString();
        Assert.Equal("names-maker", await Vote(await visit.Battle("Who?", "side-by-side", "finch-two", "crane-one")));
        Assert.Equal("names-maker", await Vote(await visit.Battle("Who?", "side-by-side", "crane-one", "finch-two"))); // whichever side says it
        var empty = (await visit.Ok(HttpMethod.Post, "/api/v1/arena/talks", new { mode = "blind", token = "empty" })).GetProperty("id").GetString()!;
        Assert.Equal("empty", await Vote(empty));
        for (var i = 0; i < 2; i++)
            Assert.Null(await Vote(await visit.Battle("Who?", "side-by-side", "crane-one", "heron-three")));
        Assert.Equal("daily-limit", await Vote(await visit.Battle("Who?", "side-by-side", "crane-one", "heron-three")));
        site.Clock.Advance(TimeSpan.FromDays(1));
        Assert.Null(await Vote(await visit.Battle("Who?", "side-by-side", "crane-one", "heron-three")));
        Assert.Empty(await ArenaVotes.CountedAsync(site.Database));
        await Refused(visit, 409, HttpMethod.Post, $"/api/v1/arena/talks/{await visit.Battle("Who?", "single", "crane-one")}/vote", new { choice = "a", token = "t" });
    }

    [Fact]
    public async Task Models_and_sides_are_drawn_from_a_seed_that_is_kept_and_each_pair_comes()
    {
        await using var site = await ArenaSite.Open();
        var visit = await site.Agreed();
        var seen = new HashSet<(string, string)>();
        for (var i = 0; i < 60; i++)
        {
            var talk = await visit.Ok(HttpMethod.Post, "/api/v1/arena/talks", new { mode = "blind", token = $"{i}" });
            var again = await visit.Ok(HttpMethod.Post, "/api/v1/arena/talks", new { mode = "blind", token = $"{i}" });
            Assert.Equal(talk.GetProperty("id").GetString(), again.GetProperty("id").GetString());
            var stored = await site.Database.ReadAsync(transaction => transaction.FirstAsync<ArenaTalk>("SELECT * FROM arena_talks WHERE id = @Id", new { Id = talk.GetProperty("id").GetString() }));
            var order = new Torch.Seed((ulong)stored!.Seed).For("models").Permutation(3);
            Assert.Equal((ArenaSite.Names[order[0]], ArenaSite.Names[order[1]]), (stored.ModelA, stored.ModelB));
            Assert.Equal(0.7, stored.Draws.Temperature);
            seen.Add((stored.ModelA, stored.ModelB!));
        }
        Assert.Equal(6, seen.Count);
    }

    [Fact]
    public async Task Nobody_reaches_the_conversation_of_somebody_else_or_begins_without_consent()
    {
        await using var site = await ArenaSite.Open();
        var id = await (await site.Agreed()).Battle();
        var other = await site.Agreed();
        await Refused(other, 404, HttpMethod.Get, $"/api/v1/arena/talks/{id}");
        await Refused(other, 404, HttpMethod.Post, $"/api/v1/arena/talks/{id}/vote", new { choice = "a", token = "t" });
        var silent = await site.Program(await site.Person(), "work");
        await Refused(silent, 403, HttpMethod.Post, "/api/v1/arena/talks", new { mode = "blind", token = "t" });
        await Refused(other, 422, HttpMethod.Post, "/api/v1/arena/talks", new { mode = "duel", token = "t" });
        await Refused(other, 422, HttpMethod.Post, "/api/v1/arena/talks", new { mode = "side-by-side", models = new[] { "crane-one", "crane-one" }, token = "t" });
        await Refused(other, 422, HttpMethod.Post, $"/api/v1/arena/talks/{id}/vote", new { choice = "left", token = "t" });
    }

    [Fact]
    public async Task A_manager_leaves_a_voter_out_and_everything_is_computed_again()
    {
        await using var site = await ArenaSite.Open();
        var visit = await site.Agreed();
        await visit.Ok(HttpMethod.Post, $"/api/v1/arena/talks/{await visit.Battle()}/vote", new { choice = "a", token = "t" });
        var manager = await site.Program(await site.Person(Role.Manager), "read", "write");
        var voter = (await manager.Ok(HttpMethod.Get, "/api/v1/arena/voters")).GetProperty("items")[0];
        Assert.Equal(1, voter.GetProperty("counted").GetInt32());
        var path = $"/api/v1/arena/voters/{voter.GetProperty("id").GetString()}";
        await Refused(manager, 422, HttpMethod.Put, path, new { excluded = true, reason = " " });
        await manager.Ok(HttpMethod.Put, path, new { excluded = true, reason = "always A" });
        Assert.Equal(0, (await manager.Ok(HttpMethod.Get, "/api/v1/arena/leaderboard")).GetProperty("votes").GetInt32());
        await manager.Ok(HttpMethod.Put, path, new { excluded = false });
        Assert.Equal(1, (await manager.Ok(HttpMethod.Get, "/api/v1/arena/leaderboard")).GetProperty("votes").GetInt32());
        Assert.Equal(["arena.exclude", "arena.include"], (await site.Database.Audit.ListAsync(null, new() { Size = 200 })).Items.Select(entry => entry.Act).Where(act => act.StartsWith("arena", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Votes_go_out_as_comparisons_with_judgments()
    {
        await using var site = await ArenaSite.Open();
        var visit = await site.Agreed();
        var id = await visit.Battle("What is *blue*?");
        await visit.Ok(HttpMethod.Put, $"/api/v1/arena/talks/{id}/turns/2", new { prompt = "And red?" });
        await visit.Ok(HttpMethod.Post, $"/api/v1/arena/talks/{id}/vote", new { choice = "b", token = "t" });
        var secret = await visit.Battle("My address is ada@example.org, what now?");
        await visit.Ok(HttpMethod.Post, $"/api/v1/arena/talks/{secret}/vote", new { choice = "a", token = "t" });
        var manager = await site.Program(await site.Person(Role.Manager), "read");
        var comparison = Comparison.FromJson(Assert.Single(await Lines(manager, "/api/v1/arena/export/comparisons.jsonl"))); // what looks private stays
        var judgment = Judgment.FromJson(Assert.Single(await Lines(manager, "/api/v1/arena/export/judgments.jsonl")));
        Assert.Null(judgment.Fault());
        Assert.Equal((comparison.Id, Outcome.Choice, 1), (judgment.ComparisonId, judgment.Outcome, judgment.Best));
        Assert.Equal(["blind"], judgment.Flags);
        Assert.Equal("What is *blue*?", comparison.Prompt);
        Assert.Contains("\n\nHuman: And red?\n\nAssistant: Answer 3", comparison.Answers[0].Text);
    }

    [Fact]
    public async Task Votes_go_into_training_as_preferences_with_their_source_and_split_and_only_as_the_terms_allow()
    {
        await using var site = await ArenaSite.Open(plan => plan with { HeldOutShare = 0.5, Terms = new() { Source = "our arena", Licence = "CC0", Consent = "text 1", Allows = [Feedback.Exchange.DataUse.Train] } });
        var chosen = new Dictionary<string, string?>();
        var visits = new List<Visit>();
        for (var i = 0; i < 8; i++)
        {
            visits.Add(await site.Agreed(pool: true));
            var id = await visits[i].Battle($"Name river {i}.", i < 6 ? "blind" : "side-by-side", i < 6 ? [] : ["crane-one", "finch-two"]);
            var after = await visits[i].Ok(HttpMethod.Post, $"/api/v1/arena/talks/{id}/vote", new { choice = i == 5 ? "tie" : "b", token = "t" });
            chosen[id] = after.GetProperty("models")[1].GetString();
        }
        var again = await visits[0].Battle("name RIVER 1"); // asked by somebody else before: it lies where the pool has it
        await visits[0].Ok(HttpMethod.Post, $"/api/v1/arena/talks/{again}/vote", new { choice = "a", token = "t" });
        var manager = await site.Program(await site.Person(Role.Manager), "read");
        var pool = (await Lines(manager, "/api/v1/arena/export/prompts.jsonl")).Select(line => JsonSerializer.Deserialize<JsonElement>(line)).ToDictionary(row => row.GetProperty("prompt").GetString()!, row => row.GetProperty("split").GetString());

        var rows = (await Lines(manager, "/api/v1/arena/export/data.jsonl")).ConvertAll(Preference.FromJson);

        Assert.Equal(8, rows.Count); // nine votes, one of them level
        foreach (var row in rows.Where(row => row.Comparison != again))
        {
            Assert.Equal((chosen[row.Comparison], 1.0, 1), (row.ChosenSource, row.PChosen, row.Judges));
            Assert.Equal([JudgmentSource.Human], row.Origin!.Sources);
            Assert.Equal(0.7, row.Origin.Sampling!.Value.GetProperty("temperature").GetDouble());
            Assert.Equal(pool[row.Prompt], row.Split == PromptSplit.HeldOut ? "held-out" : "training");
        }
        Assert.Equal(["held-out", "training"], pool.Values.Distinct().Order());
        Assert.Equal(pool["Name river 1."], rows.Single(row => row.Comparison == again).Split == PromptSplit.HeldOut ? "held-out" : "training");
        Assert.Equal(rows.Select(row => (row.Comparison, row.Split)).Order(),
            (await Lines(manager, "/api/v1/arena/export/comparisons.jsonl")).Select(Comparison.FromJson).Where(one => rows.Exists(row => row.Comparison == one.Id)).Select(one => (one.Id, one.Split)).Order());
        Assert.Equal(["arena, blind", "arena, side-by-side"], rows.SelectMany(row => row.Origin!.InterfaceVersions).Distinct().Order());
        Assert.Equal(2, (await Lines(manager, "/api/v1/arena/export/data.jsonl?mode=side-by-side&shape=trl")).Count);
        Assert.Contains("| the arena | 9 | our arena | CC0 | text 1 | train |", await manager.Page("/api/v1/arena/export/DATASET.md"));
        foreach (var (query, reason) in new[] { ("for=train,redistribute", "does not allow redistribution"), ("mode=single", "is single, expected blind or side-by-side"), ("shape=csv", "csv") })
        {
            using var refused = await manager.Get($"/api/v1/arena/export/data.jsonl?{query}");
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
            Assert.Contains(reason, await refused.Content.ReadAsStringAsync());
        }

        foreach (var file in new[] { "comparisons.jsonl", "judgments.jsonl", "prompts.jsonl" })
        {
            using var given = await manager.Get($"/api/v1/arena/export/{file}?for=commercial");
            Assert.Equal(HttpStatusCode.BadRequest, given.StatusCode);
        }

        // Into a project, and out of it again: who judged is still said.
        var project = await site.Project(0);
        var owner = await site.Program(await site.Person(Role.Owner), "read", "write");
        using var brought = await owner.Send(HttpMethod.Post, $"/api/v1/projects/{project.Id}/import?shape=attune&prefix=arena-&terms=unknown", new StringContent(string.Join('\n', rows.ConvertAll(row => row.ToJson()))));
        Assert.True(brought.IsSuccessStatusCode, await brought.Content.ReadAsStringAsync());
        var home = (await Lines(owner, $"/api/v1/projects/{project.Id}/export/data.jsonl")).ConvertAll(Preference.FromJson);
        Assert.Equal(rows.Select(row => (row.Prompt, row.Chosen, row.Split)).Order(), home.Select(row => (row.Prompt, row.Chosen, row.Split)).Order());
        Assert.All(home, row => Assert.Equal([JudgmentSource.Human], row.Origin!.Sources));
    }

    [Fact]
    public void Terms_of_an_arena_are_read_from_its_file_and_are_training_alone_without()
    {
        var folder = Directory.CreateTempSubdirectory("attune-arena-");
        string Write(string name, string text)
        {
            File.WriteAllText(Path.Combine(folder.FullName, name), text);
            return Path.Combine(folder.FullName, name);
        }
        var path = Write("arena.yaml", """
            models:
              - { name: crane-one, folder: a }
              - { name: finch-two, folder: b }
            terms: { source: our arena, licence: CC BY 4.0, consent: text 1, allows: [train, redistribute] }
            """);
        Assert.Equal([Feedback.Exchange.DataUse.Train, Feedback.Exchange.DataUse.Redistribute], Arena.ArenaPlan.Load(path).TermsInForce.Allows);
        var bad = Write("bad.yaml", File.ReadAllText(path).Replace("CC BY 4.0", "unknown", StringComparison.Ordinal));
        Assert.Contains("has redistribute while the licence is unknown", Assert.Throws<Runs.InputException>(() => Arena.ArenaPlan.Load(bad)).Message);
        Assert.Equal([Feedback.Exchange.DataUse.Train], new Arena.ArenaPlan { Models = [] }.TermsInForce.Allows);
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Prompts_of_those_who_agreed_go_to_the_pool_once_and_without_private_data_and_leave_it_again()
    {
        await using var site = await ArenaSite.Open(plan => plan with { HeldOutShare = 0.5 });
        const string Long = "Please tell me a long story about two green dragons who live in a quiet town by the sea and like tea";
        var visits = new List<Visit>();
        for (var i = 0; i < 8; i++)
        {
            visits.Add(await site.Agreed(pool: true));
            await visits[i].Battle($"Name the {i} best rivers.");
            await visits[i].Battle($"Which {i} lakes are deep?");
        }
        await visits[0].Battle("name THE 1 best: rivers!"); // the same
        await visits[0].Battle(Long);
        await visits[1].Battle(Long + " very much"); // nearly the same
        await visits[0].Battle("Write to ada@example.org for me.");
        await (await site.Agreed(pool: false)).Battle("Mine alone.");
        var manager = await site.Program(await site.Person(Role.Manager), "read");
        var all = (await Lines(manager, "/api/v1/arena/export/prompts.jsonl")).Select(line => JsonSerializer.Deserialize<JsonElement>(line)).ToArray();
        Assert.Equal(17, all.Length);
        Assert.Single(all, prompt => prompt.GetProperty("prompt").GetString()!.Contains("dragons", StringComparison.Ordinal));
        Assert.DoesNotContain(all, prompt => prompt.GetProperty("prompt").GetString()!.Contains("ada@", StringComparison.Ordinal));
        for (var i = 0; i < 8; i++)
            Assert.Single(all.Where(prompt => prompt.GetProperty("prompt").GetString()!.Contains($" {i} ", StringComparison.Ordinal)).Select(prompt => prompt.GetProperty("split").GetString()).Distinct());
        Assert.Equal(["held-out", "training"], all.Select(prompt => prompt.GetProperty("split").GetString()).Distinct().Order());
        Assert.All(await Lines(manager, "/api/v1/arena/export/prompts.jsonl?split=held-out"), line => Assert.Contains("held-out", line));

        Assert.Equal(HttpStatusCode.NoContent, (await visits[0].Json(HttpMethod.Delete, "/api/v1/arena/consent")).StatusCode);
        Assert.Equal(14, (await Lines(manager, "/api/v1/arena/export/prompts.jsonl")).Count);
        await Refused(visits[0], 403, HttpMethod.Post, "/api/v1/arena/talks", new { mode = "blind", token = "t" });
        Assert.Equal(0, await site.Database.ReadAsync(transaction => transaction.CountAsync("SELECT COUNT(*) FROM arena_turns WHERE prompt LIKE '%0 best rivers%'")));
    }

    [Fact]
    public async Task Erasing_a_person_takes_their_words_out_of_the_arena_and_their_export_has_them()
    {
        await using var site = await ArenaSite.Open();
        var person = await site.Person();
        var visit = await site.Agreed(pool: true, person);
        await visit.Ok(HttpMethod.Post, $"/api/v1/arena/talks/{await visit.Battle("Where is my umbrella?")}/vote", new { choice = "a", token = "t" });
        Assert.Contains("umbrella", await site.Database.Erasure.ExportAsync(person.Id, null));
        await site.Database.Erasure.EraseAsync(person.Id, alsoTexts: false, null);
        Assert.DoesNotContain("umbrella", await site.Database.Erasure.ExportAsync(person.Id, null));
        Assert.Single(await ArenaVotes.CountedAsync(site.Database));
    }

    [Fact]
    public async Task Too_many_messages_in_a_minute_wait()
    {
        await using var site = await ArenaSite.Open(plan => plan with { MessagesPerMinute = 3 });
        var visit = await site.Agreed(); // one
        var id = await visit.Battle(); // two more
        await Refused(visit, 429, HttpMethod.Put, $"/api/v1/arena/talks/{id}/turns/2", new { prompt = "And red?" });
    }

    private static async Task Refused(Visit visit, int status, HttpMethod method, string path, object? body = null)
    {
        using var reply = await visit.Json(method, path, body);
        Assert.Equal(status, (int)reply.StatusCode);
    }

    private static async Task<List<string>> Lines(Visit visit, string path)
    {
        using var reply = await visit.Get(path);
        Assert.Equal(HttpStatusCode.OK, reply.StatusCode);
        return [.. (await reply.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries)];
    }
}
