using Attune.Rewards;
using Attune.Runs;
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

    [Theory]
    [InlineData(1, ScorePlace.LastToken, WhiteningScope.Batch)]
    [InlineData(2, ScorePlace.LastToken, WhiteningScope.Minibatch)]
    [InlineData(2, ScorePlace.EndSlot, WhiteningScope.Batch)]
    [InlineData(5, ScorePlace.EndSlot, WhiteningScope.Minibatch)]
    public void The_split_into_micro_batches_changes_rounding_only(int microBatch, ScorePlace place, WhiteningScope over)
    {
        var config = TinyPpo.Config with { ScorePlace = place, WhitenOver = over, EntropyCoefficient = 0.01, KlIn = KlPlace.Loss, AdamEpsilon = 1e-3 };
        using var whole = TinyPpo.Create(config with { MicroBatch = 1000 }, hasCritic: true);
        using var split = TinyPpo.Create(config with { MicroBatch = microBatch }, hasCritic: true);

        var (a, b) = (whole.RunTo(2), split.RunTo(2));

        // The learning rate is 3e-3 and eight optimiser steps are made: a wrong divisor would show as 1e-3.
        var gaps = whole.Weights().Zip(split.Weights(), (x, y) => x - y).ToArray();
        Assert.InRange(gaps.Max(Math.Abs), 0, 2e-5);
        Assert.InRange(Math.Abs(gaps.Average()), 0, 1e-7);
        foreach (var name in a[1].Keys.Except(["tensors_live"]))
            Assert.InRange(b[1][name], a[1][name] - 1e-3, a[1][name] + 1e-3);
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
