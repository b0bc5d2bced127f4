namespace Attune.Torch;

public sealed partial class Tensor
{
    private static class CompareOps
    {
        internal static readonly Operator EqualTensor = Operator.Find("aten::eq", "Tensor"), EqualScalar = Operator.Find("aten::eq", "Scalar"), NotEqualScalar = Operator.Find("aten::ne", "Scalar");
        internal static readonly Operator LessTensor = Operator.Find("aten::lt", "Tensor"), LessScalar = Operator.Find("aten::lt", "Scalar");
        internal static readonly Operator GreaterTensor = Operator.Find("aten::gt", "Tensor"), GreaterScalar = Operator.Find("aten::gt", "Scalar");
        internal static readonly Operator GreaterEqualScalar = Operator.Find("aten::ge", "Scalar");
        internal static readonly Operator And = Operator.Find("aten::logical_and"), Or = Operator.Find("aten::logical_or"), Not = Operator.Find("aten::logical_not");
        internal static readonly Operator IsFinite = Operator.Find("aten::isfinite"), IsNaN = Operator.Find("aten::isnan");
    }

    /// <summary>Element-wise equality, broadcast; bool.</summary>
    public Tensor Equal(Tensor other) => CompareOps.EqualTensor.Call(this, other);

    /// <summary>Element-wise equality with a number; bool.</summary>
    public Tensor Equal(double value) => CompareOps.EqualScalar.Call(this, value);

    /// <summary>Element-wise inequality with a number; bool.</summary>
    public Tensor NotEqual(double value) => CompareOps.NotEqualScalar.Call(this, value);

    /// <summary>this &lt; other, broadcast; bool.</summary>
    public Tensor Less(Tensor other) => CompareOps.LessTensor.Call(this, other);

    /// <summary>this &lt; value; bool.</summary>
    public Tensor Less(double value) => CompareOps.LessScalar.Call(this, value);

    /// <summary>this &gt; other, broadcast; bool.</summary>
    public Tensor Greater(Tensor other) => CompareOps.GreaterTensor.Call(this, other);

    /// <summary>this &gt; value; bool.</summary>
    public Tensor Greater(double value) => CompareOps.GreaterScalar.Call(this, value);

    /// <summary>this ≥ value; bool.</summary>
    public Tensor GreaterEqual(double value) => CompareOps.GreaterEqualScalar.Call(this, value);

    /// <summary>Logical and, broadcast; bool.</summary>
    public Tensor And(Tensor other) => CompareOps.And.Call(this, other);

    /// <summary>Logical or, broadcast; bool.</summary>
    public Tensor Or(Tensor other) => CompareOps.Or.Call(this, other);

    /// <summary>Logical not; bool.</summary>
    public Tensor Not() => CompareOps.Not.Call(this);

    /// <summary>Neither infinite nor NaN; bool.</summary>
    public Tensor IsFinite() => CompareOps.IsFinite.Call(this);

    /// <summary>Not a number; bool.</summary>
    public Tensor IsNaN() => CompareOps.IsNaN.Call(this);
}
