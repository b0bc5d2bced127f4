using Attune.Models;
using Attune.Torch;

namespace Attune.Rollouts;

/// <summary>What a forward pass tells of some rows.</summary>
/// <param name="Logits">Of the next token <c>[n,V]</c>, float32 on the processor; the contrast's sum where there is one.</param>
/// <param name="Hidden">The model's state that they come from <c>[n,D]</c>.</param>
internal readonly record struct NextToken(Tensor Logits, Tensor Hidden);

/// <summary>
/// A model, and those it is contrasted with, each with keys and values of the same rows in the same columns. Not here: what the rows are
/// (<see cref="DecodingEngine"/>, <see cref="BeamSearch"/>).
/// </summary>
internal sealed class DecodedRows : IDisposable
{
    private readonly Contrast? _contrast;
    private readonly CausalLm[] _models;
    private KvCache[] _caches = [];

    public DecodedRows(CausalLm model, Contrast? contrast)
    {
        contrast?.CheckFor(model);
        _contrast = contrast;
        _models = [model, .. contrast?.Models ?? []];
    }

    /// <summary>Most tokens a row may have: of the model that reads the fewest.</summary>
    public int MaximumPositions => _models.Min(model => model.Config.MaximumPositions);

    /// <summary>Rows in use.</summary>
    public int Rows { get; private set; }

    /// <summary>The column at which all rows end.</summary>
    public int Length => _caches[0].Length;

    /// <summary>Columns there is room for.</summary>
    public int Capacity => _caches[0].Capacity;

    /// <summary>Makes room; what is there stays.</summary>
    /// <param name="rows">Most rows.</param>
    /// <param name="capacity">Most columns.</param>
    /// <param name="mostRows">Rows that will never be more: growth takes twice what there was, up to them.</param>
    public void Reserve(int rows, int capacity, int mostRows)
    {
        if (_caches.Length == 0)
        {
            using var scope = TensorScope.Begin();
            _caches = Array.ConvertAll(_models, model => new KvCache(model.Config, rows, capacity, model.Compute));
        }

        var room = _caches[0].MaximumRows;
        foreach (var cache in _caches)
            cache.Reserve(rows <= room ? room : Math.Max(rows, Math.Min(2 * room, mostRows)), capacity);
    }

    /// <summary>Reads prompts, each distinct one once, and adds a row for each behind those in use. There has to be room.</summary>
    /// <param name="prompts">Token ids, at least one prompt; none longer than the columns in use where rows are.</param>
    public NextToken Join(IReadOnlyList<int[]> prompts)
    {
        using var reading = new PromptReading(_models, prompts, into: Rows == 0 ? _caches : null);
        return Join(reading);
    }

    /// <summary>Begins to read prompts in pieces; the rows are not touched until they join.</summary>
    public PromptReading Begin(IReadOnlyList<int[]> prompts) => new(_models, prompts);

    /// <summary>Reads what is left of some prompts and adds a row for each behind those in use. There has to be room.</summary>
    /// <param name="reading">The prompts; none longer than the columns in use where rows are.</param>
    public NextToken Join(PromptReading reading)
    {
        using var scope = TensorScope.Begin();
        var hidden = reading.Read(reading.Left);
        for (var k = 0; reading.Caches is { } read && k < _caches.Length; k++)
        {
            if (Rows == 0)
                _caches[k].Restart(0);
            _caches[k].Join(read[k], reading.Sources);
        }

        Rows += reading.Sources.Length;
        return Keep(scope, hidden);
    }

    /// <summary>Goes on with one token a row.</summary>
    public NextToken Step(ModelInput input)
    {
        using var scope = TensorScope.Begin();
        var hidden = new Tensor[_models.Length];
        for (var k = 0; k < hidden.Length; k++)
            hidden[k] = _models[k].Hidden(input, _caches[k]).Select(1, 0);
        return Keep(scope, hidden);
    }

    /// <inheritdoc cref="KvCache.MoveRow"/>
    public void MoveRow(int from, int to)
    {
        foreach (var cache in _caches)
            cache.MoveRow(from, to);
    }

    /// <inheritdoc cref="KvCache.KeepRows"/>
    public void KeepRows(int rows)
    {
        Rows = rows;
        foreach (var cache in _caches.Where(cache => rows > 0 && rows < cache.Rows))
            cache.KeepRows(rows);
    }

    /// <inheritdoc cref="KvCache.Select"/>
    public void Select(int[] rows)
    {
        if (rows.Length != Rows || rows.Where((source, row) => source != row).Any())
        {
            foreach (var cache in _caches)
                cache.Select(rows);
        }

        Rows = rows.Length;
    }

    /// <inheritdoc cref="KvCache.Shift"/>
    public void Shift(int columns)
    {
        foreach (var cache in _caches)
            cache.Shift(columns);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var cache in _caches)
            cache.Dispose();
    }

    private NextToken Keep(TensorScope scope, Tensor[] hidden)
    {
        var logits = new Tensor[hidden.Length];
        for (var k = 0; k < logits.Length; k++)
            logits[k] = _models[k].Logits(hidden[k]).To(DType.Float32);
        return new(scope.Keep((_contrast?.Of(logits) ?? logits[0]).To(Device.Cpu)), scope.Keep(hidden[0]));
    }
}
