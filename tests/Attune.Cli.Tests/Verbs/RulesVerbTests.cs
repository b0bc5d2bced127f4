using System.Text.Json;
using Attune.Feedback;
using Attune.Tests;

namespace Attune.Cli.Tests.Verbs;

public sealed class RulesVerbTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("attune-rules-").FullName;

    /// <summary>Ann always takes the first shown, Ben takes turns.</summary>
    public RulesVerbTests()
    {
        using var log = JudgmentLog.Open(At("judgments.jsonl"));
        for (var k = 0; k < 30; k++)
            log.Append([Judged("ann", k, best: 0), Judged("ben", k, best: k % 2)]);
        File.WriteAllText(At("rules.yaml"),
            """
            rules:
              - name: one-side
                window: {last: 20}
                when: [{measure: left-bias, read: lower, atLeast: 0.3, minimumCount: 20}]
                then: [{do: ban, message: read both}]
              - name: nobody
                when: [{measure: skips-in-a-row, atLeast: 5}]
                then: [{do: warn, message: a break?}]
            """);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string At(string name) => Path.Combine(_folder, name);

    [Fact]
    public async Task A_dry_run_lists_who_would_have_been_hit_when_and_why_and_changes_nothing()
    {
        var before = Directory.GetFiles(_folder).Select(File.ReadAllText).ToList();
        var printed = await ProgramProcess.Run(["rules", At("rules.yaml"), "--judgments", At("judgments.jsonl")]);

        Assert.Equal((0, ""), (printed.ExitCode, printed.Log));
        Assert.Contains("2026-01-05 00:19:00", printed.Result, StringComparison.Ordinal);
        Assert.Contains("ban for good", printed.Result, StringComparison.Ordinal);
        Assert.EndsWith("nobody would have hit nobody.\nIn 60 judgments the rules would have fired once, for 1 annotator; 10 judgments would not have been given.\n", printed.Result, StringComparison.Ordinal);
        Assert.Equal(before, Directory.GetFiles(_folder).Select(File.ReadAllText));
    }

    [Fact]
    public async Task As_JSON_it_has_firings_and_the_measures_of_everyone()
    {
        await File.WriteAllTextAsync(At("tasks.jsonl"), """{"comparisonId":"c0","expected":{"best":0}}""" + "\n");
        await File.WriteAllTextAsync(At("skips.jsonl"), """{"annotatorId":"cy","comparisonId":"c0","at":"2026-01-05T01:00:00+00:00"}""" + "\n");
        var printed = await ProgramProcess.Run(["rules", At("rules.yaml"), "--judgments", At("judgments.jsonl"), "--tasks", At("tasks.jsonl"), "--skips", At("skips.jsonl"), "--json"]);

        using var json = JsonDocument.Parse(printed.Result);
        var firing = Assert.Single(json.RootElement.GetProperty("firings").EnumerateArray());
        Assert.Equal(("one-side", "ann", "j-ann-19"), (firing.GetProperty("rule").GetString(), firing.GetProperty("annotatorId").GetString(), firing.GetProperty("eventId").GetString()));
        Assert.Equal(10, json.RootElement.GetProperty("prevented").GetProperty("ann").GetInt32());
        Assert.Equal(["ann", "ben", "cy"], json.RootElement.GetProperty("annotators").EnumerateArray().Select(one => one.GetProperty("annotatorId").GetString()));
        var golden = json.RootElement.GetProperty("annotators")[0].GetProperty("measures").EnumerateArray().Single(one => one.GetProperty("measure").GetString() == "golden-accuracy");
        Assert.Equal(2 / 3.0, golden.GetProperty("value").GetDouble(), 12); // one right under a uniform prior
    }

    [Fact]
    public async Task All_that_is_wrong_with_rules_and_log_is_said_at_once()
    {
        await File.WriteAllTextAsync(At("rules.yaml"), "rules: [{name: a, when: [{measure: speed, below: 1}], then: [{do: shout}]}]");
        await File.AppendAllTextAsync(At("judgments.jsonl"), "{}\n");
        await File.WriteAllTextAsync(At("tasks.jsonl"), """{"comparisonId":"c0","expected":{"best":-1}}""" + "\n" + """{"comparisonId":"c1","golden":0}""" + "\n");
        await File.WriteAllTextAsync(At("facts.jsonl"), """{"judgmentId":"j-ann-0","active":3}""" + "\n");
        await File.WriteAllTextAsync(At("skips.jsonl"), """{"annotatorId":"ann","comparisonId":"c0","at":"2026-01-05T00:00:00Z","why":"late"}""" + "\n");

        var printed = await ProgramProcess.Run(["rules", At("rules.yaml"), "--judgments", At("judgments.jsonl"), "--tasks", At("tasks.jsonl"), "--facts", At("facts.jsonl"), "--skips", At("skips.jsonl")]);

        Assert.Equal((2, ""), (printed.ExitCode, printed.Result));
        foreach (var part in new[] { "rules[0].when[0].measure", "rules[0].then[0].do", "line 61", "expects answer -1", "has the key golden, expected comparisonId, kind, expected", "has the key active, expected judgmentId, activeSeconds", "has the key why, expected annotatorId, comparisonId, at" })
            Assert.Contains(part, printed.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Simulations_print_a_point_a_line_and_refuse_what_makes_no_sense()
    {
        string Labels(int worker) => string.Concat(Enumerable.Range(0, 40).Select(task => $"t{task},w{worker},{(task * 7 + worker * task) % 5 / 4}\n"));
        await File.WriteAllTextAsync(At("labels.csv"), "task,worker,label\n" + string.Concat(Enumerable.Range(0, 4).Select(Labels)));
        await File.WriteAllTextAsync(At("truth.csv"), "task,truth\n" + string.Concat(Enumerable.Range(0, 40).Select(task => $"t{task},{task * 7 % 5 / 4}\n")));
        await File.WriteAllTextAsync(At("pairs.csv"), "left,right,winner\na,b,left\nb,c,left\na,c,tie\nc,a,right\n");

        var overlap = await ProgramProcess.Run(["simulate", "overlap", "--labels", At("labels.csv"), "--truth", At("truth.csv"), "--seeds", "1", "--json"]);
        var pairs = await ProgramProcess.Run(["simulate", "pairs", "--comparisons", At("pairs.csv"), "--seeds", "1", "--json"]);
        var wrong = await ProgramProcess.Run(["simulate", "overlap", "--labels", At("labels.csv"), "--truth", At("none.csv"), "--minimum", "0", "--seeds", "0"]);

        Assert.Equal((0, 0, 2), (overlap.ExitCode, pairs.ExitCode, wrong.ExitCode));
        using var points = JsonDocument.Parse(overlap.Result);
        Assert.Equal([40, 80, 120, 160], points.RootElement.GetProperty("points").EnumerateArray().Take(4).Select(point => (int)point.GetProperty("answers").GetDouble()));
        using var chosen = JsonDocument.Parse(pairs.Result);
        Assert.Equal(3, chosen.RootElement.GetProperty("items").GetInt32());
        foreach (var part in new[] { "--minimum", "--seeds", "none.csv" })
            Assert.Contains(part, wrong.Log, StringComparison.Ordinal);
    }

    private static Judgment Judged(string who, int k, int best) => new()
    {
        Id = $"j-{who}-{k}",
        ComparisonId = $"c{k}",
        AnnotatorId = who,
        Order = [0, 1],
        Outcome = Outcome.Choice,
        Ranks = best == 0 ? [1, 2] : [2, 1],
        Seconds = 10,
        InstructionVersion = "1",
        At = new DateTimeOffset(2026, 1, 5, 0, 0, 0, TimeSpan.Zero).AddMinutes(k),
    };
}
