using Attune.Feedback;
using Attune.Feedback.Aggregation;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Tests.Feedback.Aggregation;

public sealed class LabelAgreementTests
{
    /// <summary>Two annotators on four tasks: 0 0, 1 1, 2 1, 2 2.</summary>
    private static readonly LabelSet Two = Labels("00", "11", "21", "22");

    [Fact]
    public void Weighted_kappas_worked_by_hand()
    {
        var agreement = LabelAgreement.Of(Two, new() { Rounds = 0 });

        // One task differs, by one place. If independent, with 1, 1, 2 and 1, 2, 1 of the labels: 11 of 16 pairs differ, by 14 places, squared 20; four tasks.
        Assert.Equal(1 - 1 / (11 / 4.0), agreement.Cohen.Value, 12);
        Assert.Equal(1 - 1 / (14 / 4.0), agreement.Linear!.Value.Value, 12);
        Assert.Equal(1 - 1 / (20 / 4.0), agreement.Quadratic!.Value.Value, 12);
        Assert.Equal(0.75, agreement.Percent.Value, 12);
        Assert.Null(agreement.Cohen.Interval);
        var pair = Assert.Single(agreement.Pairs);
        Assert.Equal(("r0", "r1", 4, 0.75), (pair.First, pair.Second, pair.Tasks, pair.Percent));
        Assert.Equal(agreement.Cohen.Value, pair.Cohen.Value);
        Assert.Equal(agreement.Quadratic!.Value.Value, pair.Quadratic);
    }

    [Fact]
    public void Intervals_of_kappas_leave_out_each_task_once()
    {
        var agreement = LabelAgreement.Of(Two, new() { Rounds = 1 });

        // Without 0 0: 1 of 3 differs, expected (1·1 + 2·2)/3, so 1 − 3/5. Without 1 1: expected (1·2 + 2·2)/3, so ½. Without 2 1: all equal. Without 2 2: (1·2 + 1·1 + 1·3)/3, so ½.
        double[] without = [0.4, 0.5, 1, 0.5];
        var error = Math.Sqrt(3 / 4.0 * without.Sum(value => (value - 0.6) * (value - 0.6)));
        foreach (var interval in new[] { agreement.Cohen.Interval!.Value, agreement.Pairs.Single().Cohen.Interval!.Value })
        {
            Assert.Equal(7 / 11.0 - 1.959963984540054 * error, interval.Lower, 12);
            Assert.Equal(1, interval.Upper); // kappa is at most 1
        }
        Assert.Null(LabelAgreement.Of(Labels("01"), new() { Rounds = 5 }).Cohen.Interval); // one task: nothing is left without it
    }

    [Theory]
    [InlineData(3)]
    [InlineData(12)]
    public void Intervals_of_mean_kappas_hold_the_mean_of_tables_as_sparse_as_theirs(int annotators)
    {
        const int Tables = 200;
        var drawn = Enumerable.Range(0, Tables).Select(table => LabelAgreement.Of(Sparse(table, tasks: 60, annotators), new() { Rounds = 1 })).ToList();
        foreach (var measure in new Func<LabelAgreement, Measured>[] { one => one.Cohen, one => one.Linear!.Value, one => one.Quadratic!.Value })
        {
            var mean = drawn.Average(one => measure(one).Value);
            Assert.All(drawn, one => Assert.True(measure(one).Interval!.Value.Contains(measure(one).Value)));
            // 95 % of 200 are 190; below 183, which has a chance of 1.4 %, they would be too short
            Assert.InRange(drawn.Count(one => measure(one).Interval!.Value.Contains(mean)), 183, Tables);
        }
    }

    [FixtureFact]
    public void Intervals_of_kappas_hold_their_value_on_a_sparse_table()
    {
        var agreement = LabelAgreement.Of(LabelSet.Read(Fixtures.Path("data/crowd/S_Rel/labels.csv")), new() { Rounds = 1 });

        foreach (var measure in new[] { agreement.Cohen, agreement.Linear!.Value, agreement.Quadratic!.Value })
        {
            Assert.True(measure.Interval!.Value.Contains(measure.Value));
            Assert.InRange(measure.Interval.Value.Upper - measure.Interval.Value.Lower, 0.001, 0.1); // twenty thousand tasks say something
        }
    }

    [FixtureFact]
    public void Four_distances_on_Krippendorffs_own_data()
    {
        // The data and the numbers, with three digits, are in "Computing Krippendorff's alpha-reliability" (2011); a star is a missing answer.
        var rows = File.ReadAllLines(Fixtures.Path("data/pairwise/krippendorff/codings.csv")).Where(line => line.Length > 0).Select(line => line.Split(',')).ToList();
        var data = LabelSet.Of(rows.SelectMany((row, rater) => row.Select((label, unit) => new LabelRow($"{unit}", $"{rater}", label))).Where(row => row.Label.Length > 0));

        var alpha = LabelAgreement.Of(data, new() { Rounds = 0 }).Alpha;

        Assert.Equal(["nominal", "ordinal", "interval", "ratio"], alpha.Keys);
        Assert.Equal([0.743, 0.815, 0.849, 0.797], alpha.Values.Select(one => one.Value), (x, y) => Math.Abs(x - y) < 6e-4);
    }

    [Fact]
    public void Interval_alpha_worked_by_hand_and_moved_scales()
    {
        // units (0, 1) and (2, 2): Dₒ = 2·1²/1 over 4 answers. All: 0, 1, 2, 2 has squares 1, 4, 4, 1, 1, 0 of pairs, twice 11, over 4 · 3.
        var expected = 1 - (2 / 4.0) / (22 / 12.0);
        Assert.Equal(expected, Alpha(Labels("01", "22"), LabelDistance.Interval), 12);
        // an interval scale may be moved, a ratio scale stretched
        Assert.Equal(expected, Alpha(Labels("56", "77"), LabelDistance.Interval), 12);
        Assert.Equal(Alpha(Labels("12", "44"), LabelDistance.Ratio), Alpha(Labels("24", "88"), LabelDistance.Ratio), 12);
        Assert.NotEqual(Alpha(Labels("12", "44"), LabelDistance.Ratio), Alpha(Labels("23", "55"), LabelDistance.Ratio), 6);
        // and what is only in order may be renamed
        Assert.Equal(Alpha(Labels("01", "22", "20"), LabelDistance.Ordinal), Alpha(Labels("18", "99", "91"), LabelDistance.Ordinal), 12);
    }

    [Fact]
    public void Alphas_are_those_of_the_double_sum()
    {
        var data = Labels("0121", "3", "223", "00", "1323", "02");
        var units = Enumerable.Range(0, data.Tasks.Count).Select(task => data.Rows().Where(row => row.Task == data.Tasks[task]).Select(row => double.Parse(row.Label)).ToArray()).Where(unit => unit.Length > 1).ToList();
        var all = units.SelectMany(unit => unit).ToArray();
        double Squared(LabelDistance distance, double a, double b) => a == b ? 0 : distance switch
        {
            LabelDistance.Nominal => 1,
            LabelDistance.Interval => (a - b) * (a - b),
            LabelDistance.Ratio => (a - b) / (a + b) * ((a - b) / (a + b)),
            // answers from one to the other, less half of those at both ends
            _ => Math.Pow(all.Count(v => v >= Math.Min(a, b) && v <= Math.Max(a, b)) - (all.Count(v => v == a) + all.Count(v => v == b)) / 2.0, 2),
        };
        double Sum(LabelDistance distance, double[] values) => values.Sum(a => values.Sum(b => Squared(distance, a, b))) / (values.Length - 1);
        foreach (var distance in Enum.GetValues<LabelDistance>())
            Assert.Equal(1 - units.Sum(unit => Sum(distance, unit)) / Sum(distance, all), Alpha(data, distance), 12);
    }

    [Fact]
    public void Measures_agree_with_those_of_ratings()
    {
        var made = MadeUpLabels.Of(60, 3, 0.9, 0.7, 0.6, 0.5);
        var agreement = LabelAgreement.Of(made.Data, new() { Rounds = 50 });
        var ratings = made.Rows.Select(row => new Rating(row.Task, row.Worker, row.Label)).ToList();

        Assert.Equal(Agreement.Pairwise(ratings).Share, agreement.Percent.Value, 12);
        Assert.Equal(Agreement.FleissKappa(ratings), agreement.Fleiss!.Value.Value, 12);
        Assert.Equal(Agreement.KrippendorffAlpha(ratings), agreement.Alpha["nominal"].Value, 12);
        var pairs = agreement.Pairs.Select(pair => Agreement.CohenKappa(LabelsOf(pair.First), LabelsOf(pair.Second))).ToList();
        Assert.Equal(6, pairs.Count);
        Assert.Equal(pairs.Average(), agreement.Cohen.Value, 12);
        Assert.Null(agreement.Linear); // c0, c1, c2 are no numbers
        foreach (var measure in new[] { agreement.Percent, agreement.Fleiss.Value, agreement.Cohen, agreement.Alpha["nominal"] })
            Assert.True(measure.Interval!.Value.Contains(measure.Value));
        Assert.Equal(agreement.Percent, LabelAgreement.Of(made.Data, new() { Rounds = 50 }).Percent);
        Assert.NotEqual(agreement.Percent, LabelAgreement.Of(made.Data, new() { Rounds = 50, Seed = 2 }).Percent);

        List<string> LabelsOf(string worker) => [.. made.Rows.Where(row => row.Worker == worker).Select(row => row.Label)];
    }

    [Fact]
    public void Labels_without_an_order_get_one_or_are_refused()
    {
        var data = LabelSet.Of([new("t", "r0", "low"), new("t", "r1", "high"), new("u", "r0", "middle"), new("u", "r1", "middle")]);

        Assert.Equal(["nominal"], LabelAgreement.Of(data, new() { Rounds = 0 }).Alpha.Keys);
        var ordered = LabelAgreement.Of(data, new() { Rounds = 0, Order = ["low", "middle", "high"] });
        Assert.Equal(["nominal", "ordinal"], ordered.Alpha.Keys);
        // mid-ranks .5, 2, 3.5 and squares 9 for low–high: Dₒ = 2·9/4; all four: 2(2·2.25 + 9 + 2·2.25)/12
        Assert.Equal(1 - 4.5 / 3, ordered.Alpha["ordinal"].Value, 12);
        Assert.NotNull(ordered.Linear);
        Assert.Contains("--order low,middle,high", Assert.Throws<InputException>(() => LabelAgreement.Of(data, new() { Distance = LabelDistance.Ordinal })).Message);
        Assert.Contains("expected numbers", Assert.Throws<InputException>(() => LabelAgreement.Of(data, new() { Distance = LabelDistance.Interval })).Message);
        Assert.Contains("each label once", Assert.Throws<InputException>(() => LabelAgreement.Of(data, new() { Order = ["low", "high"] })).Message);
        Assert.Contains("at least 0", Assert.Throws<InputException>(() => LabelAgreement.Of(LabelSet.Of([new("t", "a", "-1"), new("t", "b", "1")]), new() { Distance = LabelDistance.Ratio })).Message);
        Assert.Contains("no two to the same", Assert.Throws<InputException>(() => LabelAgreement.Of(Labels("0", "1"))).Message);
        Assert.Null(LabelAgreement.Of(Labels("00", "011"), new() { Rounds = 0 }).Fleiss); // tasks of two and of three answers
    }

    /// <summary>Three of the annotators answer each task, right (of four steps) with a chance of 0.7, else a step beside it.</summary>
    private static LabelSet Sparse(int table, int tasks, int annotators)
    {
        var seed = new Seed(11).For($"sparse {table}");
        return LabelSet.Of(Enumerable.Range(0, tasks).SelectMany(task => Enumerable.Range(0, annotators).OrderBy(who => seed.For("who").Uniform(task, who)).Take(3).Select(who =>
        {
            var step = 1 + seed.For("truth").Below(4, task);
            var given = seed.For("right").Uniform(task, who) < 0.7 ? step : step < 4 ? step + 1 : 3;
            return new LabelRow($"t{task}", $"r{who}", $"{given}");
        })));
    }

    private static double Alpha(LabelSet data, LabelDistance distance) => LabelAgreement.Of(data, new() { Distance = distance, Rounds = 0 }).Alpha.Values.Single().Value;

    /// <summary>One task per string, one annotator per letter.</summary>
    private static LabelSet Labels(params string[] tasks) =>
        LabelSet.Of(tasks.SelectMany((labels, task) => labels.Select((label, rater) => new LabelRow($"t{task}", $"r{rater}", label.ToString()))));
}
