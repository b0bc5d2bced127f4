using System.Globalization;
using System.Text.Json;
using Attune.Runs;

namespace Attune.Feedback.Aggregation;

/// <summary>All that a method found, by name: what <c>--json</c> prints and a file keeps. What a method does not have is null.</summary>
public sealed record AggregationReport
{
    /// <summary>The method's name.</summary>
    public required string Method { get; init; }

    /// <summary>The mode it ran in.</summary>
    public required AggregationMode Mode { get; init; }

    /// <summary>Answers, comparisons or rankings read.</summary>
    public required int Rows { get; init; }

    /// <summary>Each task's label.</summary>
    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>Each task's probability of each label.</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>>? Probabilities { get; init; }

    /// <summary>Each worker's skill, in the method's unit.</summary>
    public IReadOnlyDictionary<string, double>? Skills { get; init; }

    /// <summary>Each item's score, in the method's unit.</summary>
    public IReadOnlyDictionary<string, double>? Scores { get; init; }

    /// <summary>The 95 % interval of each score.</summary>
    public IReadOnlyDictionary<string, Interval?>? ScoreIntervals { get; init; }

    /// <summary>How often each label is right.</summary>
    public IReadOnlyDictionary<string, double>? Priors { get; init; }

    /// <summary>Each worker's p(observed | true): by worker, true label, observed label.</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>>>? Confusions { get; init; }

    /// <summary>How easy each task is: GLAD's ln β.</summary>
    public IReadOnlyDictionary<string, double>? TaskEase { get; init; }

    /// <summary>What each worker answers when not attending: MACE's strategies.</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>>? Strategies { get; init; }

    /// <summary>Each worker's chance to take the left side when not attending.</summary>
    public IReadOnlyDictionary<string, double>? LeftBiases { get; init; }

    /// <summary>Davidson's ν.</summary>
    public double? TieStrength { get; init; }

    /// <summary>Side and length, in log-odds, with standard errors.</summary>
    public IReadOnlyList<Coefficient>? Coefficients { get; init; }

    /// <summary>Iterations done.</summary>
    public required int Iterations { get; init; }

    /// <summary>Why it stopped.</summary>
    public required StopReason Stopped { get; init; }

    /// <summary>The objective after each iteration.</summary>
    public required IReadOnlyList<double> Objective { get; init; }

    /// <summary>The share of tasks with a truth whose label is right.</summary>
    public double? Accuracy { get; init; }

    /// <summary>Tasks of the labels that have a truth.</summary>
    public int? TruthTasks { get; init; }

    /// <summary>As <see cref="LabelMetrics.Consistency"/>; null where skills are no chances to be right.</summary>
    public double? Consistency { get; init; }

    /// <summary>The mean over tasks of <see cref="LabelMetrics.TaskUncertainty"/> without skills: the entropy of the answers, in nats.</summary>
    public double? Uncertainty { get; init; }

    /// <summary>What a method says of labels.</summary>
    public static AggregationReport Of(string method, AggregationMode mode, AggregationResult result, Truth? truth)
    {
        ArgumentNullException.ThrowIfNull(result);
        var (data, classes) = (result.Data, result.Data.Labels.Count);
        var known = truth is null ? (int?)null : data.Tasks.Count(task => truth.Of(task).Count > 0);
        IReadOnlyDictionary<string, double> Row(double[] values, int row) => ByName(data.Labels, values.AsSpan(row * classes, classes).ToArray());
        IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>> ConfusionsOfWorker(int worker) => ConfusionsOf(data, result.Confusions!, worker);
        var areChances = result.Skills is { } skills && skills.All(skill => skill is >= 0 and <= 1) && method is not ("glad" or "m-msr");
        return new()
        {
            Method = method,
            Mode = mode,
            Rows = data.Count,
            Labels = data.Tasks.Select((task, t) => (task, data.Labels[result.TaskLabels[t]])).ToDictionary(StringComparer.Ordinal),
            Probabilities = data.Tasks.Select((task, t) => (task, Row(result.Probabilities, t))).ToDictionary(StringComparer.Ordinal),
            Skills = result.Skills is null ? null : ByName(data.Workers, result.Skills),
            Priors = result.Priors is null ? null : ByName(data.Labels, result.Priors),
            Confusions = result.Confusions is null ? null : data.Workers.Select((worker, w) => (worker, ConfusionsOfWorker(w))).ToDictionary(StringComparer.Ordinal),
            TaskEase = result.TaskEase is null ? null : ByName(data.Tasks, result.TaskEase),
            Strategies = result.Strategies is not { } strategies ? null : data.Workers.Select((worker, w) => (worker, Row(strategies, w))).ToDictionary(StringComparer.Ordinal),
            Iterations = result.Iterations,
            Stopped = result.Stopped,
            Objective = result.Objective,
            Accuracy = truth is null ? null : LabelMetrics.Accuracy(result, truth),
            TruthTasks = known,
            Consistency = areChances ? LabelMetrics.Consistency(result) : null,
            Uncertainty = LabelMetrics.TaskUncertainty(data).Average(),
        };
    }

    /// <summary>What a method says of items.</summary>
    public static AggregationReport Of(string method, AggregationMode mode, PairResult result, int rows, IReadOnlyList<string>? workers)
    {
        ArgumentNullException.ThrowIfNull(result);
        return new()
        {
            Method = method,
            Mode = mode,
            Rows = rows,
            Scores = ByName(result.Items, result.Scores),
            ScoreIntervals = result.Intervals is not { } intervals ? null : result.Items.Zip(intervals).ToDictionary(StringComparer.Ordinal),
            Skills = result.Skills is null ? null : ByName(workers!, result.Skills),
            LeftBiases = result.LeftBiases is null ? null : ByName(workers!, result.LeftBiases),
            TieStrength = result.TieStrength,
            Coefficients = result.Coefficients.Count == 0 ? null : result.Coefficients,
            Iterations = result.Iterations,
            Stopped = result.Stopped,
            Objective = result.Objective,
        };
    }

    /// <summary>
    /// Writes a file, whole or not at all: as JSON where its name ends with .json, else as CSV with the columns kind, name, label, value. Kinds are
    /// label (its value is the probability), probability, skill, score, lower, upper, left-bias and coefficient; the rest is in JSON alone.
    /// </summary>
    public void Write(string path)
    {
        if (path.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
            AtomicFile.WriteText(path, ResultFile.Json(this) + "\n");
        else
            AtomicFile.WriteText(path, string.Concat(Lines().Prepend("kind,name,label,value").Select(line => line + "\n")));
    }

    /// <summary>What a fit of Dawid–Skene learned, read back from a file that <see cref="Write"/> wrote as JSON.</summary>
    /// <exception cref="InputException">It is missing, or no such file.</exception>
    public static EarlierFit ReadFit(string path)
    {
        InputException Bad(string found) => InputException.One(path, found, "what attune aggregate --method dawid-skene --out FILE.json wrote", "name that file, or start anew");
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllText(path));
            if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("priors", out var priors) || priors.ValueKind != JsonValueKind.Object
                || !document.RootElement.TryGetProperty("confusions", out var confusions) || confusions.ValueKind != JsonValueKind.Object)
                throw Bad("has no priors and confusions");
            var labels = priors.EnumerateObject().Select(prior => prior.Name).ToArray();
            double Entry(JsonElement worker, string isTrue, string observed) => worker.GetProperty(isTrue).GetProperty(observed).GetDouble();
            return new(labels, [.. priors.EnumerateObject().Select(prior => prior.Value.GetDouble())], confusions.EnumerateObject()
                .Select(worker => (worker.Name, labels.SelectMany(observed => labels.Select(isTrue => Entry(worker.Value, isTrue, observed))).ToArray())).ToDictionary(StringComparer.Ordinal));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            throw Bad("is not there or may not be read");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw Bad("is not a whole result");
        }
    }

    private IEnumerable<string> Lines()
    {
        foreach (var (task, label) in Labels ?? new Dictionary<string, string>())
            yield return Line("label", task, label, Probabilities![task][label]);
        foreach (var (task, shares) in Probabilities ?? new Dictionary<string, IReadOnlyDictionary<string, double>>())
        {
            foreach (var (label, share) in shares)
                yield return Line("probability", task, label, share);
        }
        foreach (var (item, score) in Scores ?? new Dictionary<string, double>())
            yield return Line("score", item, "", score);
        foreach (var (item, interval) in ScoreIntervals ?? new Dictionary<string, Interval?>())
        {
            yield return Line("lower", item, "", interval?.Lower);
            yield return Line("upper", item, "", interval?.Upper);
        }
        foreach (var (worker, skill) in Skills ?? new Dictionary<string, double>())
            yield return Line("skill", worker, "", skill);
        foreach (var (worker, bias) in LeftBiases ?? new Dictionary<string, double>())
            yield return Line("left-bias", worker, "", bias);
        foreach (var one in Coefficients ?? [])
            yield return Line("coefficient", one.Name, "", one.Value);
    }

    private static string Line(string kind, string name, string label, double? value) =>
        string.Join(',', kind, Field(name), Field(label), value is { } number && double.IsFinite(number) ? number.ToString("R", CultureInfo.InvariantCulture) : "");

    private static string Field(string text) => text.AsSpan().ContainsAny(",\"\n\r") ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;

    private static Dictionary<string, double> ByName(IReadOnlyList<string> names, double[] values) => names.Zip(values).ToDictionary(StringComparer.Ordinal);

    private static Dictionary<string, IReadOnlyDictionary<string, double>> ConfusionsOf(LabelSet data, double[] confusions, int worker)
    {
        var classes = data.Labels.Count;
        IReadOnlyDictionary<string, double> Column(int c) => ByName(data.Labels, [.. Enumerable.Range(0, classes).Select(l => confusions[(worker * classes + l) * classes + c])]);
        return data.Labels.Select((isTrue, c) => (isTrue, Column(c))).ToDictionary(StringComparer.Ordinal);
    }
}
