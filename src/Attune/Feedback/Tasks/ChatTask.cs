namespace Attune.Feedback.Tasks;

/// <summary>The payload of a conversation with a model.</summary>
public sealed record ChatTask : ITaskPayload
{
    /// <summary>What the person is to talk about, as Markdown; untrusted. The model is not told.</summary>
    public required string Prompt { get; init; }

    /// <summary>What the model is told before the conversation, in place of the project's; null for the project's.</summary>
    public string? System { get; init; }

    /// <inheritdoc/>
    public IEnumerable<string> Faults() => TaskPayload.Empty(("prompt", Prompt));
}
