using System.Text.Json;
using Attune.Feedback;

namespace Attune.Storage.Chats;

/// <summary>A turn of a conversation as it stands.</summary>
public sealed record ChatTurn
{
    /// <summary>The lease under which it is held.</summary>
    public required string LeaseId { get; init; }

    /// <summary>The place in the conversation, from 1.</summary>
    public required int Number { get; init; }

    /// <summary>What the person wrote.</summary>
    public required string Prompt { get; init; }

    /// <summary>The sampled answers as JSON; null until they are there.</summary>
    public string? Answers { get; init; }

    /// <summary>The order of the answers as shown, as JSON; see <see cref="Order"/>.</summary>
    public required string SideOrder { get; init; }

    /// <summary>The index of the answer that the conversation goes on with; null until it is chosen.</summary>
    public int? Chosen { get; init; }

    /// <summary>How much better it is, from 0 (no difference) to 4; null where not asked.</summary>
    public int? Strength { get; init; }

    /// <summary>When it was said.</summary>
    public required DateTimeOffset AskedAt { get; init; }

    /// <summary>When the answers were there.</summary>
    public DateTimeOffset? AnsweredAt { get; init; }

    /// <summary>When one was chosen.</summary>
    public DateTimeOffset? ChosenAt { get; init; }

    /// <summary>The sampled answers; empty until they are there.</summary>
    public IReadOnlyList<Answer> Sampled => Answers is null ? [] : JsonSerializer.Deserialize<Answer[]>(Answers, StorageJson.Options)!;

    /// <summary>Indexes of the answers as shown, from the left.</summary>
    public IReadOnlyList<int> Order => JsonSerializer.Deserialize<int[]>(SideOrder)!;

    /// <summary>The turn as judgments hold it.</summary>
    /// <exception cref="InvalidOperationException">Nothing is chosen.</exception>
    public ConversationTurn ToRecord() => new()
    {
        Prompt = Prompt,
        Answers = Sampled,
        Order = Order,
        Chosen = Chosen ?? throw new InvalidOperationException("Nothing is chosen in this turn."),
        Strength = Strength,
    };
}

/// <summary>Why a turn can neither begin nor be decided so.</summary>
public enum ChatFault
{
    /// <summary>The turns before it are not there.</summary>
    Skips,

    /// <summary>Nothing is chosen in the turn before it.</summary>
    Unchosen,

    /// <summary>It has no answers to choose from.</summary>
    Unanswered,

    /// <summary>There is no such place or strength.</summary>
    NoChoice,

    /// <summary>The conversation went on after it, so its choice stays.</summary>
    WentOn,

    /// <summary>It has its answers already, to another message.</summary>
    OtherMessage,
}

/// <summary>What became of a turn that somebody wanted to begin or to decide.</summary>
public abstract record ChatResult
{
    private ChatResult()
    {
    }

    /// <summary>It stands so.</summary>
    /// <param name="Turn">The turn.</param>
    public sealed record Kept(ChatTurn Turn) : ChatResult;

    /// <summary>The lease is not this person's, or there is none.</summary>
    public sealed record Unknown : ChatResult;

    /// <summary>The lease was given back, or its judgment is there.</summary>
    public sealed record Over : ChatResult;

    /// <summary>The conversation stands otherwise; nothing was changed.</summary>
    /// <param name="Fault">Why not.</param>
    /// <param name="Number">The turn that was meant.</param>
    /// <param name="Turns">Turns that there are.</param>
    public sealed record Conflict(ChatFault Fault, int Number, int Turns) : ChatResult;
}
