namespace Attune.Text;

/// <summary>Who speaks.</summary>
public enum Role
{
    /// <summary>Instructions that stand above the conversation.</summary>
    System,

    /// <summary>The person.</summary>
    User,

    /// <summary>The model.</summary>
    Assistant,
}

/// <summary>One turn.</summary>
/// <param name="Role">Who speaks.</param>
/// <param name="Content">What is said.</param>
public sealed record Message(Role Role, string Content);

/// <summary>Turns in their order.</summary>
/// <param name="Messages">The turns.</param>
/// <param name="Id">Its name in the file it comes from, if it has one.</param>
public sealed record Conversation(IReadOnlyList<Message> Messages, string? Id = null);
