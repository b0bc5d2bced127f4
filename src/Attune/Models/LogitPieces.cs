using Attune.Torch;

namespace Attune.Models;

/// <summary>
/// Work on the logits of many places, a piece of them at a time: what a vocabulary of 50,000 makes of 1,000 places would be the largest tensor of a
/// training step. Where there is more than one piece, backward computes each piece's logits again instead of keeping them.
/// </summary>
internal static class LogitPieces
{
    private const long MostValues = 1 << 24; // 64 MiB of float32

    /// <summary>Places whose logits stand in memory at once, where nobody says otherwise.</summary>
    /// <param name="vocabulary">V.</param>
    public static int RowsFor(int vocabulary) => (int)Math.Max(1, MostValues / vocabulary);

    /// <summary>What a function of the places gives, computed a piece at a time.</summary>
    /// <param name="hidden"><c>[N,D]</c>.</param>
    /// <param name="tokens"><c>[N]</c>; has to be there in backward, as has all that the function reads.</param>
    /// <param name="rows">Places a piece, at least 1; the result depends on it by rounding alone.</param>
    /// <param name="work">From the hidden states and tokens of a piece to vectors, one number a place or one a piece.</param>
    /// <returns>The pieces' vectors behind each other.</returns>
    public static Tensor[] Of(Tensor hidden, Tensor tokens, int rows, Func<Tensor, Tensor, Tensor[]> work)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        using var scope = TensorScope.Begin();
        var count = hidden.Size(0);
        if (count <= rows)
            return Array.ConvertAll(work(hidden, tokens), scope.Keep);
        var pieces = new List<Tensor>();
        for (var start = 0; start < count; start += rows)
        {
            using var inner = TensorScope.Begin();
            var (from, length) = (start, Math.Min(rows, count - start));
            pieces.Add(inner.Keep(Autograd.Checkpoint(h => Tensor.Stack(0, work(h, tokens.Narrow(0, from, length))), hidden.Narrow(0, from, length))));
        }

        var all = Tensor.Cat(-1, [.. pieces]); // [vectors, N]
        return [.. Enumerable.Range(0, all.Size(0)).Select(k => scope.Keep(all.Select(0, k)))];
    }
}
