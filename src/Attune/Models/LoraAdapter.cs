using Attune.Torch;
using Attune.Torch.Modules;

namespace Attune.Models;

/// <summary>The four matrices of a layer, as they lie in memory.</summary>
internal enum LayerMatrix
{
    /// <summary>Queries, keys and values.</summary>
    Qkv,

    /// <summary>Attention's output.</summary>
    AttentionOut,

    /// <summary>The position-wise network's input: up, or gate and up.</summary>
    Up,

    /// <summary>Its output.</summary>
    Down,
}

/// <summary>
/// Low-rank adaptation (Hu et al. 2021, arXiv:2106.09685): beside a frozen matrix W <c>[out,in]</c> stand A <c>[r,in]</c> and B <c>[out,r]</c>,
/// and the layer computes x·Wᵀ + s·(drop(x)·Aᵀ)·Bᵀ + b. A begins uniform within ±1/√in and B at zero, so that a fresh adapter changes nothing.
/// Parameters carry the names of the matrices on disk, so that a matrix that several share in memory has a part for each.
/// </summary>
/// <remarks>Not here: adapters of embeddings, of the output layer and of biases, DoRA, ranks that differ between matrices.</remarks>
public sealed class LoraAdapter : Module
{
    private readonly Dictionary<string, LoraPart[]> _byParameter = [];
    private readonly LoraPart[][] _byPlace;

    private LoraAdapter(TransformerConfig config, AdapterSettings settings, Compute compute, Func<KeyMapEntry, Tensor> first)
    {
        (Settings, Compute, StoredDType) = (settings, compute, compute.DType);
        _byPlace = new LoraPart[config.Layers * PlacesPerLayer][];
        Array.Fill(_byPlace, []);
        using var scope = TensorScope.Begin();
        foreach (var matrix in AdapterTargets.Chosen(config, settings.Targets).GroupBy(entry => entry.Name))
        {
            LoraPart[] parts = [.. matrix.OrderBy(entry => entry.FirstRow).Select(entry => new LoraPart(
                entry,
                Register(KeyOfA(entry), first(entry)),
                Register(KeyOfB(entry), Tensor.Zeros([entry.RowCount, settings.Rank], compute))))];
            _byParameter.Add(matrix.Key, parts);
            _byPlace[PlaceOf(matrix.Key)] = parts;
        }
    }

    /// <summary>Rank, scale, targets, dropout.</summary>
    public AdapterSettings Settings { get; }

    /// <summary>Device and dtype of the adapter's matrices.</summary>
    public Compute Compute { get; }

    /// <summary>Element type on disk.</summary>
    public DType StoredDType { get; init; }

    private static int PlacesPerLayer => Enum.GetValues<LayerMatrix>().Length;

    /// <summary>A fresh adapter, which changes nothing yet.</summary>
    /// <param name="config">The model that it is for.</param>
    /// <param name="settings">Rank, scale, targets, dropout.</param>
    /// <param name="seed">Each A is drawn from it by its own name.</param>
    /// <param name="compute">Where, and in which element type.</param>
    /// <exception cref="Runs.InputException">Settings that make no sense, alone or for this model.</exception>
    public static LoraAdapter Create(TransformerConfig config, AdapterSettings settings, Seed seed, Compute compute)
    {
        Runs.Problem[] problems = [.. settings.Check().Select(p => p with { Key = "adapter." + p.Key }), .. settings.CheckFor(config)];
        if (problems.Length > 0)
            throw new Runs.InputException("The adapter", problems);
        return new(config, settings, compute, entry => Initialise.Uniform([settings.Rank, InputOf(entry)], 1 / Math.Sqrt(InputOf(entry)), seed.For(KeyOfA(entry)), compute));
    }

    /// <summary>An adapter whose matrices A are still to be read or copied.</summary>
    internal static LoraAdapter Blank(TransformerConfig config, AdapterSettings settings, Compute compute, DType stored) =>
        new(config, settings, compute, entry => Tensor.Zeros([settings.Rank, InputOf(entry)], compute)) { StoredDType = stored };

    /// <summary>The name of a matrix's A, and of its B.</summary>
    internal static string KeyOfA(KeyMapEntry entry) => AdapterTargets.PathOf(entry) + ".lora_A.weight";

    /// <inheritdoc cref="KeyOfA"/>
    internal static string KeyOfB(KeyMapEntry entry) => AdapterTargets.PathOf(entry) + ".lora_B.weight";

    /// <summary>A copy with matrices of its own.</summary>
    /// <param name="config">The model that it is for.</param>
    internal LoraAdapter Copy(TransformerConfig config)
    {
        var copy = Blank(config, Settings, Compute, StoredDType);
        copy.CopyFrom(this);
        return copy;
    }

    /// <summary>Names of the model's parameters that the adapter changes.</summary>
    internal IReadOnlyCollection<string> Changed => _byParameter.Keys;

    /// <summary>Adds s·B·A to a parameter of the model, in the layout that it has in memory; nothing where it is no target.</summary>
    /// <param name="name">The parameter's name.</param>
    /// <param name="weight">Its values, changed in place.</param>
    internal void AddTo(string name, Tensor weight)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        foreach (var part in _byParameter.GetValueOrDefault(name, []))
            weight.Narrow(0, part.FirstRow, part.RowCount).AddInPlace(part.Change(Settings.Scale).To(new Compute(weight.Device, weight.DType)));
    }

    /// <summary>What a layer's matrix gives with the adapter.</summary>
    /// <param name="output">What it gives without <c>[…,out]</c>; changed in place, as nothing else reads it.</param>
    /// <param name="x">Its input <c>[…,in]</c>.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="matrix">Which of its matrices.</param>
    /// <param name="drop">What is dropped of x for a part of that name; null for nothing.</param>
    internal Tensor Adapt(Tensor output, Tensor x, int layer, LayerMatrix matrix, Func<string, Tensor, Tensor>? drop)
    {
        var parts = _byPlace[layer * PlacesPerLayer + (int)matrix];
        if (parts.Length == 0)
            return output;
        using var scope = TensorScope.Begin();
        // The parts in two products, not two each: the second reads a matrix with each part's B at its own rows and columns, and zeros elsewhere.
        var thin = drop is null ? Tensor.Linear(x, Joined(0, parts.Select(part => part.A))) : Joined(-1, parts.Select(part => Tensor.Linear(drop(part.Name, x), part.A)));
        return output.AddInPlace(Tensor.Linear(thin * Settings.Scale, Spread(parts, output.Size(-1))));
    }

    /// <summary>Each part's B at its rows and columns of a matrix <c>[out, parts·r]</c>.</summary>
    private Tensor Spread(LoraPart[] parts, long rows)
    {
        if (parts.Length == 1 && parts[0].RowCount == rows)
            return parts[0].B;
        Tensor Zeros(long height, long width) => Tensor.Zeros([height, width], Compute);
        var (pieces, done, rank) = (new List<Tensor>(), 0L, Settings.Rank);
        for (var k = 0; k < parts.Length; k++)
        {
            var part = parts[k];
            pieces.Add(Zeros(part.FirstRow - done, parts.Length * rank));
            pieces.Add(Tensor.Cat(-1, Zeros(part.RowCount, k * rank), part.B, Zeros(part.RowCount, (parts.Length - 1 - k) * rank)));
            done = part.FirstRow + part.RowCount;
        }

        pieces.Add(Zeros(rows - done, parts.Length * rank));
        return Tensor.Cat(0, [.. pieces]);
    }

    private static Tensor Joined(int axis, IEnumerable<Tensor> tensors)
    {
        Tensor[] all = [.. tensors];
        return all.Length == 1 ? all[0] : Tensor.Cat(axis, all);
    }

    private static long InputOf(KeyMapEntry entry) => entry.IsTransposed ? entry.Shape[0] : entry.Shape[1];

    /// <summary>Where a parameter named <c>blocks.LAYER.….weight</c> stands.</summary>
    private static int PlaceOf(string name)
    {
        var layer = int.Parse(name.Split('.')[1], System.Globalization.CultureInfo.InvariantCulture);
        var matrix = name.EndsWith(".qkv.weight", StringComparison.Ordinal) ? LayerMatrix.Qkv
            : name.EndsWith(".out.weight", StringComparison.Ordinal) ? LayerMatrix.AttentionOut
            : name.EndsWith(".down.weight", StringComparison.Ordinal) ? LayerMatrix.Down : LayerMatrix.Up;
        return layer * PlacesPerLayer + (int)matrix;
    }

    /// <summary>The two matrices beside one matrix on disk.</summary>
    private sealed class LoraPart(KeyMapEntry entry, Parameter a, Parameter b)
    {
        public string Name => entry.Key;

        public long FirstRow => entry.FirstRow;

        public long RowCount => entry.RowCount;

        /// <summary>A <c>[r,in]</c>.</summary>
        public Tensor A => a.Value;

        /// <summary>B <c>[out,r]</c>, its rows in the order that they have in memory.</summary>
        public Tensor B => entry.RowsFromDisk(b.Value);

        /// <summary>s·B·A <c>[out,in]</c>, in the order that the rows have in memory.</summary>
        public Tensor Change(double scale) => B.MatMul(A) * scale;
    }
}
