using Attune.Torch;

namespace Attune.Models;

/// <summary>Where a training pass's dropout draws come from: what is dropped is a function of these and of the place in the row alone.</summary>
/// <param name="Seed">The step's.</param>
/// <param name="Rows">The number of each row of the pass in the step's whole batch.</param>
public sealed record DropoutDraws(Seed Seed, IReadOnlyList<int> Rows);

/// <summary>
/// What one forward pass reads. Padding may stand anywhere and several documents may share a row: attention stays within a document, so
/// neither changes the result at a real place.
/// </summary>
public sealed record ModelInput
{
    private ModelInput(Tensor ids, Tensor positions, Tensor? mask)
    {
        Ids = ids;
        Positions = positions;
        Mask = mask;
    }

    /// <summary>Token ids <c>[B,T]</c>; 0 stands at padding.</summary>
    public Tensor Ids { get; }

    /// <summary>Place of each token within its document <c>[B,T]</c>.</summary>
    public Tensor Positions { get; }

    /// <summary>What is added to attention scores <c>[B,T,K]</c>, 0 or −∞; null for plain causal attention.</summary>
    public Tensor? Mask { get; }

    /// <summary>Where dropout's draws come from; null, as while sampling and scoring, for a pass that drops nothing.</summary>
    public DropoutDraws? Draws { get; init; }

    /// <summary>Rows that hold one document each, real tokens first: the plain causal case.</summary>
    /// <param name="ids">Row-major <c>[B,T]</c>.</param>
    /// <param name="rows">B.</param>
    /// <param name="compute">Where the model is.</param>
    public static ModelInput Causal(ReadOnlySpan<int> ids, int rows, Compute compute)
    {
        var width = ids.Length / rows;
        var positions = Tensor.Arange(0, width, 1, compute.Device).Unsqueeze(0).Expand(rows, width);
        return new(Wide(ids, rows, compute), positions, mask: null);
    }

    /// <summary>Rows with padding and documents where they happen to be, also behind the tokens of a cache.</summary>
    /// <param name="ids">Row-major <c>[B,T]</c>.</param>
    /// <param name="segments">Row-major <c>[B,K]</c>, of the cached places and the T new ones behind them: 0 for padding, else the number of the document in its row.</param>
    /// <param name="rows">B.</param>
    /// <param name="compute">Where the model is.</param>
    public static ModelInput Of(ReadOnlySpan<int> ids, ReadOnlySpan<int> segments, int rows, Compute compute)
    {
        if (ids.Length == segments.Length && IsPlain(segments, rows))
            return Causal(ids, rows, compute);
        var (width, span) = (ids.Length / rows, segments.Length / rows);
        var positions = new int[ids.Length];
        var mask = new float[(long)ids.Length * span];
        for (var row = 0; row < rows; row++)
            FillRow(segments.Slice(row * span, span), positions.AsSpan(row * width, width), mask.AsSpan(row * width * span, width * span));
        return new(Wide(ids, rows, compute), Wide(positions, rows, compute), Tensor.From(mask, rows, width, span).To(compute));
    }

    /// <summary>One further token a row, for decoding with a cache.</summary>
    /// <param name="ids">One id a row <c>[B]</c>.</param>
    /// <param name="positions">Place of that token within its row's document <c>[B]</c>.</param>
    /// <param name="mask"><c>[B,1,K]</c> over the K cached and new tokens; null where all count.</param>
    /// <param name="compute">Where the model is.</param>
    public static ModelInput Next(ReadOnlySpan<int> ids, ReadOnlySpan<int> positions, Tensor? mask, Compute compute) =>
        new(Wide(ids, ids.Length, compute), Wide(positions, ids.Length, compute), mask);

    /// <summary>Whether plain causal attention is right at every real place: one document a row and padding only after it.</summary>
    private static bool IsPlain(ReadOnlySpan<int> segments, int rows)
    {
        var width = segments.Length / rows;
        for (var row = 0; row < rows; row++)
        {
            var line = segments.Slice(row * width, width);
            var end = line.IndexOf(0);
            var real = end < 0 ? line : line[..end];
            if (real.Length > 0 && real.ContainsAnyExcept(real[0]))
                return false;
            if (end >= 0 && line[end..].ContainsAnyExcept(0))
                return false;
        }

        return true;
    }

    /// <summary>Positions <c>[T]</c> and mask <c>[T,K]</c> of the last T places of a row.</summary>
    private static void FillRow(ReadOnlySpan<int> segments, Span<int> positions, Span<float> mask)
    {
        var (span, cached) = (segments.Length, segments.Length - positions.Length);
        mask.Fill(float.NegativeInfinity);
        for (var row = 0; row < positions.Length; row++)
        {
            var q = cached + row;
            var line = mask.Slice(row * span, span);
            line[q] = 0; // a padded place attends to itself alone: a row of nothing but −∞ would be NaN, and NaN spreads
            if (segments[q] == 0)
                continue;
            for (var k = 0; k < q; k++)
            {
                if (segments[k] != segments[q])
                    continue;
                line[k] = 0;
                positions[row]++;
            }
        }
    }

    private static Tensor Wide(ReadOnlySpan<int> values, int rows, Compute compute)
    {
        var wide = new long[values.Length];
        for (var k = 0; k < wide.Length; k++)
            wide[k] = values[k];
        return Tensor.From(wide, rows, wide.Length / rows).To(compute.Device);
    }
}
