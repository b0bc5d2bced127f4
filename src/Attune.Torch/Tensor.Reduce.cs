namespace Attune.Torch;

/// <content>Reductions. Without an axis they go over all elements and give shape <c>[]</c>.</content>
public sealed partial class Tensor
{
    private static class ReduceOps
    {
        internal static readonly Operator Sum = Operator.Find("aten::sum"), SumAxes = Operator.Find("aten::sum", "dim_IntList"), Mean = Operator.Find("aten::mean"), MeanAxes = Operator.Find("aten::mean", "dim");
        internal static readonly Operator Var = Operator.Find("aten::var", "correction"), Max = Operator.Find("aten::max"), Min = Operator.Find("aten::min");
        internal static readonly Operator AMax = Operator.Find("aten::amax"), AMin = Operator.Find("aten::amin"), ArgMax = Operator.Find("aten::argmax"), All = Operator.Find("aten::all");
        internal static readonly Operator CumSum = Operator.Find("aten::cumsum"), LogSumExp = Operator.Find("aten::logsumexp"), Softmax = Operator.Find("aten::softmax", "int"), LogSoftmax = Operator.Find("aten::log_softmax", "int");
        internal static readonly Operator Norm = Operator.Find("aten::linalg_vector_norm");
    }

    /// <summary>Sum of all elements.</summary>
    public Tensor Sum() => ReduceOps.Sum.Call(this);

    /// <summary>Sum along an axis.</summary>
    public Tensor Sum(int axis, bool keepDim = false) => ReduceOps.SumAxes.Call(this, new long[] { axis }, keepDim);

    /// <summary>Sum of the elements where the mask is true (or of mask·element for a mask of numbers).</summary>
    public Tensor SumWhere(Tensor mask) => mask.DType == DType.Bool ? Where(mask, this, Zero(this)).Sum() : (this * mask).Sum();

    /// <summary>Mean of all elements.</summary>
    public Tensor Mean() => ReduceOps.Mean.Call(this);

    /// <summary>Mean along an axis.</summary>
    public Tensor Mean(int axis, bool keepDim = false) => ReduceOps.MeanAxes.Call(this, new long[] { axis }, keepDim);

    /// <summary>Variance along an axis, two-pass; unbiased divides by n − 1.</summary>
    public Tensor Var(int axis, bool unbiased, bool keepDim = false) => ReduceOps.Var.Call(this, new long[] { axis }, unbiased ? 1 : 0, keepDim);

    /// <summary>Standard deviation along an axis.</summary>
    public Tensor Std(int axis, bool unbiased, bool keepDim = false) => Var(axis, unbiased, keepDim).Sqrt();

    /// <summary>Largest element.</summary>
    public Tensor Max() => ReduceOps.Max.Call(this);

    /// <summary>Largest element along an axis.</summary>
    public Tensor Max(int axis, bool keepDim = false) => ReduceOps.AMax.Call(this, new long[] { axis }, keepDim);

    /// <summary>Smallest element.</summary>
    public Tensor Min() => ReduceOps.Min.Call(this);

    /// <summary>Smallest element along an axis.</summary>
    public Tensor Min(int axis, bool keepDim = false) => ReduceOps.AMin.Call(this, new long[] { axis }, keepDim);

    /// <summary>Index of the largest element along an axis; int64.</summary>
    public Tensor ArgMax(int axis, bool keepDim = false) => ReduceOps.ArgMax.Call(this, axis, keepDim);

    /// <summary>Whether all elements are true; bool.</summary>
    public Tensor All() => ReduceOps.All.Call(this);

    /// <summary>Running sum along an axis.</summary>
    public Tensor CumSum(int axis) => ReduceOps.CumSum.Call(this, axis);

    /// <summary>log Σ eˣ along an axis, stable.</summary>
    public Tensor LogSumExp(int axis, bool keepDim = false) => ReduceOps.LogSumExp.Call(this, new long[] { axis }, keepDim);

    /// <summary>Softmax along an axis.</summary>
    public Tensor Softmax(int axis) => ReduceOps.Softmax.Call(this, axis);

    /// <summary>Logarithm of the softmax along an axis, stable.</summary>
    public Tensor LogSoftmax(int axis) => ReduceOps.LogSoftmax.Call(this, axis);

    /// <summary>Euclidean length of all elements taken as one vector.</summary>
    public Tensor Norm() => ReduceOps.Norm.Call(this);

    private static Tensor Zero(Tensor like) => Zeros([], new Compute(like.Device, like.DType));
}
