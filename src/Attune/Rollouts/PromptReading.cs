using Attune.Models;
using Attune.Torch;

namespace Attune.Rollouts;

/// <summary>
/// Prompts on their way into the keys and values of models, a piece of their columns at a time, so that a long one need not hold up what is decoded meanwhile
/// (Agrawal et al. 2023, arXiv:2308.16369). Each distinct prompt is read once; all end at the last column, and shorter ones have padding before them.
/// </summary>
internal sealed class PromptReading : IDisposable
{
    private readonly List<int[]> _distinct = [];
    private readonly CausalLm[] _models;
    private readonly KvCache[] _caches;
    private readonly bool _ownsCaches;
    private int _done;

    /// <summary>Prepares to read into keys and values of its own; nothing is read yet.</summary>
    /// <param name="models">What reads.</param>
    /// <param name="prompts">Token ids, at least one prompt.</param>
    /// <param name="into">Keys and values without rows to read into, each prompt a row, where all prompts are distinct; null for some of its own.</param>
    public PromptReading(CausalLm[] models, IReadOnlyList<int[]> prompts, KvCache[]? into = null)
    {
        (_models, Sources) = (models, new int[prompts.Count]);
        var places = new Dictionary<string, int>();
        for (var k = 0; k < Sources.Length; k++)
        {
            var key = string.Join(' ', prompts[k]);
            if (!places.TryGetValue(key, out Sources[k]))
            {
                places[key] = Sources[k] = _distinct.Count;
                _distinct.Add(prompts[k]);
            }
        }

        Width = _distinct.Max(prompt => prompt.Length);
        _ownsCaches = into is null || _distinct.Count < prompts.Count;
        _caches = _ownsCaches ? Array.ConvertAll(models, model => new KvCache(model.Config, _distinct.Count, Width, model.Compute)) : into!;
        foreach (var cache in _ownsCaches ? [] : _caches)
            cache.Restart(_distinct.Count);
    }

    /// <summary>Which distinct prompt each row has.</summary>
    public int[] Sources { get; }

    /// <summary>Columns of the longest prompt.</summary>
    public int Width { get; }

    /// <summary>Distinct prompts.</summary>
    public int Rows => _distinct.Count;

    /// <summary>Columns that are still to be read.</summary>
    public int Left => Width - _done;

    /// <summary>What was read, of each model; null where it stands where it is wanted already.</summary>
    public IReadOnlyList<KvCache>? Caches => _ownsCaches ? _caches : null;

    /// <summary>Reads the next columns.</summary>
    /// <returns>Of each model the state at the last of them, for each row of <see cref="Sources"/> <c>[n,D]</c>.</returns>
    public Tensor[] Read(int columns)
    {
        using var scope = TensorScope.Begin();
        var input = Input(columns);
        var last = Tensor.Arange(columns - 1, Rows * columns, columns, _models[0].Compute.Device);
        var rows = Tensor.From(Array.ConvertAll(Sources, s => (long)s), Sources.Length).To(_models[0].Compute.Device);
        var hidden = new Tensor[_models.Length];
        for (var k = 0; k < hidden.Length; k++)
        {
            var ofDistinct = _models[k].HiddenAt(input, last, _caches[k]);
            hidden[k] = scope.Keep(Rows == Sources.Length ? ofDistinct : ofDistinct.IndexSelect(0, rows));
        }

        _done += columns;
        return hidden;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var cache in Caches ?? [])
            cache.Dispose();
    }

    private ModelInput Input(int columns)
    {
        var end = _done + columns;
        var ids = new int[Rows * columns];
        var segments = new int[Rows * end];
        for (var row = 0; row < Rows; row++)
        {
            var padding = Width - _distinct[row].Length;
            for (var column = padding; column < end; column++)
            {
                segments[(row * end) + column] = 1;
                if (column >= _done)
                    ids[(row * columns) + column - _done] = _distinct[row][column - padding];
            }
        }

        return ModelInput.Of(ids, segments, Rows, _models[0].Compute);
    }
}
