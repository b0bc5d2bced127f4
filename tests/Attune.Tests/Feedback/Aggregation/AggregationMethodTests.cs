using System.Text.Json;
using Attune.Feedback.Aggregation;
using Attune.Runs;

namespace Attune.Tests.Feedback.Aggregation;

public sealed class AggregationMethodTests : IDisposable
{
    private static readonly MadeUpLabels Made = MadeUpLabels.Of(200, 2, 0.9, 0.85, 0.8, 0.75, 0.7);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_method_finds_what_is_plain()
    {
        var labels = AggregationMethod.All.Where(method => method.OfLabels is not null).ToList();
        Assert.Equal(11, labels.Count);
        foreach (var method in labels)
        {
            foreach (var mode in Enum.GetValues<AggregationMode>())
            {
                var result = method.OfLabels!(Made.Data, new() { Mode = mode, Gold = method.NeedsGold ? Made.Truth : null });
                Assert.True(LabelMetrics.Accuracy(result, Made.Truth) > 0.9, $"{method.Name} {mode}");
            }
        }
        var comparisons = ComparisonSet.Of([new("a", "b", Winner.Left, "w"), new("a", "b", Winner.Left, "w"), new("b", "c", Winner.Left, "w"), new("c", "b", Winner.Right, "w"), new("a", "c", Winner.Left, "w"), new("b", "a", Winner.Left, "w")]);
        var pairs = AggregationMethod.All.Where(method => method.OfComparisons is not null).ToList();
        Assert.Equal(6, pairs.Count);
        Assert.All(pairs, method => Assert.Equal("a", method.OfComparisons!(comparisons, new()) is var result ? result.Items.MaxBy(result.ScoreOf) : ""));
    }

    /// <summary>Tables at the edge of what a method knows: nothing in a result may be NaN or infinite, and probabilities sum to 1.</summary>
    [Theory]
    [InlineData("one answer", "t:a=x")]
    [InlineData("one label", "t:a=x t:b=x u:a=x u:b=x")]
    [InlineData("one worker", "t:a=x u:a=y v:a=x")]
    [InlineData("nobody shares a task", "t:a=x u:b=y v:c=x")]
    [InlineData("always at odds", "t:a=x t:b=y u:a=y u:b=x")]
    [InlineData("the same worker again and again", "t:a=x t:a=x t:a=y t:b=y")]
    [InlineData("a label that one worker gives once", "t:a=x t:b=x u:a=y u:b=y v:a=x v:b=y")]
    public void Every_method_has_an_answer_to_small_and_odd_tables(string what, string rows)
    {
        var data = LabelSet.Of(rows.Split(' ').Select(row => row.Split(':', '=')).Select(row => new LabelRow(row[0], row[1], row[2])));
        var gold = Truth.Of(data.Tasks.Select(task => (task, data.Labels[0])));
        foreach (var method in AggregationMethod.All.Where(method => method.OfLabels is not null))
        {
            foreach (var mode in Enum.GetValues<AggregationMode>())
            {
                var result = method.OfLabels!(data, new() { Mode = mode, Gold = method.NeedsGold ? gold : null });
                var place = $"{method.Name} {mode}, {what}";
                Assert.True(result.Probabilities.Concat(result.Skills ?? []).Concat(result.Objective).All(double.IsFinite), $"{place}: {string.Join(' ', result.Probabilities)} skills {string.Join(' ', result.Skills ?? [])} objective {string.Join(' ', result.Objective.Take(5))}");
                for (var task = 0; task < data.Tasks.Count; task++)
                    Assert.True(Math.Abs(1 - result.Probabilities.Skip(task * data.Labels.Count).Take(data.Labels.Count).Sum()) < 1e-9, $"{place}: {string.Join(' ', result.Probabilities)}");
            }
        }
    }

    [Fact]
    public void A_tolerance_of_nothing_does_all_iterations()
    {
        var method = AggregationMethod.All.Single(one => one.Name == "dawid-skene").OfLabels!;
        Assert.Equal(100, method(Made.Data, new() { Mode = AggregationMode.Compatible, Tolerance = 0 }).Iterations);
        Assert.Equal(3, method(Made.Data, new() { Iterations = 3, Tolerance = 0 }).Iterations);
        Assert.InRange(method(Made.Data, new()).Iterations, 2, 99);
    }

    [Fact]
    public void A_fit_that_was_written_goes_on_with_more_labels_to_where_a_fresh_one_ends()
    {
        var settings = new MethodSettings { Iterations = 1000, Tolerance = 1e-10 };
        var fit = AggregationMethod.All.Single(method => method.Name == "dawid-skene").OfLabels!;
        AggregationReport.Of("dawid-skene", default, fit(LabelSet.Of(Made.Rows.Take(700)), settings), null).Write(_folder.PathOf("old.json"));

        var start = AggregationReport.ReadFit(_folder.PathOf("old.json"));
        var (fresh, gone) = (fit(Made.Data, settings), fit(Made.Data, settings with { Start = start }));

        Assert.True(gone.Objective[0] > fresh.Objective[0]);
        Assert.Equal(fresh.Probabilities, gone.Probabilities, (x, y) => Math.Abs(x - y) < 1e-3);
        Assert.Equal(fresh.TaskLabels, gone.TaskLabels);
        File.WriteAllText(_folder.PathOf("bad.json"), """{"priors":{"c0":1},"confusions":{"w":{"c1":{}}}}""");
        Assert.Contains("is not a whole result", Assert.Throws<InputException>(() => AggregationReport.ReadFit(_folder.PathOf("bad.json"))).Message);
        Assert.Contains("is not there", Assert.Throws<InputException>(() => AggregationReport.ReadFit(_folder.PathOf("none.json"))).Message);
    }

    [Fact]
    public void A_result_as_a_table_has_names_in_quotes_where_they_need_them()
    {
        var data = LabelSet.Of([new("a,b", "w", "say \"x\""), new("c", "w", "y")]);
        AggregationReport.Of("majority-vote", default, MajorityVote.Run(data), null).Write(_folder.PathOf("out.csv"));
        var rows = new List<string[]>();
        CsvFile.Read(_folder.PathOf("out.csv"), ["kind", "name", "value"], (_, fields) => rows.Add(fields));

        Assert.Equal(["label,a,b,1", "label,c,1", "probability,a,b,1", "probability,a,b,0", "probability,c,0", "probability,c,1", "skill,w,1"], rows.Select(row => string.Join(',', row)));
        Assert.Contains("label,\"a,b\",\"say \"\"x\"\"\",1\n", File.ReadAllText(_folder.PathOf("out.csv")));
    }

    [Fact]
    public void Skills_that_are_no_chances_have_no_consistency()
    {
        foreach (var (name, has) in new[] { ("dawid-skene", true), ("one-coin", true), ("glad", false), ("m-msr", false) })
        {
            var report = AggregationReport.Of(name, default, AggregationMethod.All.Single(method => method.Name == name).OfLabels!(Made.Data, new()), Made.Truth);
            Assert.Equal(has, report.Consistency is not null);
            Assert.Equal((200, Made.Data.Count), (report.TruthTasks, report.Rows));
        }
        using var json = JsonDocument.Parse(ResultFile.Json(AggregationReport.Of("wawa", default, Wawa.Run(Made.Data), Made.Truth)));
        Assert.Equal(JsonValueKind.Object, json.RootElement.GetProperty("probabilities").GetProperty("t0").ValueKind);
    }

    [Fact]
    public void A_surrogate_has_the_accuracies_that_enumeration_gives()
    {
        var (labels, truth) = ReferenceTable.Surrogate("surrogate of binary1", 10_000);

        // Majority: right answers of six with .9 and four with .4 are more than five, or five and the tie goes to the smaller label, which is right half the time.
        static double Binomial(int n, int k, double p) => Enumerable.Range(1, k).Aggregate(Math.Pow(p, k) * Math.Pow(1 - p, n - k), (product, i) => product * (n - k + i) / i);
        var expected = (from good in Enumerable.Range(0, 7)
                        from bad in Enumerable.Range(0, 5)
                        select Binomial(6, good, 0.9) * Binomial(4, bad, 0.4) * (good + bad > 5 ? 1 : good + bad == 5 ? 0.5 : 0)).Sum();
        Assert.Equal(0.937, expected, 1e-3);
        Assert.Equal(expected, LabelMetrics.Accuracy(MajorityVote.Run(labels), truth), 3 * Math.Sqrt(expected * (1 - expected) / 10_000));
        Assert.Equal(0.994, LabelMetrics.Accuracy(DawidSkene.Run(labels), truth), 3 * Math.Sqrt(0.994 * 0.006 / 10_000));
        Assert.Equal(5_000, Enumerable.Range(0, 10_000).Count(task => truth.Of($"t{task}")[0] == "1"));
    }

    [FixtureFact]
    public void All_published_values_are_met_but_the_one_that_has_its_reason()
    {
        var cells = ReferenceTable.Compute(Fixtures.Path("data/crowd"), SilentProgress.Instance, TimeProvider.System);

        Assert.Equal(32, cells.Count);
        var exception = Assert.Single(cells, cell => cell.IsMet == false);
        Assert.Equal(("S_Rel", "glad"), (exception.Data, exception.Method));
        Assert.Contains("falls at the second iteration", exception.Note);
        Assert.InRange(exception.Correct, 0.510, 0.512); // what was published
        Assert.Contains("labels.csv", Assert.Throws<InputException>(() => ReferenceTable.Compute(_folder.PathOf(""), SilentProgress.Instance, TimeProvider.System)).Message);
    }

    [Fact]
    public void Rankings_are_read_and_bad_ones_refused_by_line()
    {
        File.WriteAllText(_folder.PathOf("r.csv"), "ranking\na > b > c\nb>a\n");
        Assert.Equal(["a", "b", "c"], RankingFile.Read(_folder.PathOf("r.csv"))[0]);
        File.WriteAllText(_folder.PathOf("r.csv"), "ranking\na > b > a\nb\n");
        var message = Assert.Throws<InputException>(() => RankingFile.Read(_folder.PathOf("r.csv"))).Message;
        Assert.Contains("line 2  has the ranking 'a > b > a'", message);
        Assert.Contains("line 3  has the ranking 'b'", message);
        Assert.Throws<InputException>(() => RankingFile.Of(ComparisonSet.Of([new("a", "b", Winner.Tie)])));
    }
}
