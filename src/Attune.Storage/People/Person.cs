using Attune.Feedback;

namespace Attune.Storage.People;

/// <summary>What somebody may do.</summary>
public enum Role
{
    /// <summary>Everything, on the whole installation.</summary>
    Owner,

    /// <summary>Runs projects.</summary>
    Manager,

    /// <summary>Judges.</summary>
    Annotator,

    /// <summary>Looks on.</summary>
    Viewer,
}

/// <summary>Whether a person takes part.</summary>
public enum PersonState
{
    /// <summary>Takes part.</summary>
    Active,

    /// <summary>Does not for now: may sign in, gets no tasks.</summary>
    Paused,

    /// <summary>Is gone: the judgments stay under the pseudonym.</summary>
    Erased,
}

/// <summary>A person as the judgments know them, by pseudonym. Who it is stands in <see cref="Identity"/>.</summary>
public sealed record Person
{
    /// <summary>The identifier.</summary>
    public required string Id { get; init; }

    /// <summary>What judgments, exports and other people are shown.</summary>
    public required string Pseudonym { get; init; }

    /// <summary>The role on the installation; projects have their own.</summary>
    public required Role Role { get; init; }

    /// <summary>Whether they take part.</summary>
    public required PersonState State { get; init; }

    /// <summary>Person, model or simulation; their judgments say the same.</summary>
    public required JudgmentSource Source { get; init; }

    /// <summary>Since when.</summary>
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>Who a person is: the key to the pseudonym, destroyed when they are erased.</summary>
public sealed record Identity
{
    /// <summary>Whose it is.</summary>
    public required string PersonId { get; init; }

    /// <summary>The address, in lower case; null for programs.</summary>
    public string? Email { get; init; }

    /// <summary>How they want to be called.</summary>
    public required string DisplayName { get; init; }

    /// <summary>The hasher's text; null without a password.</summary>
    public string? PasswordHash { get; init; }
}

/// <summary>A person to add.</summary>
public sealed record NewPerson
{
    /// <summary>How they want to be called.</summary>
    public required string DisplayName { get; init; }

    /// <summary>The address; kept in lower case. Null for programs.</summary>
    public string? Email { get; init; }

    /// <summary>The hasher's text, never a password.</summary>
    public string? PasswordHash { get; init; }

    /// <summary>The role on the installation.</summary>
    public Role Role { get; init; } = Role.Annotator;

    /// <summary>Person, model or simulation.</summary>
    public JudgmentSource Source { get; init; } = JudgmentSource.Human;

    /// <summary>Null draws one; an import brings its own.</summary>
    public string? Pseudonym { get; init; }

    /// <summary>Languages as tags, such as "en".</summary>
    public IReadOnlyList<string> Languages { get; init; } = [];
}

/// <summary>How good somebody is at something.</summary>
/// <param name="Skill">Its name.</param>
/// <param name="Level">The higher the better; rules decide on the range.</param>
public sealed record SkillLevel(string Skill, double Level);
