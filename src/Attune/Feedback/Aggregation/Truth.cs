using Attune.Runs;

namespace Attune.Feedback.Aggregation;

/// <summary>What is right for some tasks: golden tasks, or the truth that an aggregation is measured against. A task may have several right labels.</summary>
public sealed class Truth
{
    private readonly Dictionary<string, List<string>> _labels = new(StringComparer.Ordinal);

    /// <summary>How many tasks have a truth.</summary>
    public int Count => _labels.Count;

    /// <summary>Right labels of tasks; a task may occur several times.</summary>
    public static Truth Of(IEnumerable<(string Task, string Label)> labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        var truth = new Truth();
        foreach (var (task, label) in labels)
            truth.Add(task, label);
        return truth;
    }

    /// <summary>Reads a CSV file with the columns task and truth (or label, where there is no such column); plain or gzip.</summary>
    /// <exception cref="InputException">The file does not read; it names the lines and what is wrong with them.</exception>
    public static Truth Read(string path)
    {
        var truth = new Truth();
        var named = CsvFile.Header(path);
        CsvFile.Read(path, ["task", named.Contains("label") && !named.Contains("truth") ? "label" : "truth"], fields => truth.Add(fields[0], fields[1]));
        return truth;
    }

    /// <summary>The right labels of a task; none where it is not known.</summary>
    public IReadOnlyList<string> Of(string task) => _labels.TryGetValue(task, out var labels) ? labels : [];

    /// <summary>Each task of the set with its right labels as shares that sum to 1, or null where it has no truth: <c>[task][label]</c>.</summary>
    /// <exception cref="InputException">A truth is no label of the set.</exception>
    internal double[]?[] Shares(LabelSet data)
    {
        var shares = new double[]?[data.Tasks.Count];
        for (var task = 0; task < shares.Length; task++)
        {
            var right = Of(data.Tasks[task]);
            if (right.Count == 0)
                continue;
            var share = new double[data.Labels.Count];
            foreach (var label in right)
            {
                var number = data.LabelNumber(label);
                if (number < 0)
                    throw InputException.One($"The truth of task '{data.Tasks[task]}'", $"is '{label}', which no worker answered anywhere",
                        $"one of {string.Join(", ", data.Labels.Take(20))}", "correct it, or name it among the known labels");
                share[number] += 1.0 / right.Count;
            }
            shares[task] = share;
        }
        return shares;
    }

    private void Add(string task, string label)
    {
        if (!_labels.TryGetValue(task, out var labels))
            _labels.Add(task, labels = []);
        if (!labels.Contains(label))
            labels.Add(label);
    }
}
