using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Attune.Runs;

namespace Attune.Feedback.Tasks;

/// <summary>A task as a line of <c>tasks.jsonl</c> has it beside its payload.</summary>
public sealed record TaskLine
{
    /// <summary>One of <see cref="TaskPayload.Kinds"/>.</summary>
    public required string Kind { get; init; }

    /// <summary>Names what is judged; null has a name made. A task whose id is there already is left as it is.</summary>
    public string? Id { get; init; }

    /// <summary>Tasks of one group come one after the other, in the order of the file.</summary>
    public string? Group { get; init; }

    /// <summary>The id of a task, above in the file or there already, that has to come out first.</summary>
    public string? DependsOn { get; init; }

    /// <summary>What the majority of that task has to have answered; null for anything.</summary>
    public string? DependsAnswer { get; init; }

    /// <summary>The higher the earlier.</summary>
    public int Priority { get; init; }

    /// <summary>The language that is needed, as a tag.</summary>
    public string? Language { get; init; }

    /// <summary>A skill that is needed.</summary>
    public string? RequiredSkill { get; init; }

    /// <summary>The least level of that skill.</summary>
    public double RequiredLevel { get; init; }

    /// <summary>Answers wanted; null for the project's.</summary>
    public int? Overlap { get; init; }

    /// <summary>The known answer of a golden or training task.</summary>
    public ExpectedAnswer? Expected { get; init; }

    /// <summary>"normal", "calibration", "golden" or "training".</summary>
    public string Purpose { get; init => field = value ?? "normal"; } = "normal";

    /// <summary>Its line in the file, from 1.</summary>
    [JsonIgnore]
    public int Number { get; init; }

    /// <summary>What is shown, as JSON.</summary>
    [JsonIgnore]
    public string Payload { get; init; } = "";

    /// <summary>How many answers are shown in an order; 0 where there are none.</summary>
    [JsonIgnore]
    public int Choices { get; init; }
}

/// <summary>
/// The file of tasks (<c>tasks.jsonl</c>): one a line, a payload of <see cref="TaskPayload"/> with the keys of <see cref="TaskLine"/> beside it. Of
/// comparisons <c>order</c> may be left out.
/// </summary>
public static class TaskFile
{
    private static readonly TaskLineJson Lines = new(new(TaskLineJson.Default.Options) { AllowDuplicateProperties = false, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    private static readonly string[] Purposes = ["normal", "calibration", "golden", "training"];

    private static readonly string[] Keys = ["kind", "id", "group", "dependsOn", "dependsAnswer", "priority", "language", "requiredSkill", "requiredLevel", "overlap", "expected", "purpose"];

    /// <summary>Whether a file has tasks, and not comparisons: a line of it names its kind.</summary>
    public static bool Is(byte[] content) => FeedbackFile.Parse(content, Lines.JsonObject, _ => null).Any(line => line.Record is { } record && !RepeatsKey(record) && record.ContainsKey("kind"));

    /// <summary>Reads all tasks.</summary>
    /// <param name="name">What problems are told of.</param>
    /// <param name="content">The file's bytes, not compressed.</param>
    /// <param name="usualKind">The kind of a line that names none, by how many answers it has; null where each has to name its own.</param>
    /// <param name="pictures">Where pictures are that lines name as files; null where lines have to hold them.</param>
    /// <exception cref="InputException">It has bad lines; lists them.</exception>
    public static IReadOnlyList<TaskLine> Parse(string name, byte[] content, Func<int, string>? usualKind = null, PicturesBeside? pictures = null)
    {
        var tasks = new List<TaskLine>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var lines = FeedbackFile.Parse(content, Lines.JsonObject, line =>
        {
            if (usualKind is not null && !RepeatsKey(line) && !line.ContainsKey("kind"))
                line["kind"] = usualKind((line["answers"] as JsonArray)?.Count ?? 0);
            if (Read(line, pictures, out var task) is { } fault)
                return fault;
            if (task!.Id is { } id && !seen.Add(id))
                return $"has the id {id} of another task above, expected each id once";
            tasks.Add(task);
            return null;
        });
        FeedbackFile.ThrowIfAny(name, lines);
        return [.. tasks.Select((task, index) => task with { Number = lines[index].Number })];
    }

    /// <summary>A file's content, plain or gzip.</summary>
    /// <exception cref="InputException">It is not there.</exception>
    public static byte[] Content(string path) => FeedbackFile.Bytes(path);

    // The reader looks at an object's keys when they are first asked for, and gives up this way.
    private static bool RepeatsKey(JsonNode? node)
    {
        try
        {
            return node switch
            {
                JsonObject record => record.Any(property => RepeatsKey(property.Value)),
                JsonArray list => list.Any(RepeatsKey),
                _ => false,
            };
        }
        catch (Exception e) when (e is ArgumentException or JsonException or InvalidOperationException)
        {
            return true;
        }
    }

    private static string? Read(JsonObject line, PicturesBeside? pictures, out TaskLine? task)
    {
        task = null;
        if (RepeatsKey(line))
            return "has a key twice, or one that is no text, expected each once; remove one of them";
        var envelope = new JsonObject();
        foreach (var key in Keys.Where(line.ContainsKey))
        {
            envelope[key] = line[key]?.DeepClone();
            line.Remove(key);
        }
        try
        {
            task = envelope.Deserialize(Lines.TaskLine)!;
        }
        catch (JsonException broken)
        {
            return $"does not read ({broken.Message.TrimEnd('.')})";
        }
        if (task.Kind == "question" && Text(line["image"]) is { } image && !image.StartsWith("data:", StringComparison.Ordinal))
        {
            if (pictures is null)
                return $"has the image '{image[..Math.Min(image.Length, 80)]}', expected {Pictures.Form} of at most {Pictures.Largest} bytes, as no files come along with these lines";
            line["image"] = pictures.Address(image, out var fault);
            if (fault is not null)
                return fault;
        }
        var answers = TaskPayload.Compares(task.Kind) ? CompleteComparison(line, task.Id) : task.Kind == "spans" ? (line["answers"] as JsonArray)?.Count ?? 0 : 0;
        try
        {
            task = task with { Payload = line.ToJsonString(Lines.Options), Choices = answers };
        }
        catch (InvalidOperationException)
        {
            return "holds half a character (such as \\ud800 alone), expected whole ones";
        }
        var faults = Faults(task).ToList();
        if ((TaskPayload.Check(task.Kind, task.Payload) ?? task.Expected?.Fault(task.Kind, task.Payload)) is { } wrong)
            faults.Add(wrong);
        return faults.Count == 0 ? null : string.Join("; ", faults);
    }

    private static string? Text(JsonNode? node) => node is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : null;

    private static int CompleteComparison(JsonObject line, string? id)
    {
        var answers = (line["answers"] as JsonArray)?.Count ?? 0;
        line["id"] = id ?? "";
        if (!line.ContainsKey("order"))
            line["order"] = new JsonArray([.. Enumerable.Range(0, answers).Select(index => (JsonNode)index)]);
        return answers;
    }

    private static IEnumerable<string> Faults(TaskLine task)
    {
        if (task.Id is { Length: 0 })
            yield return "has an empty id, expected a name or none";
        if (TaskPayload.Compares(task.Kind) && task.Id is null)
            yield return "is a comparison without an id, expected one";
        if (task.Overlap < 1)
            yield return $"has overlap {task.Overlap}, expected at least 1";
        if (!Purposes.Contains(task.Purpose, StringComparer.Ordinal))
            yield return $"has the purpose '{task.Purpose}', expected {string.Join(", ", Purposes)}";
        if (task.Purpose is "golden" or "training" && task.Expected is null)
            yield return $"has no expected answer, but is for the purpose {task.Purpose}";
        if (task.DependsAnswer is not null && task.DependsOn is null)
            yield return "has dependsAnswer without dependsOn, expected both or neither";
        if (!double.IsFinite(task.RequiredLevel))
            yield return $"has requiredLevel {task.RequiredLevel}, expected a finite number";
    }
}

/// <summary>How lines of tasks are read: what stands beside the payload is strict, too.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(TaskLine))]
internal sealed partial class TaskLineJson : JsonSerializerContext;
