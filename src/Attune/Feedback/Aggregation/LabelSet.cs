namespace Attune.Feedback.Aggregation;

/// <summary>One answer: what a worker said of a task.</summary>
/// <param name="Task">What was judged.</param>
/// <param name="Worker">Who judged.</param>
/// <param name="Label">The answer; compared letter by letter.</param>
/// <param name="Weight">How much the row counts in an accuracy of <see cref="LabelMetrics"/>; nothing else reads it.</param>
public readonly record struct LabelRow(string Task, string Worker, string Label, double Weight = 1);

/// <summary>
/// Labels by many workers as dense numbers: a structure of arrays, grouped by task and by worker, in memory linear in the number of labels.
/// Tasks and workers are numbered in order of first appearance, labels in ordinal order of their names, so that "the smallest label" wins ties.
/// Not here: rows without a worker, several labels in one answer.
/// </summary>
public sealed class LabelSet
{
    private readonly Dictionary<string, int> _taskNumbers;
    private readonly Dictionary<string, int> _workerNumbers;
    private readonly Lazy<bool[]> _repeats;

    private LabelSet(Numbers tasks, Numbers workers, string[] labels, int[][] rows)
    {
        (Tasks, _taskNumbers) = (tasks.Names, tasks.ByName);
        (Workers, _workerNumbers) = (workers.Names, workers.ByName);
        Labels = labels;
        (RowTask, RowWorker, RowLabel) = (rows[0], rows[1], rows[2]);
        (TaskStart, ByTask) = Group(RowTask, Tasks.Count);
        (TaskWorker, TaskLabel) = (Take(RowWorker, ByTask), Take(RowLabel, ByTask));
        (WorkerStart, var byWorker) = Group(RowWorker, Workers.Count);
        (WorkerTask, WorkerLabel) = (Take(RowTask, byWorker), Take(RowLabel, byWorker));
        LabelsByAppearance = AppearanceOrder(RowLabel, labels.Length);
        _repeats = new(FindRepeats);
    }

    /// <summary>Names of the tasks, in order of first appearance.</summary>
    public IReadOnlyList<string> Tasks { get; }

    /// <summary>Names of the workers, in order of first appearance.</summary>
    public IReadOnlyList<string> Workers { get; }

    /// <summary>Names of the labels, in ordinal order.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>How many rows there are.</summary>
    public int Count => RowTask.Length;

    /// <summary>Each row's task, worker and label, in the order in which they came.</summary>
    internal int[] RowTask { get; }

    internal int[] RowWorker { get; }

    internal int[] RowLabel { get; }

    /// <summary>Where each task's rows begin in <see cref="TaskWorker"/>, <see cref="TaskLabel"/> and <see cref="ByTask"/>; one more than there are tasks.</summary>
    internal int[] TaskStart { get; }

    internal int[] TaskWorker { get; }

    internal int[] TaskLabel { get; }

    /// <summary>The row that stands at a place of the grouping by task.</summary>
    internal int[] ByTask { get; }

    /// <summary>Where each worker's rows begin in <see cref="WorkerTask"/> and <see cref="WorkerLabel"/>.</summary>
    internal int[] WorkerStart { get; }

    internal int[] WorkerTask { get; }

    internal int[] WorkerLabel { get; }

    /// <summary>The labels in the order in which rows first name them; then those that no row names.</summary>
    internal int[] LabelsByAppearance { get; }

    /// <summary>At each place of the grouping by task: whether the same worker gave the same label to the task before. Accuracy counts those once.</summary>
    internal bool[] IsRepeat => _repeats.Value;

    /// <summary>Numbers rows.</summary>
    /// <param name="rows">The answers.</param>
    /// <param name="knownLabels">Labels that exist though perhaps no row has them.</param>
    public static LabelSet Of(IEnumerable<LabelRow> rows, IEnumerable<string>? knownLabels = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var builder = new Builder();
        foreach (var row in rows)
            builder.Add(row.Task, row.Worker, row.Label);
        return builder.Build(knownLabels);
    }

    /// <summary>Reads a CSV file with the columns task, worker, label (others are ignored); plain or gzip.</summary>
    /// <param name="path">The file.</param>
    /// <param name="knownLabels">Labels that exist though perhaps no row has them.</param>
    /// <exception cref="Runs.InputException">The file does not read; it names the lines and what is wrong with them.</exception>
    public static LabelSet Read(string path, IEnumerable<string>? knownLabels = null)
    {
        var builder = new Builder();
        CsvFile.Read(path, ["task", "worker", "label"], (_, fields) => builder.Add(fields[0], fields[1], fields[2]));
        return builder.Count > 0 ? builder.Build(knownLabels) : throw Runs.InputException.One(path, "has a header and no label", "at least one", "name another file");
    }

    /// <summary>The number of a task, or −1.</summary>
    public int TaskNumber(string task) => _taskNumbers.GetValueOrDefault(task, -1);

    /// <summary>The number of a worker, or −1.</summary>
    public int WorkerNumber(string worker) => _workerNumbers.GetValueOrDefault(worker, -1);

    /// <summary>The number of a label, or −1.</summary>
    public int LabelNumber(string label)
    {
        var at = Array.BinarySearch((string[])Labels, label, StringComparer.Ordinal);
        return at < 0 ? -1 : at;
    }

    /// <summary>The rows again, with their names.</summary>
    public IEnumerable<LabelRow> Rows()
    {
        for (var row = 0; row < Count; row++)
            yield return new(Tasks[RowTask[row]], Workers[RowWorker[row]], Labels[RowLabel[row]]);
    }

    /// <summary>For each worker, whether they answered with each label at all: <c>[worker, label]</c>.</summary>
    internal bool[] Occurring()
    {
        var occurs = new bool[Workers.Count * Labels.Count];
        for (var row = 0; row < Count; row++)
            occurs[RowWorker[row] * Labels.Count + RowLabel[row]] = true;
        return occurs;
    }

    private static (int[] Start, int[] Order) Group(int[] keys, int groups)
    {
        var start = new int[groups + 1];
        foreach (var key in keys)
            start[key + 1]++;
        for (var group = 0; group < groups; group++)
            start[group + 1] += start[group];
        var next = start[..groups];
        var order = new int[keys.Length];
        for (var row = 0; row < keys.Length; row++)
            order[next[keys[row]]++] = row;
        return (start, order);
    }

    private static int[] Take(int[] values, int[] order)
    {
        var taken = new int[order.Length];
        for (var i = 0; i < order.Length; i++)
            taken[i] = values[order[i]];
        return taken;
    }

    private static int[] AppearanceOrder(int[] rowLabel, int labels)
    {
        var order = new List<int>(labels);
        var seen = new bool[labels];
        foreach (var label in rowLabel.Concat(Enumerable.Range(0, labels)))
        {
            if (order.Count == labels)
                break;
            if (!seen[label])
                order.Add(label);
            seen[label] = true;
        }
        return [.. order];
    }

    private bool[] FindRepeats()
    {
        var repeats = new bool[Count];
        var seen = new HashSet<(int Worker, int Label)>();
        for (var task = 0; task < Tasks.Count; task++)
        {
            seen.Clear();
            for (var at = TaskStart[task]; at < TaskStart[task + 1]; at++)
                repeats[at] = !seen.Add((TaskWorker[at], TaskLabel[at]));
        }
        return repeats;
    }

    /// <summary>Names and the numbers they got, in order of first appearance.</summary>
    private sealed class Numbers
    {
        public List<string> Names { get; } = [];

        public Dictionary<string, int> ByName { get; } = new(StringComparer.Ordinal);

        public int Of(string name)
        {
            ArgumentNullException.ThrowIfNull(name);
            if (ByName.TryGetValue(name, out var number))
                return number;
            ByName.Add(name, Names.Count);
            Names.Add(name);
            return Names.Count - 1;
        }
    }

    /// <summary>Collects rows; labels get their ordinal numbers at the end.</summary>
    private sealed class Builder
    {
        private readonly Numbers _tasks = new(), _workers = new(), _labels = new();
        private readonly List<int> _rowTask = [], _rowWorker = [], _rowLabel = [];

        public int Count => _rowTask.Count;

        public void Add(string task, string worker, string label)
        {
            _rowTask.Add(_tasks.Of(task));
            _rowWorker.Add(_workers.Of(worker));
            _rowLabel.Add(_labels.Of(label));
        }

        public LabelSet Build(IEnumerable<string>? knownLabels)
        {
            foreach (var label in knownLabels ?? [])
                _labels.Of(label);
            var sorted = _labels.Names.ToArray();
            Array.Sort(sorted, StringComparer.Ordinal);
            var rank = _labels.Names.Select(name => Array.BinarySearch(sorted, name, StringComparer.Ordinal)).ToArray();
            var rowLabel = new int[_rowLabel.Count];
            for (var row = 0; row < rowLabel.Length; row++)
                rowLabel[row] = rank[_rowLabel[row]];
            return new(_tasks, _workers, sorted, [[.. _rowTask], [.. _rowWorker], rowLabel]);
        }
    }
}
