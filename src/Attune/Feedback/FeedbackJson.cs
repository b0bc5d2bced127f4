using System.Text.Json;
using System.Text.Json.Serialization;
using Attune.Feedback.Quality;

namespace Attune.Feedback;

/// <summary>
/// How feedback is written: keys in camel case and in the order of the records' properties, numbers that read back to the same bits.
/// Keys that are not known are passed over when read, so that a later version may add some.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(Judgment))]
[JsonSerializable(typeof(Comparison))]
[JsonSerializable(typeof(Annotators))]
[JsonSerializable(typeof(Preference))]
[JsonSerializable(typeof(RankedAnswers))]
[JsonSerializable(typeof(CrowdRecord))]
[JsonSerializable(typeof(TaskFacts))]
[JsonSerializable(typeof(JudgmentFacts))]
[JsonSerializable(typeof(Skip))]
internal sealed partial class FeedbackJson : JsonSerializerContext;
