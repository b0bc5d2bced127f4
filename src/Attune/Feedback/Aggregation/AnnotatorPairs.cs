using System.Runtime.InteropServices;

namespace Attune.Feedback.Aggregation;

/// <summary>Kappas of two annotators; the error is the standard error of Cohen's, NaN where they share one task.</summary>
internal readonly record struct PairKappas(int First, int Second, int Tasks, double Percent, double Cohen, double Error, double Linear, double Quadratic);

/// <summary>A mean over pairs of annotators with its standard error; NaN where leaving out a task leaves no pair.</summary>
internal readonly record struct MeanKappa(double Value, double Error);

/// <summary>For every two annotators who share a task, what both answered; those with most tasks first, then by their names.</summary>
internal sealed class AnnotatorPairs
{
    private const int Weights = 3; // of KappaWeight

    private readonly int _labels, _tasks;
    private readonly List<(int First, int Second, List<(int Task, int First, int Second)> Answers)> _pairs;

    /// <summary>Collects the pairs.</summary>
    /// <param name="data">The labels.</param>
    /// <param name="tasks">The tasks to look at; they are numbered by their place here.</param>
    /// <param name="place">The place of each label in the order of labels.</param>
    public AnnotatorPairs(LabelSet data, int[] tasks, int[] place)
    {
        (_labels, _tasks) = (data.Labels.Count, tasks.Length);
        var answers = new Dictionary<(int First, int Second), List<(int, int, int)>>();
        var last = new SortedDictionary<int, int>();
        var names = Enumerable.Range(0, data.Workers.Count).OrderBy(worker => data.Workers[worker], StringComparer.Ordinal).ToArray();
        var rank = new int[names.Length];
        for (var i = 0; i < names.Length; i++)
            rank[names[i]] = i;
        for (var task = 0; task < tasks.Length; task++)
        {
            last.Clear();
            for (var at = data.TaskStart[tasks[task]]; at < data.TaskStart[tasks[task] + 1]; at++)
                last[rank[data.TaskWorker[at]]] = place[data.TaskLabel[at]];
            var own = last.ToArray();
            for (var first = 0; first < own.Length; first++)
            {
                for (var second = first + 1; second < own.Length; second++)
                    (CollectionsMarshal.GetValueRefOrAddDefault(answers, (own[first].Key, own[second].Key), out _) ??= []).Add((task, own[first].Value, own[second].Value));
            }
        }
        _pairs = [.. answers.OrderByDescending(pair => pair.Value.Count).ThenBy(pair => pair.Key).Select(pair => (names[pair.Key.First], names[pair.Key.Second], pair.Value))];
    }

    /// <summary>
    /// Each pair's kappas, and their means over the pairs by <see cref="KappaWeight"/>. Standard errors are the jackknife's over tasks: (n − 1)/n Σ (θ₋ᵢ − θ̄)² with
    /// θ₋ᵢ the value without task i, on average not below the variance (Efron and Stein 1981). A bootstrap would not do: a draw holds fewer different tasks, and kappa of few
    /// tasks is biased, so that in a sparse table all of its draws may lie on one side of the value.
    /// </summary>
    public (MeanKappa[] Means, PairKappas[] Pairs) Kappas()
    {
        var sums = new double[Weights];
        var without = Enumerable.Range(0, Weights).Select(_ => new double[_tasks]).ToArray(); // what the sum of kappas changes by without each task
        var lost = new int[_tasks]; // pairs that share that task alone
        var pairs = new PairKappas[_pairs.Count];
        var kappa = new Kappa(_labels);
        for (var pair = 0; pair < pairs.Length; pair++)
        {
            kappa.Clear();
            var (first, second, answers) = _pairs[pair];
            foreach (var (_, ofFirst, ofSecond) in answers)
                kappa.Add(ofFirst, ofSecond);
            double[] own = [kappa.Of(KappaWeight.Equal), kappa.Of(KappaWeight.Linear), kappa.Of(KappaWeight.Quadratic)];
            var agreed = kappa.Agreed;
            var left = new double[answers.Count]; // Cohen's without each of their tasks
            for (var i = 0; i < left.Length; i++)
            {
                var (task, ofFirst, ofSecond) = answers[i];
                kappa.Add(ofFirst, ofSecond, times: -1);
                for (var weight = 0; weight < Weights; weight++)
                    without[weight][task] += (left.Length == 1 ? 0 : kappa.Of((KappaWeight)weight)) - own[weight];
                left[i] = kappa.Of(KappaWeight.Equal);
                kappa.Add(ofFirst, ofSecond);
                lost[task] += left.Length == 1 ? 1 : 0;
            }
            for (var weight = 0; weight < Weights; weight++)
                sums[weight] += own[weight];
            pairs[pair] = new(first, second, answers.Count, agreed, own[0], JackknifeError(left), own[1], own[2]);
        }
        return ([.. sums.Select((sum, weight) => new MeanKappa(sum / pairs.Length, JackknifeError([.. without[weight].Select((change, task) => (sum + change) / (pairs.Length - lost[task]))])))], pairs);
    }

    private static double JackknifeError(double[] without)
    {
        var mean = without.Average();
        return without.Length < 2 ? double.NaN : Math.Sqrt((without.Length - 1.0) / without.Length * without.Sum(value => (value - mean) * (value - mean)));
    }
}
