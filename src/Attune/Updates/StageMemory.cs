using Attune.Models;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>How much memory a training takes, and what to make smaller where that is too much.</summary>
internal static class StageMemory
{
    /// <summary>Bytes that one trained model and a pass of its micro-batch take.</summary>
    /// <param name="config">The model.</param>
    /// <param name="dtype">Element type of weights and activations.</param>
    /// <param name="pass">The largest pass, and what learns.</param>
    public static long Bytes(TransformerConfig config, DType dtype, TrainingShape pass) =>
        MemoryEstimate.Process + MemoryEstimate.Kept(config, dtype, pass.Adapter) + MemoryEstimate.TrainingPass(config, pass, dtype);

    /// <summary>The pass of next-token training whose every token is predicted.</summary>
    /// <param name="training">Batch and micro-batch.</param>
    /// <param name="width">Tokens a row.</param>
    /// <param name="adapter">What learns; null for the weights.</param>
    public static TrainingShape NextToken(LanguageModelConfig training, long width, AdapterSettings? adapter)
    {
        long rows = Math.Min(training.MicroBatch, training.Batch);
        return new(rows, width, rows * width) { Checkpointing = training.Checkpointing, HasSeveral = training.Batch > rows, Adapter = adapter };
    }

    /// <summary>The problem where that is more than there is; null where it fits.</summary>
    /// <param name="bytes">The estimate.</param>
    /// <param name="available">Memory that may be taken.</param>
    /// <param name="rows">Rows of a micro-batch.</param>
    /// <param name="key">The recipe key that sets the micro-batch.</param>
    public static Problem? Check(long bytes, MemoryBudget available, int rows, string key) =>
        available.Check("memory", bytes, rows > 1 ? $"lower {key} (now {rows}) or take a smaller model" : "take a smaller model");
}
