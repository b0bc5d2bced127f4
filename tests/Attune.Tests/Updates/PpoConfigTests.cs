using Attune.Runs;
using Attune.Torch.Optimisers;
using Attune.Updates;

namespace Attune.Tests.Updates;

public sealed class PpoConfigTests
{
    private sealed record PpoOnly
    {
        public PpoConfig Ppo { get; init; } = new();
    }

    private const string Unsaid = "-";

    private static PpoConfig Load(string yaml) => Recipe.Parse<PpoOnly>(yaml, "test.yaml", []).Ppo;

    [Fact]
    public void The_defaults_are_in_order() => Assert.Empty(new PpoConfig().Check());

    /// <summary>
    /// What descriptions of the published systems say: the code of Ziegler 2019 with its book settings, Ouyang 2022 (which gives few numbers), and TRL's
    /// PPO trainer. Where a description is silent a preset's value is our choice and stands in the preset alone.
    /// </summary>
    private static readonly (string Key, object? OpenAi2019, object? InstructGpt, object? Trl)[] Published =
    [
        ("learningRate", 1e-5, Unsaid, 3e-6),
        ("schedule", ScheduleShape.Linear, Unsaid, ScheduleShape.Linear),
        ("adamForm", AdamForm.TensorFlow, Unsaid, Unsaid),
        ("adamEpsilon", 1e-5, Unsaid, Unsaid),
        ("gradientClip", null, Unsaid, Unsaid),
        ("klCoefficient", 0.15, 0.02, 0.05),
        ("klEstimator", KlEstimator.K1, Unsaid, KlEstimator.K1),
        ("klController", KlController.Adaptive, Unsaid, KlController.Fixed),
        ("klTarget", 6.0, Unsaid, Unsaid),
        ("klHorizon", 10_000.0, Unsaid, Unsaid),
        ("scorePlace", ScorePlace.LastToken, Unsaid, ScorePlace.EndSlot),
        ("endTokenRule", EndTokenRuleKind.Replace, Unsaid, EndTokenRuleKind.None),
        ("endTokenValue", -1.0, Unsaid, Unsaid),
        ("whitenRewards", true, Unsaid, false),
        ("whitenRewardsShiftMean", false, Unsaid, Unsaid),
        ("whitenAdvantages", true, Unsaid, true),
        ("whitenVariance", VarianceKind.Population, Unsaid, VarianceKind.Unbiased),
        ("whitenOver", WhiteningScope.Minibatch, Unsaid, WhiteningScope.Batch),
        ("discount", 1.0, Unsaid, 1.0),
        ("lambda", 0.95, Unsaid, 0.95),
        ("clipRange", 0.2, Unsaid, 0.2),
        ("valueClipRange", 0.2, Unsaid, 0.2),
        ("valueCoefficient", 0.1, Unsaid, 0.1),
        ("entropyCoefficient", 0.0, Unsaid, Unsaid),
        ("pretrainingCoefficient", Unsaid, 27.8, Unsaid),
        ("epochs", 4, Unsaid, 4),
        ("minibatches", 1, Unsaid, 1),
        ("critic", Unsaid, CriticKind.Separate, CriticKind.Separate),
        ("valueStart", ValueStart.Zero, ValueStart.RewardModel, Unsaid),
        ("temperature", 0.7, Unsaid, 0.7),
        ("maximumLength", 24, Unsaid, 53),
    ];

    [Fact]
    public void A_preset_has_the_value_that_its_system_published_wherever_it_published_one()
    {
        foreach (var (name, column) in new[] { ("openai-2019", Published.Select(row => (row.Key, Value: row.OpenAi2019))), ("instructgpt", Published.Select(row => (row.Key, Value: row.InstructGpt))), ("trl", Published.Select(row => (row.Key, Value: row.Trl))) })
        {
            var config = Load($"ppo: {{ preset: {name} }}");
            Assert.All(column.Where(row => !Equals(row.Value, Unsaid)), row =>
                Assert.Equal((row.Key, row.Value), (row.Key, typeof(PpoConfig).GetProperty(char.ToUpperInvariant(row.Key[0]) + row.Key[1..])!.GetValue(config))));
        }
    }

    [Fact]
    public void Keys_beside_a_preset_win_over_it()
    {
        var c = Load("ppo: { preset: openai-2019, klCoefficient: 0.3, endTokenRule: penalise, endTokenValue: 1, dualClip: 3 }");
        Assert.Equal((0.3, EndTokenRuleKind.Penalise, 1.0, new RatioClip(0.2, 0.2, 3)), (c.KlCoefficient, c.EndTokenRule, c.EndTokenValue, c.RatioClip));
    }

    [Fact]
    public void Every_preset_says_everything_that_another_one_says()
    {
        Assert.Equal(["instructgpt", "openai-2019", "trl"], PpoConfig.Presets.Keys.Order());
        string[] ofSomeOnly = ["klTarget", "klHorizon", "maximumLength"]; // the first two mean nothing to a fixed coefficient; one has no single length
        var all = PpoConfig.Presets.Values.SelectMany(p => p.Keys).Distinct().Except(ofSomeOnly).ToArray();
        foreach (var (name, preset) in PpoConfig.Presets)
        {
            Assert.Empty(all.Except(preset.Keys));
            Assert.Empty(Load($"ppo: {{ preset: {name} }}").Check());
        }
    }

    public static TheoryData<string, string> Impossible() => new()
    {
        { "steps: 0", "ppo.steps  is 0, expected at least 1; 1000 is usual" },
        { "clipRange: 2", "ppo.clipRange  is 2, expected between 0 and 1; 0.2 is usual" },
        { "clipRangeHigh: 0", "ppo.clipRangeHigh  is 0, expected above 0; leave it out to use clipRange" },
        { "dualClip: 1", "ppo.dualClip  is 1, expected above 1; 3 is usual; leave it out for none" },
        { "learningRate: .inf", "ppo.learningRate  is Infinity, expected above 0, at most 1e30; 1e-5 is usual for small models, 1e-6 for large ones" },
        { "valueLearningRate: -1", "ppo.valueLearningRate  is -1, expected above 0" },
        { "warmUpSteps: -1", "ppo.warmUpSteps  is -1, expected 0 or more" },
        { "finalShare: 1.5", "ppo.finalShare  is 1.5, expected between 0 and 1" },
        { "adamBeta1: 1", "ppo.adamBeta1  is 1, expected at least 0 and below 1" },
        { "adamBeta2: 1", "ppo.adamBeta2  is 1, expected at least 0 and below 1" },
        { "adamEpsilon: 0", "ppo.adamEpsilon  is 0, expected above 0" },
        { "weightDecay: 1", "ppo.weightDecay  is 1, expected at least 0 and below 1" },
        { "gradientClip: 0", "ppo.gradientClip  is 0, expected above 0; 1 is usual; write null for no clip" },
        { "klCoefficient: -0.1", "ppo.klCoefficient  is -0.1, expected 0 or more" },
        { "klClampLogRatio: 0", "ppo.klClampLogRatio  is 0, expected above 0" },
        { "klTarget: 0", "ppo.klTarget  is 0, expected above 0" },
        { "klHorizon: 0", "ppo.klHorizon  is 0, expected above 0" },
        { "earlyStopKl: 0", "ppo.earlyStopKl  is 0, expected above 0" },
        { "scoreClip: -5", "ppo.scoreClip  is -5, expected above 0" },
        { "endTokenRule: penalise\n  endTokenValue: -1", "ppo.endTokenValue  is -1, expected 0 or more where endTokenRule is penalise; a penalty is taken off: write it without the minus" },
        { "discount: 0", "ppo.discount  is 0, expected above 0 and at most 1" },
        { "lambda: 1.1", "ppo.lambda  is 1.1, expected between 0 and 1" },
        { "valueClipRange: 0", "ppo.valueClipRange  is 0, expected above 0" },
        { "valueCoefficient: -1", "ppo.valueCoefficient  is -1, expected 0 or more" },
        { "entropyCoefficient: -1", "ppo.entropyCoefficient  is -1, expected 0 or more" },
        { "pretrainingCoefficient: -1", "ppo.pretrainingCoefficient  is -1, expected 0 or more" },
        { "temperature: 0", "ppo.temperature  is 0, expected at least 0.0001" },
        { "topK: -1", "ppo.topK  is -1, expected 0 (off) or more" },
        { "topP: 0", "ppo.topP  is 0, expected above 0 and at most 1" },
        { "minimumLength: 65", "ppo.minimumLength  is 65, expected between 0 and maximumLength (64)" },
        { "samplesPerPrompt: 100000000", "ppo.samplesPerPrompt  is 100000000 for each of 64 prompts, 6400000000 answers a step, expected at most 2147483647 answers a step" },
        { "steps: 2000000\n  minibatches: 1024\n  promptsPerStep: 1024", "ppo.steps  is 2000000, which with 4 epochs of 1024 minibatches makes 8192000000 optimiser steps, expected at most 2147483647" },
        { "klController: adaptive\n  samplesPerPrompt: 1000000", "ppo.klHorizon  is 10000 with 64000000 answers a step" },
        { "minibatches: 3", "ppo.minibatches  is 3, which does not divide 64 answers a step (promptsPerStep × samplesPerPrompt), expected a divisor" },
        { "valueStart: reward-model", "ppo.valueStart  is reward-model with a shared critic, expected zero; set critic: separate" },
        { "klController: adaptive\n  klHorizon: 12.8", "ppo.klHorizon  is 12.8 with 64 answers a step, by which one step could bring the coefficient to 0 or below, expected above a fifth of those answers, 12.8; raise it" },
        { "klController: adaptive\n  klCoefficient: 0", "ppo.klController  multiplies a klCoefficient of 0, which stays 0, expected fixed" },
    };

    [Theory]
    [MemberData(nameof(Impossible))]
    public void An_impossible_value_is_refused_with_what_to_do(string line, string expected)
    {
        var error = Assert.Throws<InputException>(() => Load($"ppo:\n  {line}"));
        Assert.Single(error.Problems);
        Assert.Contains(expected, error.Message);
    }

    [Fact]
    public void All_problems_are_reported_at_once() =>
        Assert.Equal(3, Assert.Throws<InputException>(() => Load("ppo: { steps: 0, clipRange: 2, lambda: -1 }")).Problems.Count);

    [Fact]
    public void The_coefficient_follows_its_controller()
    {
        var c = new PpoConfig { KlCoefficient = 0.15, PromptsPerStep = 256, SamplesPerPrompt = 2, KlTarget = 6 };
        Assert.Equal(0.15, c.NextKlCoefficient(0.15, 12));
        Assert.Equal(0.151536, (c with { KlController = KlController.Adaptive }).NextKlCoefficient(0.15, 12), 1e-12);
        Assert.Equal(0.153, (c with { KlController = KlController.AdaptivePerStep }).NextKlCoefficient(0.15, 12), 1e-12);
    }

    [Fact]
    public void A_short_horizon_is_refused_only_where_it_lets_the_coefficient_reach_zero()
    {
        var c = new PpoConfig { KlController = KlController.Adaptive, KlHorizon = 12.9, KlCoefficient = 0.1 };
        Assert.Empty(c.Check());
        Assert.True(c.NextKlCoefficient(0.1, -100) > 0);
        Assert.Empty((c with { KlHorizon = 1, KlController = KlController.AdaptivePerStep }).Check());
    }

    [Fact]
    public void A_divergence_in_the_loss_is_not_charged_in_the_reward_too()
    {
        Assert.Equal(0.1, new PpoConfig().KlPenaltyAt(0.1).Coefficient);
        Assert.Equal(0, new PpoConfig { KlIn = KlPlace.Loss }.KlPenaltyAt(0.1).Coefficient);
    }

    [Fact]
    public void Truncated_sampling_an_unleashed_policy_and_a_discount_are_warned_of()
    {
        Assert.Empty(new PpoConfig().Warnings());
        Assert.Contains("biased", Assert.Single(new PpoConfig { TopP = 0.9 }.Warnings()));
        Assert.Contains("biased", Assert.Single(new PpoConfig { TopK = 50 }.Warnings()));
        Assert.Contains("biased", Assert.Single(new PpoConfig { MinimumLength = 1 }.Warnings()));
        Assert.Contains("klCoefficient is 0", Assert.Single(new PpoConfig { KlCoefficient = 0 }.Warnings()));
        Assert.Contains("discount is 0.9", Assert.Single(new PpoConfig { Discount = 0.9 }.Warnings()));
    }

    [Theory]
    [InlineData(KlEstimator.K1, 1)]
    [InlineData(KlEstimator.K2, 0)]
    [InlineData(KlEstimator.K3, 0)]
    [InlineData(KlEstimator.K3Plus, 0)]
    [InlineData(KlEstimator.Absolute, 0)]
    public void A_price_in_the_loss_that_holds_nothing_is_warned_of(KlEstimator estimator, int warnings)
    {
        var told = new PpoConfig { KlIn = KlPlace.Loss, KlEstimator = estimator }.Warnings().ToArray();

        Assert.Equal(warnings, told.Length);
        Assert.All(told, line => Assert.StartsWith("klIn is loss with klEstimator k1, whose gradient is 0 on average", line));
    }
}
