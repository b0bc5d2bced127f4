using Xunit.Sdk;

namespace Attune.Torch.Testing;

/// <summary>Comparisons of tensors with numbers that a reader can redo.</summary>
public static class TensorAssertions
{
    /// <summary>Fails unless shape and every element agree within an absolute tolerance.</summary>
    public static void ShouldBeNear(this Tensor actual, double[][] expected, double tolerance)
    {
        Assert.Equal([expected.Length, expected.Length == 0 ? 0 : expected[0].Length], actual.Shape);
        Compare(actual, expected.SelectMany(row => row).ToArray(), tolerance);
    }

    /// <inheritdoc cref="ShouldBeNear(Tensor, double[][], double)"/>
    public static void ShouldBeNear(this Tensor actual, double[] expected, double tolerance)
    {
        Assert.Equal([expected.Length], actual.Shape);
        Compare(actual, expected, tolerance);
    }

    /// <inheritdoc cref="ShouldBeNear(Tensor, double[][], double)"/>
    public static void ShouldBeNear(this Tensor actual, double expected, double tolerance)
    {
        Assert.Equal([], actual.Shape);
        Compare(actual, [expected], tolerance);
    }

    /// <summary>Fails unless both tensors have one shape and agree within an absolute tolerance.</summary>
    public static void ShouldBeNear(this Tensor actual, Tensor expected, double tolerance)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        Compare(actual, expected.ToDoubles(), tolerance);
    }

    private static void Compare(Tensor actual, double[] expected, double tolerance)
    {
        var found = actual.ToDoubles();
        for (var k = 0; k < expected.Length; k++)
        {
            if (found[k] != expected[k] && !(Math.Abs(found[k] - expected[k]) <= tolerance))
                throw new XunitException($"Element {k} is {found[k]:G9}, expected {expected[k]:G9} within {tolerance:G3}.\nActual:   {string.Join(", ", found.Take(32))}\nExpected: {string.Join(", ", expected.Take(32))}");
        }
    }
}
