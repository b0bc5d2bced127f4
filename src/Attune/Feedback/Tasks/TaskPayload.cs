using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Attune.Feedback.Tasks;

/// <summary>
/// What a task shows, as strict JSON whose form belongs to its kind: of pairs, rankings, bests and ratings a <see cref="Comparison"/>, of the others a record
/// of this folder. The one place that says what is wrong with a payload.
/// </summary>
public static class TaskPayload
{
    internal static TaskJson Json { get; } = new(new(TaskJson.Default.Options) { AllowDuplicateProperties = false, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    /// <summary>The kinds of task, as files and tables name them.</summary>
    public static IReadOnlyList<string> Kinds { get; } = ["pair", "rank", "best", "rate", "question", "write", "verify", "fix", "message", "review", "chat", "spans"];

    /// <summary>Whether a kind shows a <see cref="Comparison"/>.</summary>
    public static bool Compares(string kind) => kind is "pair" or "rank" or "best" or "rate";

    /// <summary>The kinds whose answer is a text.</summary>
    public static IReadOnlyList<string> Written { get; } = ["write", "fix", "message"];

    /// <summary>The text that a written one answers, from which nothing should be copied; empty for a first prompt.</summary>
    /// <param name="kind">One of <see cref="Written"/>.</param>
    /// <param name="json">The payload.</param>
    public static string AnsweredText(string kind, string json) => kind switch
    {
        "write" => Read<WriteTask>(json).Prompt,
        "fix" => Read<FixTask>(json).Prompt,
        _ => Read<MessageTask>(json).Thread is [.., var last] ? last.Text : "",
    };

    /// <summary>What is wrong with a payload, all of it; null where nothing is.</summary>
    /// <param name="kind">One of <see cref="Kinds"/>.</param>
    /// <param name="json">The payload.</param>
    public static string? Check(string kind, string json)
    {
        try
        {
            var faults = Compares(kind) ? FaultsOf(kind, Comparison.FromJson(json)) : Payload(kind, json).Faults();
            var all = string.Join("; ", faults);
            return all.Length == 0 ? null : all;
        }
        catch (JsonException broken)
        {
            return $"is no {kind} ({broken.Message.TrimEnd('.')}), expected the keys of docs/feedback-formats.md";
        }
    }

    /// <summary>A payload as JSON.</summary>
    public static string ToJson<T>(T payload)
        where T : ITaskPayload => JsonSerializer.Serialize(payload, (JsonTypeInfo<T>)Json.GetTypeInfo(typeof(T))!);

    /// <summary>Reads a payload.</summary>
    /// <exception cref="JsonException">It has an unknown key, lacks one, or is of another form.</exception>
    public static T Read<T>(string json)
        where T : ITaskPayload => JsonSerializer.Deserialize(json, (JsonTypeInfo<T>)Json.GetTypeInfo(typeof(T))!) ?? throw new JsonException("is null, expected an object");

    internal static IEnumerable<string> Empty(params (string Name, string Text)[] texts) =>
        texts.Where(text => string.IsNullOrWhiteSpace(text.Text)).Select(text => $"has no {text.Name}, expected a text");

    internal static IEnumerable<string> Negative(string name, int number) => number < 0 ? [$"has {name} {number}, expected 0 or more"] : [];

    private static ITaskPayload Payload(string kind, string json) => kind switch
    {
        "question" => Read<QuestionTask>(json),
        "write" => Read<WriteTask>(json),
        "verify" => Read<VerifyTask>(json),
        "fix" => Read<FixTask>(json),
        "message" => Read<MessageTask>(json),
        "review" => Read<ReviewTask>(json),
        "chat" => Read<ChatTask>(json),
        "spans" => Read<SpansTask>(json),
        _ => throw new JsonException($"'{kind}' is no kind of task, expected {string.Join(", ", Kinds)}"),
    };

    private static IEnumerable<string> FaultsOf(string kind, Comparison comparison)
    {
        var (least, most) = kind switch { "pair" => (2, 2), "rate" => (1, 9), _ => (2, 9) };
        if (comparison.Answers.Count < least || comparison.Answers.Count > most)
            yield return $"has {comparison.Answers.Count} answers, expected {(least == most ? $"{least}" : $"{least} to {most}")} of a {kind}";
        if (!comparison.Order.Order().SequenceEqual(Enumerable.Range(0, comparison.Answers.Count)))
            yield return $"has order [{string.Join(", ", comparison.Order)}], expected each answer's index once";
    }
}

/// <summary>How payloads are written: camel case, words, no nulls; a key that is not known is an error.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    UseStringEnumConverter = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(QuestionTask))]
[JsonSerializable(typeof(WriteTask))]
[JsonSerializable(typeof(VerifyTask))]
[JsonSerializable(typeof(FixTask))]
[JsonSerializable(typeof(MessageTask))]
[JsonSerializable(typeof(ReviewTask))]
[JsonSerializable(typeof(ChatTask))]
[JsonSerializable(typeof(SpansTask))]
[JsonSerializable(typeof(ExpectedAnswer))]
internal sealed partial class TaskJson : JsonSerializerContext;
