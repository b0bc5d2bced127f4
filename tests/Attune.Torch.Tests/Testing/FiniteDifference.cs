using Xunit.Sdk;

namespace Attune.Torch.Testing;

/// <summary>Compares autograd's gradients with central differences in float64.</summary>
public static class FiniteDifference
{
    // Central differences of step h have an error of about h²·f''' + 1e-16/h: 1e-5 balances both near 1e-10.
    private const double Step = 1e-5;

    /// <summary>Fails unless d f/d input agrees for every element of every input.</summary>
    /// <param name="f">A scalar function of the inputs; called many times.</param>
    /// <param name="inputs">float64 leaves; their gradients are set by this check.</param>
    /// <param name="tolerance">Largest difference relative to max(1, |gradient|).</param>
    public static void Check(Func<Tensor> f, Tensor[] inputs, double tolerance = 1e-6)
    {
        using var scope = TensorScope.Begin();
        foreach (var input in inputs)
        {
            input.RequiresGrad = true;
            input.Grad = null;
        }

        f().Backward();
        for (var n = 0; n < inputs.Length; n++)
        {
            var gradient = inputs[n].Grad?.ToDoubles() ?? new double[inputs[n].Count];
            var original = inputs[n].ToDoubles();
            for (var k = 0; k < original.Length; k++)
            {
                var numeric = (At(f, inputs[n], original, k, Step) - At(f, inputs[n], original, k, -Step)) / (2 * Step);
                if (!(Math.Abs(numeric - gradient[k]) <= tolerance * Math.Max(1, Math.Abs(numeric))))
                    throw new XunitException($"Input {n}, element {k}: autograd says {gradient[k]:G9}, finite differences say {numeric:G9}.");
            }

            Write(inputs[n], original);
        }
    }

    private static double At(Func<Tensor> f, Tensor input, double[] original, int index, double change)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        var moved = (double[])original.Clone();
        moved[index] += change;
        Write(input, moved);
        return f().Item();
    }

    private static void Write(Tensor input, double[] values) => input.CopyBytesFrom(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()));
}
