using System.Text.Json;
using Attune.Feedback;
using Attune.Feedback.Arena;
using Attune.Models;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.Arena;
using Attune.Storage.Training;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Cli.Tests.Verbs;

/// <summary>From files of others through a project's database to a reward model, by the program alone.</summary>
public sealed class FeedbackVerbTests : IDisposable
{
    private static readonly string[] Words = ["red", "blue", "old", "new", "big", "warm", "slow", "calm"];

    private readonly string _root = Directory.CreateTempSubdirectory("attune-feedback-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private string In(string name) => Path.Combine(_root, name);

    private static string Answer(int k, bool isGood) => $" {Words[k % 8]} {Words[k / 8 % 8]} {(isGood ? "cat dog" : "dog cat")}";

    private async Task Bring(int count = 200)
    {
        await File.WriteAllLinesAsync(In("pairs.jsonl"), Enumerable.Range(0, count).Select(k => JsonSerializer.Serialize(new { prompt = $"Tell me about {k}:", chosen = Answer(k, isGood: true), rejected = Answer(k, isGood: false) })));
        var printed = await Printed.By("feedback", "import", In("pairs.jsonl"), "--shape", "trl", "--project", "Pairs", "--db", In("a.db"), "--source", "simulated", "--origin", "made up", "--licence", "CC0", "--consent", "nobody judged", "--allows", "train");
        Assert.Equal((0, $"{count} rows read: {count} comparisons and {count} judgments are new\n"), (printed.ExitCode, printed.Result));
    }

    [Fact]
    public async Task Judgments_go_in_come_out_and_are_delivered_as_far_as_their_terms_allow()
    {
        await Bring(20);

        var export = await Printed.By("feedback", "export", In("out"), "--project", "Pairs", "--db", In("a.db"), "--shape", "trl");
        var refused = await Printed.By("feedback", "export", In("given"), "--project", "Pairs", "--db", In("a.db"), "--for", "redistribute");
        var delivered = await Printed.By("feedback", "deliver", In("all.zip"), "--project", "Pairs", "--db", In("a.db"));
        var verified = await Printed.By("feedback", "verify", In("all.zip"));

        Assert.Equal((0, $"20 rows of 20 judgments written to {In("out")}; DATASET.md has their terms\n"), (export.ExitCode, export.Result));
        Assert.Equal((await File.ReadAllLinesAsync(In("pairs.jsonl"))).Order(StringComparer.Ordinal), (await File.ReadAllLinesAsync(In("out/data.jsonl"))).Order(StringComparer.Ordinal));
        Assert.Contains("| pairs.jsonl | 20 | made up | CC0 | nobody judged | train |", await File.ReadAllTextAsync(In("out/DATASET.md")));
        Assert.Equal((2, false), (refused.ExitCode, Directory.Exists(In("given"))));
        Assert.Contains("pairs.jsonl  does not allow redistribution (licence CC0, consent: nobody judged; allowed: train)", refused.Log);
        Assert.Equal((0, 0), (delivered.ExitCode, verified.ExitCode));
        Assert.Equal("Pairs is as its manifest says: 20 of 20 judgments ordered\n", verified.Result);
    }

    [Fact]
    public async Task Votes_of_an_arena_come_out_as_a_projects_judgments_do()
    {
        await File.WriteAllTextAsync(In("arena.yaml"), """
            models: [{name: heron-1, folder: none}, {name: crane-2, folder: none}]
            terms: {source: our arena, licence: CC-BY-4.0, consent: arena text 1, allows: [train]}
            """);
        await using (var database = await Database.OpenAsync(In("a.db")))
        {
            var voter = await database.Arena.ConsentAsync(null, "visitor", "1", pools: false);
            foreach (var (mode, k) in new[] { (ArenaMode.Blind, 0), (ArenaMode.SideBySide, 1) })
            {
                var talk = (await database.Arena.BeginAsync(voter.Id, $"talk {k}", mode, ["heron-1", "crane-2"], new(1, 1, 16, null))).Talk.Id;
                await database.Arena.AskAsync(talk, voter.Id, 1, $"Name a colour, {k}.", new(0, 1));
                await database.Arena.AnswerAsync(talk, voter.Id, 1, $"Name a colour, {k}.", "Red.", "Seven.");
                Assert.IsType<ArenaResult.Kept>(await database.Arena.VoteAsync(talk, voter.Id, ArenaChoice.A, $"vote {k}", new() { NamesMaker = _ => false, VotesPerDay = 9 }));
            }
        }

        var all = await Printed.By("feedback", "export", In("all"), "--arena", In("arena.yaml"), "--db", In("a.db"), "--shape", "trl");
        var blind = await Printed.By("feedback", "export", In("blind"), "--arena", In("arena.yaml"), "--mode", "blind", "--db", In("a.db"), "--shape", "trl");
        var refused = await Printed.By("feedback", "export", In("given"), "--arena", In("arena.yaml"), "--db", In("a.db"), "--for", "redistribute");
        var neither = await Printed.By("feedback", "export", In("given"), "--db", In("a.db"), "--mode", "blind");
        var both = await Printed.By("feedback", "export", In("given"), "--db", In("a.db"), "--arena", In("arena.yaml"), "--project", "P", "--batch", "1", "--mode", "single");

        Assert.Equal((0, $"2 rows of 2 judgments written to {In("all")}; DATASET.md has their terms\n"), (all.ExitCode, all.Result));
        Assert.Equal("""{"prompt":"Name a colour, 0.","chosen":"Red.","rejected":"Seven."}""", Assert.Single(await File.ReadAllLinesAsync(In("blind/data.jsonl"))));
        Assert.Equal(0, blind.ExitCode);
        Assert.Contains("our arena | CC-BY-4.0 | arena text 1 | train", await File.ReadAllTextAsync(In("all/DATASET.md")));
        Assert.Equal((2, 2, 2, false), (refused.ExitCode, neither.ExitCode, both.ExitCode, Directory.Exists(In("given"))));
        Assert.Contains("does not allow redistribution", refused.Log);
        foreach (var part in new[] { "is missing, expected one of --project and --arena", "stands without --arena, expected an arena's file beside it" })
            Assert.Contains(part, neither.Log);
        foreach (var part in new[] { "stands beside --arena, expected one of --project and --arena", "stands beside --arena, expected a project, as an arena has no batches", "is single, expected blind or side-by-side" })
            Assert.Contains(part, both.Log);
    }

    [Fact]
    public async Task A_delivery_is_held_against_what_was_ordered_row_by_row()
    {
        await Bring(4);
        await Printed.By("feedback", "deliver", In("all"), "--project", "Pairs", "--db", In("a.db"));
        File.Copy(In("all/comparisons.jsonl"), In("ordered.jsonl"));

        var whole = await Printed.By("feedback", "verify", In("all"), "--ordered", In("ordered.jsonl"));
        var json = await Printed.By("feedback", "verify", In("pairs.jsonl"), "--shape", "trl", "--ordered", In("ordered.jsonl"), "--json");
        var rows = await File.ReadAllLinesAsync(In("pairs.jsonl"));
        await File.WriteAllLinesAsync(In("sent.jsonl"), [rows[0], rows[1].Replace("cat", "bat", StringComparison.Ordinal), rows[0], "{\"prompt\":\"new\",\"chosen\":\"a\",\"rejected\":\"b\"}", rows[2]]);
        var sent = await Printed.By("feedback", "verify", In("sent.jsonl"), "--shape", "trl", "--ordered", In("ordered.jsonl"));
        var judgments = await File.ReadAllLinesAsync(In("all/judgments.jsonl"));
        await File.WriteAllLinesAsync(In("all/judgments.jsonl"), [judgments[0], judgments[1], judgments[1], judgments[3]]);
        var changed = await Printed.By("feedback", "verify", In("all"), "--ordered", In("ordered.jsonl"));
        var alone = await Printed.By("feedback", "verify", In("all"), "--each", "2");

        Assert.Equal((0, $"{In("all")} is as it was ordered: 4 of 4 judgments; nothing is missing, too much, repeated or altered\n"), (whole.ExitCode, whole.Result));
        Assert.Equal((0, 4), (json.ExitCode, JsonDocument.Parse(json.Result).RootElement.GetProperty("delivered").GetInt32()));
        Assert.Equal([2, 2, 2], new[] { sent.ExitCode, changed.ExitCode, alone.ExitCode });
        Assert.Matches(@"sent\.jsonl has 5 problems\n +line 2 +differs from i-\w+ as it was ordered: an answer has 'bat dog' .*\n +line 3 +is judgment 2 of i-\w+, expected 1; .*\n +line 4 +is of i-\w+, 'new', which was not ordered", sent.Log);
        Assert.Matches(@"judgments\.jsonl +has the checksum .*\n +judgments\.jsonl line 3 +repeats judgments\.jsonl line 2: i-\w+ by imported, ", changed.Log);
        Assert.Matches(@"\n +i-\w+ +has 0 judgments, expected 1; have the rest delivered\n$", changed.Log);
        Assert.Contains("--ordered has 1 problem\n  is missing", alone.Log);
    }

    [Fact]
    public async Task A_bad_file_makes_no_database()
    {
        await File.WriteAllTextAsync(In("bad.jsonl"), "{\"prompt\":\"a\"}\nnothing\n");

        var bad = await Printed.By("feedback", "import", In("bad.jsonl"), "--shape", "trl", "--project", "P", "--db", In("b.db"), "--terms", "unknown");
        var silent = await Printed.By("feedback", "import", In("bad.jsonl"), "--shape", "trl", "--project", "P", "--db", In("b.db"));

        Assert.Equal((2, 2), (bad.ExitCode, silent.ExitCode));
        Assert.StartsWith($"{In("bad.jsonl")} has 2 problems\n  line 1  has no chosen, expected a text; correct or remove it\n  line 2  is no JSON", bad.Log);
        Assert.StartsWith("The terms of the data has 3 problems\n  origin", silent.Log);
        Assert.False(File.Exists(In("b.db")));
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("majority-vote")]
    [InlineData("dawid-skene")]
    [InlineData("noisy-bradley-terry")]
    public async Task A_reward_model_learns_from_a_projects_database_by_url(string aggregation)
    {
        await Bring(400);
        Recipe(aggregation);

        var printed = await Printed.By("reward", In("recipe.yaml"), "--out", In("run"), "--json");

        Assert.True(printed.ExitCode == 0, printed.Log);
        using var result = JsonDocument.Parse(printed.Result);
        Assert.InRange(result.RootElement.GetProperty("accuracy").GetProperty("share").GetDouble(), 0.9, 1);
        Assert.Equal("Pairs", result.RootElement.GetProperty("bySource")[0].GetProperty("name").GetString());
    }

    [Fact]
    public async Task A_run_that_goes_on_notices_other_judgments()
    {
        await Bring(400);
        Recipe("majority-vote");
        using (var program = ProgramProcess.Start("reward", In("recipe.yaml"), "--out", In("run")))
        {
            await program.Reach(3, In("run"));
            program.Kill();
        }
        await using (var database = await Database.OpenAsync(In("a.db")))
        {
            // Others say the opposite of some rows.
            var project = (await database.Projects.FindByNameAsync("Pairs"))!;
            var opposite = System.Text.Encoding.UTF8.GetBytes(string.Join('\n', File.ReadLines(In("pairs.jsonl")).Take(10).Select(line => JsonSerializer.Deserialize<JsonElement>(line))
                .Select(row => JsonSerializer.Serialize(new { prompt = row.GetProperty("prompt"), chosen = row.GetProperty("rejected"), rejected = row.GetProperty("chosen") }))));
            foreach (var who in new[] { "second", "third" })
                _ = await DataSets.ImportAsync(database, project, new("more.jsonl", Feedback.Exchange.ExchangeShape.Trl, opposite, new() { Annotator = who }, Feedback.Exchange.DataTerms.OfUnknown), null);
        }

        var resumed = await Printed.By("reward", In("recipe.yaml"), "--out", In("run"), "--resume");

        Assert.Equal(2, resumed.ExitCode);
        Assert.Contains("data", resumed.Log);
    }

    [Fact]
    public async Task A_database_or_project_that_is_not_there_and_a_password_in_a_recipe_are_refused()
    {
        Recipe("majority-vote");
        var missing = await Printed.By("reward", In("recipe.yaml"), "--out", In("run"));
        await Bring(2);
        var project = await Printed.By("reward", In("recipe.yaml"), "--out", In("run"), "--preferences", $"[{{database: {In("a.db")}, project: Other}}]");
        var password = await Printed.By("reward", In("recipe.yaml"), "--out", In("run"), "--preferences", "[{database: 'postgres://me:secret@localhost/a', project: Other}]");
        var method = await Printed.By("reward", In("recipe.yaml"), "--out", In("run"), "--preferences", $"[{{path: {In("pairs.jsonl")}, aggregation: raw}}]");

        Assert.Equal([2, 2, 2, 2], new[] { missing.ExitCode, project.ExitCode, password.ExitCode, method.ExitCode });
        Assert.Contains("is not there, expected a database of Attune's", missing.Log);
        Assert.Contains("has no project Other", project.Log);
        Assert.Contains("holds a password", password.Log);
        Assert.DoesNotContain("secret", password.Log);
        Assert.Contains("is set without a database", method.Log);
        Assert.False(Directory.Exists(In("run")));
    }

    private void Recipe(string aggregation)
    {
        var tokenizer = BpeTrainer.Train([.. Enumerable.Range(0, 50).Select(k => Answer(k, isGood: true) + Answer(k, isGood: false))], new() { VocabularySize = 320 });
        var config = new TransformerConfig { VocabularySize = tokenizer.VocabularySize, Width = 32, Layers = 1, Heads = 4, KeyValueHeads = 4, HeadWidth = 8, InnerWidth = 64, MaximumPositions = 64 };
        using var model = CausalLm.Create(config, new Seed(1), Compute.Cpu);
        model.Save(In("policy"), new() { AddFiles = tokenizer.Save });
        File.WriteAllText(In("recipe.yaml"), $$"""
            from: {{In("policy")}}
            preferences:
              - database: {{In("a.db")}}
                project: Pairs
                aggregation: {{aggregation}}
            reward: {batchSize: 8, learningRate: 0.003}
            normalise: {samples: 16, newTokens: 6}
            compute: {threads: 1}
            run: {checkpointEvery: 1}
            """);
    }
}
