using Attune.Torch;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

[NoTensorLeaks]
public sealed class RewardLossTests
{
    private const double SixDigits = 5.1e-7; // numbers given with six decimals
    private static readonly double[][] FourScores = [[1, 0.5, -0.2, 0]];

    [Fact]
    public void One_pair_plain_with_margin_and_centred()
    {
        using var scope = TensorScope.Begin();
        var (chosen, rejected) = (Tensor.Of([1.5]), Tensor.Of([0.5]));
        RewardLoss.Pairs(chosen, rejected, PairLabels.Plain).Loss.ShouldBeNear(0.313262, SixDigits);
        RewardLoss.Pairs(chosen, rejected, new() { Margin = Tensor.Of([0.4]) }).Loss.ShouldBeNear(0.437488, SixDigits);
        RewardLoss.Pairs(chosen, rejected, PairLabels.Plain, centring: 0.01).Loss.ShouldBeNear(0.353262, SixDigits);
    }

    [Fact]
    public void Soft_labels_weigh_both_orders_and_an_even_split_pulls_together()
    {
        using var scope = TensorScope.Begin();
        var (chosen, rejected) = (Tensor.Of([1.5, 1.5, 1.5]), Tensor.Of([0.5, 0.5, 0.5]));
        var labels = new PairLabels { PChosen = Tensor.Of([1, 0.8, 0.5]) };
        // -log sigma(1) = 0.313262, -log sigma(-1) = 1.313262
        RewardLoss.Pairs(chosen, rejected, labels).Loss.ShouldBeNear(0.313262 + (0.8 * 0.313262 + 0.2 * 1.313262) + (0.5 * 0.313262 + 0.5 * 1.313262), 3 * SixDigits);

        chosen.RequiresGrad = true;
        RewardLoss.Pairs(chosen, rejected, labels).Loss.Backward();
        Assert.True(chosen.Grad!.ToDoubles() is [< 0, < 0, > 0]); // 0.5: the lead of 1 is too much
    }

    [Fact]
    public void Strengths_weigh_loss_count_and_accuracy()
    {
        using var scope = TensorScope.Begin();
        var actual = RewardLoss.Pairs(Tensor.Of([1.5, 0, 2]), Tensor.Of([0.5, 1, 2]), new() { Weight = Tensor.Of([2.0, 1, 4]) });
        // leads 1, -1, 0
        actual.Loss.ShouldBeNear(2 * 0.313262 + 1.313262 + 4 * Math.Log(2), 3 * SixDigits);
        actual.Weight.ShouldBeNear(7, 0);
        actual.Correct.ShouldBeNear(2 + 0 + 4 * 0.5, 0);
    }

    [Fact]
    public void Below_one_half_the_rejected_answer_won_and_at_one_half_nobody()
    {
        using var scope = TensorScope.Begin();
        var labels = new PairLabels { PChosen = Tensor.Of([0.9, 0.1, 0.1, 0.5, 0.4, 0.2]), Weight = Tensor.Of([1.0, 2, 4, 8, 16, 32]) };
        // leads 1, 1, -1, 1, 0, 1: won by the chosen, the rejected, the rejected, nobody, the rejected, the rejected
        var actual = RewardLoss.Pairs(Tensor.Of([1.5, 1.5, 0, 1.5, 2, 1]), Tensor.Of([0.5, 0.5, 1, 0.5, 2, 0]), labels);
        actual.Correct.ShouldBeNear(1 + 4 + 16 * 0.5, 0);
        actual.Decided.ShouldBeNear(1 + 2 + 4 + 16 + 32, 0);
        actual.Weight.ShouldBeNear(63, 0); // the loss learns from all of them
    }

    [Fact]
    public void Pairs_match_the_golden_losses_and_gradients()
    {
        using var scope = TensorScope.Begin();
        var cases = Golden.Read("trainers/reward-loss.json").List("cases");
        Assert.Equal(2, cases.Length);
        foreach (var golden in cases)
        {
            var (chosen, rejected) = (golden.Numbers("rewards_chosen"), golden.Numbers("rewards_rejected"));
            (chosen.RequiresGrad, rejected.RequiresGrad) = (true, true);
            var margin = golden.GetProperty("margin").ValueKind == System.Text.Json.JsonValueKind.Null ? null : golden.Numbers("margin");
            var sums = RewardLoss.Pairs(chosen, rejected, new() { Margin = margin });
            var mean = sums.Loss / sums.Weight;
            mean.Backward();
            mean.ShouldBeNear(golden.Number("loss"), 1e-7);
            chosen.Grad!.ShouldBeNear(golden.Numbers("d_chosen"), 1e-7);
            rejected.Grad!.ShouldBeNear(golden.Numbers("d_rejected"), 1e-7);
        }
    }

    [Fact]
    public void Four_ranked_answers_by_pairs_by_choice_and_by_places()
    {
        using var scope = TensorScope.Begin();
        var scores = Tensor.Of(FourScores);
        // the numbers belong to the order 1, 0.5, -0.2, 0 from best to worst
        RewardLoss.Rankings(scores, Tensor.Of([[0.0, 1, 2, 3]])).Loss.ShouldBeNear(0.454337, SixDigits);
        RewardLoss.PlackettLuce(scores).Loss.ShouldBeNear(2.363805, SixDigits);
        RewardLoss.BestOf(scores, Tensor.From(new long[] { 0 }, 1)).Loss.ShouldBeNear(0.822246, SixDigits);
    }

    [Fact]
    public void A_ranking_of_two_is_a_pair()
    {
        using var scope = TensorScope.Begin();
        var (chosen, rejected) = (Tensor.Of([1.5, -0.3]), Tensor.Of([0.5, 2]));
        var pair = RewardLoss.Pairs(chosen, rejected, PairLabels.Plain);
        var scores = Tensor.Stack(1, chosen, rejected);
        foreach (var ranking in new[]
        {
            RewardLoss.Rankings(scores, Tensor.Of([[1.0, 2], [1, 2]])), RewardLoss.PlackettLuce(scores), RewardLoss.BestOf(scores, Tensor.Zeros([2], DType.Int64)),
        })
        {
            ranking.Loss.ShouldBeNear(pair.Loss, 1e-12);
            ranking.Weight.ShouldBeNear(2, 0);
            ranking.Correct.ShouldBeNear(1, 0);
        }
    }

    [Fact]
    public void Ties_and_missing_answers_are_skipped()
    {
        using var scope = TensorScope.Begin();
        var plain = RewardLoss.Rankings(Tensor.Of([[1.0, 0.5]]), Tensor.Of([[1.0, 2]]));
        foreach (var junk in new[] { 3.0, double.NaN, double.PositiveInfinity })
            RewardLoss.Rankings(Tensor.Of([[1, junk, 0.5]]), Tensor.Of([[1.0, -1, 2]])).Loss.ShouldBeNear(plain.Loss, 1e-15);

        // best, then two alike: only the pairs (0, 1) and (0, 2)
        var tied = RewardLoss.Rankings(Tensor.Of([[1.0, 0.5, 0]]), Tensor.Of([[1.0, 2, 2]]));
        tied.Loss.ShouldBeNear((Math.Log(1 + Math.Exp(-0.5)) + Math.Log(1 + Math.Exp(-1))) / 2, 1e-12);

        var allTied = RewardLoss.Rankings(Tensor.Of([[1.0, 0.5]]), Tensor.Of([[7.0, 7]]));
        Assert.Equal((0.0, 0.0, 0.0), (allTied.Loss.Item(), allTied.Weight.Item(), allTied.Correct.Item()));
    }

    [Fact]
    public void A_prompt_counts_once_however_many_answers_it_has()
    {
        using var scope = TensorScope.Begin();
        var four = RewardLoss.Rankings(Tensor.Of(FourScores), Tensor.Of([[0.0, 1, 2, 3]])).Loss.Item();
        var two = RewardLoss.Rankings(Tensor.Of([[0.4, 0.1]]), Tensor.Of([[0.0, 1]])).Loss.Item();
        var both = RewardLoss.Rankings(Tensor.Of([[1, 0.5, -0.2, 0], [0.4, 0.1, 0, 0]]), Tensor.Of([[0.0, 1, 2, 3], [0, 1, -1, -1]]));
        both.Loss.ShouldBeNear(four + two, 1e-12);
        both.Weight.ShouldBeNear(2, 0);
    }

    [Fact]
    public void Shifting_all_scores_of_a_prompt_changes_no_preference()
    {
        using var scope = TensorScope.Begin();
        var scores = Tensor.Of(FourScores);
        var ranks = Tensor.Of([[2.0, 0, 1, 3]]);
        var choice = Tensor.From(new long[] { 2 }, 1);
        foreach (var loss in new Func<Tensor, RewardLossSums>[]
        {
            s => RewardLoss.Rankings(s, ranks), s => RewardLoss.BestOf(s, choice), RewardLoss.PlackettLuce,
            s => RewardLoss.Pairs(s.Select(1, 0), s.Select(1, 1), new() { PChosen = Tensor.Of([0.3]), Margin = Tensor.Of([0.2]) }),
        })
            loss(scores + 100).Loss.ShouldBeNear(loss(scores).Loss, 1e-11); // 100 costs two digits of sixteen
    }

    [Fact]
    public void Micro_batches_add_up()
    {
        using var scope = TensorScope.Begin();
        var (chosen, rejected) = (Tensor.From(new Seed(1).Normals(7), 7).To(DType.Float64), Tensor.From(new Seed(2).Normals(7), 7).To(DType.Float64));
        RewardLossSums Part(int from, int count) => RewardLoss.Pairs(chosen.Narrow(0, from, count), rejected.Narrow(0, from, count), PairLabels.Plain, centring: 0.01);
        var (whole, a, b) = (Part(0, 7), Part(0, 2), Part(2, 5));
        (a.Loss + b.Loss).ShouldBeNear(whole.Loss, 1e-13);
        (a.Weight + b.Weight).ShouldBeNear(whole.Weight, 0);
        (a.Correct + b.Correct).ShouldBeNear(whole.Correct, 0);
    }

    [Fact]
    public void Best_of_counts_shared_first_places_in_part()
    {
        using var scope = TensorScope.Begin();
        var scores = Tensor.Of([[1.0, 1, 0], [2, 1, 0], [0, 1, 0]]);
        RewardLoss.BestOf(scores, Tensor.Zeros([3], DType.Int64)).Correct.ShouldBeNear(1.5, 0);
    }

    [Fact]
    public void Extreme_leads_stay_finite()
    {
        using var scope = TensorScope.Begin();
        var chosen = Tensor.From(new[] { -500f, 500f }, 2);
        chosen.RequiresGrad = true;
        var sums = RewardLoss.Pairs(chosen, Tensor.Zeros([2]), PairLabels.Plain);
        sums.Loss.Backward();
        sums.Loss.ShouldBeNear(500, 0);
        chosen.Grad!.ShouldBeNear([-1, 0], 0);
    }

    [Fact]
    public void Gradients_match_finite_differences()
    {
        using var scope = TensorScope.Begin();
        var (chosen, rejected) = (Tensor.Of([1.5, 0.2, -0.4]), Tensor.Of([0.5, 0.9, -1.1]));
        var labels = new PairLabels { Margin = Tensor.Of([0.4, 0, 1]), PChosen = Tensor.Of([1, 0.7, 0.4]), Weight = Tensor.Of([1, 2, 0.5]) };
        FiniteDifference.Check(() => RewardLoss.Pairs(chosen, rejected, labels, centring: 0.1).Loss, [chosen, rejected]);

        var scores = Tensor.Of([[1, 0.5, -0.2, 0], [0.3, 0.1, 2, -1]]);
        FiniteDifference.Check(() => RewardLoss.Rankings(scores, Tensor.Of([[0.0, 1, 1, 2], [2, 0, 1, -1]])).Loss, [scores]);
        FiniteDifference.Check(() => RewardLoss.BestOf(scores, Tensor.From(new long[] { 3, 1 }, 2)).Loss, [scores]);
        FiniteDifference.Check(() => RewardLoss.PlackettLuce(scores).Loss, [scores]);
    }

    [Fact]
    public void Normalised_scores_have_mean_zero_and_spread_one()
    {
        double[] scores = [3, 5, 7, 9]; // mean 6, population variance 5
        var scale = RewardNormalisation.Solve(scores);
        Assert.Equal(1 / Math.Sqrt(5), scale.Gain, 1e-15);
        Assert.Equal(-6 / Math.Sqrt(5), scale.Bias, 1e-15);
        var after = scores.Select(scale.Apply).ToArray();
        Assert.Equal(0, after.Average(), 1e-15);
        Assert.Equal(1, after.Average(r => r * r), 1e-15);
    }

    [Fact]
    public void A_second_normalisation_joins_the_first()
    {
        var first = RewardNormalisation.Solve([3, 5, 7, 9]);
        var second = RewardNormalisation.Solve([.. new[] { 1.0, 8, 2 }.Select(first.Apply)]);
        Assert.Equal(second.Apply(first.Apply(4.2)), second.After(first).Apply(4.2), 1e-14);
        Assert.Equal(first, first.After(RewardScale.Identity));
    }

    [Theory]
    [InlineData(2.0, 2.0, 2.0)]
    [InlineData(1.0, double.NaN, 2.0)]
    [InlineData(1.0, double.PositiveInfinity, 2.0)]
    public void Scores_without_a_usable_spread_are_refused(double a, double b, double c) =>
        Assert.Contains("3 reference scores", Assert.Throws<ArgumentException>(() => RewardNormalisation.Solve([a, b, c])).Message);
}
