using Attune.Torch;
using Attune.Torch.Modules;

namespace Attune.Models;

/// <summary>One forward and backward pass of a micro-batch.</summary>
/// <param name="Rows">Rows of the micro-batch.</param>
/// <param name="Width">Tokens a row.</param>
/// <param name="LogitTokens">Tokens whose logits are computed; 0 for a reward model.</param>
public sealed record TrainingShape(long Rows, long Width, long LogitTokens)
{
    /// <summary>Places that the last layer computes: those of logits where not given.</summary>
    public long? Places { get; init; }

    /// <summary>Whether layers are computed again in backward.</summary>
    public bool Checkpointing { get; init; }

    /// <summary>Whether a step has several micro-batches, so that gradients stand there while activations do.</summary>
    public bool HasSeveral { get; init; } = true;

    /// <summary>What learns instead of the weights; null for those.</summary>
    public AdapterSettings? Adapter { get; init; }
}

/// <summary>
/// How much memory work with a model takes, before it starts: what is kept (weights, Adam's moments), and what a pass holds at its largest. It
/// counts the tensors that backward needs, operator by operator; docs/adapters.md has the measured peaks beside it.
/// </summary>
public static class MemoryEstimate
{
    /// <summary>Program, libtorch and its buffers, as a process that trains next to nothing holds them.</summary>
    public const long Process = 290L << 20;

    private const long ThinProducts = 16L << 20; // libtorch's matrix library takes working memory for an adapter's thin products; others here need none
    private const double Gaps = 0.35; // share of the activations' memory that lies unused between them
    private const double KeptInputs = 2.5; // a layer's input that is kept while all else around it comes and goes, with what lies unused around it, in its own size
    private const int LogitCopies = 4; // logits, their log-softmax, and in backward the gradients of both

    /// <summary>Weights alone, bytes.</summary>
    public static long Weights(TransformerConfig config, DType dtype) => config.WeightBytes(dtype);

    /// <summary>The same where an adapter may keep the matrices of the layers in 4 bits.</summary>
    public static long Weights(TransformerConfig config, DType dtype, AdapterSettings? adapter) => config.WeightBytes(dtype) - Saved(config, dtype, adapter?.BaseForm);

    /// <summary>The same where the weights may be packed for answering and scoring.</summary>
    public static long Weights(TransformerConfig config, DType dtype, WeightForm weights) => config.WeightBytes(dtype) - Saved(config, dtype, weights.OfLayers()) -
        (weights == WeightForm.Full ? 0 : (dtype.Size() - 1) * (long)config.VocabularySize * config.Width); // the output layer, 8 bits a value

    /// <summary>What packing the matrices of the layers saves.</summary>
    private static long Saved(TransformerConfig config, DType dtype, PackedForm? layers)
    {
        if (layers is not { } form)
            return 0;
        var matrices = AdapterTargets.MatricesOf(config).Sum(Count);
        return (matrices * dtype.Size()) - (long)(matrices * form.BitsPerWeight() / 8);
    }

    /// <summary>What a trained model keeps between its passes: weights, and two moments of what learns, bytes.</summary>
    public static long Kept(TransformerConfig config, DType dtype, AdapterSettings? adapter) =>
        Weights(config, dtype, adapter) + Moments(config, dtype, adapter) + Products(adapter);

    /// <summary>Two moments of what learns, and an adapter itself, bytes.</summary>
    public static long Moments(TransformerConfig config, DType dtype, AdapterSettings? adapter) =>
        adapter is null ? 2 * config.WeightBytes(dtype) : 3 * Learned(config, dtype, adapter);

    /// <summary>Working memory of an adapter's products, bytes; none without one.</summary>
    public static long Products(AdapterSettings? adapter) => adapter is null ? 0 : ThinProducts;

    /// <summary>What one forward and backward pass holds at its largest, gradients included, bytes.</summary>
    public static long TrainingPass(TransformerConfig config, TrainingShape pass, DType dtype)
    {
        var gradients = Learned(config, dtype, pass.Adapter);
        var table = pass.Adapter is null ? dtype.Size() * (long)config.VocabularySize * config.Width : 0; // the gradient of the embedding or output layer beside its sum
        var held = (long)((1 + Gaps) * Activations(config, pass, dtype)) + table + Math.Max(Logits(config, pass.LogitTokens), Fleeting(config, pass, dtype));
        return pass.HasSeveral ? gradients + held : Math.Max(held, gradients + (2 * table));
    }

    /// <summary>What a forward pass without gradients holds, bytes: one layer's share.</summary>
    public static long ForwardPass(TransformerConfig config, long rows, long width, long logitTokens, DType dtype) =>
        LayerActivations(config, rows, width, rows * width, dtype) + Fleeting(config, new(rows, width, 0), dtype) + (Logits(config, logitTokens) / 2);

    /// <summary>Keys and values of rows being sampled, bytes.</summary>
    public static long Cache(TransformerConfig config, long rows, long width, DType dtype) =>
        2 * dtype.Size() * config.Layers * rows * width * config.KeyValueHeads * config.HeadWidth;

    /// <summary>Sampling so many rows at once from one prompt, program and weights included, bytes.</summary>
    public static long Sampling(TransformerConfig config, long rows, long promptTokens, long newTokens, DType dtype, WeightForm weights = WeightForm.Full) =>
        Process + Weights(config, dtype, weights) + Cache(config, rows, promptTokens + newTokens, dtype) + ForwardPass(config, 1, promptTokens, 0, dtype) +
        (3 * 4 * rows * config.VocabularySize);

    /// <summary>The values that learn, bytes.</summary>
    public static long Learned(TransformerConfig config, DType dtype, AdapterSettings? adapter) => adapter is null ? config.WeightBytes(dtype)
        : dtype.Size() * adapter.Rank * AdapterTargets.Chosen(config, adapter.Targets).Sum(entry => entry.Shape.Sum());

    /// <summary>What backward needs of all layers.</summary>
    private static long Activations(TransformerConfig config, TrainingShape pass, DType dtype)
    {
        var tokens = pass.Rows * pass.Width;
        var places = pass.Places ?? (pass.LogitTokens > 0 ? pass.LogitTokens : pass.Rows);
        var last = LayerActivations(config, pass.Rows, pass.Width, places, dtype);
        var one = LayerActivations(config, pass.Rows, pass.Width, tokens, dtype);
        return pass.Checkpointing ? (long)(KeptInputs * config.Layers * dtype.Size() * tokens * config.Width) + one : ((config.Layers - 1) * one) + last;
    }

    /// <summary>
    /// What backward needs of one layer. Of attention: the norm, queries, keys, values, the attention weights, what is mixed; of the position-wise
    /// network, which the last layer computes at some places only: the sum before it, its norm, what goes into and out of the activation, the sum behind it.
    /// </summary>
    private static long LayerActivations(TransformerConfig config, long rows, long width, long places, DType dtype)
    {
        long norm = (config.Norm == NormKind.RmsNorm ? 2 : 1) * config.Width;
        long heads = config.Heads * config.HeadWidth, shared = config.KeyValueHeads * config.HeadWidth;
        var attention = (rows * width * (norm + heads + (2 * shared))) + (rows * config.Heads * width * width);
        var network = places * (norm + heads + (2L * config.Width) + ((config.IsGated ? 4L : 2L) * config.InnerWidth));
        return dtype.Size() * (attention + network);
    }

    /// <summary>What backward through one layer makes and drops again: gradients within the network, or of attention weights and their scores.</summary>
    private static long Fleeting(TransformerConfig config, TrainingShape pass, DType dtype)
    {
        var network = pass.Rows * pass.Width * (config.IsGated ? 4L : 2L) * config.InnerWidth;
        var attention = 2 * pass.Rows * config.Heads * pass.Width * pass.Width;
        var unpacked = pass.Adapter?.BaseBits is null ? 0 : AdapterTargets.MatricesOf(config).Max(Count) * 3;
        return dtype.Size() * (Math.Max(network, attention) + unpacked + (3 * pass.Rows * pass.Width * config.Width));
    }

    /// <summary>Logits of a piece of the tokens, in float32 whatever the model computes in.</summary>
    private static long Logits(TransformerConfig config, long tokens) =>
        LogitCopies * sizeof(float) * Math.Min(tokens, LogitPieces.RowsFor(config.VocabularySize)) * config.VocabularySize;

    private static long Count(KeyMapEntry entry) => entry.Shape[0] * entry.Shape[1];
}
