using Attune.Runs;

namespace Attune.Storage.Work;

/// <summary>How trees of messages grow; the usual values are those of Köpf et al. 2023 (OpenAssistant).</summary>
public sealed record TreeSettings
{
    /// <summary>Messages of one tree, the first prompt included, from 1 to 1,000.</summary>
    public int Messages { get; init; } = 12;

    /// <summary>How far below the first prompt messages stand, from 0 to 20.</summary>
    public int Depth { get; init; } = 3;

    /// <summary>Replies wanted to a message, from 1 to 9.</summary>
    public int Replies { get; init; } = 3;

    /// <summary>People who review each message, from 1.</summary>
    public int Reviews { get; init; } = 3;

    /// <summary>The least share of reviewers who have to find a message acceptable, from 0 to 1.</summary>
    public double Acceptance { get; init; } = 0.6;

    /// <summary>People who rank the replies to a message, from 1.</summary>
    public int Rankings { get; init; } = 3;

    /// <summary>After how many skips by people who were to reply to a message its tree is halted, from 1.</summary>
    public int Skips { get; init; } = 25;

    /// <summary>After how many red flags (spam in a review, a report as broken) a message is deleted with all below it, from 1.</summary>
    public int RedFlags { get; init; } = 4;

    internal IEnumerable<Problem> Check()
    {
        if (Messages is < 1 or > 1_000)
            yield return Problem.Of("tree.messages", $"is {Messages}", "1 to 1000", "12 is usual");
        if (Depth is < 0 or > 20)
            yield return Problem.Of("tree.depth", $"is {Depth}", "0 to 20", "3 is usual");
        if (Replies is < 1 or > 9)
            yield return Problem.Of("tree.replies", $"is {Replies}", "1 to 9", "3 is usual");
        if (Reviews < 1)
            yield return Problem.Of("tree.reviews", $"is {Reviews}", "at least 1", "3 is usual");
        if (!(Acceptance is >= 0 and <= 1))
            yield return Problem.Of("tree.acceptance", $"is {Acceptance}", "0 to 1", "0.6 is usual");
        if (Rankings < 1)
            yield return Problem.Of("tree.rankings", $"is {Rankings}", "at least 1", "3 is usual");
        if (Skips < 1)
            yield return Problem.Of("tree.skips", $"is {Skips}", "at least 1", "25 is usual");
        if (RedFlags < 1)
            yield return Problem.Of("tree.redFlags", $"is {RedFlags}", "at least 1", "4 is usual");
    }
}
