using Attune.Runs;

namespace Attune.Feedback.Exchange;

/// <summary>In which form feedback is handed on or taken in; docs/feedback-formats.md shows a row of each.</summary>
public enum ExchangeShape
{
    /// <summary>Attune's own <c>preferences.jsonl</c> with the origin of each row: nothing is lost.</summary>
    Attune,

    /// <summary>TRL's plain preference rows: prompt, chosen, rejected as texts.</summary>
    Trl,

    /// <summary>TRL's conversational preference rows: the same as lists of messages.</summary>
    TrlChat,

    /// <summary>Anthropic's helpful-and-harmless rows: two dialogues (Bai et al. 2022).</summary>
    AnthropicHh,

    /// <summary>OpenAI's comparisons of summaries: a row a judgment (Stiennon et al. 2020).</summary>
    OpenAiSummaries,

    /// <summary>OpenAI's ratings of summaries on axes: a row a rated answer.</summary>
    OpenAiAxes,

    /// <summary>Label Studio's JSON export of pairwise and ranker tasks; read only.</summary>
    LabelStudio,

    /// <summary>Argilla's JSON export of records with suggestions and responses; read only.</summary>
    Argilla,
}

/// <summary>Names of shapes, as flags and addresses write them.</summary>
public static class ExchangeShapes
{
    private static readonly (ExchangeShape Shape, string Word)[] Words =
    [
        (ExchangeShape.Attune, "attune"), (ExchangeShape.Trl, "trl"), (ExchangeShape.TrlChat, "trl-chat"), (ExchangeShape.AnthropicHh, "anthropic-hh"),
        (ExchangeShape.OpenAiSummaries, "openai-summaries"), (ExchangeShape.OpenAiAxes, "openai-axes"), (ExchangeShape.LabelStudio, "label-studio"), (ExchangeShape.Argilla, "argilla"),
    ];

    /// <summary>Shapes that are written.</summary>
    public static IReadOnlyList<string> Written { get; } = [.. Words.Where(pair => IsWritten(pair.Shape)).Select(pair => pair.Word)];

    /// <summary>Shapes that are read.</summary>
    public static IReadOnlyList<string> Read { get; } = [.. Words.Select(pair => pair.Word)];

    /// <summary>The shape's name.</summary>
    public static string Word(ExchangeShape shape) => Words.First(pair => pair.Shape == shape).Word;

    /// <summary>The shape of a name.</summary>
    /// <param name="word">The name.</param>
    /// <param name="toWrite">Whether it is to be written.</param>
    /// <exception cref="InputException">There is none.</exception>
    public static ExchangeShape Parse(string? word, bool toWrite)
    {
        var known = toWrite ? Written : Read;
        return known.Contains(word) ? Words.First(pair => pair.Word == word).Shape
            : throw InputException.One("The shape", $"is {word ?? "not given"}", $"{string.Join(", ", known.Take(known.Count - 1))} or {known[^1]}", "docs/feedback-formats.md shows a row of each");
    }

    private static bool IsWritten(ExchangeShape shape) => shape is not (ExchangeShape.LabelStudio or ExchangeShape.Argilla);
}
