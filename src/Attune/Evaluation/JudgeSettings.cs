using Attune.Feedback;
using Attune.Rewards;
using Attune.Runs;

namespace Attune.Evaluation;

/// <summary>One group of judges: a crowd, or something that gives answers a score.</summary>
public sealed record JudgeSettings : IChecked
{
    /// <summary>A simulated crowd.</summary>
    public CrowdJudgeSettings? Crowd { get; init; }

    /// <summary>A reward model or a function, as an entry of <c>rewards</c>.</summary>
    public RewardPart? Reward { get; init; }

    /// <summary>Of a reward: answers whose scores differ by no more than this are level.</summary>
    public double TieWithin { get; init; }

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if ((Crowd is null) == (Reward is null))
            yield return Problem.Of("", Crowd is null ? "names no judge" : "names both crowd and reward", "one of them", "keep the one that is meant");
        if (!(TieWithin >= 0))
            yield return Problem.Of("tieWithin", $"is {TieWithin}", "0 or more", "0 is usual");
        foreach (var problem in Crowd?.Check() ?? [])
            yield return problem with { Key = $"crowd.{problem.Key}" };
        foreach (var problem in Reward?.Check() ?? [])
            yield return problem with { Key = $"reward.{problem.Key}" };
        foreach (var problem in Reward?.Lexicon?.Check() ?? [])
            yield return problem with { Key = $"reward.lexicon.{problem.Key}" };
    }
}

/// <summary>A stored simulated crowd that judges.</summary>
public sealed record CrowdJudgeSettings : IChecked
{
    /// <summary>Its <c>crowd.json</c>.</summary>
    public required string Path { get; init; }

    /// <summary>Folder of the word list it knows: <c>valence.tsv</c>, <c>negations.txt</c>, <c>intensifiers.tsv</c>.</summary>
    public string Words { get; init; } = "data";

    /// <summary>Which of its annotators.</summary>
    public AnnotatorGroup Group { get; init; } = AnnotatorGroup.HeldOut;

    /// <summary>Votes a pair.</summary>
    public int Votes { get; init; } = PairResult.MinimumVotes;

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Votes < PairResult.MinimumVotes)
            yield return Problem.Of("votes", $"is {Votes}", $"at least {PairResult.MinimumVotes}", "fewer make no majority worth reporting");
    }
}
