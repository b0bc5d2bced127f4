using System.Text.Json;
using System.Text.Json.Serialization;
using Attune.Feedback;

namespace Attune.Evaluation;

/// <summary>One answer and everything measured of it: a line of <c>answers.jsonl</c>.</summary>
public sealed record AnswerRow
{
    /// <summary>The name under which <see cref="Scores"/> holds the score of the reward that was trained against.</summary>
    public const string Reward = "reward";

    /// <summary>Names the answer; comparisons refer to it.</summary>
    public required string Id { get; init; }

    /// <summary>What answered.</summary>
    public required string Model { get; init; }

    /// <summary>The prompt, which also names it: no two prompts of an evaluation are equal.</summary>
    public required string Prompt { get; init; }

    /// <summary>Which of the model's answers to this prompt, from 0. Answer 0 is the one that is compared and measured.</summary>
    public int Sample { get; init; }

    /// <summary>The answer, without prompt and end token.</summary>
    public required string Text { get; init; }

    /// <summary>Its tokens, the end token included.</summary>
    public int Tokens { get; init; }

    /// <summary>Whether it ended by itself, not by the length limit.</summary>
    public bool Ended { get; init; }

    /// <summary>Σ log π − log π_ref over its tokens, in nats: one draw of the distance from the reference model. Null where that is not known.</summary>
    public double? Kl { get; init; }

    /// <summary>Log-probability of its words under the base model, and how many tokens that is; null without a base model.</summary>
    public LogProbTotal? Words { get; init; }

    /// <summary>Scores by name: <see cref="Reward"/>, and those of judges that score.</summary>
    public IReadOnlyDictionary<string, double> Scores { get; init; } = new Dictionary<string, double>();

    /// <summary>A score, or null where there is none of that name.</summary>
    public double? Score(string name) => Scores.TryGetValue(name, out var score) ? score : null;

    /// <summary>The answer as judges get it.</summary>
    internal Answer ForJudges(string source)
    {
        var features = new Dictionary<string, double>(Scores);
        if (Words is { Tokens: > 0 } words)
            features[Answer.Fluency] = words.Sum / words.Tokens;
        return new() { Id = Id, Source = source, Text = Text, Features = features };
    }
}

/// <summary>
/// The answers of an evaluation on disk, model by model. A model's answers are there all or not at all, so what a killed run had
/// finished is not sampled again.
/// </summary>
internal sealed class AnswerFile
{
    public const string Name = "answers.jsonl";

    private static readonly AnswerJson Lines = new(new(AnswerJson.Default.Options) { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    private readonly string _path;
    private readonly List<AnswerRow> _rows;

    public AnswerFile(string folder)
    {
        _path = Path.Combine(folder, Name);
        _rows = File.Exists(_path) ? FeedbackFile.ReadLines(_path, Lines.AnswerRow, _ => null) : [];
    }

    /// <summary>A model's answers in the order they were asked for; empty where there are none yet.</summary>
    public IReadOnlyList<AnswerRow> Of(string model) => _rows.Where(row => row.Model == model).ToList();

    /// <summary>The first and the last line of a model's answers, from 1.</summary>
    public string LinesOf(string model) => $"{_rows.FindIndex(row => row.Model == model) + 1}–{_rows.FindLastIndex(row => row.Model == model) + 1}";

    public void Add(IReadOnlyList<AnswerRow> rows)
    {
        _rows.AddRange(rows);
        FeedbackFile.WriteLines(_path, _rows, Lines.AnswerRow);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AnswerRow))]
internal sealed partial class AnswerJson : JsonSerializerContext;
