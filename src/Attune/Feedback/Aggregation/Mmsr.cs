using Attune.Torch;

namespace Attune.Feedback.Aggregation;

/// <summary>Settings of <see cref="Mmsr"/>.</summary>
public sealed record MmsrOptions
{
    /// <summary>In <see cref="AggregationMode.Compatible"/> with the library's treatment of sparse data.</summary>
    public AggregationMode Mode { get; init; }

    /// <summary>The most iterations.</summary>
    public int Iterations { get; init; } = 10_000;

    /// <summary>Stops when the fitted matrix changes less, in Frobenius norm.</summary>
    public double Tolerance { get; init; } = 1e-10;

    /// <summary>Of the start.</summary>
    public uint Seed { get; init; }
}

/// <summary>
/// Matrix mean-subsequence-reduced (Ma and Olshevsky 2020). For workers i, j with common tasks C_ij = K/(K − 1) · (share on which they agree) − 1/(K − 1),
/// in expectation s_i s_j with s scaled skills. |C| ≈ u vᵀ is fitted robustly: v_j becomes the mean of |C_ij|/u_i over neighbours i, without the F least and
/// the F largest (or without all below or above v_j where those are fewer), then u alike; F = ⌊least number of neighbours / 2⌋ − 1. Then x = u·√(‖v‖/‖u‖),
/// signs from <see cref="SignedGraph"/>, kept in [−1/(K − 1) + 1/√T, 1 − 1/√T]; p = x(K − 1)/K + 1/K; weight = ln(p(K − 1)/(1 − p)).
/// Labels have the largest sum of weights, the smallest label of equal ones; probabilities are ∝ exp of the sums, which is the posterior of one-coin
/// workers. A worker who shares no task with others has weight 0; where all have, votes decide. The objective is the change, of which the method stops.
/// Skills are the weights.
/// <see cref="AggregationMode.Compatible"/> keeps the library's defects: F may be −1, which leaves the largest value alone; pairs without a common task count
/// as disagreeing where signs are found; labels follow shares of the weight, which turns the order round where a task's weights sum to less than 0;
/// probabilities are those shares. Both starts are the same draws of NumPy's generator.
/// </summary>
public sealed class Mmsr
{
    private readonly LabelSet _data;
    private readonly MmsrOptions _options;
    private readonly int _workers;
    private readonly int _classes;
    private readonly double[] _agreement;   // [worker, worker]: C
    private readonly int[][] _neighbours;   // of each worker, those with a common task
    private readonly int _dropped;          // F

    private Mmsr(LabelSet data, MmsrOptions options)
    {
        (_data, _options, _workers, _classes) = (data, options, data.Workers.Count, Math.Max(2, data.Labels.Count));
        var (equal, common) = Counts(data);
        _agreement = new double[equal.Length];
        for (var i = 0; i < equal.Length; i++)
            _agreement[i] = (common[i] == 0 ? 0 : (double)equal[i] / common[i]) * _classes / (_classes - 1) - 1.0 / (_classes - 1);
        _neighbours = [.. Enumerable.Range(0, _workers).Select(w => Enumerable.Range(0, _workers).Where(other => common[w * _workers + other] > 0).ToArray())];
        var dropped = _workers == 0 ? 0 : _neighbours.Min(own => own.Length) / 2 - 1;
        _dropped = options.Mode == AggregationMode.Compatible ? dropped : Math.Max(0, dropped);
    }

    /// <summary>Aggregates by a rank-one fit of agreements.</summary>
    public static AggregationResult Run(LabelSet data, MmsrOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        return data.Count == 0 ? MajorityVote.Run(data) : new Mmsr(data, options ?? new()).Run();
    }

    private AggregationResult Run()
    {
        var (u, v) = Starts();
        var changes = new List<double>();
        var stopped = StopReason.IterationLimit;
        var (du, dv) = (new double[_workers], new double[_workers]);
        var scratch = new double[_workers];
        for (var iteration = 0; iteration < _options.Iterations && stopped != StopReason.Converged; iteration++)
        {
            var (normV, dots) = (0.0, 0.0);
            v.CopyTo(dv, 0);
            u.CopyTo(du, 0);
            Fit(v, u, scratch);
            Fit(u, v, scratch);
            // ‖u vᵀ − u′v′ᵀ‖² of (u − u′)vᵀ + u′(v − v′)ᵀ, without cancellation
            var (squareDu, squareDv, squareU) = (0.0, 0.0, 0.0);
            var dotV = 0.0;
            for (var w = 0; w < _workers; w++)
            {
                var (before, changeU, changeV) = (du[w], u[w] - du[w], v[w] - dv[w]);
                squareDu += changeU * changeU;
                squareDv += changeV * changeV;
                squareU += before * before;
                normV += v[w] * v[w];
                dots += changeU * before;
                dotV += changeV * v[w];
            }
            var change = Math.Sqrt(Math.Max(0, squareDu * normV + squareU * squareDv + 2 * dots * dotV));
            changes.Add(change);
            if (change < _options.Tolerance)
                stopped = StopReason.Converged;
        }
        return Result(Weights(u, v)) with { Iterations = changes.Count, Objective = changes, Stopped = stopped };
    }

    private (double[] U, double[] V) Starts()
    {
        if (_options.Mode == AggregationMode.Compatible)
        {
            var random = new NumpyRandom(_options.Seed);
            var start = new double[_workers];
            for (var w = 0; w < _workers; w++)
                start[w] = random.Uniform();
            return (start, (double[])start.Clone());
        }
        var seed = new Seed(_options.Seed).For("mmsr");
        return ([.. Enumerable.Range(0, _workers).Select(w => seed.Uniform(0, w))], [.. Enumerable.Range(0, _workers).Select(w => seed.Uniform(1, w))]);
    }

    /// <summary>Replaces each entry by the trimmed mean of |C| / the other side's entries.</summary>
    private void Fit(double[] into, double[] other, double[] scratch)
    {
        for (var w = 0; w < _workers; w++)
        {
            var own = _neighbours[w];
            if (own.Length == 0)
                continue;
            var ratios = scratch.AsSpan(0, own.Length);
            for (var i = 0; i < own.Length; i++)
                ratios[i] = Math.Abs(_agreement[w * _workers + own[i]]) / other[own[i]];
            if (Trimmed(ratios, into[w]) is { } mean)
                into[w] = mean;
        }
    }

    private double? Trimmed(Span<double> values, double at)
    {
        values.Sort();
        var below = 0;
        while (below < values.Length && values[below] < at)
            below++;
        // A negative F, in the library's slices, counts from the end: only the largest value is left.
        var rest = below < _dropped ? values[below..] : _dropped < 0 ? values[^Math.Min(values.Length, -_dropped)..] : values[Math.Min(_dropped, values.Length)..];
        var above = 0;
        while (above < rest.Length && rest[^(above + 1)] > at)
            above++;
        rest = above < _dropped ? rest[..^above] : rest[..(rest.Length - Math.Max(0, _dropped))];
        if (rest.Length == 0)
            return null;
        if (rest.Length == 1 && rest[0] == 0)
            return 1 / Math.Sqrt(_data.Tasks.Count);
        var sum = 0.0;
        foreach (var value in rest)
            sum += value;
        return sum / rest.Length;
    }

    private double[] Weights(double[] u, double[] v)
    {
        var scale = Math.Sqrt(Math.Sqrt(ConjugateGradient.Dot(u, u)) / Math.Sqrt(ConjugateGradient.Dot(v, v)));
        var isCompatible = _options.Mode == AggregationMode.Compatible;
        bool IsEdge(int i, int j) => isCompatible || Array.BinarySearch(_neighbours[i], j) >= 0;
        var edges = new sbyte[_agreement.Length];
        for (var i = 0; i < _workers; i++)
        {
            for (var j = 0; j < _workers; j++)
                edges[i * _workers + j] = IsEdge(i, j) ? (sbyte)Math.Sign(_agreement[i * _workers + j]) : (sbyte)0;
        }
        var signs = SignedGraph.Signs(edges, _workers);
        var margin = 1 / Math.Sqrt(_data.Tasks.Count);
        var weights = new double[_workers];
        for (var w = 0; w < _workers; w++)
        {
            var skill = Math.Max(Math.Min(signs[w] * u[w] / scale, 1 - margin), -1.0 / (_classes - 1) + margin);
            var right = skill * (_classes - 1) / _classes + 1.0 / _classes;
            weights[w] = Math.Log(right * (_classes - 1) / (1 - right));
        }
        return weights;
    }

    private AggregationResult Result(double[] weights)
    {
        if (_options.Mode == AggregationMode.Compatible)
            return MajorityVote.Weighted(_data, weights);
        var classes = _data.Labels.Count;
        var sums = new double[_data.Tasks.Count * classes];
        for (var task = 0; task < _data.Tasks.Count; task++)
        {
            var own = _data.TaskStart[task].._data.TaskStart[task + 1];
            var isUnknown = Array.TrueForAll(_data.TaskWorker[own], worker => weights[worker] == 0); // then votes decide
            for (var at = own.Start.Value; at < own.End.Value; at++)
                sums[task * classes + _data.TaskLabel[at]] += isUnknown ? 1 : weights[_data.TaskWorker[at]];
        }
        var labels = AggregationResult.Largest(sums, classes);
        for (var task = 0; task < _data.Tasks.Count; task++)
            SoftMax.InPlace(sums.AsSpan(task * classes, classes));
        return new() { Data = _data, TaskLabels = labels, Probabilities = sums, Skills = weights };
    }

    /// <summary>For each pair of workers the tasks on which they agree, and which they share; of a worker's repeated answers to a task the last one counts.</summary>
    private static (int[] Equal, int[] Common) Counts(LabelSet data)
    {
        var workers = data.Workers.Count;
        var (equal, common) = (new int[workers * workers], new int[workers * workers]);
        var last = new Dictionary<int, int>();
        for (var task = 0; task < data.Tasks.Count; task++)
        {
            last.Clear();
            for (var at = data.TaskStart[task]; at < data.TaskStart[task + 1]; at++)
                last[data.TaskWorker[at]] = data.TaskLabel[at];
            foreach (var (first, label) in last)
            {
                foreach (var (second, other) in last)
                {
                    if (first == second)
                        continue;
                    common[first * workers + second]++;
                    equal[first * workers + second] += label == other ? 1 : 0;
                }
            }
        }
        return (equal, common);
    }
}
