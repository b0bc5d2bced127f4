using System.Numerics;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>
/// Rows of different lengths whose numbers lie flat, all of row 0, then of row 1 …: <c>[N]</c>. Formulas over time read some of the rows
/// padded <c>[R,T]</c>; forward passes read them one after the other.
/// </summary>
internal sealed class RaggedRows
{
    private readonly int[] _starts; // of each row in flat arrays, and their length at the end

    public RaggedRows(IReadOnlyList<int> lengths)
    {
        _starts = new int[lengths.Count + 1];
        for (var row = 0; row < lengths.Count; row++)
            _starts[row + 1] = _starts[row] + lengths[row];
    }

    /// <summary>N: numbers of all rows.</summary>
    public int Count => _starts[^1];

    /// <summary>Numbers of one row.</summary>
    public int LengthOf(int row) => _starts[row + 1] - _starts[row];

    /// <summary>Numbers of some rows.</summary>
    public int CountOf(IEnumerable<int> rows) => rows.Sum(LengthOf);

    /// <summary>Some rows as float64 <c>[R,T]</c> on the processor, 0 at padding.</summary>
    public Tensor Pad<T>(T[] flat, int[] rows, int width)
        where T : INumber<T>
    {
        var padded = new double[rows.Length * width];
        for (var k = 0; k < rows.Length; k++)
        {
            var row = flat.AsSpan(_starts[rows[k]], LengthOf(rows[k]));
            for (var t = 0; t < row.Length; t++)
                padded[k * width + t] = double.CreateChecked(row[t]);
        }

        return Tensor.From(padded, rows.Length, width);
    }

    /// <summary>True at numbers, false at padding <c>[R,T]</c>.</summary>
    public Tensor Mask(int[] rows, int width)
    {
        var mask = new bool[rows.Length * width];
        for (var k = 0; k < rows.Length; k++)
            mask.AsSpan(k * width, LengthOf(rows[k])).Fill(true);
        return Tensor.From(mask, rows.Length, width);
    }

    /// <summary>Puts padded rows <c>[R,T]</c> to their places in a flat array: the reverse of <see cref="Pad"/>.</summary>
    public void Unpad<T>(Tensor padded, int[] rows, T[] flat)
        where T : INumber<T>
    {
        var (all, width) = (padded.ToDoubles(), (int)padded.Size(1));
        for (var k = 0; k < rows.Length; k++)
        {
            var row = flat.AsSpan(_starts[rows[k]], LengthOf(rows[k]));
            for (var t = 0; t < row.Length; t++)
                row[t] = T.CreateChecked(all[k * width + t]);
        }
    }

    /// <summary>Numbers of some rows, one after the other <c>[n]</c>.</summary>
    public T[] Take<T>(T[] flat, int[] rows)
    {
        var taken = new T[CountOf(rows)];
        var next = 0;
        foreach (var row in rows)
        {
            flat.AsSpan(_starts[row], LengthOf(row)).CopyTo(taken.AsSpan(next));
            next += LengthOf(row);
        }

        return taken;
    }

    /// <summary>Puts numbers of some rows, one after the other, to their places in a flat array: the reverse of <see cref="Take"/>.</summary>
    public void Put(float[] flat, int[] rows, float[] numbers)
    {
        var next = 0;
        foreach (var row in rows)
        {
            numbers.AsSpan(next, LengthOf(row)).CopyTo(flat.AsSpan(_starts[row]));
            next += LengthOf(row);
        }
    }
}
