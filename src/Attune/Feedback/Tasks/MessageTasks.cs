using System.Text.Json.Serialization;

namespace Attune.Feedback.Tasks;

/// <summary>Whose part a message of a tree is.</summary>
public enum MessageRole
{
    /// <summary>Who asks.</summary>
    [JsonStringEnumMemberName("prompter")] Prompter,

    /// <summary>Who answers.</summary>
    [JsonStringEnumMemberName("assistant")] Assistant,
}

/// <summary>A message that stands above another one.</summary>
/// <param name="Role">Whose part it is.</param>
/// <param name="Text">What was written, untrusted.</param>
public sealed record ThreadMessage(MessageRole Role, string Text);

/// <summary>The payload of writing a message of a tree: a first prompt where nothing stands above it, else a reply.</summary>
public sealed record MessageTask : ITaskPayload
{
    /// <summary>Whose part is to be written.</summary>
    public MessageRole Role { get; init; }

    /// <summary>What stands above, from the first prompt on; empty for a first prompt.</summary>
    public IReadOnlyList<ThreadMessage> Thread { get; init => field = value ?? []; } = [];

    /// <summary>What the first prompt is to be about, as Markdown; null for anything.</summary>
    public string? Topic { get; init; }

    /// <summary>The message that is answered; null for a first prompt.</summary>
    public string? ParentId { get; init; }

    /// <inheritdoc/>
    public IEnumerable<string> Faults()
    {
        if (MessageThread.Fault(Thread) is { } fault)
            yield return fault;
        if (Role != MessageThread.Next(Thread))
            yield return $"asks for the part of the {(Role == MessageRole.Prompter ? "prompter" : "assistant")}, expected prompter and assistant in turn, the prompter first";
    }
}

/// <summary>The payload of reviewing a message of a tree.</summary>
public sealed record ReviewTask : ITaskPayload
{
    /// <summary>The key of the answer, "yes" or "no", whether the message is acceptable, in <see cref="Judgment.Answers"/>.</summary>
    public const string Acceptable = "acceptable";

    /// <summary>The key of the answer, "yes" or "no", whether it is spam or breaks a rule: a red flag.</summary>
    public const string Spam = "spam";

    /// <summary>Messages from the first prompt on; the last is reviewed.</summary>
    public required IReadOnlyList<ThreadMessage> Thread { get; init; }

    /// <inheritdoc/>
    public IEnumerable<string> Faults()
    {
        if (Thread.Count == 0)
            yield return "has no messages, expected the one that is reviewed";
        if (MessageThread.Fault(Thread) is { } fault)
            yield return fault;
    }
}

/// <summary>Messages one above the other.</summary>
public static class MessageThread
{
    /// <summary>Whose turn it is.</summary>
    public static MessageRole Next(IReadOnlyList<ThreadMessage> thread)
    {
        ArgumentNullException.ThrowIfNull(thread);
        return thread.Count % 2 == 0 ? MessageRole.Prompter : MessageRole.Assistant;
    }

    internal static string? Fault(IReadOnlyList<ThreadMessage> thread)
    {
        var at = Enumerable.Range(0, thread.Count).FirstOrDefault(i => string.IsNullOrWhiteSpace(thread[i].Text) || (int)thread[i].Role != i % 2, -1);
        return at < 0 ? null : $"has message {at + 1} that is empty or out of turn, expected texts of prompter and assistant in turn, the prompter first";
    }
}
