namespace Attune.Feedback.Aggregation;

/// <summary>Settings of <see cref="Glad"/>.</summary>
public sealed record GladOptions
{
    /// <summary>In <see cref="AggregationMode.Compatible"/> the objective is the one that the library compares, which can fall and stop it early.</summary>
    public AggregationMode Mode { get; init; }

    /// <summary>The most iterations.</summary>
    public int Iterations { get; init; } = 100;

    /// <summary>Stops when the objective gains less; null never does.</summary>
    public double? Tolerance { get; init; } = 1e-5;

    /// <summary>The most steps of a maximisation.</summary>
    public int InnerIterations { get; init; } = 25;

    /// <summary>A maximisation ends when no entry of the gradient is larger.</summary>
    public double InnerTolerance { get; init; } = 1e-2;
}

/// <summary>
/// Generative model of labels, abilities and difficulties (Whitehill, Ruvolo, Wu, Bergsma and Movellan 2009): worker w is right on task t with
/// probability σ(α_w β_t), any other label shares the rest alike; normal priors N(1, 1) on α and on ln β, the same prior for each label.
/// E-step P[t, c] ∝ Π over answers; M-step: conjugate gradients on Q = Σ P·ln p + Σ ln N, from the last values (1 at first).
/// Ties go to the smallest label. The objective is the log of the posterior density of α and ln β an answer, before the step; it stops when that gains
/// less than the tolerance. In <see cref="AggregationMode.Compatible"/> it is Q/(answers · K) after the step, as in the library: Q compares other
/// posteriors than the last and so can fall, and its first value is not divided, so that the first test never stops.
/// Skills are α; <see cref="AggregationResult.TaskEase"/> is ln β.
/// </summary>
public sealed class Glad
{
    private const double LogOfRootOf2Pi = 0.91893853320467274178;
    private const double PriorMean = 1;

    private readonly LabelSet _data;
    private readonly GladOptions _options;
    private readonly int _classes, _workers;
    private readonly double[] _posterior;  // [task, true]
    private readonly double _logOthers;    // ln(K − 1)
    private double[] _parameters;          // [worker] α, then [task] ln β

    private Glad(LabelSet data, GladOptions options)
    {
        (_data, _options, _classes, _workers) = (data, options, data.Labels.Count, data.Workers.Count);
        _posterior = new double[data.Tasks.Count * _classes];
        _logOthers = Math.Log(Math.Max(1, _classes - 1));
        _parameters = new double[_workers + data.Tasks.Count];
        Array.Fill(_parameters, PriorMean);
    }

    /// <summary>Aggregates by expectation maximisation.</summary>
    public static AggregationResult Run(LabelSet data, GladOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new Glad(data, options ?? new()).Run();
    }

    /// <summary>−Q and its gradient with given posteriors, for a check of one against the other.</summary>
    internal static Differentiable LossOf(LabelSet data, double[] posterior)
    {
        var model = new Glad(data, new());
        posterior.CopyTo(model._posterior, 0);
        return model.Loss;
    }

    private AggregationResult Run()
    {
        var objective = new List<double>();
        var stopped = _options.Iterations == 0 ? StopReason.Finished : StopReason.IterationLimit;
        var previous = double.NegativeInfinity;
        for (var iteration = 0; iteration < _options.Iterations; iteration++)
        {
            var value = Expect() / _data.Count;
            _parameters = ConjugateGradient.Minimise(Loss, _parameters, _options.InnerTolerance, _options.InnerIterations);
            if (_options.Mode == AggregationMode.Compatible)
                value = -Loss(_parameters, new double[_parameters.Length]) / ((double)_data.Count * _classes);
            objective.Add(value);
            if (value - previous < _options.Tolerance)
            {
                stopped = StopReason.Converged;
                break;
            }
            previous = value;
        }
        if (_options.Iterations == 0)
            Expect();
        return new()
        {
            Data = _data,
            TaskLabels = AggregationResult.Largest(_posterior, _classes),
            Probabilities = _posterior,
            Skills = _parameters[.._workers],
            TaskEase = _parameters[_workers..],
            Iterations = objective.Count,
            Objective = objective,
            Stopped = stopped,
        };
    }

    /// <summary>E-step; the log of the posterior density of the parameters, up to the labels' prior.</summary>
    private double Expect()
    {
        var density = LogPriors(_parameters);
        var logOfClass = -Math.Log(_classes);
        for (var task = 0; task < _data.Tasks.Count; task++)
        {
            var p = _posterior.AsSpan(task * _classes, _classes);
            p.Fill(logOfClass);
            var ease = Math.Exp(_parameters[_workers + task]);
            var allWrong = 0.0;
            for (var at = _data.TaskStart[task]; at < _data.TaskStart[task + 1]; at++)
            {
                var x = _parameters[_data.TaskWorker[at]] * ease;
                var wrong = -SoftPlus(x) - _logOthers;
                allWrong += wrong;
                p[_data.TaskLabel[at]] += -SoftPlus(-x) - wrong;
            }
            density += allWrong + SoftMax.InPlace(p);
        }
        return density;
    }

    /// <summary>−Q at parameters, and its gradient: with P the posterior of the answer, ∂Q/∂α = Σ (P − σ) e^b − (α − 1), ∂Q/∂b = Σ (P − σ) α e^b − (b − 1).</summary>
    private double Loss(double[] parameters, double[] gradient)
    {
        var expected = LogPriors(parameters);
        for (var i = 0; i < parameters.Length; i++)
            gradient[i] = parameters[i] - PriorMean;
        for (var task = 0; task < _data.Tasks.Count; task++)
        {
            var ease = Math.Exp(parameters[_workers + task]);
            var ofTask = 0.0;
            for (var at = _data.TaskStart[task]; at < _data.TaskStart[task + 1]; at++)
            {
                var worker = _data.TaskWorker[at];
                var x = parameters[worker] * ease;
                var right = _posterior[task * _classes + _data.TaskLabel[at]];
                // one exponential gives σ and both softplus
                var small = Math.Exp(-Math.Abs(x));
                var log = Math.Log(1 + small);
                var sigma = x >= 0 ? 1 / (1 + small) : small / (1 + small);
                expected += right * -(Math.Max(-x, 0) + log) + (1 - right) * (-(Math.Max(x, 0) + log) - _logOthers);
                gradient[worker] -= (right - sigma) * ease;
                ofTask += (right - sigma) * parameters[worker];
            }
            gradient[_workers + task] -= ofTask * ease;
        }
        return double.IsNaN(expected) ? double.PositiveInfinity : -expected;
    }

    private static double LogPriors(double[] parameters)
    {
        var sum = 0.0;
        foreach (var parameter in parameters)
            sum -= (parameter - PriorMean) * (parameter - PriorMean) / 2 + LogOfRootOf2Pi;
        return sum;
    }

    private static double SoftPlus(double x) => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x)));
}
