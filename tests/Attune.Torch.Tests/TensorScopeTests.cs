using Attune.Torch.Testing;

namespace Attune.Torch.Tests;

public sealed class TensorScopeTests
{
    [Fact, NoTensorLeaks]
    public void A_scope_frees_what_was_made_in_it_and_keeps_what_was_handed_out()
    {
        Tensor kept, freed;
        using (var outer = TensorScope.Begin())
        {
            using (var inner = TensorScope.Begin())
            {
                freed = Tensor.Of([1.0]);
                kept = inner.Keep(freed + 1);
            }

            Assert.True(freed.IsClosed);
            kept.ShouldBeNear([2.0], tolerance: 0);
        }

        Assert.True(kept.IsClosed);
    }

    [Fact, NoTensorLeaks]
    public void An_argument_that_is_kept_stays_with_its_owner()
    {
        using var outer = TensorScope.Begin();
        var mine = Tensor.Of([1.0]);
        using (var inner = TensorScope.Begin())
            Assert.Same(mine, inner.Keep(mine));
        Assert.False(mine.IsClosed);
    }

    [Fact, NoTensorLeaks]
    public void What_the_outermost_scope_keeps_belongs_to_the_caller()
    {
        Tensor kept;
        using (var scope = TensorScope.Begin())
            kept = scope.Keep(Tensor.Of([1.0]));
        Assert.False(kept.IsClosed);
        kept.Dispose();
    }

    [Fact, NoTensorLeaks]
    public void Closing_an_outer_scope_before_an_inner_one_is_refused()
    {
        var outer = TensorScope.Begin();
        var inner = TensorScope.Begin();
        Assert.Throws<InvalidOperationException>(outer.Dispose);
        inner.Dispose();
        outer.Dispose();
    }

    [Fact]
    public void A_tensor_left_to_the_finalizer_counts_as_a_leak()
    {
        var leaked = 0;
        var thread = new Thread(() =>
        {
            Abandon();
            for (var tries = 0; tries < 50 && TorchRuntime.LeakedTensors == 0; tries++)
            {
                GC.KeepAlive(new byte[50_000_000]); // pressure: collecting by hand is banned
                Thread.Sleep(10);
            }

            leaked = TorchRuntime.LeakedTensors;
        });
        thread.Start();
        thread.Join();
        Assert.Equal(1, leaked);
    }

    [Fact, NoTensorLeaks]
    public void A_hundred_thousand_operations_hold_tensors_and_memory_constant()
    {
        using var scope = TensorScope.Begin();
        var x = Tensor.Ones([64, 64]);
        Repeat(x, 10_000);
        var (live, resident) = (TorchRuntime.LiveTensors, ResidentMegabytes());
        Repeat(x, 90_000);
        Assert.Equal(live, TorchRuntime.LiveTensors);
        // 90,000 leaked results would be 1.4 GB; allocator and runtime may still move by a little.
        Assert.InRange(ResidentMegabytes() - resident, -1000, 48);
    }

    [Fact, NoTensorLeaks]
    public void A_call_that_refuses_its_results_frees_them()
    {
        using var scope = TensorScope.Begin();
        var x = Tensor.Ones([64, 4096]);
        var largest = Operator.Find("aten::max", "dim"); // values and their places
        var normalise = Operator.Find("aten::_batch_norm_impl_index"); // tensors, then a number
        void RefuseAll(int times)
        {
            for (var k = 0; k < times; k++)
            {
                Assert.Throws<TorchException>(() => largest.Call(x.View(1, -1), 0));
                Assert.Throws<TorchException>(() => normalise.CallMany(5, x, Argument.None, Argument.None, Argument.None, Argument.None, true, 0.1, 1e-5, false));
            }
        }

        RefuseAll(10);
        var (live, resident) = (TorchRuntime.LiveTensors, ResidentMegabytes());
        RefuseAll(200);
        Assert.InRange(TorchRuntime.LiveTensors - live, 0, 200); // the views
        // 200 leaked results of each would be 420 MB.
        Assert.InRange(ResidentMegabytes() - resident, -1000, 100);
    }

    [Fact, NoTensorLeaks]
    public void A_call_allocates_nothing_managed_besides_the_results_handle()
    {
        using var frozen = Autograd.NoGrad();
        using var scope = TensorScope.Begin();
        var x = Tensor.Ones([4, 4]);
        for (var k = 0; k < 1000; k++)
            (x + x).Dispose();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var k = 0; k < 1000; k++)
            (x + x).Dispose();
        // A Tensor and its SafeHandle: 56 and 40 bytes of objects on a 64-bit runtime.
        Assert.Equal(96, (GC.GetAllocatedBytesForCurrentThread() - before) / 1000);
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static void Abandon() => _ = Tensor.Of([1.0]).Rank;

    private static void Repeat(Tensor x, int times)
    {
        for (var k = 0; k < times; k += 10)
        {
            using var inner = TensorScope.Begin();
            var y = x;
            for (var n = 0; n < 10; n++)
                y += x;
        }
    }

    private static long ResidentMegabytes() => Environment.WorkingSet / (1 << 20);
}
