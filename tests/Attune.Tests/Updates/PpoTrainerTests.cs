using Attune.Models;
using Attune.Rewards;
using Attune.Runs;
using Attune.Tests.Models;
using Attune.Torch;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

public sealed class PpoTrainerTests
{
    [Fact, NoTensorLeaks]
    public void A_policy_learns_to_say_what_it_is_paid_for()
    {
        using var ppo = TinyPpo.Create(TinyPpo.Config with { Schedule = Torch.Optimisers.ScheduleShape.Constant }, answers: 32);

        var scores = ppo.RunTo(30).ConvertAll(m => m["objective/score"]);

        Assert.InRange(scores.Take(3).Average(), 0, 0.25); // 1/16 when all tokens are alike
        Assert.InRange(scores.TakeLast(3).Average(), 0.6, 1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_run_that_was_stopped_and_resumed_ends_bit_equal(bool hasCritic)
    {
        var config = TinyPpo.Config with { KlController = KlController.Adaptive, KlTarget = 0.5, KlHorizon = 100 };
        using var folder = new TemporaryFolder();
        using var straight = TinyPpo.Create(config, hasCritic);
        using var first = TinyPpo.Create(config, hasCritic);
        using var second = TinyPpo.Create(config, hasCritic);

        var expected = straight.RunTo(6);
        first.RunTo(3);
        first.Trainer.SaveState(folder.Path);
        second.Trainer.LoadState(folder.Path);
        var resumed = second.RunTo(6);

        Assert.Equal(straight.Weights(), second.Weights());
        Assert.Equal(straight.Trainer.KlCoefficient, second.Trainer.KlCoefficient);
        foreach (var name in expected[5].Keys.Except(["tensors_live"]))
            Assert.Equal(expected[5][name], resumed[2][name]);
    }

    [Fact]
    public void The_logged_entropy_is_that_of_the_first_epoch_whether_a_bonus_reads_it_or_not()
    {
        var config = TinyPpo.Config with { Epochs = 3, Minibatches = 1 };
        using var plain = TinyPpo.Create(config);
        using var bonus = TinyPpo.Create(config with { EntropyCoefficient = 1e-12 });

        Assert.Equal(plain.RunTo(1)[0]["policy/entropy"], bonus.RunTo(1)[0]["policy/entropy"], 1e-9);
    }

    [Fact]
    public void A_float64_model_takes_steps_whose_losses_are_numbers()
    {
        using var policy = CausalLm.Create(TinyPpo.Model, new Seed(1), new Compute(Device.Cpu, DType.Float64));
        using var models = PpoModels.Shared(policy);
        using var trainer = new PpoTrainer(TinyPpo.Config, new(models, new() { MaximumNewTokens = 8 }, _ => [.. Enumerable.Range(0, 16).Select(i => new[] { i })], TinyPpo.ShareOfPaidToken, new Seed(4)));

        Assert.InRange(trainer.Step(0)["policy/first_log_ratio"], 0, 1e-6);
        Assert.InRange(trainer.Step(1)["value/loss"], 1e-9, 1);
    }

    [Fact]
    public void A_policy_that_changed_between_sampling_and_learning_stops_the_run()
    {
        using var ppo = TinyPpo.Create();
        var rollouts = ppo.Trainer.Sample(0);
        using (Autograd.NoGrad())
            ppo.Policy.Parameters.First().Value.MulInPlace(1.05);
        var before = ppo.Weights();

        var failure = Assert.Throws<RunFailedException>(() => ppo.Trainer.Learn(0, rollouts));

        Assert.Contains("step 0: a token's log-prob in the first minibatch differs by", failure.Message);
        Assert.Contains("at most 0.001 (rounding)", failure.Message);
        Assert.Equal(before, ppo.Weights());
    }

    [Fact]
    public void The_first_ratio_is_one_to_rounding_and_is_recorded()
    {
        using var ppo = TinyPpo.Create();

        var metrics = ppo.RunTo(3);

        Assert.All(metrics, m => Assert.InRange(m["policy/first_log_ratio"], 0, 1e-5));
    }

    [Fact]
    public void A_loss_that_is_not_a_number_stops_with_the_step_and_leaves_the_weights()
    {
        using var ppo = TinyPpo.Create();
        ppo.RunTo(1);
        var rollouts = ppo.Trainer.Sample(1);
        rollouts[3].Values![0] = float.NaN;
        var before = ppo.Weights();

        var failure = Assert.Throws<RunFailedException>(() => ppo.Trainer.Learn(1, rollouts));

        Assert.StartsWith("step 1: policy loss", failure.Message);
        Assert.Equal(before, ppo.Weights());
    }

    [Fact]
    public void The_price_of_divergence_moves_as_the_controller_says()
    {
        var config = TinyPpo.Config with { KlController = KlController.Adaptive, KlCoefficient = 0.2, KlTarget = 1, KlHorizon = 100 };
        using var ppo = TinyPpo.Create(config);

        var metrics = ppo.RunTo(4);

        // 16 answers a step: by at most 0.2 · 16/100 a step
        Assert.Equal(0.2, metrics[0]["kl/coefficient"]);
        Assert.InRange(metrics[0]["objective/kl"], -1e-4, 1e-4); // the policy still is its reference
        Assert.Equal(0.2 * (1 - 0.2 * 0.16), metrics[1]["kl/coefficient"], 12);
        for (var step = 0; step < 3; step++)
            Assert.Equal(AdaptiveKl.Next(metrics[step]["kl/coefficient"], metrics[step]["objective/kl"], 1, 16, 100), metrics[step + 1]["kl/coefficient"], 12);
    }

    [Fact]
    public void The_step_ends_early_where_the_policy_has_moved_too_far()
    {
        using var ppo = TinyPpo.Create(TinyPpo.Config with { Epochs = 50, EarlyStopKl = 1e-3 });

        var metrics = ppo.RunTo(1)[0];

        Assert.Equal(1, metrics["policy/stopped_early"]);
        Assert.InRange(metrics["policy/minibatches"], 1, 99);
        Assert.InRange(metrics["policy/approx_kl"], 0, 1e-3);
    }

    [Fact]
    public void A_price_in_the_loss_moves_the_weights_down_the_divergences_slope() =>
        MovesDown(TinyPpo.Descent with { KlIn = KlPlace.Loss, KlEstimator = KlEstimator.K2, KlCoefficient = 0.5 }, (policy, reference, tokens) =>
        {
            Tensor Taken(Tensor all) => all.Gather(1, tokens.Unsqueeze(1)).Squeeze(1);
            return (Taken(policy) - Taken(reference)).Square().Mean() * (0.5 / 2);
        });

    [Fact]
    public void A_price_in_the_loss_is_clamped_where_asked() =>
        MovesDown(TinyPpo.Descent with { KlIn = KlPlace.Loss, KlEstimator = KlEstimator.K2, KlCoefficient = 0.5, KlClampLogRatio = 0.05 }, (policy, reference, tokens) =>
        {
            Tensor Taken(Tensor all) => all.Gather(1, tokens.Unsqueeze(1)).Squeeze(1);
            return (Taken(policy) - Taken(reference)).Clamp(-0.05, 0.05).Square().Mean() * (0.5 / 2);
        });

    [Fact]
    public void The_entropy_bonus_moves_the_weights_up_the_entropys_slope() =>
        MovesDown(TinyPpo.Descent with { EntropyCoefficient = 0.5 }, (policy, _, _) => (policy.Exp() * policy).Sum(1).Mean() * 0.5); // of -H

    /// <summary>Nothing is paid, so that the weights move by the given loss of log-probs <c>[N,V]</c> of policy and reference at tokens <c>[N]</c> alone.</summary>
    private static void MovesDown(PpoConfig config, Func<Tensor, Tensor, Tensor, Tensor> loss)
    {
        using var ppo = TinyPpo.Create(config, reward: FunctionReward.OfSequence(_ => 0));
        using (Autograd.NoGrad())
            ppo.Policy.Parameters.First().Value.MulInPlace(1.2); // the reference was copied before
        var rollouts = ppo.Trainer.Sample(0);
        using var scope = TensorScope.Begin();
        var batch = new PpoBatch(rollouts);
        var slice = batch.Slice(batch.AllRows, Compute.Cpu, forValues: false);
        Tensor All(CausalLm model) => (model.Logits(slice.Hidden(model).Predicting) * (1 / 0.9)).LogSoftmax(1); // at the temperature of sampling
        var weights = ppo.Policy.Parameters.Select(p => p.Value).ToArray();
        var slopes = Autograd.Grad([loss(All(ppo.Policy), All(ppo.Models.Reference).Detach(), slice.Tokens)], weights);
        var expected = slopes.Select(slope => (slope! * -0.1).ToDoubles()).ToArray();
        var before = weights.Select(w => w.ToDoubles()).ToArray();

        ppo.Trainer.Learn(0, rollouts);

        for (var i = 0; i < weights.Length; i++)
            Assert.All(weights[i].ToDoubles().Select((w, k) => w - before[i][k] - expected[i][k]), gap => Assert.InRange(gap, -3e-7, 3e-7)); // float32 weights of size 0.1 to 1
        Assert.True(expected.Max(moves => moves.Max(Math.Abs)) > 3e-5, "hardly a weight moves");
    }

    [Fact]
    public void A_separate_critic_has_a_rate_of_its_own()
    {
        var config = TinyPpo.Descent with { LearningRate = 1e-3, ValueLearningRate = 4e-3, AdamEpsilon = 1e-30, ValueCoefficient = 0.5 };
        using var ppo = TinyPpo.Create(config, hasCritic: true);
        double[][] Weights() => [[.. ppo.Policy.Parameters.SelectMany(Numbers)], [.. ppo.Models.Critic!.Parameters.Concat(ppo.Models.ValueHead.Parameters).SelectMany(Numbers)]];
        var before = Weights();

        ppo.RunTo(1);

        // Adam's first step is the rate itself, whatever the gradient
        var moves = Weights().Zip(before, (after, old) => after.Zip(old, (a, b) => Math.Abs(a - b)).Max()).ToArray();
        Assert.InRange(moves[0], 1e-3 - 1e-6, 1e-3 + 1e-6);
        Assert.InRange(moves[1], 4e-3 - 1e-6, 4e-3 + 1e-6);
    }

    [Theory] // text that repeats the paid token makes it likelier whatever is paid
    [InlineData(1, null, null, true, false)]
    [InlineData(1, 1e6, null, false, false)] // nothing falls that is paid, and how far it may rise has its own bound
    [InlineData(-1, null, 1.5, true, true)]
    [InlineData(-1, null, null, true, false)]
    public void Ratios_are_clipped_above_and_for_bad_tokens_where_asked(double sign, double? high, double? dual, bool isClipped, bool isDualClipped)
    {
        var config = TinyPpo.Config with { Epochs = 8, WhitenAdvantages = false, KlCoefficient = 0, PretrainingCoefficient = 10, ClipRangeHigh = high, DualClip = dual };
        var reward = FunctionReward.OfSequence(r => sign * r.Response.Count(t => t == TinyPpo.PaidToken));
        using var ppo = TinyPpo.Create(config, reward: reward, pretraining: _ => [[1, 7, 7, 7, 7, 7], [2, 7, 7, 7]]);

        var metrics = ppo.RunTo(1)[0];

        Assert.Equal((isClipped, isDualClipped), (metrics["policy/clip_fraction"] > 0, metrics["policy/dual_clip_fraction"] > 0));
    }

    [Fact]
    public void Dropout_that_a_models_file_asks_for_stays_off()
    {
        Assert.Contains("\"resid_pdrop\": 0.1", File.ReadAllText(Path.Combine(GoldenModel.Folder("gpt2"), "config.json")));
        using var policy = CausalLm.Load(GoldenModel.Folder("gpt2"), Compute.Cpu);
        using var models = PpoModels.Shared(policy);
        var sampling = new Attune.Rollouts.SamplingOptions { MaximumNewTokens = 8 };
        using var trainer = new PpoTrainer(TinyPpo.Config, new(models, sampling, _ => [.. Enumerable.Range(1, 16).Select(i => new[] { i, 2 * i })], TinyPpo.ShareOfPaidToken, new Seed(4)));

        Assert.InRange(trainer.Step(0)["policy/first_log_ratio"], 0, 1e-5);
        Assert.InRange(trainer.Step(1)["policy/first_log_ratio"], 0, 1e-5);
    }

    [Fact]
    public void Pretraining_text_is_learned_beside_the_reward()
    {
        int[][] text = [[1, 2, 3, 4, 5, 6], [1, 2, 3, 4]];
        using var ppo = TinyPpo.Create(TinyPpo.Config with { PretrainingCoefficient = 1 }, pretraining: _ => text);

        var metrics = ppo.RunTo(10);

        Assert.InRange(metrics[0]["pretraining/loss"], 1.5, 2.9); // log 16 = 2.77 before anything is learned; the mean of four updates
        Assert.InRange(metrics[9]["pretraining/loss"], 0, 1.2);
    }

    [Fact]
    public void Scores_of_tokens_are_paid_where_they_are_earned()
    {
        var perToken = FunctionReward.OfTokens(r => [.. r.Response.Select(t => t == TinyPpo.PaidToken ? 1.0 : 0)]);
        using var ppo = TinyPpo.Create(TinyPpo.Config with { Discount = 0.5, EndTokenRule = EndTokenRuleKind.Penalise, EndTokenValue = 0.1 }, reward: perToken);

        var scores = ppo.RunTo(25).ConvertAll(m => m["objective/score"] / m["response/length"]);

        Assert.InRange(scores[0], 0, 0.2);
        Assert.InRange(scores.TakeLast(3).Average(), 0.6, 1);
    }

    [Fact]
    public void Settings_that_make_no_sense_are_all_reported_at_once()
    {
        var failure = Assert.Throws<InputException>(() => TinyPpo.Create(TinyPpo.Config with { ClipRange = 2, Epochs = 0, PretrainingCoefficient = 1 }));

        Assert.Equal(["epochs", "clipRange", "pretrainingCoefficient"], failure.Problems.Select(p => p.Key));
    }

    [Fact]
    public void Separate_critics_start_as_the_reward_model_and_learn()
    {
        using var ppo = TinyPpo.Create(hasCritic: true);
        using var judge = Attune.Models.ScalarHead.ForReward(TinyPpo.Model.Width, new Seed(3), Compute.Cpu);
        using var scope = TensorScope.Begin();
        Assert.Equal(judge.Parameters.First().Value.ToDoubles(), ppo.Models.ValueHead.Parameters.First().Value.ToDoubles());

        var metrics = ppo.RunTo(15);

        Assert.All(metrics, m => Assert.True(m["value/gradient_norm"] > 0));
        Assert.InRange(metrics[14]["value/error"], 0, metrics[0]["value/error"] / 2);
    }

    [Theory]
    [InlineData("openai-2019")]
    [InlineData("instructgpt")]
    [InlineData("trl")]
    public void Presets_name_keys_that_exist_and_values_that_pass(string name)
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "recipe.yaml");
        File.WriteAllText(path, $"ppo:\n  preset: {name}\n");

        var config = Recipe.Load<PpoSection>(path, []).Ppo;

        Assert.Empty(config.Check());
        Assert.Equal(name == "openai-2019" ? Torch.Optimisers.AdamForm.TensorFlow : Torch.Optimisers.AdamForm.PyTorch, config.AdamForm);
    }

    [Fact]
    public void Truncated_sampling_keeps_the_log_probs_of_the_full_distribution()
    {
        using var ppo = TinyPpo.Create(sampling: new() { TopP = 0.9, MaximumNewTokens = 4 });

        Assert.InRange(ppo.RunTo(1)[0]["policy/first_log_ratio"], 0, 1e-5);
    }

    [Fact]
    public void The_metrics_page_defines_every_metric()
    {
        using var ppo = TinyPpo.Create(reward: new WeightedReward([new("share", 1, TinyPpo.ShareOfPaidToken)]));
        var page = File.ReadAllText(Repository.PathOf("docs/metrics.md"));

        var names = ppo.RunTo(1)[0].Keys.Select(name => name.StartsWith("reward/", StringComparison.Ordinal) ? "reward/NAME" : name).ToArray();

        Assert.True(names.Length > 30);
        Assert.All(names, name => Assert.Contains($"| `{name}` |", page));
    }

    [Fact]
    public void State_of_another_model_is_refused()
    {
        using var folder = new TemporaryFolder();
        using var shared = TinyPpo.Create();
        using var separate = TinyPpo.Create(hasCritic: true);
        shared.Trainer.SaveState(folder.Path);

        var failure = Assert.Throws<InputException>(() => separate.Trainer.LoadState(folder.Path));

        Assert.Contains("critic.embed.weight  ", failure.Message);
        Assert.Contains("is missing, expected F32 [16, 32]; resume with", failure.Message);
    }

    private static double[] Numbers(Torch.Modules.Parameter parameter)
    {
        using var scope = TensorScope.Begin();
        return parameter.Value.ToDoubles();
    }
}

/// <summary>A recipe of one section.</summary>
internal sealed record PpoSection
{
    public PpoConfig Ppo { get; init; } = new();
}

/// <summary>A folder that goes with the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("attune-ppo-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
