namespace Attune.Text;

/// <summary>
/// Dialogues as Anthropic's helpful-and-harmless data writes them (Bai 2022): turns led by a blank line and <c>Human:</c> or <c>Assistant:</c>.
/// </summary>
public static class Transcript
{
    private const string Human = "\n\nHuman:";
    private const string Assistant = "\n\nAssistant:";

    /// <summary>Whether a text is such a dialogue.</summary>
    public static bool IsTranscript(string text) => text.StartsWith(Human, StringComparison.Ordinal) && text.Contains(Assistant, StringComparison.Ordinal);

    /// <summary>
    /// The pair within two dialogues: the last answers, after all that comes before them. Where the dialogues part earlier, the answers are all that
    /// comes after the last turn they share: a comparison of two continuations.
    /// </summary>
    public static PreferencePair Pair(string chosen, string rejected)
    {
        var prompt = PromptOf(chosen);
        if (prompt != PromptOf(rejected))
            prompt = SharedTurns(chosen, rejected);
        return new(prompt, chosen[prompt.Length..], rejected[prompt.Length..]);
    }

    /// <summary>The turns of a dialogue, trimmed.</summary>
    public static Conversation Parse(string text)
    {
        var messages = new List<Message>();
        var isAnswer = false;
        for (var at = NextTurn(text, 0, out isAnswer); at < text.Length;)
        {
            var start = at + (isAnswer ? Assistant : Human).Length;
            var end = NextTurn(text, start, out var nextIsAnswer);
            messages.Add(new(isAnswer ? Role.Assistant : Role.User, text[start..end].Trim()));
            (at, isAnswer) = (end, nextIsAnswer);
        }
        return new(messages);
    }

    /// <summary>What the person says first, trimmed, or null where the text is no dialogue.</summary>
    public static string? FirstHumanTurn(string text)
    {
        if (!text.StartsWith(Human, StringComparison.Ordinal))
            return null;
        var end = NextTurn(text, Human.Length, out _);
        return text[Human.Length..end].Trim();
    }

    private static string PromptOf(string text) => text[..(text.LastIndexOf(Assistant, StringComparison.Ordinal) + Assistant.Length)];

    private static string SharedTurns(string chosen, string rejected)
    {
        var shared = chosen.AsSpan().CommonPrefixLength(rejected);
        var lastAnswer = chosen.AsSpan(0, shared).LastIndexOf(Assistant);
        return lastAnswer < 0 ? "" : chosen[..(lastAnswer + Assistant.Length)];
    }

    private static int NextTurn(string text, int start, out bool isAnswer)
    {
        var human = text.IndexOf(Human, start, StringComparison.Ordinal);
        var assistant = text.IndexOf(Assistant, start, StringComparison.Ordinal);
        isAnswer = assistant >= 0 && (human < 0 || assistant < human);
        return isAnswer ? assistant : human >= 0 ? human : text.Length;
    }
}
