using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Attune.Torch.Native;

namespace Attune.Torch;

/// <summary>Gradients by reverse-mode differentiation, done by libtorch's engine.</summary>
public static unsafe class Autograd
{
    [ThreadStatic]
    private static ExceptionDispatchInfo? t_recomputeFailure;

    /// <summary>Whether operators of this thread record what gradients need.</summary>
    public static bool IsEnabled => NativeMethods.GradMode() != 0;

    /// <summary>Stops recording until the result is disposed: for inference and for updates of weights.</summary>
    public static GradMode NoGrad() => new(enabled: false);

    /// <summary>
    /// Stops recording for good: tensors made until the result is disposed can never take part in a recorded computation, and libtorch leaves
    /// out all that would prepare them for it, which is a fair part of a small operator. For loops of many small operators whose results leave
    /// as numbers; <see cref="NoGrad"/> everywhere else.
    /// </summary>
    public static InferenceMode Inference() => new();

    /// <summary>Adds d(root)/d(leaf) to <see cref="Tensor.Grad"/> of every leaf that requires it.</summary>
    /// <param name="roots">Where to start.</param>
    /// <param name="gradients">One a root and of its shape; null is allowed for scalars and stands for 1.</param>
    /// <param name="retainGraph">Keep what a second backward would need.</param>
    /// <exception cref="TorchException">A root has no history, or a gradient does not fit its root.</exception>
    public static void Backward(Tensor[] roots, Tensor?[] gradients, bool retainGraph = false)
    {
        if (roots.Length != gradients.Length)
            throw new ArgumentException($"{gradients.Length} gradients for {roots.Length} roots, expected one a root", nameof(gradients));
        var r = stackalloc nint[roots.Length];
        var g = stackalloc nint[roots.Length];
        Fill("Backward", roots, r);
        Fill("Backward", gradients, g);
        Refuse("Backward", roots, gradients);
        var status = NativeMethods.Backward(r, g, roots.Length, retainGraph ? 1 : 0);
        RethrowRecomputeFailure();
        Check(status, "Backward", roots);
        GC.KeepAlive(roots);
        GC.KeepAlive(gradients);
    }

    /// <summary>Σ gradientᵢ · dᵢ/d(input) for each input, without touching <see cref="Tensor.Grad"/>.</summary>
    /// <returns>One an input; null for inputs that the outputs do not depend on.</returns>
    /// <exception cref="TorchException">
    /// An output has no history, a gradient does not fit its output, or the outputs come through <see cref="Checkpoint"/>: what it computes
    /// again gives its parameters' gradients to <see cref="Tensor.Grad"/>, so they cannot be asked for here.
    /// </exception>
    public static Tensor?[] Grad(Tensor[] outputs, Tensor[] inputs, Tensor?[]? gradients = null)
    {
        gradients ??= new Tensor?[outputs.Length];
        if (outputs.Length != gradients.Length)
            throw new ArgumentException($"{gradients.Length} gradients for {outputs.Length} outputs, expected one an output", nameof(gradients));
        var o = stackalloc nint[outputs.Length];
        var g = stackalloc nint[outputs.Length];
        var i = stackalloc nint[inputs.Length];
        var results = stackalloc nint[inputs.Length];
        Fill("Autograd.Grad", outputs, o);
        Fill("Autograd.Grad", gradients, g);
        Fill("Autograd.Grad", inputs, i);
        Refuse("Autograd.Grad", outputs, gradients);
        var status = NativeMethods.Gradients(o, g, outputs.Length, i, inputs.Length, results);
        RethrowRecomputeFailure();
        Check(status, "Autograd.Grad", outputs);
        GC.KeepAlive(outputs);
        GC.KeepAlive(gradients);
        GC.KeepAlive(inputs);
        var found = new Tensor?[inputs.Length];
        for (var k = 0; k < found.Length; k++)
            found[k] = results[k] == 0 ? null : new Tensor(results[k]);
        return found;
    }

    /// <summary>
    /// f(x) whose intermediate results are not kept: backward computes f again (Chen et al. 2016, arXiv:1604.06174). Exact as long as
    /// f is a pure function; draws must come from a Seed. Parameters inside f receive their gradients too.
    /// </summary>
    /// <param name="f">One tensor in, one tensor out.</param>
    /// <param name="x">Must require a gradient, directly or through what made it; otherwise f is simply called.</param>
    public static Tensor Checkpoint(Func<Tensor, Tensor> f, Tensor x)
    {
        if (!IsEnabled || !x.RequiresGrad)
            return f(x);
        var kept = TensorScope.Detach(x.Detach()); // the node's own handle: the caller's scope may close before backward runs
        return Joined(f, x, new(gradient =>
        {
            using var recording = new GradMode(enabled: true);
            var input = kept.Detach();
            input.RequiresGrad = true;
            Backward([f(input)], [gradient]);
            return input.TakeGradPointer();
        }, kept));
    }

    /// <summary>f(x) with a gradient that is given instead of recorded, so that nothing of what f computes is kept.</summary>
    /// <param name="f">One tensor in, one tensor out.</param>
    /// <param name="gradient">From the gradient of the result to that of x: the product with the transposed Jacobian. It may not depend on x.</param>
    /// <param name="x">Where it requires no gradient, f is simply called.</param>
    public static Tensor WithGradient(Func<Tensor, Tensor> f, Func<Tensor, Tensor> gradient, Tensor x)
    {
        if (!IsEnabled || !x.RequiresGrad)
            return f(x);
        return Joined(f, x, new(
            ofResult =>
            {
                using var frozen = NoGrad();
                return gradient(ofResult).TakePointer();
            },
            Input: null));
    }

    /// <summary>f(x) without history, joined to x by a node of its own.</summary>
    private static Tensor Joined(Func<Tensor, Tensor> f, Tensor x, Recomputation work)
    {
        using var scope = TensorScope.Begin();
        var token = GCHandle.ToIntPtr(GCHandle.Alloc(work));
        Tensor output;
        using (NoGrad())
            output = f(x);
        nint joined;
        if (NativeMethods.Recompute(output.Pointer, x.Pointer, &Recompute, &Release, token, &joined) != 0)
            throw TorchRuntime.Failure($"Checkpoint on {x.Describe()}");
        GC.KeepAlive(output);
        GC.KeepAlive(x);
        return scope.Keep(new Tensor(joined));
    }

    private static void Fill(string method, Tensor?[] tensors, nint* pointers)
    {
        for (var k = 0; k < tensors.Length; k++)
            pointers[k] = tensors[k]?.OpenPointer(method) ?? 0;
    }

    private static void Refuse(string method, Tensor[] roots, Tensor?[] gradients)
    {
        for (var k = 0; k < roots.Length; k++)
        {
            var (root, gradient) = (roots[k], gradients[k]);
            if (!root.RequiresGrad)
                throw new TorchException($"{method} on {root.Describe()}: it has no history, expected the result of a tensor with RequiresGrad; set that before computing, and compute outside Autograd.NoGrad");
            if (gradient is null && root.Count != 1)
                throw new TorchException($"{method} on {root.Describe()}: it has {root.Count} elements and no gradient is given, expected a scalar; reduce it with Sum or Mean, or give Autograd a gradient of its shape");
            if (gradient is not null && (gradient.DType != root.DType || !gradient.Shape.AsSpan().SequenceEqual(root.Shape)))
                throw new TorchException($"{method} on {root.Describe()}: the gradient given is {gradient.Describe()}, expected the same shape and element type; convert or reshape it");
        }
    }

    private static void Check(int status, string method, Tensor[] roots)
    {
        if (status != 0)
            throw new TorchException($"{method} on {string.Join(", ", roots.Select(r => r.Describe()))}: {Operator.FirstLine(NativeMethods.LastErrorText())}");
    }

    [UnmanagedCallersOnly]
    private static int Recompute(long token, nint outputGradient, nint* inputGradient)
    {
        try
        {
            var work = (Recomputation)GCHandle.FromIntPtr((nint)token).Target!;
            using var scope = TensorScope.Begin();
            *inputGradient = work.InputGradient(new Tensor(outputGradient));
            return 0;
        }
#pragma warning disable CA1031 // An exception must not cross the native boundary; Backward rethrows it.
        catch (Exception e)
        {
            t_recomputeFailure ??= ExceptionDispatchInfo.Capture(e);
            return 1;
        }
#pragma warning restore CA1031
    }

    [UnmanagedCallersOnly]
    private static void Release(long token)
    {
        var handle = GCHandle.FromIntPtr((nint)token);
        ((Recomputation)handle.Target!).Input?.Dispose();
        handle.Free();
    }

    private static void RethrowRecomputeFailure()
    {
        var failure = t_recomputeFailure;
        t_recomputeFailure = null;
        failure?.Throw();
    }

    /// <param name="InputGradient">From the gradient of the result to the native pointer of that of the input, or 0 for none.</param>
    /// <param name="Input">What the function reads again, freed with the node; null for nothing.</param>
    private sealed record Recomputation(Func<Tensor, nint> InputGradient, Tensor? Input);

    /// <summary>A stretch without any preparation for gradients; ends where it is disposed, on the thread that began it.</summary>
    public readonly ref struct InferenceMode
    {
        private readonly nint _guard;

        /// <summary>Begins it.</summary>
        public InferenceMode()
        {
            nint guard;
            if (NativeMethods.BeginInference(&guard) != 0)
                throw TorchRuntime.Failure("Autograd.Inference()");
            _guard = guard;
        }

        /// <summary>Back to how it was.</summary>
        public void Dispose() => NativeMethods.EndInference(_guard);
    }

    /// <summary>Restores the thread's recording mode when disposed.</summary>
    public readonly ref struct GradMode
    {
        private readonly int _before;

        internal GradMode(bool enabled)
        {
            _before = NativeMethods.GradMode();
            NativeMethods.SetGradMode(enabled ? 1 : 0);
        }

        /// <summary>Back to how it was.</summary>
        public void Dispose() => NativeMethods.SetGradMode(_before);
    }
}

public sealed unsafe partial class Tensor
{
    private static readonly Operator DetachOp = Operator.Find("aten::detach");

    /// <summary>Whether gradients flow to (or through) this tensor.</summary>
    public bool RequiresGrad
    {
        get
        {
            var requires = NativeMethods.RequiresGrad(OpenPointer()) != 0;
            GC.KeepAlive(this);
            return requires;
        }

        set
        {
            Check(NativeMethods.SetRequiresGrad(OpenPointer(), value ? 1 : 0));
            GC.KeepAlive(this);
        }
    }

    /// <summary>The accumulated gradient of a leaf, or null. The current scope owns the returned handle; the memory is shared.</summary>
    public Tensor? Grad
    {
        get
        {
            var pointer = TakeGradPointer();
            return pointer == 0 ? null : new Tensor(pointer);
        }

        set
        {
            Check(NativeMethods.SetGrad(OpenPointer(), value?.OpenPointer() ?? 0));
            GC.KeepAlive(this);
            GC.KeepAlive(value);
        }
    }

    /// <summary>Adds the gradient of this scalar to every leaf that requires one.</summary>
    public void Backward() => Autograd.Backward([this], [null]);

    /// <summary>The same memory, without history.</summary>
    public Tensor Detach() => DetachOp.Call(this);

    internal nint TakeGradPointer()
    {
        nint result;
        Check(NativeMethods.Grad(OpenPointer(nameof(Grad)), &result), nameof(Grad));
        GC.KeepAlive(this);
        return result;
    }

    internal nint OpenPointer([CallerMemberName] string method = "")
    {
        ThrowIfClosed(method);
        return Pointer;
    }
}
