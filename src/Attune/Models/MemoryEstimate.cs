using Attune.Torch;

namespace Attune.Models;

/// <summary>
/// How much memory work with a model takes, before it starts: weights, gradients, Adam's moments, and what a pass holds on its way. Estimates
/// of the parts that grow with the recipe, on the safe side; allocator and libraries come on top (<see cref="Process"/>).
/// </summary>
public static class MemoryEstimate
{
    /// <summary>Program, libtorch and its buffers.</summary>
    public const long Process = 400L << 20;

    /// <summary>Weights alone, bytes.</summary>
    public static long Weights(TransformerConfig config, DType dtype) => config.WeightBytes(dtype);

    /// <summary>Weights, gradients and two moments of a trained model, bytes.</summary>
    public static long Trained(TransformerConfig config, DType dtype) => 4 * config.WeightBytes(dtype);

    /// <summary>The same where an adapter may be trained instead: the weights stand there once.</summary>
    public static long Trained(TransformerConfig config, DType dtype, AdapterSettings? adapter) =>
        adapter is null ? Trained(config, dtype) : config.WeightBytes(dtype) + Learned(config, dtype, adapter);

    /// <summary>An adapter with its gradients and moments, bytes.</summary>
    public static long Learned(TransformerConfig config, DType dtype, AdapterSettings adapter) =>
        4 * dtype.Size() * adapter.Rank * AdapterTargets.Chosen(config, adapter.Targets).Sum(entry => entry.Shape.Sum());

    /// <summary>What one forward and backward pass over <c>[rows, width]</c> tokens holds, bytes.</summary>
    /// <param name="config">The model.</param>
    /// <param name="rows">Rows of a micro-batch.</param>
    /// <param name="width">Tokens a row.</param>
    /// <param name="logitTokens">Tokens whose logits are computed; 0 for a reward model.</param>
    /// <param name="dtype">Element type of activations.</param>
    public static long TrainingPass(TransformerConfig config, long rows, long width, long logitTokens, DType dtype)
    {
        var tokens = rows * width;
        var perLayer = tokens * ((14L * config.Width) + (4L * config.InnerWidth)) + (3 * rows * config.Heads * width * width);
        return dtype.Size() * config.Layers * perLayer + (3 * 4 * logitTokens * config.VocabularySize);
    }

    /// <summary>What a forward pass without gradients holds, bytes: one layer's share.</summary>
    public static long ForwardPass(TransformerConfig config, long rows, long width, long logitTokens, DType dtype) =>
        (TrainingPass(config, rows, width, 0, dtype) / config.Layers) + (2 * 4 * logitTokens * config.VocabularySize);

    /// <summary>Keys and values of rows being sampled, bytes.</summary>
    public static long Cache(TransformerConfig config, long rows, long width, DType dtype) =>
        2 * dtype.Size() * config.Layers * rows * width * config.KeyValueHeads * config.HeadWidth;

    /// <summary>Sampling so many rows at once from one prompt, program and weights included, bytes.</summary>
    public static long Sampling(TransformerConfig config, long rows, long promptTokens, long newTokens, DType dtype) =>
        Process + Weights(config, dtype) + Cache(config, rows, promptTokens + newTokens, dtype) + ForwardPass(config, 1, promptTokens, 0, dtype) +
        (3 * 4 * rows * config.VocabularySize);
}
