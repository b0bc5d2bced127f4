using Attune.Feedback;
using Attune.Storage.Work;

namespace Attune.Storage.Leases;

/// <summary>What became of a lease.</summary>
public enum LeaseState
{
    /// <summary>It runs: the place is taken.</summary>
    Active,

    /// <summary>The answer came in time: the place is taken for good.</summary>
    Submitted,

    /// <summary>Its time ran out: the place is free again. An answer is still taken, as late.</summary>
    Expired,

    /// <summary>It was given back.</summary>
    Released,

    /// <summary>The answer came late: kept, not counted.</summary>
    Late,
}

/// <summary>A task in somebody's hands until a time.</summary>
public sealed record Lease
{
    /// <summary>The identifier.</summary>
    public required string Id { get; init; }

    /// <summary>The project.</summary>
    public required string ProjectId { get; init; }

    /// <summary>The task.</summary>
    public required string TaskId { get; init; }

    /// <summary>Who has it.</summary>
    public required string PersonId { get; init; }

    /// <summary>What became of it.</summary>
    public required LeaseState State { get; init; }

    /// <summary>Which of the task's places, from 0.</summary>
    public required int Seat { get; init; }

    /// <summary>The seed of (task, person) from which the seat was drawn.</summary>
    public required long Seed { get; init; }

    /// <summary>The order of the answers as shown, as JSON; see <see cref="Order"/>.</summary>
    public required string SideOrder { get; init; }

    /// <summary>The version of the instructions when it was given; 0 without any.</summary>
    public required int InstructionVersion { get; init; }

    /// <summary>Since when.</summary>
    public required DateTimeOffset GrantedAt { get; init; }

    /// <summary>Until when, without a heartbeat.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When it ended; null while it runs.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Why it was given back.</summary>
    public string? Reason { get; init; }

    /// <summary>The answer; null without one.</summary>
    public string? JudgmentId { get; init; }

    /// <summary>Indexes of the answers as shown, from the left.</summary>
    public IReadOnlyList<int> Order => System.Text.Json.JsonSerializer.Deserialize<int[]>(SideOrder)!;
}

/// <summary>A lease with its token, and the task that is shown.</summary>
/// <param name="Lease">The lease.</param>
/// <param name="Token">What an answer, a heartbeat and giving back need. Only its owner is told.</param>
/// <param name="Task">What to do.</param>
/// <param name="Pseudonym">Whose judgment it will be.</param>
public sealed record GrantedLease(Lease Lease, string Token, AnnotationTask Task, string Pseudonym)
{
    /// <summary>A judgment to complete with <c>with { … }</c> and to submit; what belongs to the store it fills in itself.</summary>
    public Judgment Answer(Outcome outcome, params IReadOnlyList<int> ranks) => new()
    {
        Id = Lease.Id,
        ComparisonId = Task.SubjectId,
        AnnotatorId = Pseudonym,
        Order = Lease.Order,
        Outcome = outcome,
        Ranks = ranks,
        InstructionVersion = $"{Lease.InstructionVersion}",
        At = Lease.GrantedAt,
    };

    /// <summary>The judgment of a step on a scale between two answers.</summary>
    public Judgment Answer(PreferenceScale scale, int step)
    {
        var meaning = StepMeaning.Of(scale, step, Lease.Order);
        return Answer(meaning.Outcome, meaning.Ranks) with { Scale = scale, Step = step, Strength = meaning.Strength };
    }
}

/// <summary>What somebody asks for.</summary>
public sealed record LeaseRequest
{
    /// <summary>Leases that the caller already shows: of the others that run, the oldest is given again, so that a lost reply or a reload loses no place.</summary>
    public IReadOnlyList<string> Known { get; init; } = [];

    /// <summary>What for, in this order.</summary>
    public IReadOnlyList<TaskPurpose> Purposes { get; init; } = [TaskPurpose.Calibration, TaskPurpose.Normal];
}

/// <summary>Why somebody is given nothing.</summary>
public enum NothingReason
{
    /// <summary>There is no such project, it is paused or over.</summary>
    ProjectClosed,

    /// <summary>They are no annotator of the project, or are paused or banned.</summary>
    NotAllowed,

    /// <summary>They have as many open as they may.</summary>
    TooManyOpen,

    /// <summary>They had as many today as they may.</summary>
    DailyLimit,

    /// <summary>Nothing is left that they could do, for now.</summary>
    NoTask,

    /// <summary>They have not agreed to the project's consent text, or not seen its warning, in the version that holds.</summary>
    NeedsConsent,

    /// <summary>They have not passed the project's qualification, and no attempt is left.</summary>
    NotQualified,
}

/// <summary>The next task, or why there is none.</summary>
/// <param name="Lease">The lease; null where there is none.</param>
/// <param name="Why">Why not; null where there is one.</param>
public sealed record NextTask(GrantedLease? Lease, NothingReason? Why = null);

/// <summary>What became of an answer.</summary>
public abstract record SubmitResult
{
    private SubmitResult()
    {
    }

    /// <summary>It is in the log.</summary>
    /// <param name="Judgment">As stored.</param>
    /// <param name="IsRepeat">Whether it had been there already.</param>
    public sealed record Accepted(Judgment Judgment, bool IsRepeat) : SubmitResult;

    /// <summary>Another answer is there under the same token, and stays.</summary>
    /// <param name="Existing">That one.</param>
    public sealed record Conflict(Judgment Existing) : SubmitResult;

    /// <summary>The token is nobody's, or not this person's.</summary>
    public sealed record Unknown : SubmitResult;

    /// <summary>It contradicts itself or does not fit the task; nothing was stored.</summary>
    /// <param name="Fault">What is wrong with it.</param>
    public sealed record Refused(string Fault) : SubmitResult;
}

/// <summary>What became of taking an answer back.</summary>
public abstract record UndoResult
{
    private UndoResult()
    {
    }

    /// <summary>It counts no more; the lease runs again for another answer.</summary>
    /// <param name="Lease">The lease, with the same token.</param>
    /// <param name="Before">The answer taken back, which stays in the log.</param>
    public sealed record Undone(GrantedLease Lease, Judgment Before) : UndoResult;

    /// <summary>The time for it is over, or somebody goes on with it: has begun to verify a text, say.</summary>
    public sealed record TooLate : UndoResult;

    /// <summary>There is no such lease of this person's, or no answer to take back.</summary>
    public sealed record Unknown : UndoResult;
}
