using Attune.Feedback.Aggregation;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Tests.Feedback.Aggregation;

public sealed class PairsTests
{
    /// <summary>a ≻ b and b ≻ c twice each, a ≻ c and c ≻ a once each.</summary>
    private static readonly ComparisonSet Example = ComparisonSet.Of(
        [Win("a", "b"), Win("a", "b"), Win("b", "c"), Win("b", "c"), Win("a", "c"), new("a", "c", Winner.Right)]);

    [Fact]
    public void The_example_of_the_literature()
    {
        var result = BradleyTerry.Run(Example);

        Assert.Equal([0.592, 0.278, 0.130], result.Scores, (x, y) => Math.Abs(x - y) < 5e-4);
        Assert.Equal(StopReason.Converged, result.Stopped);
        // Two iterations by hand from equal strengths: wins 3, 2, 1 over 4 games each at ⅔ make ½, ⅓, ⅙.
        Assert.Equal([0.5, 1.0 / 3, 1.0 / 6], BradleyTerry.Run(Example, new() { Iterations = 1 }).Scores, (x, y) => Math.Abs(x - y) < 1e-15);
        Assert.Equal(2, BradleyTerry.Run(Example, new() { Mode = AggregationMode.Compatible, Tolerance = 1e-5 }).Iterations);
    }

    [Fact]
    public void A_tie_is_half_a_win_for_each()
    {
        var ties = ComparisonSet.Of([Win("a", "b"), new("a", "b", Winner.Tie)]);
        Assert.Equal([0.75, 0.25], BradleyTerry.Run(ties).Scores, (x, y) => Math.Abs(x - y) < 1e-9);
        Assert.Equal([1.5, 0.5], PairScores.Counting(ties).Scores);
        Assert.Equal([0.75, 0.25], PairScores.AverageWinRate(ties).Scores);
        Assert.Contains("Comparison 1 has 1 problem", Assert.Throws<InputException>(() => ComparisonSet.Of([Win("a", "a")])).Message);
        Assert.Contains("hold ties", Assert.Throws<InputException>(() => BradleyTerry.Run(ties, new() { Mode = AggregationMode.Compatible })).Message);
    }

    [Fact]
    public void An_average_win_rate_counts_each_opponent_alike()
    {
        // a beats b 3 of 3 and loses to c once: (1 + 0)/2
        var data = ComparisonSet.Of([Win("a", "b"), Win("a", "b"), Win("a", "b"), Win("c", "a")]);
        Assert.Equal([0.5, 0, 1], PairScores.AverageWinRate(data).Scores);
    }

    [Fact]
    public void Elos_ratings_of_two_games_worked_by_hand()
    {
        // 4 · (1 − ½) = 2 to a; then b wins against expected 1/(1 + 10^(4/400)): it gains 4 · that complement
        var ratings = PairScores.Elo(ComparisonSet.Of([Win("a", "b"), Win("b", "a")])).Scores;
        var gain = 4 * (1 - 1 / (1 + Math.Pow(10, 4 / 400.0)));
        Assert.Equal([1002 - gain, 998 + gain], ratings, (x, y) => Math.Abs(x - y) < 1e-9);
    }

    [Fact]
    public void Rankings_of_two_are_comparisons()
    {
        var rankings = new[] { "ab", "ab", "bc", "bc", "ac", "ca" }.Select(pair => pair.Select(c => c.ToString()).ToArray());
        Assert.Equal(BradleyTerry.Run(Example).Scores, PlackettLuce.Run(rankings).Scores, (x, y) => Math.Abs(x - y) < 1e-9);
    }

    [Fact]
    public void Rankings_of_three_have_the_strengths_of_their_shares()
    {
        // Each order as often as strengths ½, ⅓, ⅙ say: abc ½·⅔, acb ½·⅓, bac ⅓·¾, bca ⅓·¼, cab ⅙·⅗, cba ⅙·⅖; times 60
        var counts = new Dictionary<string, int> { ["abc"] = 20, ["acb"] = 10, ["bac"] = 15, ["bca"] = 5, ["cab"] = 6, ["cba"] = 4 };
        var rankings = counts.SelectMany(entry => Enumerable.Repeat(entry.Key.Select(c => c.ToString()).ToArray(), entry.Value));
        Assert.Equal([0.5, 1.0 / 3, 1.0 / 6], PlackettLuce.Run(rankings).Scores, (x, y) => Math.Abs(x - y) < 1e-9);
        Assert.Contains("names an item twice", Assert.Throws<InputException>(() => PlackettLuce.Run([["a", "b", "a"]])).Message);
    }

    [Fact]
    public void The_gradient_of_noisy_comparisons_is_the_numeric_one()
    {
        var (data, _) = Judged(60);
        var at = Enumerable.Range(0, data.Items.Count + 2 * data.Workers.Count).Select(i => Math.Sin(i + 1)).ToArray();
        Gradients.ShouldMatch(NoisyBradleyTerry.LossOf(data, regularisation: 0.3), at);
    }

    [Fact]
    public void Noisy_comparisons_tell_who_attends_and_who_takes_a_side()
    {
        var (data, names) = Judged(4000);

        var result = NoisyBradleyTerry.Run(data);

        Assert.Equal(StopReason.Converged, result.Stopped);
        Assert.Equal(names, result.Items.OrderByDescending(result.ScoreOf));
        Assert.Equal(1, result.Scores.Sum(), 1e-12);
        Assert.True(result.Skills![0] > 0.9 && result.Skills[1] < 0.2); // w0 attends, w1 does not
        Assert.True(result.LeftBiases![1] > 0.85);                     // and takes the left side
        Assert.Equal(result.Scores, NoisyBradleyTerry.Run(data).Scores);
    }

    [Fact]
    public void Minimisers_find_the_bottom_of_a_curved_valley()
    {
        static double Valley(double[] at, double[] gradient) // Rosenbrock's function
        {
            var (x, bend) = (at[0], at[1] - at[0] * at[0]);
            (gradient[0], gradient[1]) = (-400 * x * bend - 2 * (1 - x), 200 * bend);
            return 100 * bend * bend + (1 - x) * (1 - x);
        }
        Gradients.ShouldMatch(Valley, [0.3, -0.2]);
        Assert.Equal([1, 1], ConjugateGradient.Minimise(Valley, [-1.2, 1], 1e-8, 2000), (x, y) => Math.Abs(x - y) < 1e-6);
        Assert.Equal([1, 1], Lbfgs.Minimise(Valley, [-1.2, 1], 1e-8, 200).At, (x, y) => Math.Abs(x - y) < 1e-6);
    }

    [Fact]
    public void Parts_have_their_known_values()
    {
        var random = new NumpyRandom(0);
        Assert.Equal([0.5488135039273248, 0.7151893663724195], new[] { random.Uniform(), random.Uniform() }); // numpy's documentation
        Assert.Equal(-0.57721566490153286, Mace.Digamma(1), 14);
        Assert.Equal(-1.9635100260214235, Mace.Digamma(0.5), 14);
        // two agree with each other and not with the third
        Assert.Equal([1, 1, -1], SignedGraph.Signs([0, 1, -1, 1, 0, -1, -1, -1, 0], 3));
    }

    private static PairRow Win(string winner, string loser) => new(winner, loser, Winner.Left);

    /// <summary>Comparisons of four items by one who attends (and errs as the model says) and one who takes the left side nine times of ten.</summary>
    private static (ComparisonSet Data, string[] ByStrength) Judged(int count)
    {
        var seed = new Seed(5).For("pairs");
        double[] strengths = [2, 1, 0, -1];
        return (ComparisonSet.Of(Enumerable.Range(0, count).Select(row =>
        {
            var left = seed.Below(4, row);
            var right = (left + 1 + seed.Below(3, row, 1)) % 4;
            var worker = row % 2;
            var pLeft = worker == 0 ? 1 / (1 + Math.Exp(strengths[right] - strengths[left])) : 0.9;
            return new PairRow($"i{left}", $"i{right}", seed.Uniform(row, 2) < pLeft ? Winner.Left : Winner.Right, $"w{worker}");
        })), ["i0", "i1", "i2", "i3"]);
    }
}
