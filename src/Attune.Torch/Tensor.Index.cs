namespace Attune.Torch;

/// <content>Indexing, gathering and ordering. Indices are int64.</content>
public sealed partial class Tensor
{
    private static class IndexOps
    {
        internal static readonly Operator Gather = Operator.Find("aten::gather"), IndexSelect = Operator.Find("aten::index_select"), Embedding = Operator.Find("aten::embedding");
        internal static readonly Operator MaskedFill = Operator.Find("aten::masked_fill", "Scalar"), Index = Operator.Find("aten::index", "Tensor"), IndexPut = Operator.Find("aten::index_put_");
        internal static readonly Operator TopK = Operator.Find("aten::topk"), Sort = Operator.Find("aten::sort"), NonZero = Operator.Find("aten::nonzero");
    }

    /// <summary>result[i][j] = this[i][index[i][j]] for axis 1, and so on.</summary>
    public Tensor Gather(int axis, Tensor index) => IndexOps.Gather.Call(this, axis, index);

    /// <summary>The slices with the given numbers along an axis; index <c>[n]</c>.</summary>
    public Tensor IndexSelect(int axis, Tensor index) => IndexOps.IndexSelect.Call(this, axis, index);

    /// <summary>Rows of a table <c>[V, D]</c> by index <c>[…]</c>: <c>[…, D]</c>.</summary>
    public static Tensor Embedding(Tensor table, Tensor index) => IndexOps.Embedding.Call(table, index);

    /// <summary>The value wherever the mask is true.</summary>
    public Tensor MaskedFill(Tensor mask, double value) => IndexOps.MaskedFill.Call(this, mask, value);

    /// <summary>Indexing by tensors, one an axis; null takes the whole axis.</summary>
    public Tensor Index(params Tensor?[] indices) => IndexOps.Index.Call(this, indices);

    /// <summary>Overwrites (or adds to) the indexed elements.</summary>
    public Tensor IndexPutInPlace(Tensor?[] indices, Tensor values, bool accumulate = false)
    {
        IndexOps.IndexPut.Run(this, indices, values, accumulate);
        return this;
    }

    /// <summary>The k largest along the last axis, in descending order, and where they are.</summary>
    public (Tensor Values, Tensor Indices) TopK(int k)
    {
        var results = IndexOps.TopK.CallMany(2, this, k, -1);
        return (results[0], results[1]);
    }

    /// <summary>Sorted along an axis, and where each element was.</summary>
    public (Tensor Values, Tensor Indices) Sort(int axis, bool descending)
    {
        var results = IndexOps.Sort.CallMany(2, this, axis, descending);
        return (results[0], results[1]);
    }

    /// <summary>Coordinates of the elements that are not zero: <c>[n, rank]</c>.</summary>
    public Tensor NonZero() => IndexOps.NonZero.Call(this);
}
