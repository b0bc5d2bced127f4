using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Attune.Text;

namespace Attune.Feedback.Exchange;

/// <summary>Writes feedback in one of the shapes, a row a line. A pure function of what it is given. Not here: which rows, and whether the terms allow it.</summary>
public static class ExchangeWriter
{
    private const string Human = "\n\nHuman:", Assistant = "\n\nAssistant:";

    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The rows.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="feedback">What was judged; the shapes of OpenAI have a row for each judgment.</param>
    /// <param name="preferences">What it amounts to; the other shapes have a row for each of these.</param>
    public static IEnumerable<string> Lines(ExchangeShape shape, ProjectFeedback feedback, IReadOnlyList<Preference> preferences)
    {
        ArgumentNullException.ThrowIfNull(feedback);
        ArgumentNullException.ThrowIfNull(preferences);
        return shape switch
        {
            ExchangeShape.Attune => preferences.Select(row => row.ToJson()),
            ExchangeShape.Trl => preferences.Select(row => Text(new() { ["prompt"] = row.Prompt, ["chosen"] = row.Chosen, ["rejected"] = row.Rejected })),
            ExchangeShape.TrlChat => preferences.Select(row => Text(Chat(row))),
            ExchangeShape.AnthropicHh => preferences.Select(row => Text(new() { ["chosen"] = Dialogue(row.Prompt, row.Chosen), ["rejected"] = Dialogue(row.Prompt, row.Rejected) })),
            ExchangeShape.OpenAiSummaries => Judged(feedback).SelectMany(pair => Choices(pair.Judged, pair.Judgment)).Select(Text),
            ExchangeShape.OpenAiAxes => Judged(feedback).SelectMany(pair => Ratings(pair.Judged, pair.Judgment)).Select(Text),
            _ => throw new ArgumentOutOfRangeException(nameof(shape), shape, "This shape is read only."),
        };
    }

    private static JsonObject Chat(Preference row)
    {
        var isDialogue = Transcript.IsTranscript(row.Prompt);
        var turns = isDialogue ? Transcript.Parse(row.Prompt).Messages : [new Message(Role.User, row.Prompt)];
        if (turns is [.., { Role: Role.Assistant, Content: "" }])
            turns = [.. turns.SkipLast(1)]; // what stands before the answer
        JsonArray Answer(string text) => [Message(Role.Assistant, isDialogue ? text.Trim() : text)];
        return new() { ["prompt"] = new JsonArray([.. turns.Select(turn => Message(turn.Role, turn.Content))]), ["chosen"] = Answer(row.Chosen), ["rejected"] = Answer(row.Rejected) };
    }

    private static JsonObject Message(Role role, string content) => new() { ["role"] = role.ToString().ToLowerInvariant(), ["content"] = content };

    /// <summary>A dialogue that ends with an answer. Prompts that are dialogues already go on; others become the person's first words.</summary>
    private static string Dialogue(string prompt, string answer)
    {
        var before = !Transcript.IsTranscript(prompt) ? $"{Human} {prompt}{Assistant}" : prompt.EndsWith(Assistant, StringComparison.Ordinal) ? prompt : prompt + Assistant;
        return before + (answer.StartsWith(' ') || answer.StartsWith('\n') ? answer : " " + answer);
    }

    private static IEnumerable<(JudgedComparison Judged, Judgment Judgment)> Judged(ProjectFeedback feedback)
    {
        var byId = feedback.Comparisons.ToDictionary(one => one.Comparison.Id, StringComparer.Ordinal);
        return feedback.Judgments.Where(judgment => byId.ContainsKey(judgment.ComparisonId)).Select(judgment => (byId[judgment.ComparisonId], judgment))
            .Concat(feedback.Turns.Select(turn => (turn.Judged, turn.Vote))).Select(pair => (pair.Item1, pair.Item2 with { Source = feedback.SourceOf(pair.Item2) }));
    }

    /// <summary>Each pair that a judgment decides, as its judge saw it: the left one is summary 0. Confidence runs from 1 (surely the left) to 9.</summary>
    private static IEnumerable<JsonObject> Choices(JudgedComparison judged, Judgment judgment)
    {
        for (var left = 0; left < judgment.Order.Count; left++)
        {
            for (var right = left + 1; right < judgment.Order.Count; right++)
            {
                var (first, second) = (judgment.Order[left], judgment.Order[right]);
                if (judgment.Between(first, second) is not { } sign || sign == 0)
                    continue; // the shape has no row without a choice
                var extra = new JsonObject { ["source"] = judgment.Source is { } source ? source.ToString().ToLowerInvariant() : null };
                if (judgment.StrengthBetween(first, second) is { } strength and not 0)
                    extra["confidence"] = 5 - strength;
                yield return new()
                {
                    ["info"] = Info(judged.Comparison),
                    ["summaries"] = new JsonArray(Summary(judged.Comparison, judgment, first), Summary(judged.Comparison, judgment, second)),
                    ["choice"] = sign > 0 ? 0 : 1,
                    ["worker"] = judgment.AnnotatorId,
                    ["batch"] = judged.Batch,
                    ["split"] = SplitOf(judged.Comparison),
                    ["extra"] = extra,
                };
            }
        }
    }

    private static IEnumerable<JsonObject> Ratings(JudgedComparison judged, Judgment judgment)
    {
        foreach (var own in (judgment.Ratings ?? []).GroupBy(rating => rating.Answer))
        {
            if ((own.Key ?? (judged.Comparison.Answers.Count == 1 ? 0 : null)) is not { } answer)
                continue; // of all answers together: the shape speaks of one
            var axes = new JsonObject();
            foreach (var rating in own)
                axes[rating.Axis] = rating.Value;
            var summary = Summary(judged.Comparison, judgment, answer);
            summary["axes"] = axes;
            yield return new()
            {
                ["info"] = Info(judged.Comparison),
                ["summary"] = summary,
                ["worker"] = judgment.AnnotatorId,
                ["batch"] = judged.Batch,
                ["split"] = SplitOf(judged.Comparison),
                ["extra"] = new JsonObject { ["steps"] = own.Max(rating => rating.Steps), ["source"] = judgment.Source is { } source ? source.ToString().ToLowerInvariant() : null },
            };
        }
    }

    private static JsonObject Info(Comparison comparison) => new() { ["id"] = comparison.Id, ["post"] = comparison.Prompt, ["title"] = null, ["subreddit"] = null, ["site"] = null, ["article"] = null };

    private static JsonObject Summary(Comparison comparison, Judgment judgment, int answer) => new()
    {
        ["text"] = comparison[answer].Text,
        ["policy"] = comparison[answer].Source,
        ["note"] = judgment.Notes is { } notes && notes[answer].Length > 0 ? notes[answer] : null,
    };

    private static string SplitOf(Comparison comparison) => comparison.Split == PromptSplit.HeldOut ? "test" : "train";

    private static string Text(JsonObject row) => row.ToJsonString(Json);
}
