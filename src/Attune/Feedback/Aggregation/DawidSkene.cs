using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Attune.Runs;

namespace Attune.Feedback.Aggregation;

/// <summary>
/// Expectation maximisation with a confusion matrix for each worker (Dawid and Skene 1979). With π the share of each true label and
/// e_w[l, c] = p(w answers l | c): E-step P[t, c] ∝ π_c Π e_w[l, c]; M-step π = mean of P, e_w[l, c] ∝ Σ of P[t, c] over w's answers l.
/// It starts from the shares of the majority vote. Only labels that a worker gave at all have entries, of at least 1e-10, unless there is a prior.
/// Ties go to the smallest label. The objective is the log-likelihood (with a prior the log of the posterior density, up to a constant) an answer,
/// before the step; it stops when that gains less than the tolerance.
/// <see cref="AggregationMode.Compatible"/> instead has the library's bound, [Σ_rows Σ_c P (ln e + ln π) − Σ_tasks Σ_c P ln P]/rows, after the step.
/// Skills are Σ_c π_c e_w[c, c], the chance to be right. Not here: dependence between workers, difficulty of tasks.
/// </summary>
public sealed class DawidSkene
{
    private const double Floor = 1e-10; // an entry that cannot come back from 0 would decide a task alone

    private readonly LabelSet _data;
    private readonly DawidSkeneOptions _options;
    private readonly int _classes;
    private readonly int[] _cells;         // at each place of the grouping by task, the row (worker, observed) of the matrices
    private readonly bool[] _occurs;       // [worker, observed]
    private readonly double[]?[]? _gold;   // [task][label]
    private readonly double[] _posterior;  // [task, true]
    private readonly double[] _priors;     // [true]
    private readonly double[] _counts;     // [worker, observed, true]
    private readonly double[] _errors;     // the same
    private readonly double[] _logErrors;  // the same
    private readonly double[] _logPriors;  // [true]
    private readonly double[] _perAnswer;  // [true]: Σ_rows P, for the library's bound

    private DawidSkene(LabelSet data, DawidSkeneOptions options)
    {
        (_data, _options, _classes) = (data, options, data.Labels.Count);
        _cells = [.. data.TaskWorker.Zip(data.TaskLabel, (worker, label) => worker * _classes + label)];
        _occurs = data.Occurring();
        _gold = options.Gold?.Shares(data);
        _posterior = MajorityVote.Shares(data, null);
        (_priors, _logPriors, _perAnswer) = (new double[_classes], new double[_classes], new double[_classes]);
        var size = data.Workers.Count * _classes * _classes;
        (_counts, _errors, _logErrors) = (new double[size], new double[size], new double[size]);
    }

    /// <summary>Aggregates by expectation maximisation.</summary>
    /// <exception cref="InputException">First matrices are missing or do not sum to 1, or the gold names an unknown label.</exception>
    public static AggregationResult Run(LabelSet data, DawidSkeneOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new DawidSkene(data, options ?? new()).Run();
    }

    private AggregationResult Run()
    {
        Begin();
        var objective = new List<double>(Math.Min(_options.Iterations, 1000));
        var stopped = _options.Iterations == 0 ? StopReason.Finished : StopReason.IterationLimit;
        var previous = double.NegativeInfinity;
        var isCompatible = _options.Mode == AggregationMode.Compatible;
        for (var iteration = 0; iteration < _options.Iterations; iteration++)
        {
            var likelihood = Expect();
            var value = isCompatible ? 0 : (likelihood + LogPriorDensity()) / _data.Count;
            Maximise();
            if (isCompatible)
                value = LibraryBound();
            objective.Add(value);
            if (value - previous < _options.Tolerance)
            {
                stopped = StopReason.Converged;
                break;
            }
            previous = value;
        }
        return Result(objective, stopped);
    }

    private void Begin()
    {
        for (var task = 0; task < _data.Tasks.Count; task++)
        {
            SetGold(task);
            Count(task);
        }
        if (_options.InitialErrors is { } initial && _options.InitialErrorUse == InitialErrorUse.Addition)
            AddInitial(initial);
        Maximise();
        if (_options.InitialErrors is { } assigned && _options.InitialErrorUse == InitialErrorUse.Assign)
            AssignInitial(assigned);
        if (_options.Start is { } start)
            TakeOver(start);
    }

    /// <summary>E-step and, task by task, the counts for the M-step; the log-likelihood.</summary>
    private double Expect()
    {
        for (var c = 0; c < _classes; c++)
            _logPriors[c] = Math.Log(Math.Max(_priors[c], Floor));
        for (var i = 0; i < _errors.Length; i++)
            _logErrors[i] = Math.Log(Math.Max(_errors[i], Floor));
        Array.Clear(_counts);
        Array.Clear(_perAnswer);
        var likelihood = 0.0;
        for (var task = 0; task < _data.Tasks.Count; task++)
        {
            var p = _posterior.AsSpan(task * _classes, _classes);
            _logPriors.CopyTo(p);
            AddLogErrors(p, CellsOf(task));
            var ofGold = _gold?[task] is { } gold ? Dot(gold, p) : 0;
            var logSum = SoftMax.InPlace(p);
            likelihood += _gold?[task] is null ? logSum : ofGold;
            SetGold(task);
            Count(task);
        }
        return likelihood;
    }

    private ReadOnlySpan<int> CellsOf(int task) => _cells.AsSpan(_data.TaskStart[task].._data.TaskStart[task + 1]);

    // Nearly all time goes into these two. With two or four classes a row of a matrix is one vector; the sums are the same, to the bit.

    private void AddLogErrors(Span<double> p, ReadOnlySpan<int> cells)
    {
        if (_classes == 4)
        {
            var rows = MemoryMarshal.Cast<double, Vector256<double>>(_logErrors.AsSpan());
            var sum = Vector256.Create<double>(p);
            foreach (var cell in cells)
                sum += rows[cell];
            sum.CopyTo(p);
        }
        else if (_classes == 2)
        {
            var rows = MemoryMarshal.Cast<double, Vector128<double>>(_logErrors.AsSpan());
            var sum = Vector128.Create<double>(p);
            foreach (var cell in cells)
                sum += rows[cell];
            sum.CopyTo(p);
        }
        else
        {
            foreach (var cell in cells)
            {
                var row = _logErrors.AsSpan(cell * p.Length, p.Length);
                for (var c = 0; c < p.Length; c++)
                    p[c] += row[c];
            }
        }
    }

    private void AddCounts(ReadOnlySpan<double> p, ReadOnlySpan<int> cells)
    {
        if (_classes == 4)
        {
            var rows = MemoryMarshal.Cast<double, Vector256<double>>(_counts.AsSpan());
            var added = Vector256.Create(p);
            foreach (var cell in cells)
                rows[cell] += added;
        }
        else if (_classes == 2)
        {
            var rows = MemoryMarshal.Cast<double, Vector128<double>>(_counts.AsSpan());
            var added = Vector128.Create(p);
            foreach (var cell in cells)
                rows[cell] += added;
        }
        else
        {
            foreach (var cell in cells)
            {
                var row = _counts.AsSpan(cell * p.Length, p.Length);
                for (var c = 0; c < p.Length; c++)
                    row[c] += p[c];
            }
        }
    }

    private void SetGold(int task) => _gold?[task]?.CopyTo(_posterior.AsSpan(task * _classes, _classes));

    private void Count(int task)
    {
        ReadOnlySpan<double> p = _posterior.AsSpan(task * _classes, _classes);
        var cells = CellsOf(task);
        AddCounts(p, cells);
        for (var c = 0; c < p.Length; c++)
            _perAnswer[c] += cells.Length * p[c];
    }

    private void Maximise()
    {
        Array.Clear(_priors);
        for (var at = 0; at < _posterior.Length; at += _classes)
        {
            for (var c = 0; c < _classes; c++)
                _priors[c] += _posterior[at + c];
        }
        var tasks = _data.Tasks.Count + _options.PriorTasks * _classes;
        for (var c = 0; c < _classes; c++)
            _priors[c] = (_priors[c] + _options.PriorTasks) / tasks;
        for (var worker = 0; worker < _data.Workers.Count; worker++)
            Normalise(worker);
    }

    private void Normalise(int worker)
    {
        for (var c = 0; c < _classes; c++)
        {
            var total = 0.0;
            for (var l = 0; l < _classes; l++)
                total += _errors[Place(worker, l, c)] = Clipped(worker, l, c);
            for (var l = 0; l < _classes; l++)
                _errors[Place(worker, l, c)] /= total;
        }
    }

    private double Clipped(int worker, int observed, int c)
    {
        var prior = observed == c ? _options.PriorRight : _options.PriorWrong;
        return prior > 0 || _occurs[worker * _classes + observed] ? Math.Max(_counts[Place(worker, observed, c)] + prior, Floor) : 0;
    }

    private int Place(int worker, int observed, int c) => (worker * _classes + observed) * _classes + c;

    /// <summary>The log of the Dirichlet densities of the parameters that the last E-step had, without their constants.</summary>
    private double LogPriorDensity()
    {
        if (!_options.HasPrior)
            return 0;
        var sum = _options.PriorTasks * _logPriors.Sum();
        for (var row = 0; row < _data.Workers.Count * _classes; row++)
        {
            for (var c = 0; c < _classes; c++)
                sum += (row % _classes == c ? _options.PriorRight : _options.PriorWrong) * _logErrors[row * _classes + c];
        }
        return sum;
    }

    /// <summary>Defect of the library: the log prior once an answer instead of once a task, so this is no bound and can fall. Its probabilities are clipped here too.</summary>
    private double LibraryBound()
    {
        var sum = 0.0;
        for (var i = 0; i < _counts.Length; i++)
        {
            if (_errors[i] > 0)
                sum += _counts[i] * Math.Log(_errors[i]);
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

    private void AddInitial(IReadOnlyDictionary<string, double[,]> initial)
    {
        for (var worker = 0; worker < _data.Workers.Count; worker++)
        {
            if (!initial.TryGetValue(_data.Workers[worker], out var added))
                continue;
            RequireShape(worker, added);
            for (var l = 0; l < _classes; l++)
            {
                for (var c = 0; c < _classes; c++)
                    _counts[Place(worker, l, c)] += added[l, c];
            }
        }
    }

    private void AssignInitial(IReadOnlyDictionary<string, double[,]> initial)
    {
        for (var worker = 0; worker < _data.Workers.Count; worker++)
        {
            if (!initial.TryGetValue(_data.Workers[worker], out var assigned))
                throw InputException.One("The initial errors", $"lack worker '{_data.Workers[worker]}'", "a matrix for every worker", "add it, or use them as an addition");
            RequireShape(worker, assigned);
            for (var c = 0; c < _classes; c++)
            {
                var total = Enumerable.Range(0, _classes).Sum(l => assigned[l, c]);
                if (!(Math.Abs(total - 1) < 1e-6))
                    throw InputException.One($"The initial errors of worker '{_data.Workers[worker]}'", $"sum to {total} where '{_data.Labels[c]}' is true", "1",
                        "give a probability to each answer, or use them as an addition");
                for (var l = 0; l < _classes; l++)
                    _errors[Place(worker, l, c)] = assigned[l, c];
            }
        }
    }

    private void RequireShape(int worker, double[,] errors)
    {
        if (errors.GetLength(0) != _classes || errors.GetLength(1) != _classes)
            throw InputException.One($"The initial errors of worker '{_data.Workers[worker]}'", $"are {errors.GetLength(0)} × {errors.GetLength(1)}",
                $"{_classes} × {_classes}: observed and true", "give one row and one column for each label");
    }

    private void TakeOver(EarlierFit start)
    {
        if (!start.Labels.SequenceEqual(_data.Labels))
            throw InputException.One("The result to start from", $"has the labels {string.Join(", ", start.Labels)}", $"the labels {string.Join(", ", _data.Labels)}", "start anew, or name the known labels");
        for (var c = 0; c < _classes; c++)
            _priors[c] = start.Priors[c];
        for (var worker = 0; worker < _data.Workers.Count; worker++)
        {
            if (start.Confusions.TryGetValue(_data.Workers[worker], out var earlier))
                earlier.CopyTo(_errors, worker * _classes * _classes);
        }
    }

    private AggregationResult Result(List<double> objective, StopReason stopped)
    {
        var skills = new double[_data.Workers.Count];
        for (var worker = 0; worker < skills.Length; worker++)
        {
            for (var c = 0; c < _classes; c++)
                skills[worker] += _priors[c] * _errors[Place(worker, c, c)];
        }
        return AggregationResult.OfPosterior(_data, _posterior, _priors, skills, objective, stopped) with { Confusions = _errors };
    }

    private static double Dot(double[] a, ReadOnlySpan<double> b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++)
            sum += a[i] == 0 ? 0 : a[i] * b[i];
        return sum;
    }
}
