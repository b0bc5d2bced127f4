using Attune.Runs;
using Attune.Torch;

namespace Attune.Models;

/// <summary>Families that a new model can belong to.</summary>
public enum NewModelFamily
{
    /// <summary>RMSNorm, rotary positions, SwiGLU, no biases.</summary>
    Llama,

    /// <summary>LayerNorm, learned positions, GELU, biases.</summary>
    Gpt2,
}

/// <summary>The <c>model</c> section of a recipe that makes a new model; vocabulary and special tokens come from the tokenizer.</summary>
public sealed record ModelShape : IChecked
{
    /// <summary>Which family.</summary>
    public NewModelFamily Family { get; init; } = NewModelFamily.Llama;

    /// <summary>Layers.</summary>
    public int Layers { get; init; } = 4;

    /// <summary>Width of the residual stream.</summary>
    public int Width { get; init; } = 256;

    /// <summary>Attention heads.</summary>
    public int Heads { get; init; } = 4;

    /// <summary>Heads of keys and values; as many as heads where not set.</summary>
    public int? KeyValueHeads { get; init; }

    /// <summary>Width inside the position-wise network; 8/3 of the width (Llama, rounded up to 16) or 4 times (GPT-2) where not set.</summary>
    public int? InnerWidth { get; init; }

    /// <summary>Most tokens that the model reads at once.</summary>
    public int Context { get; init; } = 512;

    /// <summary>Whether embedding and output share their weights.</summary>
    public bool TiedEmbeddings { get; init; } = true;

    /// <summary>Standard deviation of fresh weights.</summary>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>The whole shape, once the tokenizer is known.</summary>
    public TransformerConfig ToConfig(int vocabularySize, int? endId, int? padId, DType stored)
    {
        var isLlama = Family == NewModelFamily.Llama;
        return new()
        {
            Family = isLlama ? "llama" : "gpt2",
            VocabularySize = vocabularySize,
            Width = Width,
            Layers = Layers,
            Heads = Heads,
            KeyValueHeads = KeyValueHeads ?? Heads,
            HeadWidth = Width / Math.Max(1, Heads),
            InnerWidth = InnerWidth ?? (isLlama ? ((Width * 8 / 3) + 15) / 16 * 16 : 4 * Width),
            MaximumPositions = Context,
            Norm = isLlama ? NormKind.RmsNorm : NormKind.LayerNorm,
            Positions = isLlama ? PositionKind.Rotary : PositionKind.Learned,
            Activation = isLlama ? ActivationKind.Silu : ActivationKind.GeluTanh,
            IsGated = isLlama,
            AttentionBias = !isLlama,
            AttentionOutBias = !isLlama,
            MlpBias = !isLlama,
            TiedEmbeddings = TiedEmbeddings,
            InitializerRange = InitializerRange,
            EndIds = endId is { } end ? [end] : [],
            PadId = padId,
            StoredDType = stored,
        };
    }

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Heads > 0 && Width % Heads != 0)
            yield return Problem.Of("width", $"is {Width}", $"a multiple of the {Heads} heads", "correct one of them");
        if (Family == NewModelFamily.Gpt2 && KeyValueHeads is { } heads && heads != Heads)
            yield return Problem.Of("keyValueHeads", $"is {heads}", $"the {Heads} heads: GPT-2 has no grouping", "leave it out");
        if (Family == NewModelFamily.Gpt2 && !TiedEmbeddings)
            yield return Problem.Of("tiedEmbeddings", "is false", "true: GPT-2 ties them", "leave it out");
        foreach (var problem in ToConfig(vocabularySize: 1, null, null, DType.Float32).Check())
            yield return problem with { Key = problem.Key switch { "maximumPositions" => "context", "headWidth" => "heads", _ => problem.Key } };
    }
}
