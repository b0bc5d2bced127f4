using Attune.Runs;
using Attune.Tokens;
using Attune.Torch;
using Attune.Updates;

namespace Attune.Loop;

/// <summary>Dry runs of PPO. Models are read, as whether rewards and policy belong together shows only then.</summary>
internal static class PpoDryRun
{
    public static DryRun Of(PpoRecipe recipe, IProgressSink progress, CancellationToken stop)
    {
        var told = new KeptWarnings(progress);
        using var inputs = PpoInputs.Open(recipe, new Seed((ulong)recipe.Seed).For("ppo"), recipe.Compute.Memory(told));
        stop.ThrowIfCancellationRequested();
        PpoTraining.Announce(recipe, inputs, told);
        var (ppo, prompts) = (recipe.Ppo, inputs.Prompts.Training);
        var longest = prompts.Max(ids => ids.Length);
        var minibatch = ((long)ppo.RolloutsPerStep + ppo.Minibatches - 1) / ppo.Minibatches;
        return new()
        {
            Figures =
            [
                new("parameters of the policy", inputs.Policy.Model.Config.ParameterCount),
                new("prompts to learn from", prompts.Count),
                new("prompts of the held-out judge", inputs.Prompts.HeldOut.Count),
                new("longest prompt", longest, "tokens"),
                new("longest answer", ppo.MaximumLength, "tokens"),
                new("steps", ppo.Steps),
                new("answers a step", ppo.RolloutsPerStep),
                new("tokens sampled a step, at most", (double)ppo.RolloutsPerStep * ppo.MaximumLength),
                new("optimiser steps a step", ppo.Epochs * ppo.Minibatches),
                new("answers an optimiser step", minibatch),
                new("micro-batches an optimiser step", (minibatch + ppo.MicroBatch - 1) / ppo.MicroBatch),
                new("answers in all", (double)ppo.Steps * ppo.RolloutsPerStep),
                new("times each prompt is asked", (double)ppo.Steps * ppo.RolloutsPerStep / prompts.Count),
            ],
            MemoryBytes = inputs.MemoryBytes,
            Sample = inputs.Policy.Tokenizer.Decode(prompts[0]) + $"{LossRendering.Open}an answer of up to {ppo.MaximumLength} tokens{LossRendering.Close}",
            Warnings = told.Warnings,
        };
    }
}
