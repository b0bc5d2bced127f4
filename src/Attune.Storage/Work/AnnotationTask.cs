using Attune.Feedback.Tasks;

namespace Attune.Storage.Work;

/// <summary>What a task is for; ordinary work and the others are asked for separately.</summary>
public enum TaskPurpose
{
    /// <summary>Work.</summary>
    Normal,

    /// <summary>Work of a calibration round, which everyone shares.</summary>
    Calibration,

    /// <summary>Mixed in silently, with a known answer.</summary>
    Golden,

    /// <summary>With a known answer that is told afterwards.</summary>
    Training,
}

/// <summary>Whether a task is given out.</summary>
public enum TaskState
{
    /// <summary>Waits for the task that it depends on, or, reported as broken, for whoever runs the project.</summary>
    Waiting,

    /// <summary>Is given out as long as places are free.</summary>
    Open,

    /// <summary>Has the answers that were wanted.</summary>
    Complete,

    /// <summary>Was taken out: broken, or not needed as the task it depends on came out otherwise.</summary>
    Withdrawn,
}

/// <summary>One piece of work for as many people as its overlap says.</summary>
public sealed record AnnotationTask
{
    /// <summary>The identifier.</summary>
    public required string Id { get; init; }

    /// <summary>The project.</summary>
    public required string ProjectId { get; init; }

    /// <summary>The batch; null without one.</summary>
    public string? BatchId { get; init; }

    /// <summary>What is asked.</summary>
    public required TaskKind Kind { get; init; }

    /// <summary>What it is for.</summary>
    public required TaskPurpose Purpose { get; init; }

    /// <summary>What is judged: a comparison's id. Repeats share it. Judgments carry it as their comparison's.</summary>
    public required string SubjectId { get; init; }

    /// <summary>What is shown, as JSON whose form belongs to the kind; of comparisons a <see cref="Feedback.Comparison"/>.</summary>
    public required string Payload { get; init; }

    /// <summary>Answers shown in an order; 0 where there are none.</summary>
    public required int Choices { get; init; }

    /// <summary>Tasks of one group come one after the other; null for none.</summary>
    public string? GroupId { get; init; }

    /// <summary>The place in the group, from 1: "2 of 6".</summary>
    public int? Place { get; init; }

    /// <summary>How many are in the group.</summary>
    public int? GroupSize { get; init; }

    /// <summary>The higher the earlier.</summary>
    public required int Priority { get; init; }

    /// <summary>The expected answer of golden and training tasks, as JSON.</summary>
    public string? Expected { get; init; }

    /// <summary>A skill that is needed; null for none.</summary>
    public string? RequiredSkill { get; init; }

    /// <summary>The least level of that skill.</summary>
    public required double RequiredLevel { get; init; }

    /// <summary>The language that is needed, as a tag; null for any.</summary>
    public string? Language { get; init; }

    /// <summary>The task that has to come out first; null for none.</summary>
    public string? DependsOn { get; init; }

    /// <summary>What the majority of that task has to have answered; null for anything. See <see cref="TaskOutcome"/>.</summary>
    public string? DependsAnswer { get; init; }

    /// <summary>Since when it waits for whoever runs the project, reported as broken; null where it does not.</summary>
    public DateTimeOffset? HeldAt { get; init; }

    /// <summary>Whether it is given out.</summary>
    public required TaskState State { get; init; }

    /// <summary>Answers wanted.</summary>
    public required int Overlap { get; init; }

    /// <summary>To how many that may be raised.</summary>
    public required int MaximumOverlap { get; init; }

    /// <summary>Leases that run.</summary>
    public required int Active { get; init; }

    /// <summary>Answers that came in time and count.</summary>
    public required int Accepted { get; init; }

    /// <summary>From which side orders are drawn.</summary>
    public required long SideSeed { get; init; }

    /// <summary>Since when.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When the last wanted answer came; null before.</summary>
    public DateTimeOffset? CompletedAt { get; init; }
}

/// <summary>A task to add.</summary>
public sealed record NewTask
{
    /// <summary>What is shown, as JSON; of comparisons a <see cref="Feedback.Comparison"/>.</summary>
    public required string Payload { get; init; }

    /// <summary>Answers shown in an order; 0 where there are none.</summary>
    public required int Choices { get; init; }

    /// <summary>Null makes one.</summary>
    public string? Id { get; init; }

    /// <summary>What is judged; null for the task's own id.</summary>
    public string? SubjectId { get; init; }

    /// <summary>The batch; null for none.</summary>
    public string? BatchId { get; init; }

    /// <summary>Null for the project's.</summary>
    public TaskKind? Kind { get; init; }

    /// <summary>What it is for.</summary>
    public TaskPurpose Purpose { get; init; } = TaskPurpose.Normal;

    /// <summary>Null for the project's. Golden tasks go to everyone: give them many.</summary>
    public int? Overlap { get; init; }

    /// <summary>Null for the project's, or the overlap if that is more.</summary>
    public int? MaximumOverlap { get; init; }

    /// <summary>Tasks of one group come one after the other.</summary>
    public string? GroupId { get; init; }

    /// <summary>The place in the group, from 1.</summary>
    public int? Place { get; init; }

    /// <summary>How many are in the group.</summary>
    public int? GroupSize { get; init; }

    /// <summary>The higher the earlier.</summary>
    public int Priority { get; init; }

    /// <summary>The expected answer, as JSON.</summary>
    public string? Expected { get; init; }

    /// <summary>A skill that is needed.</summary>
    public string? RequiredSkill { get; init; }

    /// <summary>The least level of that skill.</summary>
    public double RequiredLevel { get; init; }

    /// <summary>The language that is needed.</summary>
    public string? Language { get; init; }

    /// <summary>The task that has to come out first.</summary>
    public string? DependsOn { get; init; }

    /// <summary>What the majority of that task has to have answered.</summary>
    public string? DependsAnswer { get; init; }

    /// <summary>People whose text it shows: they are not given it.</summary>
    public IReadOnlyList<string> AuthorIds { get; init; } = [];
}

/// <summary>How far a project is.</summary>
/// <param name="Tasks">All but those withdrawn, golden and training ones.</param>
/// <param name="Complete">Of these, those that have all answers.</param>
/// <param name="Wanted">Answers wanted of all of them.</param>
/// <param name="Accepted">Answers that came in time and count.</param>
/// <param name="Active">Leases that run.</param>
/// <param name="Held">Tasks that were reported as broken and wait for whoever runs the project.</param>
public sealed record Progress(long Tasks, long Complete, long Wanted, long Accepted, long Active, long Held);
