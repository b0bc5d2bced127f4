namespace Attune.Feedback.Tasks;

/// <summary>What a payload says about itself.</summary>
public interface ITaskPayload
{
    /// <summary>What is wrong with it, as the rest of a sentence: "has no prompt, expected one".</summary>
    IEnumerable<string> Faults();
}

/// <summary>The payload of writing a response to a prompt.</summary>
public sealed record WriteTask : ITaskPayload
{
    /// <summary>What is to be answered, as Markdown; untrusted.</summary>
    public required string Prompt { get; init; }

    /// <inheritdoc/>
    public IEnumerable<string> Faults() => TaskPayload.Empty(("prompt", Prompt));
}

/// <summary>The payload of verifying what somebody else wrote: accept it, or say why not.</summary>
public sealed record VerifyTask : ITaskPayload
{
    /// <summary>The key of the answer, "yes" or "no", in <see cref="Judgment.Answers"/>.</summary>
    public const string Accept = "accept";

    /// <summary>What was to be answered.</summary>
    public required string Prompt { get; init; }

    /// <summary>What was written, untrusted.</summary>
    public required string Text { get; init; }

    /// <summary>How often it was mended before.</summary>
    public int Round { get; init; }

    /// <inheritdoc/>
    public IEnumerable<string> Faults() => [.. TaskPayload.Empty(("prompt", Prompt), ("text", Text)), .. TaskPayload.Negative("round", Round)];
}

/// <summary>The payload of mending what did not pass.</summary>
public sealed record FixTask : ITaskPayload
{
    /// <summary>What was to be answered.</summary>
    public required string Prompt { get; init; }

    /// <summary>What was written, untrusted.</summary>
    public required string Text { get; init; }

    /// <summary>Why it did not pass, in the verifiers' words; untrusted.</summary>
    public IReadOnlyList<string> Reasons { get; init => field = value ?? []; } = [];

    /// <summary>How often it was mended before.</summary>
    public int Round { get; init; }

    /// <inheritdoc/>
    public IEnumerable<string> Faults() => [.. TaskPayload.Empty(("prompt", Prompt), ("text", Text)), .. TaskPayload.Negative("round", Round)];
}
