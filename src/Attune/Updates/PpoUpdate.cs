using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Torch;
using Attune.Torch.Modules;
using Attune.Torch.Optimisers;

namespace Attune.Updates;

/// <summary>
/// The part of PPO that runs models over whole answers: reference log-probs, a separate critic's values, and the epochs of updates. Every loss
/// is a sum over response tokens divided by those of the whole minibatch, so that micro-batches change rounding only (decision 0005). Logits
/// are computed at response tokens only, one micro-batch at a time.
/// </summary>
internal sealed class PpoUpdate : IDisposable
{
    private readonly PpoConfig _config;
    private readonly PpoSetup _setup;
    private readonly PpoModels _models;
    private readonly double _temperature;
    private readonly RatioClip _clip;
    private readonly Parameter[] _policyParameters;
    private readonly Parameter[] _criticParameters;
    private readonly AdamW _optimiser;
    private readonly AdamW _criticOptimiser;

    public PpoUpdate(PpoConfig config, PpoSetup setup)
    {
        (_config, _setup, _models) = (config, setup, setup.Models);
        _temperature = setup.Sampling.LogProbTemperature; // as the sampler kept them
        _clip = config.RatioClip;
        _policyParameters = [.. _models.PolicyParameters().Select(p => p.Parameter)];
        _criticParameters = [.. _models.CriticParameters().Select(p => p.Parameter)];
        var adam = new AdamWOptions { Beta1 = config.AdamBeta1, Beta2 = config.AdamBeta2, Epsilon = config.AdamEpsilon, WeightDecay = config.WeightDecay, Form = config.AdamForm };
        _optimiser = new(_models.PolicyParameters(), adam);
        _criticOptimiser = new(_models.CriticParameters(), adam);
    }

    /// <summary>Optimiser steps done; policy and critic step together.</summary>
    public long OptimiserSteps
    {
        get => _optimiser.Steps;
        set => _optimiser.Steps = _criticOptimiser.Steps = value;
    }

    /// <summary>The policy's learning rate at a step's first optimiser step.</summary>
    public double LearningRate(int step) => Rate(_config.LearningRate, step * _config.Epochs * _config.Minibatches);

    /// <summary>Everything that learns, and the optimisers' moments.</summary>
    public List<(string Name, Tensor Value)> State() =>
    [
        .. _models.PolicyParameters().Concat(_models.CriticParameters()).Select(p => (p.Name, p.Parameter.Value)),
        .. _optimiser.State().Concat(_criticOptimiser.State()).Select(s => ("optimiser." + s.Name, s.Value)),
    ];

    /// <summary>Log-probs of the answers' tokens under the reference <c>[N]</c>.</summary>
    public float[] ReferenceLogProbs(PpoBatch batch) =>
        Read(batch, batch.TokenRows, _models.Reference, slice => Score(_models.Reference, slice.Hidden(_models.Reference).Predicting, slice.Tokens, _temperature));

    /// <summary>The critic's value before each of the answers' tokens, and behind the last one where the score is paid there <c>[M]</c>.</summary>
    public float[] Values(PpoBatch batch)
    {
        var critic = _models.Critic ?? _models.Policy;
        return Read(batch, batch.PlaceRows, critic, slice => _models.ValueHead.Forward(slice.Hidden(critic).Valued));
    }

    /// <summary>All epochs over a batch with advantages and returns.</summary>
    public PpoStats Run(int step, PpoBatch batch, double klCoefficient)
    {
        var stats = new PpoStats();
        var seed = _setup.Seed.For("update").For(step);
        for (var epoch = 0; epoch < _config.Epochs; epoch++)
        {
            var order = seed.For(epoch).Permutation(batch.Rows);
            for (var part = 0; part < _config.Minibatches; part++)
            {
                var rows = order[(batch.Rows * part / _config.Minibatches)..(batch.Rows * (part + 1) / _config.Minibatches)];
                if (rows.Length == 0)
                    continue;
                if (_config is { WhitenOver: WhiteningScope.Minibatch, Minibatches: > 1 })
                    PpoAdvantages.Estimate(batch, rows, _config);
                var isFirst = epoch == 0 && part == 0;
                var minibatch = Differentiate(step, batch, rows, new MinibatchContext(klCoefficient, WantsEntropy: epoch == 0, seed.For(epoch).For(part)));
                if (isFirst)
                    RequireRatioOne(step, minibatch.LargestLogRatio);
                if (!isFirst && minibatch.Mean(PpoSum.HalfSquaredLogRatio) > _config.EarlyStopKl)
                {
                    Forget();
                    stats.StoppedEarly = true;
                    return stats;
                }

                var optimiserStep = (step * _config.Epochs + epoch) * _config.Minibatches + part;
                _optimiser.Step(Rate(_config.LearningRate, optimiserStep));
                _criticOptimiser.Step(Rate(_config.ValueLearningRate ?? _config.LearningRate, optimiserStep));
                stats.Add(minibatch);
            }
        }

        return stats;
    }

    /// <summary>The name of the first learned weight that an update broke, or null; only the sampling or learning of the next step would notice otherwise.</summary>
    public string? FirstBroken() => TrainerState.FirstBroken(_models.PolicyParameters().Concat(_models.CriticParameters()));

    /// <inheritdoc/>
    public void Dispose()
    {
        _optimiser.Dispose();
        _criticOptimiser.Dispose();
    }

    /// <summary>Gradients of one minibatch, clipped, and what its losses were.</summary>
    private PpoMinibatch Differentiate(int step, PpoBatch batch, int[] rows, MinibatchContext context)
    {
        var (tokens, values) = (batch.TokensOf(rows), batch.PlaceRows.CountOf(rows));
        context = context with { ValueShare = (double)tokens / values };
        double[]? sums = null;
        var largest = 0.0;
        foreach (var micro in MicroBatches(batch, rows))
        {
            using var scope = TensorScope.Begin();
            var parts = Losses(batch, micro, context, out var total);
            (total / tokens).Backward();
            var numbers = parts.ToVector().ToDoubles();
            sums = sums is null ? numbers : [.. sums.Zip(numbers, (a, b) => a + b)];
            largest = MaxOrNaN(largest, parts.Policy.LargestLogRatio.Item());
        }

        var pretraining = _config.PretrainingCoefficient > 0 ? DifferentiatePretraining(context.Seed) : 0;
        var result = new PpoMinibatch(tokens, values, sums!, largest)
        {
            PretrainingLoss = pretraining,
            GradientNorm = GradientClip.ByGlobalNorm(_policyParameters, _config.GradientClip),
            CriticGradientNorm = GradientClip.ByGlobalNorm(_criticParameters, _config.GradientClip),
        };
        RequireFinite(step, result);
        return result;
    }

    private PpoSums Losses(PpoBatch batch, int[] rows, MinibatchContext context, out Tensor total)
    {
        var device = _models.Policy.Compute.Device;
        var slice = batch.Slice(rows, _models.Policy.Compute, forValues: _models.Critic is null);
        var (hidden, valued) = slice.Hidden(_models.Policy);                                          // [n,D], [m,D]
        var (logp, entropy) = ScoreBoth(hidden, slice.Tokens, context.WantsEntropy);                  // [n], as all below but values
        if (_models.Critic is { } own)
            valued = batch.Slice(rows, own.Compute, forValues: true).Hidden(own).Valued;
        var values = _models.ValueHead.Forward(valued).Wide();                                        // [m]
        Tensor Taken(float[] flat) => PpoBatch.Take(batch.TokenRows, flat, rows, device);
        Tensor TakenValues(float[] flat) => PpoBatch.Take(batch.PlaceRows, flat, rows, device);
        var all = Ones(logp);

        var policy = PpoLoss.Of(logp, Taken(batch.LogProbs), Taken(batch.Advantages), all, _clip);
        var value = ValueLoss.Of(values, TakenValues(batch.Values!), TakenValues(batch.Returns), batch.HasSlots ? Ones(values) : all, _config.ValueClipRange);
        total = policy.Loss + value.Loss * (_config.ValueCoefficient * context.ValueShare);
        if (_config.EntropyCoefficient != 0)
            total += EntropyBonus.Of(entropy!, all, _config.EntropyCoefficient);
        var logged = context.WantsEntropy ? entropy!.Sum() : null; // a bonus reads later epochs' entropies too
        if (_config.KlIn == KlPlace.Reward)
            return new(policy, value, logged, Kl: null);
        var kl = KlEstimators.Of(logp, Taken(batch.RefLogProbs), _config.KlEstimator, _config.KlClampLogRatio).Sum();
        total += kl * context.KlCoefficient;
        return new(policy, value, logged, kl);
    }

    private static Tensor Ones(Tensor like) => Tensor.Full([like.Count], 1, new Compute(like.Device, DType.Bool));

    /// <summary>Log-probs and exact entropies <c>[n]</c>; these only where a loss reads them or they are wanted for the log.</summary>
    private (Tensor LogProbs, Tensor? Entropy) ScoreBoth(Tensor hidden, Tensor tokens, bool wantsEntropy)
    {
        var policy = _models.Policy;
        if (_config.EntropyCoefficient == 0 && !wantsEntropy)
            return (Score(policy, hidden, tokens, _temperature), null);
        var both = _config.EntropyCoefficient != 0 ? LogProbs.OfHiddenWithEntropy(hidden, policy.Logits, tokens, _temperature, policy.LogitRows)
            : LogProbs.OfHiddenWithLoggedEntropy(hidden, policy.Logits, tokens, _temperature, policy.LogitRows);
        return (both.LogProbs, both.Entropy);
    }

    private static Tensor Score(CausalLm model, Tensor hidden, Tensor tokens, double temperature) => LogProbs.OfHidden(hidden, model.Logits, tokens, temperature, model.LogitRows);

    /// <summary>PPO-ptx, InstructGPT eq. 2: adds γ · the gradient of the mean next-token loss on pretraining text, at temperature 1.</summary>
    private double DifferentiatePretraining(Seed seed)
    {
        // Text is an answer to its own first token: the same places are predicted and the same slices read.
        var text = new PpoBatch([.. _setup.Pretraining!(seed).Select(ids => new Rollout { Id = 0, Prompt = ids[..1], Response = ids[1..], LogProbs = [], Finish = FinishReason.Length })]);
        var sum = 0.0;
        foreach (var micro in MicroBatches(text, Enumerable.Range(0, text.Rows)))
        {
            using var scope = TensorScope.Begin();
            var slice = text.Slice(micro, _models.Policy.Compute, forValues: false);
            var loss = -Score(_models.Policy, slice.Hidden(_models.Policy).Predicting, slice.Tokens, temperature: 1).Sum();
            (loss * (_config.PretrainingCoefficient / text.Tokens)).Backward();
            sum += loss.Item();
        }

        return sum / text.Tokens;
    }

    /// <summary>One number for each of the answers' tokens or values, without gradients.</summary>
    private float[] Read(PpoBatch batch, RaggedRows layout, CausalLm model, Func<PpoSlice, Tensor> read)
    {
        using var frozen = Autograd.NoGrad();
        var results = new float[layout.Count];
        foreach (var micro in MicroBatches(batch, batch.AllRows))
        {
            using var scope = TensorScope.Begin();
            var slice = batch.Slice(micro, model.Compute, forValues: ReferenceEquals(layout, batch.PlaceRows));
            layout.Put(results, micro, read(slice).To(DType.Float32).ToArray<float>()); // as the sampler keeps its log-probs and values
        }

        return results;
    }

    /// <summary>Rows of similar length together, so that little padding is computed; sums do not care.</summary>
    private IEnumerable<int[]> MicroBatches(PpoBatch batch, IEnumerable<int> rows) =>
        rows.OrderBy(row => batch.Rollouts[row].Prompt.Length + batch.Rollouts[row].Response.Length).ThenBy(row => row).Chunk(_config.MicroBatch);

    private double Rate(double peak, int optimiserStep) =>
        _config.ScheduleTo(peak).At(optimiserStep);

    private void RequireRatioOne(int step, double largest)
    {
        var bound = PpoRounding.Bound(_models.Policy.Compute.DType);
        if (largest <= bound)
            return;
        Forget();
        throw new RunFailedException(
            $"step {step}: a token's log-prob in the first minibatch differs by {largest:G4} nats from the one it was sampled with, expected at most {bound:G4} (rounding); "
            + "the policy changed between sampling and learning, or is computed differently there: look for altered weights, another temperature or dropout");
    }

    private void RequireFinite(int step, PpoMinibatch minibatch)
    {
        var sum = minibatch.Sums.Sum() + minibatch.GradientNorm + minibatch.CriticGradientNorm + minibatch.PretrainingLoss;
        if (double.IsFinite(sum))
            return;
        Forget();
        throw new RunFailedException(
            $"step {step}: policy loss {minibatch.Mean(PpoSum.PolicyLoss):G4}, value loss {minibatch.Mean(PpoSum.ValueLoss):G4}, gradient length {minibatch.GradientNorm:G4}, expected finite numbers; "
            + "this update was not made: begin a new run with a lower ppo.learningRate or a tighter gradient clip, from the policy of the last checkpoint (from: …/checkpoints/step-…/policy) if it was good");
    }

    private void Forget()
    {
        foreach (var parameter in _policyParameters.Concat(_criticParameters))
            parameter.Value.Grad = null;
    }

    private static double MaxOrNaN(double a, double b) => double.IsNaN(a) || double.IsNaN(b) ? double.NaN : Math.Max(a, b);

    /// <param name="KlCoefficient">Current price per nat, for a KL in the loss.</param>
    /// <param name="WantsEntropy">Whether entropies are logged, and so computed even if no loss reads them.</param>
    /// <param name="Seed">Of this minibatch.</param>
    private readonly record struct MinibatchContext(double KlCoefficient, bool WantsEntropy, Seed Seed)
    {
        /// <summary>Tokens per value: losses are divided by tokens, the value loss is a mean over values.</summary>
        public double ValueShare { get; init; } = 1;
    }
}
