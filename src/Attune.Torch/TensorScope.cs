using System.Buffers;

namespace Attune.Torch;

/// <summary>
/// Owns every tensor that is made between <see cref="Begin"/> and <see cref="Dispose"/> on this thread and frees them at its end,
/// except those handed out with <see cref="Keep(Tensor)"/>. The one piece of ambient state that Attune allows itself. Tensor work
/// stays on one thread: never <c>await</c> inside a scope.
/// </summary>
public sealed class TensorScope : IDisposable
{
    [ThreadStatic]
    private static TensorScope? t_current;

    private readonly TensorScope? _outer;
    private readonly int _thread;
    private Tensor?[] _owned = ArrayPool<Tensor?>.Shared.Rent(32);
    private int _count;
    private bool _closed;

    private TensorScope()
    {
        _outer = t_current;
        _thread = Environment.CurrentManagedThreadId;
    }

    internal static TensorScope? Current => t_current;

    /// <summary>Opens a scope inside the thread's current one.</summary>
    public static TensorScope Begin() => t_current = new TensorScope();

    /// <summary>Hands a tensor of this scope to the scope around it, or to the caller where there is none.</summary>
    /// <returns>The same tensor. One that this scope does not own is returned as it is: arguments stay their owner's.</returns>
    public Tensor Keep(Tensor tensor)
    {
        if (!ReferenceEquals(tensor.Owner, this))
            return tensor;
        Release(tensor);
        _outer?.Adopt(tensor);
        return tensor;
    }

    /// <summary>Takes a tensor out of all scopes: the caller, for instance a module, owns and disposes it.</summary>
    public static Tensor Detach(Tensor tensor)
    {
        tensor.Owner?.Release(tensor);
        return tensor;
    }

    /// <summary>Frees what the scope still owns.</summary>
    /// <exception cref="InvalidOperationException">An inner scope is still open, or another thread opened this one.</exception>
    public void Dispose()
    {
        if (_closed)
            return;
        if (_thread != Environment.CurrentManagedThreadId || !ReferenceEquals(t_current, this))
            throw new InvalidOperationException("A TensorScope must be closed on its own thread, innermost first; is there an await inside it?");
        _closed = true;
        t_current = _outer;
        for (var k = _count - 1; k >= 0; k--)
        {
            var tensor = _owned[k];
            if (tensor is null)
                continue;
            tensor.Owner = null;
            tensor.Dispose();
            _owned[k] = null;
        }

        ArrayPool<Tensor?>.Shared.Return(_owned);
        _owned = [];
        _count = 0;
    }

    internal void Adopt(Tensor tensor)
    {
        if (_count == _owned.Length)
            Compact();
        tensor.Owner = this;
        tensor.Slot = _count;
        _owned[_count++] = tensor;
    }

    internal void Release(Tensor tensor)
    {
        _owned[tensor.Slot] = null;
        tensor.Owner = null;
        while (_count > 0 && _owned[_count - 1] is null)
            _count--;
    }

    /// <summary>Closes the gaps that disposed and kept tensors left, and grows when there were few.</summary>
    private void Compact()
    {
        var live = 0;
        for (var k = 0; k < _count; k++)
        {
            if (_owned[k] is not { } tensor)
                continue;
            tensor.Slot = live;
            _owned[live++] = tensor;
        }

        Array.Clear(_owned, live, _count - live);
        _count = live;
        if (live <= _owned.Length / 2)
            return;
        var wider = ArrayPool<Tensor?>.Shared.Rent(_owned.Length * 2);
        Array.Copy(_owned, wider, live);
        Array.Clear(wider, live, wider.Length - live);
        Array.Clear(_owned, 0, live);
        ArrayPool<Tensor?>.Shared.Return(_owned);
        _owned = wider;
    }
}
