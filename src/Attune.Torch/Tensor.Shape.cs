namespace Attune.Torch;

/// <content>Views and rearrangements. Negative axes count from the end.</content>
public sealed partial class Tensor
{
    private static class ShapeOps
    {
        internal static readonly Operator View = Operator.Find("aten::view"), Reshape = Operator.Find("aten::reshape"), Transpose = Operator.Find("aten::transpose", "int");
        internal static readonly Operator Unsqueeze = Operator.Find("aten::unsqueeze"), Squeeze = Operator.Find("aten::squeeze", "dim"), Expand = Operator.Find("aten::expand");
        internal static readonly Operator Repeat = Operator.Find("aten::repeat_interleave", "self_int"), Narrow = Operator.Find("aten::narrow"), Select = Operator.Find("aten::select", "int"), Slice = Operator.Find("aten::slice", "Tensor");
        internal static readonly Operator Flatten = Operator.Find("aten::flatten", "using_ints"), Split = Operator.Find("aten::split_with_sizes");
        internal static readonly Operator Cat = Operator.Find("aten::cat"), Stack = Operator.Find("aten::stack"), Triu = Operator.Find("aten::triu"), Tril = Operator.Find("aten::tril");
    }

    /// <summary>The same memory with another shape; −1 stands for what is left.</summary>
    public Tensor View(params long[] shape) => ShapeOps.View.Call(this, shape);

    /// <summary>The same elements with another shape, copied where a view is impossible.</summary>
    public Tensor Reshape(params long[] shape) => ShapeOps.Reshape.Call(this, shape);

    /// <summary>Swaps two axes.</summary>
    public Tensor Transpose(int a, int b) => ShapeOps.Transpose.Call(this, a, b);

    /// <summary>Inserts an axis of size 1.</summary>
    public Tensor Unsqueeze(int axis) => ShapeOps.Unsqueeze.Call(this, axis);

    /// <summary>Removes an axis if its size is 1.</summary>
    public Tensor Squeeze(int axis) => ShapeOps.Squeeze.Call(this, axis);

    /// <summary>Repeats axes of size 1 without copying; −1 keeps a size.</summary>
    public Tensor Expand(params long[] shape) => ShapeOps.Expand.Call(this, shape);

    /// <summary>Repeats each slice along an axis: <c>[a,b] → [a,a,b,b]</c> for 2.</summary>
    public Tensor RepeatInterleave(int times, int axis) => ShapeOps.Repeat.Call(this, times, axis);

    /// <summary>A window along an axis, as a view.</summary>
    public Tensor Narrow(int axis, long start, long length) => ShapeOps.Narrow.Call(this, axis, start, length);

    /// <summary>One slice along an axis, without that axis, as a view.</summary>
    public Tensor Select(int axis, long index) => ShapeOps.Select.Call(this, axis, index);

    /// <summary>From start up to and without end, as a view; negative ends count from the back.</summary>
    public Tensor Slice(int axis, long start, long end, long step = 1) => ShapeOps.Slice.Call(this, axis, start, end, step);

    /// <summary>Joins the axes from first to last into one.</summary>
    public Tensor Flatten(int first = 0, int last = -1) => ShapeOps.Flatten.Call(this, first, last);

    /// <summary>Parts of the given sizes along an axis, as views.</summary>
    public Tensor[] Split(int axis, params long[] sizes) => ShapeOps.Split.CallMany(sizes.Length, this, sizes, axis);

    /// <summary>Joins along an existing axis.</summary>
    public static Tensor Cat(int axis, params Tensor[] parts) => ShapeOps.Cat.Call(parts, axis);

    /// <summary>Joins along a new axis.</summary>
    public static Tensor Stack(int axis, params Tensor[] parts) => ShapeOps.Stack.Call(parts, axis);

    /// <summary>The upper triangle of the last two axes, zero below the diagonal.</summary>
    public Tensor Triu(int diagonal = 0) => ShapeOps.Triu.Call(this, diagonal);

    /// <summary>The lower triangle of the last two axes, zero above the diagonal.</summary>
    public Tensor Tril(int diagonal = 0) => ShapeOps.Tril.Call(this, diagonal);
}
