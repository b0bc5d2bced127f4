#pragma warning disable CS1591 // Element-wise functions are named as in mathematics and need no sentence each.
namespace Attune.Torch;

/// <content>Element-wise arithmetic and products. All broadcast as NumPy does and give a new tensor, unless the name ends in InPlace.</content>
public sealed partial class Tensor
{
    private static class MathOps
    {
        internal static readonly Operator Add = Operator.Find("aten::add", "Tensor"), AddScalar = Operator.Find("aten::add", "Scalar");
        internal static readonly Operator Sub = Operator.Find("aten::sub", "Tensor"), RSub = Operator.Find("aten::rsub", "Scalar");
        internal static readonly Operator Mul = Operator.Find("aten::mul", "Tensor"), MulScalar = Operator.Find("aten::mul", "Scalar");
        internal static readonly Operator Div = Operator.Find("aten::div", "Tensor"), DivScalar = Operator.Find("aten::div", "Scalar");
        internal static readonly Operator AddIn = Operator.Find("aten::add_", "Tensor");
        internal static readonly Operator AddScalarIn = Operator.Find("aten::add_", "Scalar"), MulScalarIn = Operator.Find("aten::mul_", "Scalar");
        internal static readonly Operator AddcMulIn = Operator.Find("aten::addcmul_"), AddcDivIn = Operator.Find("aten::addcdiv_"), LerpIn = Operator.Find("aten::lerp_", "Scalar");
        internal static readonly Operator ZeroIn = Operator.Find("aten::zero_"), FillIn = Operator.Find("aten::fill_", "Scalar");
        internal static readonly Operator Neg = Operator.Find("aten::neg"), Abs = Operator.Find("aten::abs"), Sign = Operator.Find("aten::sign"), Reciprocal = Operator.Find("aten::reciprocal");
        internal static readonly Operator Exp = Operator.Find("aten::exp"), Expm1 = Operator.Find("aten::expm1"), Log = Operator.Find("aten::log"), Log1p = Operator.Find("aten::log1p");
        internal static readonly Operator Sqrt = Operator.Find("aten::sqrt"), Rsqrt = Operator.Find("aten::rsqrt"), Square = Operator.Find("aten::square"), Pow = Operator.Find("aten::pow", "Tensor_Scalar");
        internal static readonly Operator Sin = Operator.Find("aten::sin"), Cos = Operator.Find("aten::cos"), Tanh = Operator.Find("aten::tanh"), Floor = Operator.Find("aten::floor"), Round = Operator.Find("aten::round");
        internal static readonly Operator Sigmoid = Operator.Find("aten::sigmoid"), LogSigmoid = Operator.Find("aten::log_sigmoid"), Softplus = Operator.Find("aten::softplus");
        internal static readonly Operator Relu = Operator.Find("aten::relu"), Gelu = Operator.Find("aten::gelu"), Silu = Operator.Find("aten::silu");
        internal static readonly Operator Clamp = Operator.Find("aten::clamp"), Maximum = Operator.Find("aten::maximum"), Minimum = Operator.Find("aten::minimum");
        internal static readonly Operator Where = Operator.Find("aten::where", "self");
        internal static readonly Operator MatMul = Operator.Find("aten::matmul"), Bmm = Operator.Find("aten::bmm"), Baddbmm = Operator.Find("aten::baddbmm"), Mv = Operator.Find("aten::mv"), Linear = Operator.Find("aten::linear");
    }

    public static Tensor operator +(Tensor a, Tensor b) => MathOps.Add.Call(a, b);
    public static Tensor operator +(Tensor a, double b) => MathOps.AddScalar.Call(a, b);
    public static Tensor operator +(double a, Tensor b) => b + a;
    public static Tensor operator -(Tensor a, Tensor b) => MathOps.Sub.Call(a, b);
    public static Tensor operator -(Tensor a, double b) => a + -b;
    public static Tensor operator -(double a, Tensor b) => MathOps.RSub.Call(b, a);
    public static Tensor operator -(Tensor a) => MathOps.Neg.Call(a);
    public static Tensor operator *(Tensor a, Tensor b) => MathOps.Mul.Call(a, b);
    public static Tensor operator *(Tensor a, double b) => MathOps.MulScalar.Call(a, b);
    public static Tensor operator *(double a, Tensor b) => b * a;
    public static Tensor operator /(Tensor a, Tensor b) => MathOps.Div.Call(a, b);
    public static Tensor operator /(Tensor a, double b) => MathOps.DivScalar.Call(a, b);
    public static Tensor operator /(double a, Tensor b) => b.Reciprocal() * a;

    public Tensor Abs() => MathOps.Abs.Call(this);
    public Tensor Sign() => MathOps.Sign.Call(this);
    public Tensor Reciprocal() => MathOps.Reciprocal.Call(this);
    public Tensor Exp() => MathOps.Exp.Call(this);

    /// <summary>eˣ − 1 without cancellation near zero.</summary>
    public Tensor Expm1() => MathOps.Expm1.Call(this);
    public Tensor Log() => MathOps.Log.Call(this);

    /// <summary>log(1 + x) without cancellation near zero.</summary>
    public Tensor Log1p() => MathOps.Log1p.Call(this);
    public Tensor Sqrt() => MathOps.Sqrt.Call(this);

    /// <summary>1/√x.</summary>
    public Tensor Rsqrt() => MathOps.Rsqrt.Call(this);
    public Tensor Square() => MathOps.Square.Call(this);
    public Tensor Pow(double exponent) => MathOps.Pow.Call(this, exponent);
    public Tensor Sin() => MathOps.Sin.Call(this);
    public Tensor Cos() => MathOps.Cos.Call(this);
    public Tensor Tanh() => MathOps.Tanh.Call(this);
    public Tensor Floor() => MathOps.Floor.Call(this);
    public Tensor Round() => MathOps.Round.Call(this);

    /// <summary>1/(1 + e⁻ˣ).</summary>
    public Tensor Sigmoid() => MathOps.Sigmoid.Call(this);

    /// <summary>log σ(x), stable for large |x|.</summary>
    public Tensor LogSigmoid() => MathOps.LogSigmoid.Call(this);

    /// <summary>log(1 + eˣ), stable for large x.</summary>
    public Tensor Softplus() => MathOps.Softplus.Call(this);
    public Tensor Relu() => MathOps.Relu.Call(this);

    /// <summary>x·Φ(x), or its tanh approximation (GPT-2's <c>gelu_new</c>).</summary>
    public Tensor Gelu(bool approximateTanh) => MathOps.Gelu.Call(this, approximateTanh ? GeluTanh : GeluNone);

    /// <summary>x·σ(x), also called swish.</summary>
    public Tensor Silu() => MathOps.Silu.Call(this);
    public Tensor Clamp(double minimum, double maximum) => MathOps.Clamp.Call(this, minimum, maximum);
    public Tensor ClampMin(double minimum) => MathOps.Clamp.Call(this, minimum);
    public Tensor ClampMax(double maximum) => MathOps.Clamp.Call(this, Argument.None, maximum);
    public static Tensor Maximum(Tensor a, Tensor b) => MathOps.Maximum.Call(a, b);
    public static Tensor Minimum(Tensor a, Tensor b) => MathOps.Minimum.Call(a, b);

    /// <summary>a where the condition holds, else b; broadcast.</summary>
    public static Tensor Where(Tensor condition, Tensor a, Tensor b) => MathOps.Where.Call(condition, a, b);

    /// <summary>this ← this + scale·other.</summary>
    public Tensor AddInPlace(Tensor other, double scale = 1)
    {
        MathOps.AddIn.Run(this, other, scale);
        return this;
    }

    /// <summary>this ← this + value.</summary>
    public Tensor AddInPlace(double value)
    {
        MathOps.AddScalarIn.Run(this, value);
        return this;
    }

    /// <summary>this ← this · value.</summary>
    public Tensor MulInPlace(double value)
    {
        MathOps.MulScalarIn.Run(this, value);
        return this;
    }

    /// <summary>this ← this + scale·a·b.</summary>
    public Tensor AddProductInPlace(Tensor a, Tensor b, double scale = 1)
    {
        MathOps.AddcMulIn.Run(this, a, b, scale);
        return this;
    }

    /// <summary>this ← this + scale·a/b.</summary>
    public Tensor AddQuotientInPlace(Tensor a, Tensor b, double scale = 1)
    {
        MathOps.AddcDivIn.Run(this, a, b, scale);
        return this;
    }

    /// <summary>this ← this + weight·(other − this).</summary>
    public Tensor LerpInPlace(Tensor other, double weight)
    {
        MathOps.LerpIn.Run(this, other, weight);
        return this;
    }

    /// <summary>this ← 0.</summary>
    public Tensor ZeroInPlace()
    {
        MathOps.ZeroIn.Run(this);
        return this;
    }

    /// <summary>this ← value.</summary>
    public Tensor FillInPlace(double value)
    {
        MathOps.FillIn.Run(this, value);
        return this;
    }

    /// <summary>Matrix product over the last two axes; the rest broadcasts.</summary>
    public Tensor MatMul(Tensor other) => MathOps.MatMul.Call(this, other);

    /// <summary>Batched matrix product <c>[N,a,b]·[N,b,c] → [N,a,c]</c>.</summary>
    public Tensor Bmm(Tensor other) => MathOps.Bmm.Call(this, other);

    /// <summary>addend + scale · a·b over batches <c>[N,·,·]</c>, in one pass.</summary>
    public static Tensor AddBmm(Tensor addend, Tensor a, Tensor b, double scale) => MathOps.Baddbmm.Call(addend, a, b, 1.0, scale);

    /// <summary>Matrix times vector <c>[a,b]·[b] → [a]</c>: bound by memory, and much faster than a product with one row.</summary>
    public Tensor Mv(Tensor vector) => MathOps.Mv.Call(this, vector);

    /// <summary>x·weightᵀ + bias: <c>[…, in] → […, out]</c> with weight <c>[out, in]</c>.</summary>
    /// <exception cref="TorchException">The shapes are others.</exception>
    public static Tensor Linear(Tensor x, Tensor weight, Tensor? bias = null)
    {
        if (x.Shape.Length == 0 || weight.Shape.Length != 2 || x.Size(-1) != weight.Size(1))
            throw new TorchException($"Linear({x.Describe()}, {weight.Describe()}): the shapes do not fit, expected x [..., in] and weight [out, in]; transpose the weight or correct the widths");
        return MathOps.Linear.Call(x, weight, bias);
    }

    private static readonly Argument GeluTanh = "tanh";
    private static readonly Argument GeluNone = "none";
}
