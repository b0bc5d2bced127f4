using Attune.Feedback;
using Attune.Runs;

namespace Attune.Evaluation;

/// <summary>One group of judges: exactly one of a crowd, a reward model and a word list.</summary>
public sealed record JudgeSettings : IChecked
{
    /// <summary>A simulated crowd.</summary>
    public CrowdJudgeSettings? Crowd { get; init; }

    /// <summary>Folder of a reward model.</summary>
    public string? RewardModel { get; init; }

    /// <summary>A word list.</summary>
    public LexiconSettings? Lexicon { get; init; }

    /// <summary>Reward model and word list: answers whose scores differ by no more than this are level.</summary>
    public double TieWithin { get; init; }

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        var named = new[] { Crowd is null ? null : "crowd", RewardModel is null ? null : "rewardModel", Lexicon is null ? null : "lexicon" }.OfType<string>().ToList();
        if (named.Count != 1)
            yield return Problem.Of("", named.Count == 0 ? "names no judge" : $"names {string.Join(" and ", named)}", "one of crowd, rewardModel, lexicon", "keep the one that is meant");
        if (!(TieWithin >= 0))
            yield return Problem.Of("tieWithin", $"is {TieWithin}", "0 or more", "0 is usual");
        foreach (var problem in Crowd?.Check() ?? [])
            yield return problem with { Key = $"crowd.{problem.Key}" };
        foreach (var problem in Lexicon?.Check() ?? [])
            yield return problem with { Key = $"lexicon.{problem.Key}".TrimEnd('.') };
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
