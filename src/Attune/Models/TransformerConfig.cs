using Attune.Runs;
using Attune.Torch;

namespace Attune.Models;

/// <summary>How activations are normalised before each half of a layer.</summary>
public enum NormKind
{
    /// <summary>Mean 0, variance 1, then gain and bias (Ba et al. 2016, arXiv:1607.06450).</summary>
    LayerNorm,

    /// <summary>Root-mean-square 1, then gain (Zhang and Sennrich 2019, arXiv:1910.07467).</summary>
    RmsNorm,
}

/// <summary>How the model knows where a token stands.</summary>
public enum PositionKind
{
    /// <summary>A learned vector for each place, added to the embedding.</summary>
    Learned,

    /// <summary>Queries and keys rotated by an angle that grows with the place (Su et al. 2021, arXiv:2104.09864).</summary>
    Rotary,
}

/// <summary>The non-linearity of the position-wise network.</summary>
public enum ActivationKind
{
    /// <summary>GELU in its tanh approximation, as GPT-2 has it.</summary>
    GeluTanh,

    /// <summary>GELU by the error function.</summary>
    Gelu,

    /// <summary>x·σ(x), also called swish.</summary>
    Silu,

    /// <summary>max(x, 0).</summary>
    Relu,
}

/// <summary>What stands on top of the transformer.</summary>
public enum HeadKind
{
    /// <summary>Logits of the next token.</summary>
    NextToken,

    /// <summary>One number, read at the last real token: a reward.</summary>
    Score,
}

/// <summary>
/// The shape of a decoder-only transformer as data. A <see cref="ModelFamily"/> maps it from and to <c>config.json</c>. Dropout is not part of
/// it: Attune trains without.
/// </summary>
public sealed record TransformerConfig : IChecked
{
    private const int Most = 1 << 24;

    /// <summary>Which family's names and layout the model's folder uses: <c>model_type</c> of <c>config.json</c>.</summary>
    public string Family { get; init; } = "llama";

    /// <summary>V, rows of the embedding; may exceed the tokenizer's size by padding.</summary>
    public int VocabularySize { get; init; }

    /// <summary>D, width of the residual stream.</summary>
    public int Width { get; init; }

    /// <summary>Number of layers.</summary>
    public int Layers { get; init; }

    /// <summary>H, query heads.</summary>
    public int Heads { get; init; }

    /// <summary>Key-value heads; divides <see cref="Heads"/>, and equals it without grouping.</summary>
    public int KeyValueHeads { get; init; }

    /// <summary>Width of one head; usually D/H.</summary>
    public int HeadWidth { get; init; }

    /// <summary>F, width inside the position-wise network.</summary>
    public int InnerWidth { get; init; }

    /// <summary>Longest sequence, in tokens.</summary>
    public int MaximumPositions { get; init; }

    /// <summary>The kind of normalisation.</summary>
    public NormKind Norm { get; init; } = NormKind.RmsNorm;

    /// <summary>Added to the variance or the mean square before the root.</summary>
    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>Whether RMS normalisation multiplies by 1 + gain, so that a gain of 0 changes nothing. Gemma only.</summary>
    public bool NormGainFromOne { get; init; }

    /// <summary>Whether embeddings are multiplied by √D before the first layer. Gemma only.</summary>
    public bool ScalesEmbeddings { get; init; }

    /// <summary>Whether attention and position-wise network of a layer read the same x, x + attention(norm1(x)) + mlp(norm2(x)), instead of one after the other.</summary>
    public bool IsParallel { get; init; }

    /// <summary>The kind of positions.</summary>
    public PositionKind Positions { get; init; } = PositionKind.Rotary;

    /// <summary>θ: pair k of a head turns by θ^(−2k/R) radians a place, R being <see cref="RotaryWidth"/>. Rotary positions only.</summary>
    public double RopeTheta { get; init; } = 10_000;

    /// <summary>The share of a head's values that turns, above 0 and at most 1; the values behind it pass as they are. Rotary positions only.</summary>
    public double RotaryShare { get; init; } = 1;

    /// <summary>How the angles are stretched for texts longer than those of pretraining; null for not at all. Rotary positions only.</summary>
    public RopeScaling? RopeScaling { get; init; }

    /// <summary>How many tokens a place sees, itself included, in the layers from <see cref="FirstWindowedLayer"/> on; null for all before it.</summary>
    public int? SlidingWindow { get; init; }

    /// <summary>The first layer with a sliding window.</summary>
    public int FirstWindowedLayer { get; init; }

    /// <summary>The non-linearity.</summary>
    public ActivationKind Activation { get; init; } = ActivationKind.Silu;

    /// <summary>Whether the position-wise network is down(act(gate(x))·up(x)) rather than down(act(up(x))).</summary>
    public bool IsGated { get; init; } = true;

    /// <summary>Whether queries, keys and values have biases.</summary>
    public bool AttentionBias { get; init; }

    /// <summary>Whether attention's output has a bias.</summary>
    public bool AttentionOutBias { get; init; }

    /// <summary>Whether the position-wise network has biases.</summary>
    public bool MlpBias { get; init; }

    /// <summary>Whether logits come from the embedding's own matrix.</summary>
    public bool TiedEmbeddings { get; init; }

    /// <summary>Standard deviation of a new model's weights.</summary>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>What stands on top.</summary>
    public HeadKind Head { get; init; } = HeadKind.NextToken;

    /// <summary>The token before every text, if the model has one.</summary>
    public int? BosId { get; init; }

    /// <summary>The tokens that end a text.</summary>
    public IReadOnlyList<int> EndIds { get; init; } = [];

    /// <summary>The token of padding, if the model names one.</summary>
    public int? PadId { get; init; }

    /// <summary>Element type of the weights on disk.</summary>
    public DType StoredDType { get; init; } = DType.Float32;

    /// <summary>R: how many values of a head turn with its place, those in front.</summary>
    public int RotaryWidth => (int)(HeadWidth * RotaryShare);

    /// <summary>Whether a layer sees <see cref="SlidingWindow"/> tokens only.</summary>
    public bool IsWindowed(int layer) => SlidingWindow is not null && layer >= FirstWindowedLayer;

    /// <summary>Whether the model has a matrix of its own for logits.</summary>
    public bool HasOwnHead => Head == HeadKind.NextToken && !TiedEmbeddings;

    /// <summary>Number of learned values, without a value head.</summary>
    public long ParameterCount => KeyMap.For(this).Parameters.Where(p => !p.IsOptional).Sum(p => p.Count);

    /// <summary>Bytes of the weights in an element type.</summary>
    public long WeightBytes(DType dtype) => ParameterCount * dtype.Size();

    /// <summary>What is impossible about the shape. Keys are this record's in camel case.</summary>
    public IEnumerable<Problem> Check()
    {
        (string Name, int Value)[] sizes =
        [
            ("vocabularySize", VocabularySize), ("width", Width), ("layers", Layers), ("heads", Heads), ("keyValueHeads", KeyValueHeads),
            ("headWidth", HeadWidth), ("innerWidth", InnerWidth), ("maximumPositions", MaximumPositions),
        ];
        foreach (var (name, value) in sizes)
        {
            if (value is < 1 or > Most)
                yield return Problem.Of(name, $"is {value}", $"a number from 1 to {Most}", "correct it");
        }

        if (KeyValueHeads > 0 && Heads % KeyValueHeads != 0)
            yield return Problem.Of("keyValueHeads", $"is {KeyValueHeads}", $"a divisor of the {Heads} heads", $"{Heads} means no grouping");
        foreach (var problem in Positions == PositionKind.Rotary ? CheckRotary() : [])
            yield return problem;
        if (SlidingWindow is < 1)
            yield return Problem.Of("slidingWindow", $"is {SlidingWindow}", "at least 1 token, or null", "4096 is usual");
        if (!(NormEpsilon > 0 && NormEpsilon < 1))
            yield return Problem.Of("normEpsilon", $"is {NormEpsilon}", "between 0 and 1", "1e-5 is usual");
        if (!(InitializerRange >= 0 && double.IsFinite(InitializerRange)))
            yield return Problem.Of("initializerRange", $"is {InitializerRange}", "at least 0", "0.02 is usual");
        var ids = EndIds.Select(id => ("endIds", (int?)id)).Append(("bosId", BosId)).Append(("padId", PadId));
        foreach (var (name, id) in ids)
        {
            if (id is { } number && (number < 0 || number >= VocabularySize))
                yield return Problem.Of(name, $"is {number}", $"an id below the vocabulary's size {VocabularySize}", "correct it, or leave it out");
        }

        if (!StoredDType.IsFloat())
            yield return Problem.Of("storedDType", $"is {StoredDType.Name()}", "float32, float16, bfloat16 or float64", "float32 is usual");
    }

    private IEnumerable<Problem> CheckRotary()
    {
        if (!(RotaryShare > 0 && RotaryShare <= 1))
            yield return Problem.Of("rotaryShare", $"is {RotaryShare}", "above 0 and at most 1", "1 turns whole heads");
        else if (RotaryWidth < 2 || RotaryWidth % 2 != 0)
            yield return Problem.Of("headWidth", $"is {HeadWidth}, of which {RotaryWidth} turn", "an even number, as rotary positions turn pairs", "change width, heads or share");
        if (!(RopeTheta > 0 && double.IsFinite(RopeTheta)))
            yield return Problem.Of("ropeTheta", $"is {RopeTheta}", "a number above 0", "10000 is usual");
        foreach (var problem in RopeScaling?.Check() ?? [])
            yield return problem;
    }

    /// <summary>
    /// Checks that a tokenizer fits the model. An embedding may be padded to a multiple of 64 rows, fewer than 512 beyond the tokenizer;
    /// anything else means that the two do not belong together.
    /// </summary>
    /// <param name="tokenizerSize">Pieces of the tokenizer, added tokens included.</param>
    /// <param name="tokenizerPath">Where it is, for the message.</param>
    /// <exception cref="InputException">The sizes do not fit.</exception>
    public void CheckTokenizer(int tokenizerSize, string tokenizerPath)
    {
        var unused = VocabularySize - tokenizerSize;
        if (unused == 0 || (unused is > 0 and < 512 && VocabularySize % 64 == 0))
            return;
        throw InputException.One(tokenizerPath, $"has {tokenizerSize} pieces", $"the {VocabularySize} of the model's embedding",
            "take the tokenizer that came with the model, or train the model again with this one");
    }
}
