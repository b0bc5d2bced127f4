namespace Attune.Feedback.Aggregation;

/// <summary>
/// Which side each node of a signed graph is on, so that positive edges join and negative ones part: M-MSR's signs (Ma and Olshevsky 2020, appendix).
/// A positive edge is replaced by two edges over a node of its own; then every edge parts its ends, and the signs of the eigenvector of the random walk
/// with the least eigenvalue (−1 if all edges can be satisfied) are the sides. The larger side is positive.
/// </summary>
internal static class SignedGraph
{
    private const int MostSteps = 500;
    private const double Tolerance = 1e-10;

    /// <summary>Sides of the nodes: 1 or −1; 0 for a node without edges.</summary>
    /// <param name="edges">Signs of the edges, <c>[node, node]</c>, symmetric; the diagonal may hold loops.</param>
    /// <param name="nodes">How many nodes there are.</param>
    public static double[] Signs(sbyte[] edges, int nodes)
    {
        var positive = new List<(int, int)>();
        var degree = new double[nodes];
        for (var i = 0; i < nodes; i++)
        {
            for (var j = 0; j < nodes; j++)
            {
                degree[i] += Math.Abs(edges[i * nodes + j]);
                if (j >= i && edges[i * nodes + j] > 0)
                    positive.Add((i, j));
            }
        }
        var root = Array.ConvertAll(degree, d => d > 0 ? 1 / Math.Sqrt(d) : 0);
        var vector = LeastEigenvector(nodes + positive.Count, (from, into) => Walk(edges, nodes, positive, root, from, into));
        var signs = new double[nodes];
        for (var i = 0; i < nodes; i++)
            signs[i] = Math.Sign(vector[i] * root[i]);
        var side = signs.Sum() < 0 ? -1 : 1;
        return Array.ConvertAll(signs, sign => side * sign);
    }

    /// <summary>The walk's matrix made symmetric: D^−½ A D^−½.</summary>
    private static void Walk(sbyte[] edges, int nodes, List<(int First, int Second)> positive, double[] root, double[] from, double[] into)
    {
        Array.Clear(into);
        for (var i = 0; i < nodes; i++)
        {
            var sum = 0.0;
            for (var j = 0; j < nodes; j++)
            {
                if (edges[i * nodes + j] < 0)
                    sum += from[j] * root[j];
            }
            into[i] = sum * root[i];
        }
        var half = Math.Sqrt(0.5); // a node that replaces an edge has two edges
        for (var e = 0; e < positive.Count; e++)
        {
            var (first, second) = positive[e];
            into[first] += half * root[first] * from[nodes + e];
            into[second] += half * root[second] * from[nodes + e];
            into[nodes + e] = half * (root[first] * from[first] + root[second] * from[second]);
        }
    }

    /// <summary>The eigenvector of the least eigenvalue, by locally optimal conjugate gradients (Knyazev 2001) on one vector.</summary>
    private static double[] LeastEigenvector(int size, Action<double[], double[]> multiply)
    {
        var x = new double[size];
        for (var i = 0; i < size; i++)
            x[i] = 1 + 0.5 * Math.Sin(i + 1); // any fixed start that no symmetry holds
        var image = new double[size];
        Scale(x, 1 / Norm(x));
        multiply(x, image);
        List<(double[] Vector, double[] Image)> basis = [];
        (double[] Vector, double[] Image)? step = null;
        for (var iteration = 0; iteration < MostSteps; iteration++)
        {
            var value = ConjugateGradient.Dot(x, image);
            var residual = new double[size];
            for (var i = 0; i < size; i++)
                residual[i] = image[i] - value * x[i];
            if (Norm(residual) < Tolerance)
                break;
            basis.Clear();
            basis.Add((x, image));
            Add(basis, residual, null, multiply);
            if (step is { } last)
                Add(basis, last.Vector, last.Image, multiply);
            var mix = LeastOf(basis);
            var (next, nextImage, move, moveImage) = (new double[size], new double[size], new double[size], new double[size]);
            for (var b = 0; b < basis.Count; b++)
            {
                for (var i = 0; i < size; i++)
                {
                    next[i] += mix[b] * basis[b].Vector[i];
                    nextImage[i] += mix[b] * basis[b].Image[i];
                    move[i] += b == 0 ? 0 : mix[b] * basis[b].Vector[i];
                    moveImage[i] += b == 0 ? 0 : mix[b] * basis[b].Image[i];
                }
            }
            (x, image, step) = (next, nextImage, (move, moveImage));
            var norm = Norm(x);
            Scale(x, 1 / norm);
            Scale(image, 1 / norm);
        }
        return x;
    }

    /// <summary>Adds what is new of a vector to an orthonormal basis; its image by the same combination, or anew.</summary>
    private static void Add(List<(double[] Vector, double[] Image)> basis, double[] vector, double[]? image, Action<double[], double[]> multiply)
    {
        var before = Norm(vector);
        for (var pass = 0; pass < 2; pass++) // once leaves rounding behind
        {
            foreach (var (other, otherImage) in basis)
            {
                var share = ConjugateGradient.Dot(vector, other);
                for (var i = 0; i < vector.Length; i++)
                {
                    vector[i] -= share * other[i];
                    if (image is not null)
                        image[i] -= share * otherImage[i];
                }
            }
        }
        var norm = Norm(vector);
        if (!(norm > 1e-8 * before))
            return;
        Scale(vector, 1 / norm);
        if (image is null)
            multiply(vector, image = new double[vector.Length]);
        else
            Scale(image, 1 / norm);
        basis.Add((vector, image));
    }

    /// <summary>The combination of the basis that has the least Rayleigh quotient: an eigenvector of a matrix of at most 3 × 3, by Jacobi's rotations.</summary>
    private static double[] LeastOf(List<(double[] Vector, double[] Image)> basis)
    {
        var n = basis.Count;
        var (a, vectors) = (new double[n, n], new double[n, n]);
        for (var i = 0; i < n; i++)
        {
            vectors[i, i] = 1;
            for (var j = 0; j < n; j++)
                a[i, j] = (ConjugateGradient.Dot(basis[i].Vector, basis[j].Image) + ConjugateGradient.Dot(basis[j].Vector, basis[i].Image)) / 2;
        }
        for (var sweep = 0; sweep < 30; sweep++)
        {
            for (var p = 0; p < n; p++)
            {
                for (var q = p + 1; q < n; q++)
                    Rotate(a, vectors, p, q);
            }
        }
        var least = Enumerable.Range(0, n).MinBy(i => a[i, i]);
        return [.. Enumerable.Range(0, n).Select(i => vectors[i, least])];
    }

    private static void Rotate(double[,] a, double[,] vectors, int p, int q)
    {
        if (a[p, q] == 0)
            return;
        var angle = 0.5 * Math.Atan2(2 * a[p, q], a[q, q] - a[p, p]);
        var (sin, cos) = Math.SinCos(angle);
        for (var k = 0; k < a.GetLength(0); k++)
            (a[k, p], a[k, q]) = (cos * a[k, p] - sin * a[k, q], sin * a[k, p] + cos * a[k, q]);
        for (var k = 0; k < a.GetLength(0); k++)
            (a[p, k], a[q, k]) = (cos * a[p, k] - sin * a[q, k], sin * a[p, k] + cos * a[q, k]);
        for (var k = 0; k < a.GetLength(0); k++)
            (vectors[k, p], vectors[k, q]) = (cos * vectors[k, p] - sin * vectors[k, q], sin * vectors[k, p] + cos * vectors[k, q]);
    }

    private static double Norm(double[] vector) => Math.Sqrt(ConjugateGradient.Dot(vector, vector));

    private static void Scale(double[] vector, double factor)
    {
        for (var i = 0; i < vector.Length; i++)
            vector[i] *= factor;
    }
}
