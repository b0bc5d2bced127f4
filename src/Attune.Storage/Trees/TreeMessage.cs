using Attune.Feedback.Tasks;

namespace Attune.Storage.Trees;

/// <summary>Where a tree is.</summary>
public enum TreeState
{
    /// <summary>Messages are written, reviewed or ranked.</summary>
    Growing,

    /// <summary>Nothing is left to do.</summary>
    Ready,

    /// <summary>Its first prompt did not pass, or too many people skipped it.</summary>
    Halted,
}

/// <summary>What became of a message.</summary>
public enum MessageState
{
    /// <summary>Being reviewed.</summary>
    Review,

    /// <summary>It passed.</summary>
    Accepted,

    /// <summary>It did not.</summary>
    Rejected,

    /// <summary>It had too many red flags, or stands below one that had.</summary>
    Deleted,
}

/// <summary>A tree of messages.</summary>
public sealed record MessageTree
{
    /// <summary>The identifier, which is that of its first prompt.</summary>
    public required string Id { get; init; }

    /// <summary>The project.</summary>
    public required string ProjectId { get; init; }

    /// <summary>Where it is.</summary>
    public required TreeState State { get; init; }

    /// <summary>Since when.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it was ready or halted; null before.</summary>
    public DateTimeOffset? EndedAt { get; init; }
}

/// <summary>A message of a tree.</summary>
public sealed record TreeMessage
{
    /// <summary>The identifier: of the judgment that holds it.</summary>
    public required string Id { get; init; }

    /// <summary>Its tree.</summary>
    public required string TreeId { get; init; }

    /// <summary>What it replies to; null of the first prompt.</summary>
    public string? ParentId { get; init; }

    /// <summary>Whose part it is.</summary>
    public required MessageRole Role { get; init; }

    /// <summary>Who wrote it.</summary>
    public required string AuthorId { get; init; }

    /// <summary>What was written, untrusted.</summary>
    public required string Text { get; init; }

    /// <summary>What became of it.</summary>
    public required MessageState State { get; init; }

    /// <summary>How far below the first prompt, from 0.</summary>
    public required int Depth { get; init; }

    /// <summary>Reviewers who called it spam.</summary>
    public required int RedFlags { get; init; }

    /// <summary>Its place among its siblings by the mean of their ranks, 1 for the best; null where they were not ranked.</summary>
    public int? Place { get; init; }

    /// <summary>Since when.</summary>
    public required DateTimeOffset CreatedAt { get; init; }
}
