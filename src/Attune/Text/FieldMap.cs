namespace Attune.Text;

/// <summary>Where the fields of a JSON row are found. A dot leads into an object: <c>answer.text</c>.</summary>
public sealed record FieldMap
{
    /// <summary>A document's text.</summary>
    public string Text { get; init; } = "text";

    /// <summary>The prompt.</summary>
    public string Prompt { get; init; } = "prompt";

    /// <summary>The answer to learn.</summary>
    public string Response { get; init; } = "response";

    /// <summary>The list of turns.</summary>
    public string Messages { get; init; } = "messages";

    /// <summary>Within a turn: who speaks.</summary>
    public string Role { get; init; } = "role";

    /// <summary>Within a turn: what is said.</summary>
    public string Content { get; init; } = "content";

    /// <summary>The better answer, or the dialogue that ends with it.</summary>
    public string Chosen { get; init; } = "chosen";

    /// <summary>The worse answer, or the dialogue that ends with it.</summary>
    public string Rejected { get; init; } = "rejected";

    /// <summary>The probability that a person prefers the chosen answer; may be missing.</summary>
    public string PChosen { get; init; } = "pChosen";

    /// <summary>How many people judged; may be missing.</summary>
    public string Judges { get; init; } = "judges";

    /// <summary>How much better the chosen answer is; may be missing.</summary>
    public string Strength { get; init; } = "strength";

    /// <summary>The row's name; may be missing.</summary>
    public string Id { get; init; } = "id";

    /// <summary>The better answer's name; may be missing.</summary>
    public string ChosenId { get; init; } = "chosenId";

    /// <summary>The worse answer's name; may be missing.</summary>
    public string RejectedId { get; init; } = "rejectedId";

    /// <summary>The group of annotators; may be missing.</summary>
    public string Group { get; init; } = "group";
}
