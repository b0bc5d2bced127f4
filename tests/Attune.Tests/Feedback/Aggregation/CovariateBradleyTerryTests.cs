using Attune.Feedback.Aggregation;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Tests.Feedback.Aggregation;

public sealed class CovariateBradleyTerryTests
{
    private const double Fitted = 1e-6; // gradient ≤ 1e-9 a comparison

    [Theory]
    [InlineData(TieModel.HalfWin, Covariates.None), InlineData(TieModel.HalfWin, Covariates.Side | Covariates.Length)]
    [InlineData(TieModel.Davidson, Covariates.None), InlineData(TieModel.Davidson, Covariates.Side | Covariates.Length)]
    public void The_gradient_is_the_numeric_one(TieModel ties, Covariates covariates)
    {
        var options = new CovariateOptions { Ties = ties, Covariates = covariates };
        var size = 4 + (covariates == Covariates.None ? 0 : 2) + (ties == TieModel.Davidson ? 1 : 0);
        Gradients.ShouldMatch(CovariateBradleyTerry.LossOf(Drawn(80), options), [.. Enumerable.Range(1, size).Select(i => Math.Sin(i))]);
    }

    [Fact]
    public void Davidsons_ties_of_two_items_are_their_shares()
    {
        // 5 wins, 2 losses, 3 ties fit exactly: p_a : p_b = 5 : 2 and ν = 3/√(5 · 2)
        var data = ComparisonSet.Of([.. Rows("a", "b", Winner.Left, 5), .. Rows("a", "b", Winner.Right, 2), .. Rows("b", "a", Winner.Tie, 3)]);

        var result = CovariateBradleyTerry.Run(data, new() { Ties = TieModel.Davidson });

        Assert.Equal([5 / 7.0, 2 / 7.0], result.Scores, (x, y) => Math.Abs(x - y) < Fitted);
        Assert.Equal(3 / Math.Sqrt(10), result.TieStrength!.Value, Fitted);
        // with ties as half a win each it is 6.5 : 3.5
        Assert.Equal([0.65, 0.35], CovariateBradleyTerry.Run(data).Scores, (x, y) => Math.Abs(x - y) < Fitted);
        Assert.Equal(0, CovariateBradleyTerry.Run(ComparisonSet.Of([new("a", "b", Winner.Left), new("b", "a", Winner.Left)]), new() { Ties = TieModel.Davidson }).TieStrength);
    }

    [Fact]
    public void Without_covariates_it_is_Bradley_Terry()
    {
        var data = Drawn(400);
        Assert.Equal(BradleyTerry.Run(data).Scores, CovariateBradleyTerry.Run(data).Scores, (x, y) => Math.Abs(x - y) < Fitted);
    }

    [Fact]
    public void A_side_that_wins_three_of_four_whoever_stands_there()
    {
        // log-odds of left are ln 3 in both orders: s = 0, β = ln 3. β is the mean of two log-odds with variance 1/(4 · ¾ · ¼) each: ¼ · 2 · 4/3 = ⅔
        var data = ComparisonSet.Of([.. Rows("a", "b", Winner.Left, 3), .. Rows("a", "b", Winner.Right, 1), .. Rows("b", "a", Winner.Left, 3), .. Rows("b", "a", Winner.Right, 1)]);

        var result = CovariateBradleyTerry.Run(data, new() { Covariates = Covariates.Side });

        Assert.Equal([0.5, 0.5], result.Scores, (x, y) => Math.Abs(x - y) < Fitted);
        var side = Assert.Single(result.Coefficients);
        Assert.Equal("side", side.Name);
        Assert.Equal(Math.Log(3), side.Value, 1e-5);
        Assert.Equal(Math.Sqrt(2 / 3.0), side.StandardError, 1e-5);
    }

    [Fact]
    public void A_longer_text_that_wins_three_of_four()
    {
        // lengths 3 and 1: (3 − 1)/(3 + 1) = ½, so β/2 = ln 3
        PairRow Longer(string left, string right, Winner winner) => new(left, right, winner, "", 3, 1);
        var once = new[] { Winner.Left, Winner.Left, Winner.Left, Winner.Right };
        var data = ComparisonSet.Of([.. once.Select(winner => Longer("a", "b", winner)), .. once.Select(winner => Longer("b", "a", winner))]);

        var result = CovariateBradleyTerry.Run(data, new() { Covariates = Covariates.Length });

        Assert.Equal(2 * Math.Log(3), Assert.Single(result.Coefficients).Value, 1e-5);
        Assert.Equal(2 * Math.Sqrt(2 / 3.0), result.Coefficients[0].StandardError, 1e-5); // half the unit, twice the error
    }

    [Fact]
    public void A_side_that_always_holds_the_same_item_is_refused()
    {
        var data = ComparisonSet.Of([.. Rows("a", "b", Winner.Left, 3), .. Rows("a", "b", Winner.Right, 1)]);
        Assert.Contains("cannot be told from the strengths", Assert.Throws<InputException>(() => CovariateBradleyTerry.Run(data, new() { Covariates = Covariates.Side })).Message);
    }

    [Fact]
    public void Effects_that_were_put_in_come_out_within_their_errors()
    {
        var result = CovariateBradleyTerry.Run(Drawn(6000), new() { Covariates = Covariates.Side | Covariates.Length, Ties = TieModel.Davidson });

        Assert.Equal(["side", "length"], result.Coefficients.Select(one => one.Name));
        Assert.All(result.Coefficients, one => Assert.InRange(one.StandardError, 0.01, 0.15));
        Assert.True(Math.Abs(result.Coefficients[0].Value - 0.5) < 3 * result.Coefficients[0].StandardError);
        Assert.True(Math.Abs(result.Coefficients[1].Value - 1.0) < 3 * result.Coefficients[1].StandardError);
        Assert.Equal(["i0", "i1", "i2", "i3"], result.Items.OrderByDescending(result.ScoreOf));
    }

    [Fact]
    public void Intervals_hold_the_score_shrink_with_data_and_repeat_with_their_seed()
    {
        static double[] Elo(ComparisonSet drawn) => PairScores.Elo(drawn).Scores;
        static double[] Rate(ComparisonSet drawn) => PairScores.AverageWinRate(drawn).Scores;
        var (few, many) = (ScoreIntervals.Of(Drawn(100), Rate, 200, 1), ScoreIntervals.Of(Drawn(1600), Rate, 200, 1));

        var scores = Rate(Drawn(1600));
        for (var item = 0; item < 4; item++)
        {
            Assert.True(many[item]!.Value.Contains(scores[item]));
            // four times as narrow with sixteen times the data, give or take
            Assert.InRange((few[item]!.Value.Upper - few[item]!.Value.Lower) / (many[item]!.Value.Upper - many[item]!.Value.Lower), 2.5, 6.5);
        }
        Assert.Equal(ScoreIntervals.Of(Drawn(100), Elo, 50, 3), ScoreIntervals.Of(Drawn(100), Elo, 50, 3));
        Assert.NotEqual(ScoreIntervals.Of(Drawn(100), Elo, 50, 3), ScoreIntervals.Of(Drawn(100), Elo, 50, 4));
        // c is in one comparison of three and so missing from many draws: those do not count
        var rare = ComparisonSet.Of([new("a", "b", Winner.Left), new("a", "b", Winner.Left), new("a", "c", Winner.Right)]);
        Assert.Equal(new Attune.Feedback.Interval(1, 1), ScoreIntervals.Of(rare, Rate, 100, 1)[2]);
    }

    private static IEnumerable<PairRow> Rows(string left, string right, Winner winner, int times) => Enumerable.Repeat(new PairRow(left, right, winner), times);

    /// <summary>Comparisons of four items with strengths 1, ½, 0 and −½, ties of ν = 0.6, half a unit for the left side, and one for length.</summary>
    private static ComparisonSet Drawn(int count)
    {
        var seed = new Seed(11).For("covariates");
        return ComparisonSet.Of(Enumerable.Range(0, count).Select(row =>
        {
            var left = seed.Below(4, row);
            var right = (left + 1 + seed.Below(3, row, 1)) % 4;
            var (leftLength, rightLength) = (10 + 90 * seed.Uniform(row, 2), 10 + 90 * seed.Uniform(row, 3));
            var difference = (right - left) / 2.0 + 0.5 + (leftLength - rightLength) / (leftLength + rightLength);
            var (up, down) = (Math.Exp(difference / 2), Math.Exp(-difference / 2));
            var at = seed.Uniform(row, 4) * (up + down + 0.6);
            return new PairRow($"i{left}", $"i{right}", at < up ? Winner.Left : at < up + down ? Winner.Right : Winner.Tie, "", leftLength, rightLength);
        }));
    }
}
