using Attune.Torch;

namespace Attune.Models;

/// <summary>
/// Keys and values of the tokens that a batch has seen, one buffer a layer. Every row ends at the same column, and shorter ones have padding
/// before their first token. Rows join and leave, and rows of one prompt share its prefill.
/// </summary>
public sealed class KvCache : IDisposable
{
    private readonly TransformerConfig _config;
    private readonly Compute _compute;
    private Tensor[] _keys; // [B,G,capacity,W]
    private Tensor[] _values;
    private Tensor[] _openKeys = []; // of the rows in use: as they are written, and with rows and heads as one axis, as they are read
    private Tensor[] _openValues = [];
    private Tensor[] _readKeys = [];
    private Tensor[] _readValues = [];

    /// <summary>Makes room for a batch.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="rows">B, the most rows it will hold.</param>
    /// <param name="capacity">Most tokens a row, prompt and padding included.</param>
    /// <param name="compute">Where the model is.</param>
    public KvCache(TransformerConfig config, int rows, int capacity, Compute compute)
    {
        (_config, _compute) = (config, compute);
        (_keys, _values) = (Buffers(rows, capacity), Buffers(rows, capacity));
        (Capacity, MaximumRows) = (capacity, rows);
        KeepRows(rows);
    }

    /// <summary>Most rows there is room for.</summary>
    public int MaximumRows { get; private set; }

    /// <summary>Rows in use.</summary>
    public int Rows { get; private set; }

    /// <summary>Most tokens a row.</summary>
    public int Capacity { get; private set; }

    /// <summary>Tokens that every row holds so far, padding included.</summary>
    public int Length { get; private set; }

    /// <summary>Writes the new keys and values <c>[B,G,T,W]</c> behind the old and returns all <c>[B·G,Length+T,W]</c>.</summary>
    internal (Tensor Keys, Tensor Values) Append(int layer, Tensor keys, Tensor values)
    {
        var count = keys.Size(2);
        _openKeys[layer].Narrow(2, Length, count).CopyFrom(keys);
        _openValues[layer].Narrow(2, Length, count).CopyFrom(values);
        return (_readKeys[layer].Narrow(1, 0, Length + count), _readValues[layer].Narrow(1, 0, Length + count));
    }

    /// <summary>Counts the tokens of a finished forward pass.</summary>
    internal void Advance(int tokens) => Length += tokens;

    /// <summary>Makes room for more rows or more tokens; what is there stays.</summary>
    public void Reserve(int rows, int capacity)
    {
        if (rows <= MaximumRows && capacity <= Capacity)
            return;
        using var scope = TensorScope.Begin();
        (MaximumRows, Capacity) = (Math.Max(rows, MaximumRows), Math.Max(capacity, Capacity));
        var (keys, values) = (_keys, _values);
        (_keys, _values) = (Buffers(MaximumRows, Capacity), Buffers(MaximumRows, Capacity));
        foreach (var (old, now) in keys.Zip(_keys).Concat(values.Zip(_values)))
        {
            Used(now).CopyFrom(Used(old));
            old.Dispose();
        }

        KeepRows(Rows);
    }

    /// <summary>Forgets all tokens, to be filled with <paramref name="rows"/> others.</summary>
    public void Restart(int rows)
    {
        Length = 0;
        KeepRows(rows);
    }

    /// <summary>Moves all rows by so many columns: to the right to make room for longer ones, to the left where all begin with padding.</summary>
    public void Shift(int columns)
    {
        using var scope = TensorScope.Begin();
        var kept = columns > 0 ? Length : Length + columns;
        foreach (var buffer in _keys.Concat(_values))
        {
            var rows = buffer.Narrow(0, 0, Rows);
            using var moved = rows.Narrow(2, Math.Max(0, -columns), kept).Clone(); // both ends lie in one buffer
            rows.Narrow(2, Math.Max(0, columns), kept).CopyFrom(moved);
        }

        Length += columns;
    }

    /// <summary>Adds rows behind those in use; row k becomes a copy of <c>source[rows[k]]</c>, ending where all end.</summary>
    public void Join(KvCache source, int[] rows)
    {
        using var scope = TensorScope.Begin();
        if (Rows == 0)
            Length = source.Length;
        var first = Rows;
        KeepRows(first + rows.Length);
        var index = Index(rows, _compute.Device);
        foreach (var (from, to) in source._openKeys.Zip(_openKeys).Concat(source._openValues.Zip(_openValues)))
        {
            var joined = to.Narrow(0, first, rows.Length);
            joined.Narrow(2, 0, Length - source.Length).ZeroInPlace(); // what an earlier row left there is masked, but no mask hides a NaN
            joined.Narrow(2, Length - source.Length, source.Length).CopyFrom(from.Narrow(2, 0, source.Length).IndexSelect(0, index));
        }
    }

    /// <summary>Replaces all rows: row k becomes what row <c>rows[k]</c> was.</summary>
    public void Select(int[] rows)
    {
        using var scope = TensorScope.Begin();
        var index = Index(rows, _compute.Device);
        foreach (var buffer in _keys.Concat(_values))
        {
            using var chosen = Used(buffer).IndexSelect(0, index);
            buffer.Narrow(0, 0, rows.Length).Narrow(2, 0, Length).CopyFrom(chosen);
        }

        if (rows.Length != Rows)
            KeepRows(rows.Length);
    }

    /// <summary>Keeps the first rows only, after <see cref="MoveRow"/> brought the wanted ones there.</summary>
    public void KeepRows(int rows)
    {
        using var scope = TensorScope.Begin();
        Rows = rows;
        CloseViews();
        _openKeys = Array.ConvertAll(_keys, k => TensorScope.Detach(k.Narrow(0, 0, rows)));
        _openValues = Array.ConvertAll(_values, v => TensorScope.Detach(v.Narrow(0, 0, rows)));
        _readKeys = Array.ConvertAll(_openKeys, k => TensorScope.Detach(k.Flatten(0, 1)));
        _readValues = Array.ConvertAll(_openValues, v => TensorScope.Detach(v.Flatten(0, 1)));
    }

    /// <summary>Copies one row over another: the last row takes the place of one that finished.</summary>
    public void MoveRow(int from, int to)
    {
        using var scope = TensorScope.Begin();
        foreach (var buffer in _keys.Concat(_values))
            buffer.Narrow(0, to, 1).Narrow(2, 0, Length).CopyFrom(buffer.Narrow(0, from, 1).Narrow(2, 0, Length));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        CloseViews();
        foreach (var buffer in _keys.Concat(_values))
            buffer.Dispose();
    }

    private void CloseViews()
    {
        foreach (var view in _openKeys.Concat(_openValues).Concat(_readKeys).Concat(_readValues))
            view.Dispose();
    }

    private static Tensor Index(int[] rows, Device device) => Tensor.From(Array.ConvertAll(rows, r => (long)r), rows.Length).To(device);

    /// <summary>What a buffer holds: its rows in use, up to where they end.</summary>
    private Tensor Used(Tensor buffer) => buffer.Narrow(0, 0, Rows).Narrow(2, 0, Length);

    private Tensor[] Buffers(int rows, int capacity)
    {
        using var scope = TensorScope.Begin();
        var buffers = new Tensor[_config.Layers];
        for (var k = 0; k < buffers.Length; k++)
            buffers[k] = TensorScope.Detach(Tensor.Zeros([rows, _config.KeyValueHeads, capacity, _config.HeadWidth], _compute));
        return buffers;
    }
}
