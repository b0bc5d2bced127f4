using Attune.Runs;

namespace Attune.Storage.Work;

/// <summary>How a conversation with a model goes: what the model is told, how its answers are drawn, how far it goes.</summary>
public sealed record ChatSettings
{
    /// <summary>Divides the logits: above 0, at most 5; below 1 for likelier words.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Draws from the likeliest tokens up to this probability together; above 0, 1 for all.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Most tokens of an answer, 1 to 8,192.</summary>
    public int MaximumNewTokens { get; init; } = 512;

    /// <summary>Most turns of a conversation, 1 to 50.</summary>
    public int MaximumTurns { get; init; } = 8;

    /// <summary>Fewest turns after which a conversation may be handed in, 1 to <see cref="MaximumTurns"/>.</summary>
    public int MinimumTurns { get; init; } = 1;

    /// <summary>What the model is told before a conversation; null for nothing. A task may say something else.</summary>
    public string? SystemPrompt { get; init; }

    /// <summary>Whether people also say how much better the chosen answer is.</summary>
    public bool AskStrength { get; init; }

    /// <summary>Messages that one person may send in a minute, 1 to 600: each costs two answers of the model.</summary>
    public int MessagesPerMinute { get; init; } = 10;

    internal IEnumerable<Problem> Check()
    {
        if (Temperature is not (> 0 and <= 5))
            yield return Problem.Of("chat.temperature", $"is {Temperature}", "above 0, at most 5", "1 is usual");
        if (TopP is not (> 0 and <= 1))
            yield return Problem.Of("chat.topP", $"is {TopP}", "above 0, at most 1", "1 keeps all");
        if (MaximumNewTokens is < 1 or > 8_192)
            yield return Problem.Of("chat.maximumNewTokens", $"is {MaximumNewTokens}", "1 to 8192", "512 is usual");
        if (MaximumTurns is < 1 or > 50)
            yield return Problem.Of("chat.maximumTurns", $"is {MaximumTurns}", "1 to 50", "8 is usual");
        if (MinimumTurns < 1 || MinimumTurns > MaximumTurns)
            yield return Problem.Of("chat.minimumTurns", $"is {MinimumTurns}", $"1 to chat.maximumTurns, {MaximumTurns}", "1 is usual");
        if (MessagesPerMinute is < 1 or > 600)
            yield return Problem.Of("chat.messagesPerMinute", $"is {MessagesPerMinute}", "1 to 600", "10 is usual");
    }
}
