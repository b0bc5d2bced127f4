using Attune.Runs;
using Attune.Tokens;
using Attune.Torch;
using Attune.Updates;

namespace Attune.Loop;

/// <summary>Dry runs of reward training.</summary>
internal static class RewardDryRun
{
    public static DryRun Of(RewardRecipe recipe, IProgressSink progress, CancellationToken stop)
    {
        var told = new KeptWarnings(progress);
        recipe.Compute.Open(); // refuses a device that is not there
        var inputs = RewardInputs.Read(recipe, new Seed((ulong)recipe.Seed).For("reward"), recipe.Compute.Memory(told), told, stop);
        var (data, config) = (inputs.Data, recipe.Reward);
        return new()
        {
            Figures =
            [
                new("parameters", inputs.Config.ParameterCount),
                new("comparisons to learn from", data.Training.Count),
                new("answers in them", data.Training.Sum(example => example.Sequences.Count)),
                new("comparisons to watch", data.Validation.Count),
                new("pairs to report on", data.Test.Count),
                new("left out", data.Dropped.Values.Sum()),
                new("answers cut", data.Shortened),
                new("longest answer with its prompt", data.LongestSequence, "tokens"),
                new("steps", config.ScheduleFor(data.Training.Count).Steps),
                new("epochs", config.Epochs),
                new("comparisons a step", config.BatchSize),
                new("answers to set the scale by", recipe.Normalise.Samples),
            ],
            MemoryBytes = inputs.MemoryBytes,
            Sample = string.Join('\n', data.Training[0].Sequences.Select(ids => Rendered(ids, inputs.Tokenizer))) + "\n(the score is read at the last token; the better answer stands first)",
            Warnings = told.Warnings,
        };
    }

    private static string Rendered(int[] ids, Tokenizer tokenizer) =>
        tokenizer.Decode(ids.AsSpan(0, ids.Length - 1)) + LossRendering.Open + tokenizer.Decode(ids.AsSpan(ids.Length - 1)) + LossRendering.Close;
}
