using System.Text.Json;
using Attune.Feedback.Aggregation;

namespace Attune.Tests.Feedback.Aggregation;

/// <summary>The cases that crowd-kit 1.4.1 asserts or computes, and the data sets beside them.</summary>
internal static class GoldenLabels
{
    public const double Computed = 1e-9;   // full precision there; sums run in another order
    public const double Printed = 1.1e-5;  // their tests' relative tolerance, on numbers printed with six digits

    private static readonly Lazy<JsonElement> File = new(() => Fixtures.Json("fixtures/crowdkit-golden.json"));

    /// <summary>The cases of an algorithm; there are as many as expected.</summary>
    public static List<JsonElement> Cases(string algorithm, int expected)
    {
        var cases = File.Value.GetProperty("cases").EnumerateArray().Where(c => TextOf(c, "algorithm") == algorithm).ToList();
        Assert.Equal(expected, cases.Count);
        return cases;
    }

    public static JsonElement Case(string id) => File.Value.GetProperty("cases").EnumerateArray().Single(c => TextOf(c, "id") == id);

    public static JsonElement Expected(string id) => Case(id).GetProperty("expected");

    public static string TextOf(JsonElement parent, string key) => parent.GetProperty(key).ToString();

    /// <summary>A value of a case's parameters, or null where it has none of the name.</summary>
    public static JsonElement? Parameter(JsonElement goldenCase, string key) =>
        goldenCase.TryGetProperty("params", out var all) && all.ValueKind == JsonValueKind.Object && all.TryGetProperty(key, out var value) ? value : null;

    public static double ToleranceOf(JsonElement goldenCase) =>
        goldenCase.TryGetProperty("atol", out var given) ? given.GetDouble() : TextOf(goldenCase, "kind") == "computed" ? Computed : Printed;

    public static LabelSet DataOf(JsonElement goldenCase) =>
        goldenCase.TryGetProperty("rows", out var rows) ? LabelSet.Of(Rows(rows)) : Data(TextOf(goldenCase, "dataset"));

    public static LabelSet Data(string dataset) => LabelSet.Of(Rows(Dataset(dataset).GetProperty("rows")));

    public static JsonElement Dataset(string name) => File.Value.GetProperty("datasets").GetProperty(name);

    public static IEnumerable<LabelRow> Rows(JsonElement rows) => rows.EnumerateArray()
        .Select(row => new LabelRow(row[0].ToString(), row[1].ToString(), row[2].ToString(), row.GetArrayLength() > 3 ? row[3].GetDouble() : 1));

    public static Truth TruthOf(string dataset, string key) => Of(Dataset(dataset).GetProperty(key));

    public static Truth Of(JsonElement truth) => truth.ValueKind == JsonValueKind.Array
        ? Truth.Of(truth.EnumerateArray().Select(row => (row[0].ToString(), row[1].ToString())))
        : Truth.Of(truth.EnumerateObject().Select(row => (row.Name, row.Value.ToString())));

    public static Dictionary<string, double> Numbers(JsonElement map) => map.EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetDouble());

    /// <summary>Compares all that the case expects and the result has.</summary>
    public static void ShouldHave(this AggregationResult actual, JsonElement goldenCase)
    {
        var (id, tolerance, compared) = (TextOf(goldenCase, "id"), ToleranceOf(goldenCase), 0);
        foreach (var part in goldenCase.GetProperty("expected").EnumerateObject())
        {
            compared++;
            switch (part.Name)
            {
                case "labels":
                    Labels(id, actual, part.Value);
                    break;
                case "probas" or "scores":
                    foreach (var task in part.Value.EnumerateObject())
                    {
                        foreach (var label in task.Value.EnumerateObject())
                            Near(label.Value.GetDouble(), actual.ProbabilityOf(task.Name, label.Name), tolerance, $"{id} p({label.Name} | {task.Name})");
                    }
                    break;
                case "skills" or "alphas":
                    foreach (var worker in part.Value.EnumerateObject())
                        Near(worker.Value.GetDouble(), actual.SkillOf(worker.Name), tolerance, $"{id} skill of {worker.Name}");
                    break;
                case "priors":
                    foreach (var label in part.Value.EnumerateObject())
                        Near(label.Value.GetDouble(), actual.Priors![actual.Data.LabelNumber(label.Name)], tolerance, $"{id} prior of {label.Name}");
                    break;
                case "log_betas":
                    foreach (var task in part.Value.EnumerateObject())
                        Near(task.Value.GetDouble(), actual.TaskEase![actual.Data.TaskNumber(task.Name)], tolerance, $"{id} ease of {task.Name}");
                    break;
                case "errors":
                    foreach (var row in part.Value.EnumerateArray())
                        Errors(id, actual, row, tolerance);
                    break;
                case "loss_history":
                    var losses = part.Value.EnumerateArray().Select(loss => loss.GetDouble()).ToArray();
                    Assert.True(losses.Length == actual.Iterations, $"{id}: {actual.Iterations} iterations, expected {losses.Length}");
                    for (var i = 0; i < losses.Length; i++)
                        Near(losses[i], actual.Objective[i], tolerance, $"{id} loss {i}");
                    break;
                case "loss_last":
                    Near(part.Value.GetDouble(), actual.Objective[^1], tolerance, $"{id} last loss");
                    break;
                default:
                    compared--; // the test that reads the case compares it by itself
                    break;
            }
        }
        Assert.True(compared > 0, $"{id}: nothing was compared");
    }

    public static void Labels(string id, AggregationResult actual, JsonElement expected)
    {
        Assert.Equal(expected.EnumerateObject().Count(), actual.Data.Tasks.Count);
        foreach (var task in expected.EnumerateObject())
            Assert.True(task.Value.ToString() == actual.LabelOf(task.Name), $"{id}: {task.Name} is {actual.LabelOf(task.Name)}, expected {task.Value}");
    }

    public static void Near(double expected, double actual, double tolerance, string what) =>
        Assert.True(Math.Abs(expected - actual) <= tolerance * Math.Max(1, Math.Abs(expected)), $"{what}: {actual:R}, expected {expected:R} ± {tolerance}");

    private static void Errors(string id, AggregationResult actual, JsonElement row, double tolerance)
    {
        var (data, observed) = (actual.Data, TextOf(row, "label"));
        foreach (var column in row.EnumerateObject().Where(column => column.Name.StartsWith("true=", StringComparison.Ordinal)))
        {
            var place = (data.WorkerNumber(TextOf(row, "worker")) * data.Labels.Count + data.LabelNumber(observed)) * data.Labels.Count + data.LabelNumber(column.Name[5..]);
            Near(column.Value.GetDouble(), actual.Confusions![place], tolerance, $"{id} p({TextOf(row, "worker")} says {observed} | {column.Name})");
        }
    }
}
