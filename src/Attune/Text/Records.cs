namespace Attune.Text;

/// <summary>A text that stands alone, for pretraining.</summary>
/// <param name="Text">The text.</param>
/// <param name="Id">Its name in the file it comes from, if it has one.</param>
public sealed record Document(string Text, string? Id = null);

/// <summary>A prompt with the one answer to learn.</summary>
/// <param name="Prompt">What is asked.</param>
/// <param name="Response">What is answered.</param>
/// <param name="Id">Its name in the file it comes from, if it has one.</param>
public sealed record PromptResponse(string Prompt, string Response, string? Id = null);

/// <summary>A text and what may follow it: how likely is it?</summary>
/// <param name="Context">What stands before; may be empty.</param>
/// <param name="Text">What follows, not empty; usually it begins with a blank.</param>
public sealed record Continuation(string Context, string Text);

/// <summary>A prompt with a better and a worse answer. Prompt and answer joined are the text as it was: no space is added between them.</summary>
/// <param name="Prompt">What both answers answer.</param>
/// <param name="Chosen">The better answer.</param>
/// <param name="Rejected">The worse answer.</param>
public sealed record PreferencePair(string Prompt, string Chosen, string Rejected)
{
    /// <summary>The probability that a person prefers the chosen answer, between 0 and 1; null where only the choice is known.</summary>
    public double? PChosen { get; init; }

    /// <summary>How many people judged; 1 where the file does not say.</summary>
    public int Judges { get; init; } = 1;

    /// <summary>How much better the chosen answer is, in the unit of the data; the margin of a reward loss.</summary>
    public double? Strength { get; init; }

    /// <summary>The pair's own name.</summary>
    public string? Id { get; init; }

    /// <summary>The name of the better answer.</summary>
    public string? ChosenId { get; init; }

    /// <summary>The name of the worse answer.</summary>
    public string? RejectedId { get; init; }

    /// <summary>Which group of annotators judged, so that seen and unseen groups can be told apart.</summary>
    public string? Group { get; init; }
}
