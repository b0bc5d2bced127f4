using Attune.Torch;

namespace Attune.Models;

/// <summary>
/// Keys and values of the tokens that a batch has seen, one buffer a layer. Rows that finish leave it, and rows of one prompt share its prefill.
/// </summary>
public sealed class KvCache : IDisposable
{
    private readonly Tensor[] _keys; // [B,G,capacity,W]
    private readonly Tensor[] _values;
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
        long[] shape = [rows, config.KeyValueHeads, capacity, config.HeadWidth];
        _keys = Buffers(config.Layers, shape, compute);
        _values = Buffers(config.Layers, shape, compute);
        Capacity = capacity;
        KeepRows(rows);
    }

    /// <summary>Rows in use.</summary>
    public int Rows { get; private set; }

    /// <summary>Most tokens a row.</summary>
    public int Capacity { get; }

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

    /// <summary>Fills this empty cache from another's rows: row k becomes a copy of <c>source[rows[k]]</c>.</summary>
    public void CopyRows(KvCache source, int[] rows)
    {
        using var scope = TensorScope.Begin();
        var index = Tensor.From(Array.ConvertAll(rows, r => (long)r), rows.Length).To(_keys[0].Device);
        Length = source.Length;
        for (var layer = 0; layer < _keys.Length; layer++)
        {
            _openKeys[layer].Narrow(2, 0, Length).CopyFrom(source._openKeys[layer].Narrow(2, 0, Length).IndexSelect(0, index));
            _openValues[layer].Narrow(2, 0, Length).CopyFrom(source._openValues[layer].Narrow(2, 0, Length).IndexSelect(0, index));
        }
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

    private static Tensor[] Buffers(int layers, long[] shape, Compute compute)
    {
        var buffers = new Tensor[layers];
        for (var k = 0; k < layers; k++)
            buffers[k] = TensorScope.Detach(Tensor.Zeros(shape, compute));
        return buffers;
    }
}
