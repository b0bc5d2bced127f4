using System.Text.Json;
using Attune.Tests;

namespace Attune.Cli.Tests.Verbs;

/// <summary><c>attune aggregate</c> and <c>attune agreement</c> on tables.</summary>
public sealed class LabelVerbsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("attune-labels-").FullName;
    private readonly string _labels, _truth, _pairs;

    /// <summary>What <c>--json</c> prints of every method, in this order; docs/formats.md says what each is.</summary>
    private static readonly string[] Keys =
    [
        "method", "mode", "rows", "labels", "probabilities", "skills", "scores", "scoreIntervals", "priors", "confusions", "taskEase", "strategies", "leftBiases", "tieStrength", "coefficients",
        "iterations", "stopped", "objective", "accuracy", "truthTasks", "consistency", "uncertainty",
    ];

    /// <summary>Ann and Ben are right on all of six tasks, Cy on the first five; a ≻ b and b ≻ c twice each, a ≻ c and c ≻ a once each.</summary>
    public LabelVerbsTests()
    {
        string[] right = ["yes", "no", "yes", "no", "yes", "no"];
        var rows = right.SelectMany((label, task) => new[] { $"{label},t{task},ann", $"{label},t{task},ben", $"{(task < 5 ? label : label == "yes" ? "no" : "yes")},t{task},cy" });
        _labels = Write("labels.csv", "label,task,worker\n" + string.Join('\n', rows) + "\n");
        _truth = Write("truth.csv", "task,truth\n" + string.Join('\n', right.Select((label, task) => $"t{task},{label}")) + "\n");
        _pairs = Write("pairs.csv", "winner,right,worker,left\na,b,w1,a\nleft,b,w2,a\nb,c,w1,b\nright,b,w2,c\na,c,w1,a\nc,c,w2,a\n");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string At(string name) => Path.Combine(_folder, name);

    private string Write(string name, string text)
    {
        File.WriteAllText(At(name), text);
        return At(name);
    }

    [Fact]
    public async Task The_example_of_the_literature_from_the_shell()
    {
        var printed = await ProgramProcess.Run("aggregate", "--labels", _pairs, "--method", "bradley-terry");
        var json = await Json("aggregate", "--labels", _pairs, "--method", "bradley-terry", "--json");

        Assert.Equal((0, ""), (printed.ExitCode, printed.Log));
        Assert.Matches(@"\n +a +0\.592\n +b +0\.278\n +c +0\.130\n", printed.Result);
        Assert.Equal([("a", 0.592), ("b", 0.278), ("c", 0.130)], json.GetProperty("scores").EnumerateObject().Select(one => (one.Name, Math.Round(one.Value.GetDouble(), 3))));
        Assert.Equal("converged", json.GetProperty("stopped").GetString());
    }

    [Theory]
    [InlineData("majority-vote"), InlineData("wawa"), InlineData("zero-based-skill"), InlineData("gold-majority"), InlineData("dawid-skene"), InlineData("one-coin")]
    [InlineData("glad"), InlineData("kos"), InlineData("mace"), InlineData("m-msr"), InlineData("auto")]
    public async Task Every_method_of_labels_prints_labels_probabilities_skills_and_accuracy(string method)
    {
        string[] gold = method == "gold-majority" ? ["--gold", _truth] : [];
        var json = await Json(["aggregate", "--labels", _labels, "--method", method, "--truth", _truth, "--json", .. gold]);

        Assert.Equal(Keys, json.EnumerateObject().Select(one => one.Name));
        Assert.StartsWith(method, json.GetProperty("method").GetString());
        Assert.Equal("yes", json.GetProperty("labels").GetProperty("t0").GetString());
        Assert.Equal(1, json.GetProperty("probabilities").GetProperty("t1").EnumerateObject().Sum(share => share.Value.GetDouble()), 1e-9);
        Assert.Equal(["ann", "ben", "cy"], json.GetProperty("skills").EnumerateObject().Select(skill => skill.Name));
        Assert.Equal((1.0, 6), (json.GetProperty("accuracy").GetDouble(), json.GetProperty("truthTasks").GetInt32()));
    }

    [Theory]
    [InlineData("bradley-terry"), InlineData("noisy-bradley-terry"), InlineData("plackett-luce"), InlineData("elo"), InlineData("win-rate"), InlineData("counting")]
    public async Task Every_method_of_comparisons_prints_scores(string method)
    {
        var json = await Json("aggregate", "--labels", _pairs, "--method", method, "--json");
        Assert.Equal(Keys, json.EnumerateObject().Select(one => one.Name));
        var scores = json.GetProperty("scores");
        Assert.True(scores.GetProperty("a").GetDouble() > scores.GetProperty("c").GetDouble());
    }

    [Fact]
    public async Task The_mode_iterations_and_tolerance_reach_the_method()
    {
        var compatible = await Json("aggregate", "--labels", _pairs, "--method", "bradley-terry", "--mode", "compatible", "--json");
        var few = await Json("aggregate", "--labels", _labels, "--method", "dawid-skene", "--iterations", "3", "--tolerance", "0", "--json");
        var prior = await Json("aggregate", "--labels", _labels, "--method", "dawid-skene", "--prior-right", "2", "--prior-wrong", "1", "--prior-tasks", "1", "--json");
        var side = await Json("aggregate", "--labels", _pairs, "--method", "bradley-terry", "--covariates", "side", "--bootstrap", "20", "--json");

        Assert.Equal(("compatible", 2), (compatible.GetProperty("mode").GetString(), compatible.GetProperty("iterations").GetInt32()));
        Assert.Equal((3, 3), (few.GetProperty("iterations").GetInt32(), few.GetProperty("objective").GetArrayLength()));
        Assert.InRange(prior.GetProperty("probabilities").GetProperty("t5").GetProperty("no").GetDouble(), 0.5, 0.9999); // no certainty from six answers
        Assert.Equal("side", side.GetProperty("coefficients")[0].GetProperty("name").GetString());
        Assert.Equal(JsonValueKind.Number, side.GetProperty("scoreIntervals").GetProperty("a").GetProperty("upper").ValueKind);
    }

    [Fact]
    public async Task All_of_a_result_is_written_and_goes_on()
    {
        var csv = await Printed.By("aggregate", "--labels", _labels, "--method", "dawid-skene", "--out", At("out.csv"));
        var first = await Printed.By("aggregate", "--labels", _labels, "--method", "dawid-skene", "--out", At("out.json"), "--json");
        var gone = await Printed.By("aggregate", "--labels", _labels, "--method", "dawid-skene", "--start", At("out.json"), "--truth", _truth);

        Assert.Equal([0, 0, 0], new[] { csv.ExitCode, first.ExitCode, gone.ExitCode });
        Assert.Equal(first.Result, await File.ReadAllTextAsync(At("out.json")));
        Assert.StartsWith("kind,name,label,value\nlabel,t0,yes,", await File.ReadAllTextAsync(At("out.csv")));
        Assert.EndsWith($"all of it is in {At("out.csv")}\n", csv.Result);
        Assert.Contains("\naccuracy 1.00000 on 6 tasks with a truth\n", gone.Result);
    }

    [Fact]
    public async Task A_wrong_name_lists_all_methods_with_their_columns()
    {
        var printed = await Printed.By("aggregate", "--labels", _labels, "--method", "dawid-sken");

        Assert.Equal(2, printed.ExitCode);
        Assert.Contains("""is dawid-sken, expected of the columns task,worker,label: majority-vote, wawa, zero-based-skill, gold-majority, dawid-skene, one-coin, glad, kos, mace, m-msr, auto; """, printed.Log);
        Assert.Contains("of the columns left,right,winner: bradley-terry, elo, win-rate, counting", printed.Log);
        Assert.EndsWith("did you mean dawid-skene?\n", printed.Log);
    }

    [Fact]
    public async Task Flags_that_a_method_does_not_use_and_forms_that_do_not_mix_are_refused_at_once()
    {
        var unused = await Printed.By("aggregate", "--labels", _pairs, "--method", "elo", "--iterations", "0", "--gold", _truth, "--truth", _truth, "--prior-right", "-1", "--out", At("out.txt"));
        var columns = await Printed.By("aggregate", "--labels", _pairs, "--method", "dawid-skene");
        var mixed = await Printed.By("aggregate", "judgments.jsonl", "--labels", _labels);
        var ofLog = await Printed.By("aggregate", "--labels", _labels, "--held-out", "--minimum-votes", "2");
        var ofTable = await Printed.By("agreement", "judgments.jsonl", "--distance", "ordinal");
        var none = await Printed.By("aggregate");
        var gold = await Printed.By("aggregate", "--labels", _labels, "--method", "gold-majority");

        Assert.All([unused, columns, mixed, ofLog, ofTable, none, gold], one => Assert.Equal((2, ""), (one.ExitCode, one.Result)));
        Assert.Contains("attune aggregate has 7 problems\n", unused.Log);
        Assert.Matches(@"--gold +stands beside elo, which does not use it, expected one of the methods that do: gold-majority, dawid-skene, one-coin; ", unused.Log);
        Assert.Matches(@"--iterations +is 0, expected at least 1; ", unused.Log);
        Assert.Matches(@"--out +is .*out\.txt, expected a name that ends with \.csv or \.json; ", unused.Log);
        Assert.Contains("has the columns winner,right,worker,left, expected the columns task,worker,label; for this file take one of bradley-terry, ", columns.Log);
        Assert.Contains("has a log of judgments and --labels, expected one of a log of judgments, --labels, --benchmark; ", mixed.Log);
        Assert.Matches(@"--held-out +stands beside --labels, expected a log to read; ", ofLog.Log);
        Assert.Matches(@"--minimum-votes +stands beside --labels", ofLog.Log);
        Assert.Contains("--distance  stands beside a log of judgments, expected --labels to read; ", ofTable.Log);
        Assert.Contains("says nothing to read, expected one of a log of judgments, --labels, --benchmark; ", none.Log);
        Assert.Contains("--gold  is missing, expected a CSV file with the columns task,truth", gold.Log);
    }

    [Fact]
    public async Task A_table_of_a_spreadsheet_reads_as_a_plain_one_does()
    {
        var lines = (await File.ReadAllLinesAsync(_labels)).Select(line => line.Split(',')).Select((fields, row) => $"\"{fields[1]}\",{(row == 0 ? "note" : "\"a, \"\"b\"\"\"")},{fields[2]}, {fields[0]}".Replace(", yes", ",yes", StringComparison.Ordinal).Replace(", no", ",no", StringComparison.Ordinal));
        var other = Write("sheet.csv", "\uFEFF" + string.Join("\r\n", lines) + "\r\n\r\n");
        string[] With(string file) => ["aggregate", "--labels", file, "--method", "dawid-skene", "--json"];

        Assert.Equal((await Printed.By(With(_labels))).Result, (await Printed.By(With(other))).Result);
    }

    [Fact]
    public async Task Truth_and_gold_that_do_not_go_with_the_labels_are_refused()
    {
        var tasks = await Printed.By("aggregate", "--labels", _labels, "--truth", Write("t.csv", "task,truth\nu1,yes\n"), "--method", "wawa");
        var words = await Printed.By("aggregate", "--labels", _labels, "--truth", Write("t.csv", "task,truth\nt0,1\nt1,0\n"), "--method", "wawa");
        var gold = await Printed.By("aggregate", "--labels", _labels, "--gold", Write("g.csv", "task,truth\nu1,yes\nt0,yes\nt1,nay\n"), "--method", "dawid-skene", "--out", At("out.json"));
        var wide = await Printed.By("aggregate", "--labels", Write("w.csv", "task,worker,label\nt0,ann,yes, I think\n"));

        Assert.All([tasks, words, gold, wide], one => Assert.Equal((2, ""), (one.ExitCode, one.Result)));
        Assert.Contains("has the truth of 1 tasks, none of which the labels name", tasks.Log);
        Assert.Contains("has truths such as '1', none of which anybody answered, expected labels like no, yes; ", words.Log);
        Assert.Contains("line 4  has the truth 'nay' of 't1', which no worker answered anywhere, expected one of no, yes; ", gold.Log);
        Assert.Contains("line 2  has 4 fields, expected 3 as the first line has; ", wide.Log);
        Assert.False(File.Exists(At("out.json")));
    }

    [Fact]
    public async Task Bad_files_are_told_by_line()
    {
        var bad = await Printed.By("aggregate", "--labels", Write("bad.csv", "task,worker,label\nt0,ann\nt1,,yes\nt2,ann,\"yes\n"), "--method", "wawa");
        var winner = await Printed.By("aggregate", "--labels", Write("bad.csv", "left,right,winner\na,b,c\na,a,left\n"), "--method", "elo");
        var columns = await Printed.By("aggregate", "--labels", Write("bad.csv", "item,who\n1,2\n"));
        var empty = await Printed.By("agreement", "--labels", Write("bad.csv", "task,worker,label\n"));
        var missing = await Printed.By("agreement", "--labels", At("none.csv"));

        Assert.All([bad, winner, columns, empty, missing], one => Assert.Equal((2, ""), (one.ExitCode, one.Result)));
        Assert.Matches(@"bad\.csv has 3 problems\n +line 2 +has 2 fields and so no label, expected at least 3; .*\n +line 3 +has an empty worker.*\n +line 4 +opens a quote", bad.Log);
        Assert.Matches(@"line 2 +has the winner 'c', expected left, right, tie, 'a' or 'b'; .*\n +line 3 +compares 'a' with itself", winner.Log);
        Assert.Contains("has the columns item,who, expected task,worker,label, or worker,left,right,winner, or ranking; ", columns.Log);
        Assert.Contains("has a header and no label, expected at least one", empty.Log);
        Assert.Contains("none.csv", missing.Log);
    }

    [Fact]
    public async Task Agreement_of_a_table_has_every_measure()
    {
        var numbers = Write("numbers.csv", "task,worker,label\nt0,a,0\nt0,b,0\nt1,a,1\nt1,b,1\nt2,a,2\nt2,b,1\nt3,a,2\nt3,b,2\n");
        var printed = await Printed.By("agreement", "--labels", numbers);
        var json = await Json("agreement", "--labels", numbers, "--bootstrap", "100", "--seed", "5", "--json");
        var pairs = await Json("agreement", "--labels", _pairs, "--bootstrap", "0", "--json");

        Assert.Equal((0, ""), (printed.ExitCode, printed.Log));
        Assert.Matches(@"share of pairs of answers that are equal +0\.750 +0\.250 – 1\.000\n +Cohen's kappa, mean over pairs of annotators +0\.636 ", printed.Result);
        Assert.Matches(@"with linear weights +0\.714 .*\n +- with quadratic weights +0\.800 ", printed.Result);
        Assert.Equal(["nominal", "ordinal", "interval", "ratio"], json.GetProperty("alpha").EnumerateObject().Select(one => one.Name));
        Assert.Equal(0.75, json.GetProperty("percent").GetProperty("value").GetDouble());
        Assert.Equal(JsonValueKind.Number, json.GetProperty("fleiss").GetProperty("interval").GetProperty("lower").ValueKind);
        Assert.Equal((3, 2 / 3.0), (pairs.GetProperty("tasks").GetInt32(), pairs.GetProperty("percent").GetProperty("value").GetDouble())); // they differ on a against c
        Assert.Equal(JsonValueKind.Null, pairs.GetProperty("percent").GetProperty("interval").ValueKind);
    }

    [FixtureFact]
    public async Task The_reference_table_names_what_it_lacks()
    {
        var stands = await Printed.By("aggregate", "--benchmark", "--method", "wawa", "--out", At("x.csv"));
        var real = await Json("aggregate", "--labels", Fixtures.Path("data/crowd/S_Adult/labels.csv"), "--truth", Fixtures.Path("data/crowd/S_Adult/truth.csv"), "--method", "dawid-skene", "--mode", "compatible", "--json");

        Assert.Equal(2, stands.ExitCode);
        Assert.Contains("--method  stands beside --benchmark", stands.Log);
        Assert.Equal(0.76577, real.GetProperty("accuracy").GetDouble(), 6e-6);
    }

    private static async Task<JsonElement> Json(params string[] args)
    {
        var printed = await Printed.By(args);
        Assert.Equal((0, ""), (printed.ExitCode, printed.Log));
        return JsonDocument.Parse(printed.Result).RootElement;
    }
}
