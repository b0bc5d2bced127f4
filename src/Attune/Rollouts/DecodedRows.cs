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

    private CausalLm Model => _models[0];

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
        using var scope = TensorScope.Begin();
        var (distinct, sources) = Distinct(prompts);
        var width = distinct.Max(prompt => prompt.Length);
        var input = Padded(distinct, width);
        var last = Tensor.Arange(width - 1, distinct.Count * width, width, Model.Compute.Device);
        var joinsNone = Rows == 0;
        var hidden = new Tensor[_models.Length];
        for (var k = 0; k < hidden.Length; k++)
        {
            if (joinsNone && distinct.Count == prompts.Count)
            {
                _caches[k].Restart(prompts.Count);
                hidden[k] = _models[k].HiddenAt(input, last, _caches[k]);
                continue;
            }

            using var read = new KvCache(_models[k].Config, distinct.Count, width, Model.Compute);
            var ofDistinct = _models[k].HiddenAt(input, last, read);
            if (joinsNone)
                _caches[k].Restart(0);
            _caches[k].Join(read, sources);
            hidden[k] = ofDistinct.IndexSelect(0, Tensor.From(Array.ConvertAll(sources, s => (long)s), sources.Length).To(Model.Compute.Device));
        }

        Rows += prompts.Count;
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

    private ModelInput Padded(List<int[]> prompts, int width)
    {
        var ids = new int[prompts.Count * width];
        var segments = new int[ids.Length];
        for (var k = 0; k < prompts.Count; k++)
        {
            var start = ((k + 1) * width) - prompts[k].Length;
            prompts[k].CopyTo(ids, start);
            segments.AsSpan(start, prompts[k].Length).Fill(1);
        }

        return ModelInput.Of(ids, segments, prompts.Count, Model.Compute);
    }

    /// <summary>The distinct prompts, and which of them each row has.</summary>
    private static (List<int[]> Prompts, int[] Sources) Distinct(IReadOnlyList<int[]> prompts)
    {
        var distinct = new List<int[]>();
        var places = new Dictionary<string, int>();
        var sources = new int[prompts.Count];
        for (var k = 0; k < sources.Length; k++)
        {
            var key = string.Join(' ', prompts[k]);
            if (!places.TryGetValue(key, out sources[k]))
            {
                places[key] = sources[k] = distinct.Count;
                distinct.Add(prompts[k]);
            }
        }

        return (distinct, sources);
    }
}
