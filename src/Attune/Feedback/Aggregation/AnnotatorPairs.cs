using System.Runtime.InteropServices;

namespace Attune.Feedback.Aggregation;

/// <summary>Kappas of two annotators.</summary>
internal readonly record struct PairKappas(int First, int Second, int Tasks, double Percent, double Cohen, double Linear, double Quadratic);

/// <summary>For every two annotators who share a task, what both answered; those with most tasks first, then by their names.</summary>
internal sealed class AnnotatorPairs
{
    private readonly int _labels;
    private readonly List<(int First, int Second, List<(int Task, int First, int Second)> Answers)> _pairs;

    /// <summary>Collects the pairs.</summary>
    /// <param name="data">The labels.</param>
    /// <param name="tasks">The tasks to look at; they are numbered by their place here.</param>
    /// <param name="place">The place of each label in the order of labels.</param>
    public AnnotatorPairs(LabelSet data, int[] tasks, int[] place)
    {
        _labels = data.Labels.Count;
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

    /// <summary>How many pairs there are.</summary>
    public int Count => _pairs.Count;

    /// <summary>Each pair's kappas, and their means by <see cref="KappaWeight"/> over the pairs that have any.</summary>
    /// <param name="times">How often each task counts; once without.</param>
    public (double[] Means, PairKappas[] Pairs) Kappas(int[]? times)
    {
        var (sums, known) = (new double[3], 0);
        var pairs = new PairKappas[_pairs.Count];
        var kappa = new Kappa(_labels);
        for (var pair = 0; pair < pairs.Length; pair++)
        {
            kappa.Clear();
            var (first, second, answers) = _pairs[pair];
            foreach (var (task, ofFirst, ofSecond) in answers)
                kappa.Add(ofFirst, ofSecond, times?[task] ?? 1);
            var own = pairs[pair] = new(first, second, answers.Count, kappa.Agreed, kappa.Of(KappaWeight.Equal), kappa.Of(KappaWeight.Linear), kappa.Of(KappaWeight.Quadratic));
            if (double.IsNaN(own.Cohen))
                continue;
            known++;
            (sums[0], sums[1], sums[2]) = (sums[0] + own.Cohen, sums[1] + own.Linear, sums[2] + own.Quadratic);
        }
        return ([.. sums.Select(sum => sum / known)], pairs);
    }
}
