using System.Text.Json;
using Attune.Feedback;
using Attune.Storage.Leases;
using Attune.Storage.Work;

namespace Attune.Web.Work;

/// <summary>An answer as a judge sees it.</summary>
/// <param name="Text">The text, untrusted.</param>
/// <param name="Source">What wrote it, where the project shows that; null otherwise.</param>
public sealed record ShownAnswer(string Text, string? Source);

/// <summary>
/// A task as its judge sees it: answers stand in the order in which they are shown, under no name of their own, so that nothing on the page or in the API
/// tells which is which.
/// </summary>
public sealed record TaskView
{
    /// <summary>The lease.</summary>
    public required string LeaseId { get; init; }

    /// <summary>What answers, heartbeats and giving back need.</summary>
    public required string Token { get; init; }

    /// <summary>Until when the task is theirs, without a heartbeat.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>What is asked.</summary>
    public required TaskKind Kind { get; init; }

    /// <summary>The scale of a pair.</summary>
    public required PreferenceScale Scale { get; init; }

    /// <summary>What the answers answer, untrusted.</summary>
    public required string Prompt { get; init; }

    /// <summary>The answers, from the left or the top.</summary>
    public required IReadOnlyList<ShownAnswer> Answers { get; init; }

    /// <summary>The place among the tasks of one prompt, from 1; null alone.</summary>
    public int? Place { get; init; }

    /// <summary>How many tasks there are of the prompt.</summary>
    public int? GroupSize { get; init; }

    /// <summary>The version of the instructions; 0 without any.</summary>
    public required int InstructionVersion { get; init; }

    /// <summary>The view of a lease.</summary>
    /// <exception cref="JsonException">The task's payload is no comparison.</exception>
    public static TaskView Of(GrantedLease granted, ProjectSettings settings)
    {
        ArgumentNullException.ThrowIfNull(granted);
        ArgumentNullException.ThrowIfNull(settings);
        var comparison = Comparison.FromJson(granted.Task.Payload);
        return new()
        {
            LeaseId = granted.Lease.Id,
            Token = granted.Token,
            ExpiresAt = granted.Lease.ExpiresAt,
            Kind = granted.Task.Kind,
            Scale = settings.Scale,
            Prompt = comparison.Prompt,
            Answers = [.. granted.Lease.Order.Select(index => comparison.Answers[index]).Select(answer => new ShownAnswer(answer.Text, settings.ShowModelNames ? answer.Source : null))],
            Place = granted.Task.Place,
            GroupSize = granted.Task.GroupSize,
            InstructionVersion = granted.Lease.InstructionVersion,
        };
    }
}
