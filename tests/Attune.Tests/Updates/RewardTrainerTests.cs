using Attune.Models;
using Attune.Runs;
using Attune.Torch;
using Attune.Torch.Optimisers;
using Attune.Torch.Testing;
using Attune.Updates;
using static Attune.Tests.Updates.RewardTrainerCases;

namespace Attune.Tests.Updates;

[NoTensorLeaks]
public sealed class RewardTrainerTests
{
    private static readonly RewardTrainingConfig Config = new() { BatchSize = 16, LearningRate = 1e-3 };

    [Fact]
    public void With_a_zero_head_every_loss_is_that_of_chance()
    {
        using var model = ZeroHeaded();
        int[] a = [1, 2], b = [3, 4, 5], c = [6];
        var (pair, soft) = (new PreferenceExample(a, b), new PreferenceExample(a, b) { PChosen = 0.8, Strength = 3 });

        Assert.Equal(Math.Log(2), FirstStep(model, [pair])["reward/loss"], 1e-6);
        Assert.Equal(Math.Log(2), FirstStep(model, [soft])["reward/loss"], 1e-6);
        Assert.Equal(Math.Log(2), FirstStep(model, [new RankingExample([a, b, c], [2, 1, 1])])["reward/loss"], 1e-6);
        Assert.Equal(Math.Log(3), FirstStep(model, [new ChoiceExample([a, b, c], 1)])["reward/loss"], 1e-6);
        Assert.Equal((Math.Log(2) * 5 + Math.Log(3)) / 6, FirstStep(model,
            [pair, soft, new RankingExample([a, b, c], [2, 1, 1]), new ChoiceExample([a, b, c], 1)])["reward/loss"], 1e-6);
        Assert.Equal(0.5, FirstStep(model, [pair])["reward/accuracy"]); // equal scores count half
    }

    [Fact]
    public void Accuracy_is_the_evaluations_with_split_judges_too()
    {
        using var model = Tiny("gpt2");
        PreferenceExample[] pairs = [.. CountingPairs(12, new Seed(1)).Select((pair, k) => pair with { PChosen = (k % 4) switch { 0 => null, 1 => 0.25, 2 => 0.5, _ => 0.75 } })];
        var expected = RewardEvaluation.Of(model, pairs, RewardScale.Identity).Accuracy;

        Assert.Equal(9, expected.Trials);
        Assert.Equal(expected.Share, FirstStep(model, pairs)["reward/accuracy"], 1e-6);
        Assert.Equal(double.NaN, FirstStep(model, [pairs[2]])["reward/accuracy"]); // nobody won
    }

    [Fact]
    public void Margins_and_centring_reach_the_loss()
    {
        using var model = ZeroHeaded();
        var pair = new PreferenceExample([1, 2], [3, 4, 5]) { Margin = 0.4 };

        // scores 0 and 0: -log σ(-0.4) = log(1 + e^0.4) = 0.913015; scores 1 and 1 add 0.01 · 2²
        Assert.Equal(0.913015, FirstStep(model, [pair])["reward/loss"], 1e-6);
        model.Head.Rescale(1, 1);
        Assert.Equal(0.953015, FirstStep(model, [pair], Config with { Centring = 0.01 })["reward/loss"], 1e-6);
    }

    [Fact]
    public void A_ranking_is_the_mean_of_its_pairs_in_loss_and_gradient()
    {
        int[][] answers = [[1, 2], [3, 4, 5], [6], [7, 8]];
        var ranking = new RankingExample(answers, [2, 0, 3, 1]);
        using var ranked = Tiny("llama");
        using var paired = ranked.Copy();

        var whole = FirstStep(ranked, [ranking]);
        var pairs = FirstStep(paired, [.. ranking.Pairs()]);

        Assert.Equal(6, ranking.Pairs().Count());
        foreach (var key in new[] { "reward/loss", "reward/accuracy", "reward/margin", "gradient_norm" })
            Assert.Equal(pairs[key], whole[key], 1e-5 * Math.Max(1, Math.Abs(pairs[key])));
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama")]
    public void Loss_and_gradient_are_the_whole_batchs_however_it_is_cut(string family)
    {
        var examples = Mixed();
        using var model = Tiny(family);
        var (expected, expectedGradient) = LossAndGradient(model, examples, microBatch: 1_000);

        foreach (var microBatch in new[] { 1, 5, 8 })
        {
            var (metrics, gradient) = LossAndGradient(model, examples, microBatch);
            foreach (var (key, value) in expected.Where(metric => metric.Key != "tensors_live")) // counts those of other models too
                Assert.Equal(value, metrics[key], 2e-5 * Math.Max(1, Math.Abs(value))); // float32 sums in another order
            for (var k = 0; k < gradient.Length; k++)
                Assert.Equal(expectedGradient[k], gradient[k], 2e-5 * Math.Max(1, expected["gradient_norm"]));
        }
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama")]
    public void Two_threads_give_the_gradient_of_one(string family)
    {
        RewardExample[] examples = [.. Mixed(), .. CountingPairs(60, new Seed(9))]; // large enough that operators use their threads
        using var model = Tiny(family);
        var threads = TorchRuntime.Threads;
        try
        {
            TorchRuntime.Threads = 1;
            var (one, gradient) = LossAndGradient(model, examples, microBatch: 1_000);
            TorchRuntime.Threads = 2;
            var (two, twoGradient) = LossAndGradient(model, examples, microBatch: 1_000);

            Assert.Equal(one["reward/loss"], two["reward/loss"], 2e-6 * one["reward/loss"]); // float32 sums in another order
            Assert.Equal(0, Math.Sqrt(gradient.Zip(twoGradient, (a, b) => (a - b) * (a - b)).Sum()), 1e-5 * one["gradient_norm"]);
        }
        finally
        {
            TorchRuntime.Threads = threads;
        }
    }

    [Fact]
    public void Over_many_steps_two_layouts_differ_by_rounding_without_direction()
    {
        RewardExample[] examples = [.. Mixed(), .. CountingPairs(72, new Seed(9))];
        double[] Losses(int microBatch)
        {
            using var model = Tiny("llama");
            using var trainer = new RewardTrainer(model, examples, Config with { BatchSize = 4, MicroBatchSequences = microBatch, Epsilon = 1e-3 }, new Seed(3));
            var losses = new List<double>();
            trainer.Run([], (_, metrics) => losses.Add(metrics["reward/loss"]), CancellationToken.None);
            return [.. losses];
        }

        var losses = Losses(1_000);

        Assert.Equal(20, losses.Length);
        LayoutGaps.ShouldBeRounding(losses, Losses(1), largest: 2e-6, mean: 2e-7);
    }

    [Fact]
    public void Each_comparison_is_seen_once_unless_a_recipe_says_otherwise() => Assert.Equal(1, new RewardTrainingConfig().Epochs);

    [Fact]
    public void Every_epoch_shows_every_example_once_in_an_order_of_its_own()
    {
        var examples = CountingPairs(20, new Seed(1));
        using var model = ZeroHeaded();
        using var trainer = new RewardTrainer(model, examples, Config with { BatchSize = 8, Epochs = 2 }, new Seed(3));
        using var other = new RewardTrainer(model, examples, Config with { BatchSize = 8, Epochs = 2 }, new Seed(4));

        RewardExample[] Epoch(RewardTrainer of, int epoch) => [.. Enumerable.Range(3 * epoch, 3).SelectMany(of.Batch)];

        Assert.Equal(6, trainer.Steps); // 8 + 8 + 4 examples, twice
        Assert.Equal(20, Epoch(trainer, 0).Distinct(ReferenceEqualityComparer.Instance).Count());
        Assert.Equal(20, Epoch(trainer, 1).Distinct(ReferenceEqualityComparer.Instance).Count());
        Assert.NotEqual(Epoch(trainer, 0), Epoch(trainer, 1));
        Assert.NotEqual(Epoch(trainer, 0), Epoch(other, 0));
    }

    [Fact]
    public void More_of_one_token_is_learnt_to_be_better()
    {
        using var model = Tiny("llama");
        var heldOut = CountingPairs(200, new Seed(11));
        var untrained = RewardEvaluation.Of(model, heldOut, RewardScale.Identity);
        var metrics = new List<IReadOnlyDictionary<string, double>>();

        using var trainer = new RewardTrainer(model, CountingPairs(1_200, new Seed(10)), Config with { LearningRate = 3e-3 }, new Seed(3));
        Assert.True(trainer.Run(heldOut, (_, found) => metrics.Add(found), CancellationToken.None));

        Assert.True(untrained.Accuracy.Share < 0.75, $"nothing to learn: {untrained.Accuracy.Share}");
        Assert.True(metrics[^1]["reward/validation_accuracy"] >= 0.9, $"accuracy {metrics[^1]["reward/validation_accuracy"]}");
        Assert.True(metrics[^1]["reward/validation_loss"] < 0.3, $"loss {metrics[^1]["reward/validation_loss"]}");
        Assert.Single(metrics.Select(found => found["tensors_live"]).Distinct());
        Assert.False(metrics[0].ContainsKey("reward/validation_loss")); // interval 0: only at the end
        Assert.Equal(Config.LearningRate * 3 / trainer.Steps, metrics[^1]["learning_rate"], 1e-9); // linear: one step short of 0
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_resumed_run_ends_bit_equal_to_an_uninterrupted_one(int stopAfter)
    {
        var examples = Mixed();
        var config = Config with { BatchSize = 3, Epochs = 2, WeightDecay = 0.01, WarmUpSteps = 2, Schedule = ScheduleShape.Cosine };
        var straight = Finish(examples, config, stopAfter: null);
        var resumed = Finish(examples, config, stopAfter);

        Assert.Equal(straight.Metrics, resumed.Metrics);
        Assert.Equal(straight.Weights, resumed.Weights);
    }

    [Fact]
    public void A_state_of_another_run_is_refused()
    {
        using var model = ZeroHeaded();
        using var saved = new RewardTrainer(model, CountingPairs(20, new Seed(1)), Config, new Seed(3));
        using var folder = new TemporaryFolder();
        saved.SaveState(folder.Path);

        using var other = new RewardTrainer(model, CountingPairs(20, new Seed(1)), Config, new Seed(4));
        Assert.Contains("seed  is 3, expected 4; resume with", Assert.Throws<InputException>(() => other.LoadState(folder.Path)).Message);
        using var changed = new RewardTrainer(model, CountingPairs(20, new Seed(2)), Config, new Seed(3)); // as many as before
        Assert.Matches(@"data  is \d+, expected \d+; resume with", Assert.Throws<InputException>(() => changed.LoadState(folder.Path)).Message);

        var file = Directory.GetFiles(folder.Path).Single();
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..^1]);
        Assert.Contains("holds no whole state to resume from", Assert.Throws<InputException>(() => saved.LoadState(folder.Path)).Message);
    }

    [Fact]
    public void A_loss_that_is_no_number_stops_the_run_and_names_the_step()
    {
        using var model = Tiny("gpt2");
        using var trainer = new RewardTrainer(model, CountingPairs(40, new Seed(1)), Config, new Seed(3));
        var before = Array.Empty<double>();

        var error = Assert.Throws<RunFailedException>(() => trainer.Run([], (step, _) =>
        {
            if (step == 1)
                model.Head.Rescale(double.NaN, 0);
            before = Weights(model);
        }, CancellationToken.None));

        Assert.StartsWith("Reward training stopped at step 2 of 3: the loss is NaN", error.Message);
        Assert.Equal(before, Weights(model)); // the optimiser did not move
        Assert.All(model.Parameters, p => Assert.Null(p.Value.Grad)); // nothing that a later step would add to
    }

    [Fact]
    public void A_stop_is_heard_between_steps()
    {
        using var model = ZeroHeaded();
        using var trainer = new RewardTrainer(model, CountingPairs(40, new Seed(1)), Config, new Seed(3));
        using var stop = new CancellationTokenSource();

        Assert.False(trainer.Run([], (_, _) => stop.Cancel(), stop.Token));
        Assert.Equal(1, trainer.NextStep);
        Assert.True(trainer.Run([], (_, _) => { }, CancellationToken.None));
    }

    [Fact]
    public void After_normalisation_reference_samples_have_mean_0_and_deviation_1()
    {
        using var model = Tiny("llama");
        int[][] references = [.. CountingPairs(32, new Seed(5)).SelectMany(p => p.Sequences)];
        var before = model.Score(references);

        var scale = RewardTrainer.Normalise(model, references);

        var after = model.Score(references);
        Assert.Equal(0, after.Average(), 1e-5);
        Assert.Equal(1, after.Average(s => s * s), 1e-5);
        Assert.Equal(scale.Apply(before[7]), after[7], 1e-5);
    }

    [Fact]
    public void A_shift_alone_gives_mean_0_and_keeps_the_deviation()
    {
        using var model = Tiny("llama");
        int[][] references = [.. CountingPairs(32, new Seed(5)).SelectMany(p => p.Sequences)];
        var before = model.Score(references);

        var scale = RewardTrainer.Normalise(model, references, shiftOnly: true);

        var after = model.Score(references);
        Assert.Equal((1, 0), (scale.Gain, Math.Round(after.Average(), 5)));
        Assert.Equal(before[7] - before.Average(), after[7], 1e-5);
    }

    [Fact]
    public void Scores_without_spread_cannot_be_normalised()
    {
        using var model = ZeroHeaded();

        var error = Assert.Throws<RunFailedException>(() => RewardTrainer.Normalise(model, [[1], [2, 3]]));

        Assert.Contains("2 reference scores between 0 and 0 have no usable spread", error.Message);
    }

    [Fact]
    public void Examples_the_model_cannot_read_are_named_before_training()
    {
        using var model = ZeroHeaded();
        RewardExample[] examples =
        [
            new PreferenceExample([1], []),
            new PreferenceExample([1], [61]) { PChosen = 1.5 },
            new RankingExample([[1], [2]], [0]),
            new ChoiceExample([[1], [2]], 2),
            new PreferenceExample([1], new int[65]),
        ];

        var error = Assert.Throws<InputException>(() => new RewardTrainer(model, examples, Config, new Seed(1)));

        Assert.Equal(
            """
            the comparisons has 6 problems
              comparison 0  has an answer of 0 tokens, expected at least one token with its prompt; leave it out
              comparison 1  p(chosen) is 1.5, expected between 0 and 1; divide votes by judges
              comparison 1  has token id 61, expected 0 to 60; use the model's own tokenizer
              comparison 2  2 answers have 1 ranks, expected one an answer; give equal ranks to ties
              comparison 3  choice is 2, expected 0 to 1; it counts answers from 0
              comparison 4  has 65 tokens, expected at most 64; cut the prompt from its start
            """,
            error.Message);
    }

    /// <summary>Metrics of one step over all examples; the weights stay.</summary>
    private static IReadOnlyDictionary<string, double> FirstStep(RewardModel model, RewardExample[] examples, RewardTrainingConfig? config = null)
    {
        using var copy = model.Copy();
        using var trainer = new RewardTrainer(copy, examples, config ?? Config, new Seed(3));
        IReadOnlyDictionary<string, double>? metrics = null;
        trainer.Run([], (_, found) => metrics ??= found, CancellationToken.None);
        return metrics!;
    }

    /// <summary>The gradient as what Adam's means hold after one step where β₁ is 0.</summary>
    private static (IReadOnlyDictionary<string, double> Metrics, double[] Gradient) LossAndGradient(
        RewardModel model, RewardExample[] examples, int microBatch)
    {
        using var copy = model.Copy();
        var config = Config with { BatchSize = 100, MicroBatchSequences = microBatch, Beta1 = 0, MaximumGradientNorm = null };
        using var trainer = new RewardTrainer(copy, examples, config, new Seed(3));
        IReadOnlyDictionary<string, double>? metrics = null;
        trainer.Run([], (_, found) => metrics = found, CancellationToken.None);
        using var scope = TensorScope.Begin();
        var means = trainer.Optimiser.State().Where(m => m.Name.EndsWith(".mean", StringComparison.Ordinal));
        return (metrics!, [.. means.SelectMany(m => m.Value.ToDoubles())]);
    }

    private static (List<double> Metrics, double[] Weights) Finish(RewardExample[] examples, RewardTrainingConfig config, int? stopAfter)
    {
        var metrics = new List<double>();
        using var folder = new TemporaryFolder();
        using (var model = Tiny("llama"))
        using (var trainer = new RewardTrainer(model, examples, config, new Seed(3)))
        {
            using var stop = new CancellationTokenSource();
            trainer.Run([], (step, found) =>
            {
                metrics.AddRange(found.Values);
                if (step + 1 != stopAfter)
                    return;
                trainer.SaveState(folder.Path);
                stop.Cancel();
            }, stop.Token);
            if (stopAfter is null)
                return (metrics, Weights(model));
        }

        // Another process: other first weights, all of them overwritten.
        using var fresh = Tiny("llama", seed: 99);
        using var resumed = new RewardTrainer(fresh, examples, config, new Seed(3));
        resumed.LoadState(folder.Path);
        Assert.Equal(stopAfter, resumed.NextStep);
        resumed.Run([], (_, found) => metrics.AddRange(found.Values), CancellationToken.None);
        return (metrics, Weights(fresh));
    }

    private static double[] Weights(RewardModel model)
    {
        using var scope = TensorScope.Begin();
        return [.. model.Parameters.SelectMany(p => p.Value.ToDoubles())];
    }
}
