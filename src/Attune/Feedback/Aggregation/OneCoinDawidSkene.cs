namespace Attune.Feedback.Aggregation;

/// <summary>Settings of <see cref="OneCoinDawidSkene"/>.</summary>
public sealed record OneCoinOptions
{
    /// <summary>Which objective decides when to stop, as in <see cref="DawidSkeneOptions.Mode"/>.</summary>
    public AggregationMode Mode { get; init; }

    /// <summary>The most iterations.</summary>
    public int Iterations { get; init; } = 100;

    /// <summary>Stops when the objective gains less; null never does.</summary>
    public double? Tolerance { get; init; } = 1e-5;

    /// <summary>Tasks whose truth is known: their probabilities stay at it.</summary>
    public Truth? Gold { get; init; }
}

/// <summary>
/// Dawid and Skene's model with one number a worker: right with probability s_w, else any of the K − 1 other labels alike (Zhang, Chen, Zhou and
/// Jordan 2014). E-step P[t, c] ∝ π_c Π (s_w or (1 − s_w)/(K − 1)); M-step s_w = mean of P[t, label] over w's answers; both probabilities are kept in
/// [1e-10, 1 − 1e-10]. Starts from majority vote; ties, objective and stopping as in <see cref="DawidSkene"/>.
/// Beware of many classes with weak workers: on the relevance data of the literature, with four, it falls to 0.26.
/// </summary>
public sealed class OneCoinDawidSkene
{
    private const double Floor = 1e-10;

    private readonly LabelSet _data;
    private readonly OneCoinOptions _options;
    private readonly int _classes;
    private readonly double[]?[]? _gold;
    private readonly double[] _posterior; // [task, true]
    private readonly double[] _priors, _logPriors, _perAnswer; // [true]
    private readonly double[] _right, _skills, _logRight, _logWrong; // [worker]; _right is Σ P[t, label]

    private OneCoinDawidSkene(LabelSet data, OneCoinOptions options)
    {
        (_data, _options, _classes, _gold) = (data, options, data.Labels.Count, options.Gold?.Shares(data));
        _posterior = MajorityVote.Shares(data, null);
        (_priors, _logPriors, _perAnswer) = (new double[_classes], new double[_classes], new double[_classes]);
        var workers = data.Workers.Count;
        (_right, _skills, _logRight, _logWrong) = (new double[workers], new double[workers], new double[workers], new double[workers]);
    }

    /// <summary>Aggregates by expectation maximisation.</summary>
    public static AggregationResult Run(LabelSet data, OneCoinOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new OneCoinDawidSkene(data, options ?? new()).Run();
    }

    private AggregationResult Run()
    {
        for (var task = 0; task < _data.Tasks.Count; task++)
            Count(task);
        Maximise();
        var objective = new List<double>();
        var stopped = _options.Iterations == 0 ? StopReason.Finished : StopReason.IterationLimit;
        var previous = double.NegativeInfinity;
        var isCompatible = _options.Mode == AggregationMode.Compatible;
        for (var iteration = 0; iteration < _options.Iterations; iteration++)
        {
            var likelihood = Expect();
            Maximise();
            var value = isCompatible ? LibraryBound() : likelihood / _data.Count;
            objective.Add(value);
            if (value - previous < _options.Tolerance)
            {
                stopped = StopReason.Converged;
                break;
            }
            previous = value;
        }
        return AggregationResult.OfPosterior(_data, _posterior, _priors, _skills, objective, stopped);
    }

    private double Expect()
    {
        for (var c = 0; c < _classes; c++)
            _logPriors[c] = Math.Log(Math.Max(_priors[c], Floor));
        Array.Clear(_right);
        Array.Clear(_perAnswer);
        var likelihood = 0.0;
        for (var task = 0; task < _data.Tasks.Count; task++)
        {
            var p = _posterior.AsSpan(task * _classes, _classes);
            _logPriors.CopyTo(p);
            var allWrong = 0.0;
            for (var at = _data.TaskStart[task]; at < _data.TaskStart[task + 1]; at++)
            {
                var worker = _data.TaskWorker[at];
                allWrong += _logWrong[worker];
                p[_data.TaskLabel[at]] += _logRight[worker] - _logWrong[worker];
            }
            var ofGold = 0.0;
            for (var c = 0; _gold?[task] is { } gold && c < _classes; c++)
                ofGold += gold[c] * p[c];
            var logSum = SoftMax.InPlace(p);
            likelihood += allWrong + (_gold?[task] is null ? logSum : ofGold);
            Count(task);
        }
        return likelihood;
    }

    private void Count(int task)
    {
        var p = _posterior.AsSpan(task * _classes, _classes);
        _gold?[task]?.CopyTo(p);
        var (start, end) = (_data.TaskStart[task], _data.TaskStart[task + 1]);
        for (var at = start; at < end; at++)
            _right[_data.TaskWorker[at]] += p[_data.TaskLabel[at]];
        for (var c = 0; c < p.Length; c++)
            _perAnswer[c] += (end - start) * p[c];
    }

    private void Maximise()
    {
        Array.Clear(_priors);
        for (var i = 0; i < _posterior.Length; i++)
            _priors[i % _classes] += _posterior[i];
        for (var c = 0; c < _classes; c++)
            _priors[c] /= _data.Tasks.Count;
        for (var worker = 0; worker < _skills.Length; worker++)
        {
            _skills[worker] = _right[worker] / (_data.WorkerStart[worker + 1] - _data.WorkerStart[worker]);
            _logRight[worker] = Math.Log(Math.Clamp(_skills[worker], Floor, 1 - Floor));
            _logWrong[worker] = Math.Log(Math.Clamp((1 - _skills[worker]) / Math.Max(1, _classes - 1), Floor, 1 - Floor));
        }
    }

    /// <summary>The library's bound with the defect that <see cref="DawidSkene"/> describes.</summary>
    private double LibraryBound()
    {
        var sum = 0.0;
        for (var worker = 0; worker < _skills.Length; worker++)
        {
            var answers = _data.WorkerStart[worker + 1] - _data.WorkerStart[worker];
            sum += _right[worker] * _logRight[worker] + (answers - _right[worker]) * _logWrong[worker];
        }
        for (var c = 0; c < _classes; c++)
            sum += _perAnswer[c] * Math.Log(Math.Max(_priors[c], Floor));
        for (var i = 0; i < _posterior.Length; i++)
        {
            _posterior[i] = Math.Max(_posterior[i], Floor);
            sum -= _posterior[i] * Math.Log(_posterior[i]);
        }
        return sum / _data.Count;
    }
}
