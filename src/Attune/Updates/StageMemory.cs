using Attune.Models;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>Refuses a training that cannot fit into memory before it starts, naming the key that makes it smaller.</summary>
internal static class StageMemory
{
    /// <summary>Checks one trained model and a pass of its micro-batch, beside further bytes that stay.</summary>
    /// <param name="config">The model.</param>
    /// <param name="dtype">Element type of weights and activations.</param>
    /// <param name="rows">Rows of a micro-batch.</param>
    /// <param name="width">Tokens a row.</param>
    /// <param name="key">The recipe key that sets the micro-batch.</param>
    /// <param name="beside">Bytes of other models.</param>
    /// <exception cref="InputException">The estimate is above what the machine has left.</exception>
    public static void Require(TransformerConfig config, DType dtype, int rows, int width, string key, long beside = 0)
    {
        var bytes = MemoryEstimate.Process + beside + MemoryEstimate.Trained(config, dtype)
            + MemoryEstimate.TrainingPass(config, rows, width, logitTokens: (long)rows * width, dtype);
        if (MemoryBudget.Now().Check("memory", bytes, rows > 1 ? $"lower {key} (now {rows}) or take a smaller model" : "take a smaller model") is { } problem)
            throw new InputException("The recipe", [problem]);
    }
}
