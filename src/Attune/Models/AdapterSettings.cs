using Attune.Runs;
using Attune.Torch.Modules;

namespace Attune.Models;

/// <summary>
/// How a model is adapted instead of trained whole: the section <c>adapter</c> of a recipe. The model's own weights stay as they are; beside
/// each targeted matrix W a product of two thin ones learns, W + s·B·A (Hu et al. 2021, arXiv:2106.09685 §4.1).
/// </summary>
public sealed record AdapterSettings : IChecked
{
    /// <summary>The target that stands for every matrix of the layers, the output layer and embeddings left out.</summary>
    public const string AllLinear = "all-linear";

    /// <summary>r: rows of A and columns of B.</summary>
    public int Rank { get; init; } = 16;

    /// <summary>α: the product is scaled by α/r, or by α/√r where <see cref="RankStabilised"/>.</summary>
    public double Alpha { get; init; } = 32;

    /// <summary>Matrices by their names in the model's folder, for instance <c>q_proj</c> or <c>mlp.c_proj</c>; or <see cref="AllLinear"/>.</summary>
    public IReadOnlyList<string> Targets { get; init; } = [AllLinear];

    /// <summary>Share of A's inputs that is dropped while training, at least 0 and below 1.</summary>
    public double Dropout { get; init; }

    /// <summary>Whether the scale is α/√r, under which gradients neither vanish nor grow with the rank (Kalajdzievski 2023, arXiv:2312.03732).</summary>
    public bool RankStabilised { get; init; }

    /// <summary>4 keeps the frozen matrices of the layers in 4 bits (Dettmers et al. 2023, arXiv:2305.14314); not set, they are as they are.</summary>
    public int? BaseBits { get; init; }

    /// <summary>Whether the scales of 4-bit weights are rounded to 8 bits: 4.13 bits a weight instead of 4.5. Used where <see cref="BaseBits"/> is set.</summary>
    public bool DoubleQuantisation { get; init; } = true;

    /// <summary>How the frozen matrices of the layers are rounded; null where they are as they are.</summary>
    internal PackedForm? BaseForm => BaseBits is null ? null : DoubleQuantisation ? PackedForm.Nf4Doubled : PackedForm.Nf4;

    /// <summary>s: what B·A is multiplied by.</summary>
    public double Scale => Alpha / (RankStabilised ? Math.Sqrt(Rank) : Rank);

    /// <inheritdoc/>
    public IEnumerable<Problem> Check() =>
    [
        .. Problem.Refuse("rank", Rank, Rank >= 1, "at least 1", "8 to 64 is usual"),
        .. Problem.Refuse("alpha", Alpha, Alpha > 0, "above 0", "once or twice the rank is usual"),
        .. Problem.Refuse("dropout", Dropout, Dropout is >= 0 and < 1, "at least 0 and below 1", "0 to 0.1 is usual"),
        .. Problem.Refuse("baseBits", BaseBits, BaseBits is null or 4, "4", "leave it out for weights as they are"),
        .. Targets.Count > 0 ? [] : (Problem[])[Problem.Of("targets", "is empty", "at least one matrix", $"{AllLinear} takes all of the layers")],
    ];

    /// <summary>What does not fit a model's shape.</summary>
    /// <param name="config">The model.</param>
    /// <param name="key">The section's key, for messages.</param>
    internal IEnumerable<Problem> CheckFor(TransformerConfig config, string key = "adapter")
    {
        if (Rank > config.Width)
            yield return Problem.Of($"{key}.rank", $"is {Rank}", $"at most the {config.Width} of the model's width", "8 to 64 is usual");
        var matrices = AdapterTargets.MatricesOf(config);
        for (var k = 0; k < Targets.Count; k++)
        {
            if (Targets[k] != AllLinear && !matrices.Any(entry => AdapterTargets.IsNamed(entry, Targets[k])))
                yield return Problem.Of($"{key}.targets[{k}]", $"is \"{Targets[k]}\"", $"one of {string.Join(", ", AdapterTargets.NamesOf(config))}, or {AllLinear}", $"these are the matrices of a {config.Family} model");
        }
    }
}

/// <summary>Which matrices of a model an adapter may stand beside.</summary>
internal static class AdapterTargets
{
    private const string Weight = ".weight";

    /// <summary>The matrices of the layers, as they stand on disk.</summary>
    public static IReadOnlyList<KeyMapEntry> MatricesOf(TransformerConfig config) =>
        [.. KeyMap.For(config).Entries.Where(e => e.Shape.Length == 2 && e.Name.StartsWith("blocks.", StringComparison.Ordinal))];

    /// <summary>The path of a matrix's module: its key without <c>.weight</c>.</summary>
    public static string PathOf(KeyMapEntry entry) => entry.Key[..^Weight.Length];

    /// <summary>Whether a target means a matrix: it is the end of its path, from a dot on.</summary>
    public static bool IsNamed(KeyMapEntry entry, string target) =>
        PathOf(entry) is var path && (path == target || path.EndsWith("." + target, StringComparison.Ordinal));

    /// <summary>The matrices that targets mean.</summary>
    public static IReadOnlyList<KeyMapEntry> Chosen(TransformerConfig config, IReadOnlyList<string> targets) =>
        [.. MatricesOf(config).Where(entry => targets.Any(target => target == AdapterSettings.AllLinear || IsNamed(entry, target)))];

    /// <summary>The names of a family's matrices within a layer: <c>q_proj</c>.</summary>
    public static IReadOnlyList<string> NamesOf(TransformerConfig config) => [.. MatricesOf(config).Select(NameOf).Distinct()];

    /// <summary>The last part of a matrix's path.</summary>
    public static string NameOf(KeyMapEntry entry) => PathOf(entry).Split('.')[^1];
}
