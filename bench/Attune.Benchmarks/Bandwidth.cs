using System.Numerics;
using System.Runtime.InteropServices;
using Attune.Torch;

namespace Attune.Benchmarks;

/// <summary>How fast this machine reads memory: the bound of decoding one response, which reads every weight once a token and computes next to nothing with it.</summary>
internal sealed class Bandwidth : IDisposable
{
    private const int Pieces = 32, ValuesAPiece = 4 << 20; // half a gigabyte, in pieces such as weights have; far more than caches hold
    private const int Passes = 3;
    private readonly Tensor[] _pieces = new Tensor[Pieces];

    public Bandwidth()
    {
        using var scope = TensorScope.Begin();
        for (var k = 0; k < Pieces; k++)
            _pieces[k] = TensorScope.Detach(Tensor.Empty([ValuesAPiece], Compute.Cpu).FillInPlace(1));
    }

    /// <summary>Bytes a second that threads read together: the fastest of a few passes.</summary>
    public double Measure(int threads) => Enumerable.Range(0, Passes).Max(_ => Pass(threads));

    public void Dispose()
    {
        foreach (var piece in _pieces)
            piece.Dispose();
    }

    private double Pass(int threads)
    {
        var sums = new float[threads];
        using var start = new Barrier(threads + 1);
        var workers = Enumerable.Range(0, threads).Select(thread => new Thread(() =>
        {
            start.SignalAndWait();
            for (var k = thread; k < Pieces; k += threads)
                sums[thread] += Sum(_pieces[k].AsSpan<float>());
        })).ToArray();
        foreach (var worker in workers)
            worker.Start();
        start.SignalAndWait();
        var seconds = Workloads.Time(() => Array.ForEach(workers, worker => worker.Join()));
        if (sums.Sum() != (float)Pieces * ValuesAPiece)
            throw new InvalidOperationException("not everything was read");
        return sizeof(float) * (double)Pieces * ValuesAPiece / seconds;
    }

    private static float Sum(ReadOnlySpan<float> values)
    {
        var vectors = MemoryMarshal.Cast<float, Vector<float>>(values);
        var (a, b, c, d) = (Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero);
        for (var k = 0; k + 4 <= vectors.Length; k += 4)
        {
            a += vectors[k];
            b += vectors[k + 1];
            c += vectors[k + 2];
            d += vectors[k + 3];
        }

        return Vector.Sum(a + b + c + d);
    }
}
