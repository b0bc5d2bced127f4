namespace Attune.Feedback;

/// <summary>A turn of a conversation as a comparison, and the one vote on it.</summary>
/// <param name="Judged">The turn's two answers, after what was said before them.</param>
/// <param name="Vote">The choice of who held the conversation.</param>
public sealed record ChosenTurn(JudgedComparison Judged, Judgment Vote);

/// <summary>
/// Conversations as comparisons: in each turn the chosen answer against the other, with everything before them as prompt. A first turn's prompt is the message alone; later
/// ones are dialogues in the form of Anthropic's (Bai et al. 2022), as every reader and writer here takes them, with the answers that the conversation went on with.
/// Not here: what the model was told beforehand, and the verdict on the whole, which is about no answer.
/// </summary>
public static class ChosenTurns
{
    private static readonly string[] Speakers = ["Human:", "Assistant:"];

    /// <summary>The turns of a judgment that had two different answers; none where it is no conversation.</summary>
    /// <param name="judgment">The judgment.</param>
    /// <param name="batch">The batch's name; null without one.</param>
    /// <param name="policyCheckpoint">The hash of the policy that answered, as the batch names it.</param>
    /// <param name="sampling">How it was sampled, as the batch says.</param>
    public static IEnumerable<ChosenTurn> Of(Judgment judgment, string? batch = null, string? policyCheckpoint = null, System.Text.Json.JsonElement? sampling = null)
    {
        ArgumentNullException.ThrowIfNull(judgment);
        var before = "";
        var turns = judgment is { Outcome: Outcome.Conversed, Turns: { } held } ? held : [];
        for (var number = 1; number <= turns.Count; number++)
        {
            var turn = turns[number - 1];
            if (turn.Answers.Count == 2 && turn.Answers[0].Text != turn.Answers[1].Text)
                yield return new(new(Comparison($"{judgment.Id}/turn-{number}", before, turn), batch, policyCheckpoint, sampling), Vote(judgment, number, turn));
            before += $"\n\nHuman: {Plain(turn.Prompt)}\n\nAssistant: {Plain(turn.Answers[turn.Chosen].Text)}";
        }
    }

    private static Comparison Comparison(string id, string before, ConversationTurn turn) => new()
    {
        Id = id,
        Prompt = before.Length == 0 ? turn.Prompt : $"{before}\n\nHuman: {Plain(turn.Prompt)}\n\nAssistant:",
        Answers = [.. turn.Answers.Select((answer, index) => answer with { Id = $"{id}.{index}", Text = before.Length == 0 ? answer.Text : $" {Plain(answer.Text)}" })],
        Order = turn.Order,
    };

    // Chosen without a difference is level: the conversation had to go on with one of them.
    private static Judgment Vote(Judgment judgment, int number, ConversationTurn turn) => new()
    {
        Id = $"{judgment.Id}/turn-{number}",
        ComparisonId = $"{judgment.Id}/turn-{number}",
        AnnotatorId = judgment.AnnotatorId,
        Order = turn.Order,
        Outcome = turn.Strength == 0 ? Outcome.Tie : Outcome.Choice,
        Ranks = turn.Strength == 0 ? [1, 1] : turn.Chosen == 0 ? [1, 2] : [2, 1],
        Strength = turn.Strength is > 0 ? turn.Strength : null,
        Comment = turn.Comment,
        InstructionVersion = judgment.InstructionVersion,
        InterfaceVersion = judgment.InterfaceVersion,
        Source = judgment.Source,
        At = judgment.At,
    };

    /// <summary>Without a blank line before what would read as the next speaker: nobody's message may speak for somebody else.</summary>
    private static string Plain(string text)
    {
        foreach (var speaker in Speakers)
        {
            while (text.Contains($"\n\n{speaker}", StringComparison.Ordinal))
                text = text.Replace($"\n\n{speaker}", $"\n{speaker}", StringComparison.Ordinal);
        }
        return text.Trim();
    }
}
