using Attune.Runs;

namespace Attune.Feedback.Aggregation;

/// <summary>What is right for some tasks: golden tasks, or the truth that an aggregation is measured against. A task may have several right labels.</summary>
public sealed class Truth
{
    private const int MostProblemsShown = 20;

    private readonly Dictionary<string, List<string>> _labels = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Task, string Label), int> _lines = []; // of the file, where it is one
    private string _name = "The truth";

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
        var truth = new Truth { _name = path };
        var named = CsvFile.Header(path);
        CsvFile.Read(path, ["task", named.Contains("label") && !named.Contains("truth") ? "label" : "truth"], (line, fields) =>
        {
            truth.Add(fields[0], fields[1]);
            truth._lines.TryAdd((fields[0], fields[1]), line);
        });
        return truth.Count > 0 ? truth : throw InputException.One(path, "has a header and no task", "at least one", "name another file");
    }

    /// <summary>The right labels of a task; none where it is not known.</summary>
    public IReadOnlyList<string> Of(string task) => _labels.TryGetValue(task, out var labels) ? labels : [];

    /// <summary>Refuses a truth that has nothing to do with a set: of none of its tasks, or none of its labels. Tasks that the set does not have are passed over.</summary>
    /// <exception cref="InputException">It belongs to other labels.</exception>
    public void RequireOf(LabelSet data)
    {
        ArgumentNullException.ThrowIfNull(data);
        var shared = data.Tasks.Where(_labels.ContainsKey).ToList();
        if (shared.Count == 0)
            throw InputException.One(_name, $"has the truth of {Count} tasks, none of which the labels name", "the truth of some of these tasks", $"name the file that goes with them; the first task here is '{data.Tasks[0]}'");
        var first = _labels[shared[0]][0];
        if (!shared.Exists(task => _labels[task].Exists(label => data.LabelNumber(label) >= 0)))
            throw InputException.One(_name, $"has truths such as '{first}', none of which anybody answered", $"labels like {string.Join(", ", data.Labels.Take(MostProblemsShown))}", "write both files with the same labels");
    }

    /// <summary>Each task of the set with its right labels as shares that sum to 1, or null where it has no truth: <c>[task][label]</c>.</summary>
    /// <exception cref="InputException">Truths are no labels of the set; lists them, by line where they come of a file.</exception>
    internal double[]?[] Shares(LabelSet data)
    {
        var problems = data.Tasks.SelectMany(task => Of(task).Where(label => data.LabelNumber(label) < 0).Select(label => Problem.Of(
            _lines.TryGetValue((task, label), out var line) ? $"line {line}" : $"task '{task}'", $"has the truth '{label}' of '{task}', which no worker answered anywhere",
            $"one of {string.Join(", ", data.Labels.Take(MostProblemsShown))}", "correct it, or remove the line"))).ToList();
        if (problems.Count > MostProblemsShown)
            problems = [.. problems.Take(MostProblemsShown), new("", $"and {problems.Count - MostProblemsShown} more")];
        if (problems.Count > 0)
            throw new InputException(_name, problems);
        var shares = new double[]?[data.Tasks.Count];
        for (var task = 0; task < shares.Length; task++)
        {
            var right = Of(data.Tasks[task]);
            if (right.Count == 0)
                continue;
            var share = new double[data.Labels.Count];
            foreach (var label in right)
                share[data.LabelNumber(label)] += 1.0 / right.Count;
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
