using System.Net;
using Attune.Runs;
using Attune.Storage.People;
using Attune.Storage.Work;
using Attune.Web.Texts;

namespace Attune.Web.Tests;

/// <summary>What is wrong with what people typed, in their language.</summary>
public sealed class ProblemWordingTests
{
    private static readonly Wording German = new("de");

    [Fact]
    public void Every_setting_out_of_its_range_is_told_in_the_readers_language()
    {
        const string Bad = """
            {"overlap":0,"maximumOverlap":-1,"leaseMinutes":0,"undoMinutes":-1,"reportsToHold":101,"openTasks":0,"dailyLimit":0,"idleSeconds":1,"axes":["a","a"],"consentVersion":" ",
             "chain":{"verifiers":0,"rounds":77,"minimumCharacters":0,"maximumCharacters":-1},"tree":{"messages":0,"depth":-1,"replies":0,"reviews":0,"acceptance":2,"rankings":0,"skips":0,"redFlags":0},
             "chat":{"temperature":0,"topP":0,"maximumNewTokens":0,"maximumTurns":0,"minimumTurns":9,"messagesPerMinute":0},
             "quality":{"gate":2,"accuracy":2,"paySkill":" ","golden":{"start":2,"floor":3,"halving":0},"qualification":{"tasks":0,"passMark":0,"attempts":0,"skill":" "},
                "overlap":{"minimum":0,"maximum":-1,"threshold":2},"activePairs":{"randomShare":2,"priorTies":0},"repeats":{"share":0,"after":0}}}
            """;
        var refused = Assert.Throws<InputException>(() => ProjectSettings.FromJson(Bad));

        Assert.True(refused.Problems.Count > 40);
        var told = refused.Problems.Select(problem => ProblemWording.Of(German, refused.Title, problem)).ToList();
        Assert.All(told, problem => Assert.True(problem.IsTranslated, problem.Text));
        Assert.All(told, problem => Assert.DoesNotContain("expected", problem.Text, StringComparison.Ordinal));
        Assert.Contains("Die Einstellungen „Minuten, in denen man eine Antwort zurücknehmen kann“: ist -1; erwartet: 0 bis 1440; üblich ist 10", told.Select(problem => problem.Text));
        Assert.Contains("Die Einstellungen „Achsen der Bewertung, mit Kommas dazwischen“: ist [a, a]; erwartet: jeder Name einmal, keiner leer; verbessere es", told.Select(problem => problem.Text));
    }

    [Fact]
    public void Half_a_sentence_is_not_translated_and_English_stays_as_it_is()
    {
        var deep = Problem.Of("line 3", "begins '{'", "one comparison as JSON", "correct it");
        Assert.Equal(("pairs.jsonl line 3 begins '{', expected one comparison as JSON; correct it", false), ProblemWording.Of(German, "pairs.jsonl", deep));
        Assert.Equal("pairs.jsonl line 3 begins '{', expected one comparison as JSON; correct it", ProblemWording.Of(new("en"), "pairs.jsonl", deep).Text);
        Assert.Equal(("tasks.jsonl Zeile 3: ist 0; erwartet: mindestens 1; üblich ist 3", true), ProblemWording.Of(German, "tasks.jsonl", Problem.Of("line 3", "is 0", "at least 1", "3 is usual")));
    }

    [Fact]
    public void Every_part_is_found_by_its_own_English_and_has_all_its_values_in_each_language()
    {
        foreach (var key in Wording.Keys("en").Where(key => key.StartsWith("problem.", StringComparison.Ordinal)))
        {
            foreach (var language in Wording.All)
            {
                foreach (var value in new[] { "{0}", "{1}" })
                    Assert.Equal(new Wording("en")[key].Contains(value, StringComparison.Ordinal), new Wording(language)[key].Contains(value, StringComparison.Ordinal));
            }
        }
        foreach (var (part, of) in new (string, Func<string, Problem>)[]
        {
            ("found", text => new("x", $"{text}, expected a name; give one")), ("expected", text => new("x", $"is empty, expected {text}; give one")), ("fix", text => new("x", $"is empty, expected a name; {text}")),
        })
        {
            foreach (var key in Wording.Keys("en").Where(key => key.StartsWith($"problem.{part}.", StringComparison.Ordinal)))
            {
                var (text, isTranslated) = ProblemWording.Of(German, "x", of(new Wording("en").Of(key, "7", "8")));
                Assert.True(isTranslated, key);
                Assert.Contains(German.Of(key, "7", "8"), text, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task Pages_tell_what_is_wrong_in_German_and_mark_what_stays_English()
    {
        await using var site = await Site.Open();
        var project = await site.Database.Projects.CreateAsync("Wochen", new() { Quality = new() { Gate = 0.5 } }, null);
        var manager = await site.SignedIn(await site.Member(project, Role.Manager));
        manager.Language = "de";
        var batch = await site.Database.Batches.CreateAsync(project.Id, "eins", "{}", null);

        async Task<string> Told(string page, string form, params (string, string)[] fields) => WebUtility.HtmlDecode(await (await manager.Post(page, form, fields)).Content.ReadAsStringAsync());
        Assert.Contains("Lieferung 1: hat noch keine Übereinstimmung; erwartet: mindestens 0.500; besprecht", await Told($"/projects/{project.Id}/batches", $"step-{batch.Id}", ("Step", "open"), ("Reason", "")));
        var settings = await Told($"/projects/{project.Id}/settings", "settings", ("Form.Fields[overlap]", "drei"), ("Form.Rest", "{"));
        Assert.Contains("<li>Die Einstellungen „", settings, StringComparison.Ordinal);
        Assert.Contains("“: ist drei; erwartet: eine ganze Zahl; verbessere es", settings, StringComparison.Ordinal);
        Assert.Contains("Was nicht stimmt, steht hier auf Englisch:", settings, StringComparison.Ordinal); // what the reader of JSON says
        Assert.Contains("<li lang=\"en\" dir=\"ltr\">The project's settings rest cannot be read", settings, StringComparison.Ordinal);
        var rules = await Told($"/projects/{project.Id}/rules", "rules", ("Yaml", "rules: [{name: a}]"));
        Assert.Contains("lang=\"en\"", rules, StringComparison.Ordinal);
    }
}
