using Attune.Feedback;
using Attune.Torch;

namespace Attune.Tests.Feedback;

public sealed class PreferenceNullsTests
{
    [Fact]
    public void One_word_that_decides_has_the_weight_worked_by_hand()
    {
        // Three of four pairs prefer the text with "good": −log σ(w)·¾ − log σ(−w)·¼ + ½·λ·w² has its minimum where σ(w) − ¾ + λ·w = 0
        TextPair with = new("good", ""), without = new("", "good");
        var weight = BagOfWords.Fit([with, with, with, without], penalty: 0.1).Weights["good"];

        Assert.Equal(0, 1 / (1 + Math.Exp(-weight)) - 0.75 + 0.1 * weight, 6);
        Assert.Equal(weight, BagOfWords.Fit([with with { PChosen = 0.75 }, with with { PChosen = 0.75 }], penalty: 0.1).Weights["good"], 6); // soft labels say the same
    }

    [Fact]
    public void Gradient_is_the_slope_of_the_loss()
    {
        var rows = new List<(int Word, double Count)[]> { ([(0, 1), (2, -2)]), ([(1, 3)]), ([(0, -1), (1, 1), (2, 1)]) };
        double[] targets = [1, 0.75, 0.5], at = [0.3, -0.2, 0.5];
        var gradient = BagOfWords.Loss(rows, targets, at, penalty: 0.1).Gradient;
        for (var i = 0; i < 3; i++)
        {
            double LossAt(double step) => BagOfWords.Loss(rows, targets, at.Select((x, j) => j == i ? x + step : x).ToArray(), 0.1).Loss;
            Assert.Equal((LossAt(1e-5) - LossAt(-1e-5)) / 2e-5, gradient[i], 8);
        }
    }

    [Fact]
    public void Words_that_carry_the_preference_are_learned_and_others_are_not()
    {
        var (train, test) = (MadeUp(400, new Seed(1)), MadeUp(400, new Seed(2)));

        var words = BagOfWords.Fit(train);
        var right = test.Count(pair => words.LogOdds(pair.Chosen, pair.Rejected) > 0);

        Assert.Equal(words.Weights, BagOfWords.Fit(train).Weights);
        Assert.True(right > 0.9 * test.Count, $"{right} of {test.Count}");
        Assert.Equal("good", words.Weights.MaxBy(word => word.Value).Key);
        Assert.Equal("bad", words.Weights.MinBy(word => word.Value).Key);
        Assert.Equal(-words.LogOdds("good one", "bad two"), words.LogOdds("bad two", "good one"));
        Assert.Equal(0, words.LogOdds("unheard", "of"));
    }

    [Fact]
    public void Baselines_count_what_they_should()
    {
        TextPair[] test = [new("longer one", "short", 1, 1), new("same", "size", 1, 0.5), new("no", "longer", 1, 0), new("x", "y")];

        var nulls = PreferenceNulls.Of(test, [], new Seed(1)).ToDictionary(n => n.Name, n => n.Correct);

        Assert.Equal(new Proportion(2, 4), nulls["longer"]); // right, half, wrong, half
        Assert.Equal(new Proportion(1.5, 3), nulls["first shown"]);
        Assert.Equal(["longer", "first shown", "random"], nulls.Keys);
        var many = PreferenceNulls.Of(MadeUp(1_000, new Seed(3)), MadeUp(200, new Seed(4)), new Seed(1));
        Assert.Equal(0.5, many.Single(n => n.Name == "random").Correct.Share, tolerance: 0.064); // four standard errors
        Assert.True(many.Single(n => n.Name == "bag of words").Correct.Wilson().Lower > 0.8);
    }

    [Fact]
    public void Nothing_to_learn_from_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => BagOfWords.Fit([]));
        Assert.Throws<ArgumentOutOfRangeException>(() => BagOfWords.Fit([new("a", "b")], penalty: 0));
        Assert.Equal(0, BagOfWords.Fit([new("a", "b")]).LogOdds("a", "b")); // no word occurs in two pairs
    }

    private static List<TextPair> MadeUp(int count, Seed seed) => Enumerable.Range(0, count).Select(i =>
    {
        string Filler(int row) => string.Join(' ', Enumerable.Range(0, 8).Select(place => $"w{seed.For(i).Below(30, row, place)}"));
        return new TextPair($"{Filler(0)} good", $"{Filler(1)} bad");
    }).ToList();
}
