namespace Attune.Torch.Modules;

/// <summary>x·Wᵀ + b.</summary>
public sealed class Linear : Module
{
    private IPackedMatrix? _packed;

    /// <summary>Creates the layer with the given first weights <c>[output, input]</c>, which it takes over.</summary>
    /// <param name="weight">Checkpoint key <c>weight</c>.</param>
    /// <param name="bias">Checkpoint key <c>bias</c>, shape <c>[output]</c>; null for none.</param>
    public Linear(Tensor weight, Tensor? bias)
    {
        Weight = Register("weight", weight);
        Bias = bias is null ? null : Register("bias", bias);
    }

    /// <summary>The weights <c>[output, input]</c>, until they are packed.</summary>
    public Parameter Weight { get; }

    /// <summary>The weights rounded; null while they are as they were.</summary>
    public IPackedMatrix? Packed => _packed;

    /// <summary>The bias <c>[output]</c>, if there is one.</summary>
    public Parameter? Bias { get; }

    /// <summary>
    /// Rounds the weights and forgets them as they were: they learn no more, and are no parameter any longer. Where gradients are recorded they are
    /// unpacked for each product, in backward again, and never kept; elsewhere they are not unpacked at all.
    /// </summary>
    /// <param name="form">To what.</param>
    public void Pack(PackedForm form)
    {
        if (_packed is not null)
            return;
        _packed = form.Pack(Weight.Value);
        Remove(Weight);
    }

    /// <param name="x">Activations <c>[…, input]</c>.</param>
    /// <returns><c>[…, output]</c>.</returns>
    public Tensor Forward(Tensor x)
    {
        if (_packed is not { } packed)
            return Tensor.Linear(x, Weight.Value, Bias?.Value);
        if (!Autograd.IsEnabled)
            return packed.Linear(x, Bias?.Value);
        using var scope = TensorScope.Begin();
        return scope.Keep(Autograd.WithGradient(input => Tensor.Linear(input, packed.Unpack(), Bias?.Value), gradient => gradient.MatMul(packed.Unpack()), x));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _packed?.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>A learned vector for each id.</summary>
public sealed class Embedding : Module
{
    private Int8Matrix? _packed;

    /// <summary>Creates the table with the given first values <c>[count, width]</c>, which it takes over.</summary>
    public Embedding(Tensor weight) => Weight = Register("weight", weight);

    /// <summary>The table <c>[count, width]</c>, until it is packed.</summary>
    public Parameter Weight { get; }

    /// <summary>The table in 8-bit integers; null while it is as it was.</summary>
    public Int8Matrix? Packed => _packed;

    /// <summary>Rounds the table to 8-bit integers, as <see cref="Linear.Pack"/> does.</summary>
    public void Pack()
    {
        if (_packed is not null)
            return;
        _packed = new(Weight.Value);
        Remove(Weight);
    }

    /// <param name="ids">Integers <c>[…]</c> below the table's length.</param>
    /// <returns><c>[…, width]</c>.</returns>
    public Tensor Forward(Tensor ids) => _packed is null ? Tensor.Embedding(Weight.Value, ids) : _packed.Rows(ids);

    /// <summary>How near the vectors are to each of the table: logits where the output layer is the same matrix.</summary>
    /// <param name="x">Activations <c>[…, width]</c>.</param>
    /// <returns>x·tableᵀ <c>[…, count]</c>.</returns>
    public Tensor Products(Tensor x)
    {
        if (_packed is not { } packed)
            return Tensor.Linear(x, Weight.Value);
        if (!Autograd.IsEnabled)
            return packed.Linear(x, bias: null);
        using var scope = TensorScope.Begin();
        return scope.Keep(Autograd.WithGradient(input => Tensor.Linear(input, packed.Unpack()), gradient => gradient.MatMul(packed.Unpack()), x));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _packed?.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>Normalises the last axis to mean 0 and variance 1, then scales and shifts (Ba et al. 2016, arXiv:1607.06450).</summary>
public sealed class LayerNorm : Module
{
    private static readonly Operator Op = Operator.Find("aten::layer_norm");
    private readonly double _epsilon;
    private readonly Parameter _weight;
    private readonly Parameter _bias;

    /// <summary>Creates the layer with gain 1 and shift 0.</summary>
    /// <param name="width">Size of the last axis.</param>
    /// <param name="epsilon">Added to the variance, inside the root.</param>
    /// <param name="compute">Device and element type.</param>
    public LayerNorm(int width, double epsilon, Compute compute)
    {
        _epsilon = epsilon;
        _weight = Register("weight", Tensor.Ones([width], compute));
        _bias = Register("bias", Tensor.Zeros([width], compute));
    }

    /// <param name="x">Activations <c>[…, width]</c>; the result has the same shape and dtype.</param>
    public Tensor Forward(Tensor x) => Op.Call(x, _weight.Value.Shape, _weight.Value, _bias.Value, _epsilon);
}

/// <summary>Scales the last axis to unit root-mean-square, then by a learned gain (Zhang &amp; Sennrich 2019, arXiv:1910.07467).</summary>
public sealed class RmsNorm : Module
{
    private readonly double _epsilon;
    private readonly bool _gainFromOne;
    private readonly Parameter _weight;

    /// <summary>Creates the layer; it scales by 1 at first.</summary>
    /// <param name="width">Size of the last axis.</param>
    /// <param name="epsilon">Added to the mean square, inside the root.</param>
    /// <param name="compute">Device and element type.</param>
    /// <param name="gainFromOne">Whether it multiplies by 1 + weight, in float32 at least (Gemma Team 2024, arXiv:2403.08295), instead of by the weight.</param>
    public RmsNorm(int width, double epsilon, Compute compute, bool gainFromOne = false)
    {
        _epsilon = epsilon;
        _gainFromOne = gainFromOne;
        _weight = Register("weight", gainFromOne ? Tensor.Zeros([width], compute) : Tensor.Ones([width], compute));
    }

    /// <param name="x">Activations <c>[…, width]</c>; the result has the same shape and dtype.</param>
    public Tensor Forward(Tensor x)
    {
        using var scope = TensorScope.Begin();
        var wide = x.DType is DType.Float16 or DType.BFloat16 ? x.To(DType.Float32) : x; // squares overflow in half precision
        var meanSquare = wide.Square().Mean(-1, keepDim: true);
        var unit = wide * (meanSquare + _epsilon).Rsqrt();
        return scope.Keep(_gainFromOne ? (unit * (_weight.Value.To(wide.DType) + 1)).To(x.DType) : unit.To(x.DType) * _weight.Value);
    }
}

/// <summary>
/// Sets each element to 0 with probability p and scales the rest by 1/(1 − p) (Srivastava et al. 2014). Which ones is a pure function of
/// the seed, the row's number in the whole batch and the element's place in the row: recomputation and resumed runs drop the same, and
/// neither micro-batches nor padding on the right change what is dropped.
/// </summary>
public static class Dropout
{
    /// <param name="x">Activations <c>[B,…]</c>, one row of the batch along the first axis.</param>
    /// <param name="probability">Share to drop, 0 ≤ p &lt; 1; at 0 the result is x itself.</param>
    /// <param name="seed">A seed of this layer and step.</param>
    /// <param name="firstRow">The number of x's first row in the step's whole batch: 0, or where this micro-batch begins.</param>
    public static Tensor Apply(Tensor x, double probability, Seed seed, long firstRow) => Apply(x, probability, draws =>
    {
        var rows = x.Rank == 0 ? 1 : x.Size(0);
        for (var row = 0; row < rows; row++)
            seed.Uniforms(draws.AsSpan(row * (draws.Length / rows), draws.Length / rows), firstRow + row);
    });

    /// <summary>
    /// The same where places of several rows stand one after the other, all of them or some: what is dropped of a place depends on the place and
    /// its row's number, not on which others are there.
    /// </summary>
    /// <param name="x">Activations <c>[…,D]</c>, one vector a place.</param>
    /// <param name="probability">Share to drop, 0 ≤ p &lt; 1; at 0 the result is x itself.</param>
    /// <param name="seed">A seed of this layer and step.</param>
    /// <param name="places">For each vector, in order, the number of its row in the step's whole batch and its place in the row.</param>
    public static Tensor Apply(Tensor x, double probability, Seed seed, IReadOnlyList<(long Row, long Place)> places) => Apply(x, probability, draws =>
    {
        var width = x.Size(-1);
        if (places.Count * (long)width != draws.Length)
            throw new ArgumentException($"there are {places.Count} places for {x.Describe()}, expected one a vector", nameof(places));
        var (row, ofRow) = (0L, seed.For(0));
        for (var k = 0; k < places.Count; k++)
        {
            if (places[k].Row != row)
                (row, ofRow) = (places[k].Row, seed.For(places[k].Row));
            ofRow.Uniforms(draws.AsSpan(k * width, width), places[k].Place);
        }
    });

    private static Tensor Apply(Tensor x, double probability, Action<float[]> draw)
    {
        if (probability is < 0 or >= 1)
            throw new ArgumentOutOfRangeException(nameof(probability), probability, "expected at least 0 and below 1");
        if (probability == 0)
            return x;
        using var scope = TensorScope.Begin();
        var draws = new float[x.Count];
        draw(draws);
        var scale = (float)(1 / (1 - probability));
        for (var k = 0; k < draws.Length; k++)
            draws[k] = draws[k] < probability ? 0 : scale;
        return scope.Keep(x * Tensor.From(draws, x.Shape).To(x.Device).To(x.DType));
    }
}
