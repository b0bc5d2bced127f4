using Attune.Models;
using Attune.Runs;
using Attune.Tokens;
using Attune.Torch;
using Attune.Updates;

namespace Attune.Loop;

/// <summary>Dry runs of pretraining and supervised fine-tuning.</summary>
internal static class LanguageModelDryRun
{
    public static DryRun Of(PretrainRecipe recipe, IProgressSink progress, CancellationToken stop) =>
        Of(Pretraining.Plan(recipe, progress, stop), recipe.Compute, recipe.Run);

    public static DryRun Of(SftRecipe recipe, IProgressSink progress, CancellationToken stop) =>
        Of(FineTuning.Plan(recipe, progress, stop), recipe.Compute, recipe.Run);

    private static DryRun Of(LanguageModelPlan plan, ComputeSettings compute, RunSettings run)
    {
        var (rows, training) = (plan.Rows, plan.Training);
        var predicted = LanguageModelLoss.CountTokens(rows);
        var learned = MemoryEstimate.Learned(plan.Config, compute.DType, plan.Adapter);
        var checkpoint = 3 * learned; // what learns, and two moments
        var saved = run.CheckpointEvery > 0 ? Math.Min(run.KeepLast, 1 + (plan.Steps / run.CheckpointEvery)) : 1;
        return new()
        {
            Figures =
            [
                new("parameters", plan.Config.ParameterCount),
                new("parameters that learn", learned / compute.DType.Size()),
                new("vocabulary", plan.Tokenizer.VocabularySize, "pieces"),
                new("training rows", rows.Rows),
                new("row width", rows.Width, "tokens"),
                new("tokens, padding left out", rows.RealTokens),
                new("tokens that the loss reads", predicted),
                new("padding", 100.0 * (rows.Ids.Length - rows.RealTokens) / Math.Max(1, rows.Ids.Length), "%"),
                new("steps", plan.Steps),
                new("epochs", (double)plan.Steps * training.Batch / Math.Max(1, rows.Rows)),
                new("rows a step", training.Batch),
                new("micro-batches a step", ((long)training.Batch + training.MicroBatch - 1) / training.MicroBatch),
                new("loss tokens a step, mean", (double)predicted * training.Batch / Math.Max(1, rows.Rows)),
                new("validation rows", plan.Validation.Rows),
                new("disk for checkpoints and model", (saved * checkpoint) + (plan.Adapter is null ? plan.Config.WeightBytes(plan.Config.StoredDType) : learned), "bytes"),
            ],
            MemoryBytes = plan.MemoryBytes,
            Sample = LossRendering.Of(rows, 0, plan.Tokenizer),
            Warnings = plan.Warnings,
        };
    }
}
