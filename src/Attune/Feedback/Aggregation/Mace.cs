using Attune.Torch;

namespace Attune.Feedback.Aggregation;

/// <summary>How MACE makes parameters of expected counts.</summary>
public enum MaceStep
{
    /// <summary>Variational Bayes: exp ψ(count + prior) / exp ψ(sum).</summary>
    VariationalBayes,

    /// <summary>Expectation maximisation: counts plus 0.01/K, normalised.</summary>
    ExpectationMaximisation,
}

/// <summary>Settings of <see cref="Mace"/>.</summary>
public sealed record MaceOptions
{
    /// <summary>In <see cref="AggregationMode.Compatible"/> with the library's misplaced counts and its single start.</summary>
    public AggregationMode Mode { get; init; }

    /// <summary>Random starts; the one with the highest likelihood counts.</summary>
    public int Restarts { get; init; } = 10;

    /// <summary>Iterations of each.</summary>
    public int Iterations { get; init; } = 50;

    /// <summary>How parameters are made.</summary>
    public MaceStep Step { get; init; }

    /// <summary>Prior count of spamming, and of knowing.</summary>
    public double SpammingPrior { get; init; } = 0.5;

    /// <summary>Prior count of each answer of a spammer.</summary>
    public double StrategyPrior { get; init; } = 10;

    /// <summary>Of the starts.</summary>
    public uint Seed { get; init; }
}

/// <summary>
/// Multi-annotator competence estimation (Hovy, Berg-Kirkpatrick, Vaswani and Hovy 2013): on each task worker w either knows, and answers right, with
/// weight k_w, or spams with weight s_w and answers l with θ_w[l]; true labels are equally likely. With sums of logs
/// ln g[t, c] = −ln K + Σ ln(s θ[l] + k [l = c]); expected counts of spammed answers and of knowing from the posterior g/Σ g; parameters from these.
/// A fixed number of iterations, several random starts (U[1, 2.5], normalised), of which the one with the highest Σ ln Σ g stands. Ties go to the smallest
/// label. Skills are k. With variational Bayes s + k and Σ θ may be below 1.
/// <see cref="AggregationMode.Compatible"/> keeps three defects of the library: expected strategy counts come sorted by worker and label but are taken for
/// parameters in order of first appearance (this changes the published accuracies by up to 0.11); all restarts begin from the same draws of NumPy's
/// generator, and so do s, k and θ, so one start suffices here; ties go to the label that appears first.
/// </summary>
public sealed class Mace
{
    private readonly LabelSet _data;
    private readonly MaceOptions _options;
    private readonly int _classes;
    private readonly int[] _sortedWorkers;
    private readonly double[] _posterior;  // [task, true]
    private readonly double[] _spamming;   // [worker, (spams, knows)]
    private readonly double[] _strategies; // [worker, label]
    private readonly double[] _logSpam, _logRight, _known; // [worker, label]: ln sθ, ln(sθ + k), k/(sθ + k)
    private readonly double[] _spamCounts, _strategyCounts;

    internal Mace(LabelSet data, MaceOptions options)
    {
        (_data, _options, _classes) = (data, options, data.Labels.Count);
        var size = data.Workers.Count * _classes;
        _sortedWorkers = [.. Enumerable.Range(0, data.Workers.Count)];
        Array.Sort(data.Workers.ToArray(), _sortedWorkers, StringComparer.Ordinal);
        _posterior = new double[data.Tasks.Count * _classes];
        (_spamming, _spamCounts) = (new double[data.Workers.Count * 2], new double[data.Workers.Count * 2]);
        (_strategies, _strategyCounts) = (new double[size], new double[size]);
        (_logSpam, _logRight, _known) = (new double[size], new double[size], new double[size]);
    }

    /// <summary>[worker, (spams, knows)].</summary>
    internal double[] Spamming => _spamming;

    /// <summary>Aggregates by competence.</summary>
    public static AggregationResult Run(LabelSet data, MaceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        options ??= new();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Restarts, 1, nameof(options));
        if (options.Mode == AggregationMode.Compatible)
        {
            var single = new Mace(data, options);
            single.BeginLikeNumpy();
            return single.Run();
        }
        AggregationResult? best = null;
        var seed = new Seed(options.Seed).For("mace");
        for (var restart = 0; restart < options.Restarts; restart++)
        {
            var model = new Mace(data, options);
            model.Begin(seed.For(restart));
            var result = model.Run();
            if (best is null || result.Objective[^1] > best.Objective[^1])
                best = result;
        }
        return best!;
    }

    /// <summary>The library's start: the same draws for s, k and for θ, whose columns are labels in order of first appearance.</summary>
    internal void BeginLikeNumpy()
    {
        var random = new NumpyRandom(_options.Seed);
        for (var i = 0; i < _spamming.Length; i++)
            _spamming[i] = 1 + 1.5 * random.Uniform();
        random = new NumpyRandom(_options.Seed);
        for (var i = 0; i < _strategies.Length; i++)
            _strategies[i - i % _classes + _data.LabelsByAppearance[i % _classes]] = 1 + 1.5 * random.Uniform();
        Normalise();
    }

    internal AggregationResult Run()
    {
        var objective = new List<double> { Expect() };
        for (var iteration = 0; iteration < _options.Iterations; iteration++)
        {
            Maximise();
            objective.Add(Expect());
        }
        return new()
        {
            Data = _data,
            TaskLabels = _options.Mode == AggregationMode.Compatible ? FirstAppearing() : AggregationResult.Largest(_posterior, _classes),
            Probabilities = _posterior,
            Skills = [.. Enumerable.Range(0, _data.Workers.Count).Select(worker => _spamming[worker * 2 + 1])],
            Strategies = _strategies,
            Iterations = _options.Iterations,
            Objective = objective.Count > 1 ? objective[1..] : objective,
            Stopped = StopReason.Finished,
        };
    }

    private void Begin(Seed seed)
    {
        for (var i = 0; i < _spamming.Length; i++)
            _spamming[i] = 1 + 1.5 * seed.Uniform(0, i);
        for (var i = 0; i < _strategies.Length; i++)
            _strategies[i] = 1 + 1.5 * seed.Uniform(1, i);
        Normalise();
    }

    private void Normalise()
    {
        for (var worker = 0; worker < _data.Workers.Count; worker++)
        {
            var total = _spamming[worker * 2] + _spamming[worker * 2 + 1];
            _spamming[worker * 2] /= total;
            _spamming[worker * 2 + 1] /= total;
            var own = _strategies.AsSpan(worker * _classes, _classes);
            total = 0;
            foreach (var share in own)
                total += share;
            for (var label = 0; label < own.Length; label++)
                own[label] /= total;
        }
    }

    /// <summary>E-step; Σ over tasks of ln Σ g.</summary>
    private double Expect()
    {
        for (var i = 0; i < _strategies.Length; i++)
        {
            var (spam, knows) = (_spamming[i / _classes * 2] * _strategies[i], _spamming[i / _classes * 2 + 1]);
            (_logSpam[i], _logRight[i], _known[i]) = (Math.Log(spam), Math.Log(spam + knows), knows / (spam + knows));
        }
        Array.Clear(_spamCounts);
        Array.Clear(_strategyCounts);
        var (likelihood, logOfClass) = (0.0, -Math.Log(_classes));
        for (var task = 0; task < _data.Tasks.Count; task++)
        {
            var p = _posterior.AsSpan(task * _classes, _classes);
            p.Fill(logOfClass);
            var (start, end, allSpam) = (_data.TaskStart[task], _data.TaskStart[task + 1], 0.0);
            for (var at = start; at < end; at++)
            {
                var place = _data.TaskWorker[at] * _classes + _data.TaskLabel[at];
                allSpam += _logSpam[place];
                p[_data.TaskLabel[at]] += _logRight[place] - _logSpam[place];
            }
            likelihood += allSpam + SoftMax.InPlace(p);
            for (var at = start; at < end; at++)
            {
                var (worker, label) = (_data.TaskWorker[at], _data.TaskLabel[at]);
                var knew = p[label] * _known[worker * _classes + label];
                _spamCounts[worker * 2] += 1 - knew;
                _spamCounts[worker * 2 + 1] += knew;
                _strategyCounts[worker * _classes + label] += 1 - knew;
            }
        }
        return likelihood;
    }

    private void Maximise()
    {
        var smoothing = 0.01 / _classes;
        var isVariational = _options.Step == MaceStep.VariationalBayes;
        var counts = new double[_classes];
        for (var worker = 0; worker < _data.Workers.Count; worker++)
        {
            Parameters(_spamCounts.AsSpan(worker * 2, 2), isVariational ? _options.SpammingPrior : smoothing, _spamming.AsSpan(worker * 2, 2));
            for (var label = 0; label < _classes; label++)
                counts[label] = StrategyCount(worker, label);
            Parameters(counts, isVariational ? _options.StrategyPrior : smoothing, _strategies.AsSpan(worker * _classes, _classes));
        }
    }

    /// <summary>The count that becomes this worker's and label's parameter: their own, or, as in the library, that at the same place in sorted order.</summary>
    private double StrategyCount(int worker, int label) => _options.Mode == AggregationMode.Correct
        ? _strategyCounts[worker * _classes + label]
        : _strategyCounts[_sortedWorkers[worker] * _classes + Array.IndexOf(_data.LabelsByAppearance, label)];

    private void Parameters(ReadOnlySpan<double> counts, double added, Span<double> parameters)
    {
        var total = 0.0;
        foreach (var count in counts)
            total += count + added;
        var isVariational = _options.Step == MaceStep.VariationalBayes;
        for (var i = 0; i < counts.Length; i++)
            parameters[i] = isVariational ? Math.Exp(Digamma(counts[i] + added) - Digamma(total)) : (counts[i] + added) / total;
    }

    private int[] FirstAppearing()
    {
        var labels = new int[_data.Tasks.Count];
        for (var task = 0; task < labels.Length; task++)
            labels[task] = _data.LabelsByAppearance.MaxBy(label => _posterior[task * _classes + label]);
        return labels;
    }

    /// <summary>ψ(x) for x above 0: ψ(x) = ψ(x + 1) − 1/x up to 10, then Bernoulli's series.</summary>
    internal static double Digamma(double x)
    {
        var below = 0.0;
        for (; x < 10; x++)
            below -= 1 / x;
        var (inverse, square) = (1 / x, 1 / (x * x));
        var series = square * (1.0 / 12 - square * (1.0 / 120 - square * (1.0 / 252 - square * (1.0 / 240 - square * (1.0 / 132 - square * (691.0 / 32760 - square / 12))))));
        return below + Math.Log(x) - inverse / 2 - series;
    }
}
