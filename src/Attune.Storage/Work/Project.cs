using Attune.Storage.People;

namespace Attune.Storage.Work;

/// <summary>Whether a project gives out tasks.</summary>
public enum ProjectState
{
    /// <summary>It does.</summary>
    Active,

    /// <summary>Not for now; what was given out may still come in.</summary>
    Paused,

    /// <summary>It is over.</summary>
    Archived,
}

/// <summary>Tasks of one purpose, with their people and rules.</summary>
public sealed record Project
{
    /// <summary>The identifier.</summary>
    public required string Id { get; init; }

    /// <summary>The name, unique.</summary>
    public required string Name { get; init; }

    /// <summary>Whether it gives out tasks.</summary>
    public required ProjectState State { get; init; }

    /// <summary>From which side orders and the order of tasks are drawn.</summary>
    public required long Seed { get; init; }

    /// <summary>How it works.</summary>
    public required ProjectSettings Settings { get; init; }

    /// <summary>Since when.</summary>
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>Whether a member is given tasks.</summary>
public enum MemberState
{
    /// <summary>Is.</summary>
    Active,

    /// <summary>Is not, until somebody says otherwise.</summary>
    Paused,

    /// <summary>Is not, until a time or for good.</summary>
    Banned,
}

/// <summary>A person's place in a project.</summary>
public sealed record Membership
{
    /// <summary>The project.</summary>
    public required string ProjectId { get; init; }

    /// <summary>The person.</summary>
    public required string PersonId { get; init; }

    /// <summary>What they may do there: manager, annotator or viewer.</summary>
    public required Role Role { get; init; }

    /// <summary>Whether they are given tasks.</summary>
    public required MemberState State { get; init; }

    /// <summary>When a ban ends; null for one without an end.</summary>
    public DateTimeOffset? BannedUntil { get; init; }

    /// <summary>Since when.</summary>
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>A version of a project's instructions.</summary>
public sealed record Instruction
{
    /// <summary>The project.</summary>
    public required string ProjectId { get; init; }

    /// <summary>From 1; judgments record it.</summary>
    public required int Version { get; init; }

    /// <summary>Markdown.</summary>
    public required string Markdown { get; init; }

    /// <summary>Who wrote it.</summary>
    public string? AuthorId { get; init; }

    /// <summary>Since when.</summary>
    public required DateTimeOffset CreatedAt { get; init; }
}
