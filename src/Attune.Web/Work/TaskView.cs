using System.Text.Json;
using Attune.Feedback;
using Attune.Feedback.Tasks;
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

    /// <summary>What stands above, untrusted; empty where nothing does.</summary>
    public string Prompt { get; init; } = "";

    /// <summary>The answers that are compared, from the left or the top; empty of other kinds.</summary>
    public IReadOnlyList<ShownAnswer> Answers { get; init; } = [];

    /// <summary>What is shown of the kinds that compare nothing: a record of <see cref="Attune.Feedback.Tasks"/>; null of the others.</summary>
    public object? Content { get; init; }

    /// <summary>The place among the tasks of one prompt, from 1; null alone.</summary>
    public int? Place { get; init; }

    /// <summary>How many tasks there are of the prompt.</summary>
    public int? GroupSize { get; init; }

    /// <summary>The version of the instructions; 0 without any.</summary>
    public required int InstructionVersion { get; init; }

    /// <summary>The view of a lease.</summary>
    /// <exception cref="JsonException">The task's payload is not of its kind.</exception>
    public static TaskView Of(GrantedLease granted, ProjectSettings settings)
    {
        ArgumentNullException.ThrowIfNull(granted);
        ArgumentNullException.ThrowIfNull(settings);
        var view = new TaskView
        {
            LeaseId = granted.Lease.Id,
            Token = granted.Token,
            ExpiresAt = granted.Lease.ExpiresAt,
            Kind = granted.Task.Kind,
            Scale = settings.Scale,
            Place = granted.Task.Place,
            GroupSize = granted.Task.GroupSize,
            InstructionVersion = granted.Lease.InstructionVersion,
        };
        var payload = granted.Task.Payload;
        return granted.Task.Kind switch
        {
            TaskKind.Question when TaskPayload.Read<QuestionTask>(payload) is var question => view with { Prompt = question.Prompt, Content = question },
            TaskKind.Write when TaskPayload.Read<WriteTask>(payload) is var write => view with { Prompt = write.Prompt, Content = write },
            TaskKind.Verify when TaskPayload.Read<VerifyTask>(payload) is var verify => view with { Prompt = verify.Prompt, Content = verify },
            TaskKind.Fix when TaskPayload.Read<FixTask>(payload) is var fix => view with { Prompt = fix.Prompt, Content = fix },
            TaskKind.Message when TaskPayload.Read<MessageTask>(payload) is var message => view with { Prompt = message.Topic ?? "", Content = message },
            TaskKind.Review => view with { Content = TaskPayload.Read<ReviewTask>(payload) },
            TaskKind.Chat when TaskPayload.Read<ChatTask>(payload) is var chat => view with { Prompt = chat.Prompt, Content = chat with { System = null } },
            TaskKind.Spans when TaskPayload.Read<SpansTask>(payload) is var spans => view with { Prompt = spans.Prompt, Content = Shown(spans, granted.Lease.Order, settings) },
            _ => OfComparison(view, Comparison.FromJson(payload), granted.Lease.Order, settings),
        };
    }

    private static SpansTask Shown(SpansTask task, IReadOnlyList<int> order, ProjectSettings settings) => task with
    {
        Answers = [.. order.Select(index => task.Answers[index]).Select(answer => settings.ShowModelNames ? answer : answer with { Source = null })],
    };

    private static TaskView OfComparison(TaskView view, Comparison comparison, IReadOnlyList<int> order, ProjectSettings settings) => view with
    {
        Prompt = comparison.Prompt,
        Answers = [.. order.Select(index => comparison.Answers[index]).Select(answer => new ShownAnswer(answer.Text, settings.ShowModelNames ? answer.Source : null))],
    };
}
