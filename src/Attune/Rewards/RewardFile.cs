using Attune.Runs;

namespace Attune.Rewards;

/// <summary>A reward in a file of its own: the list <c>rewards</c> of a recipe, alone.</summary>
public sealed record RewardFile : IChecked
{
    /// <summary>The parts, at least one.</summary>
    public required IReadOnlyList<RewardPart> Rewards { get; init; }

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Rewards.Count == 0)
            yield return Problem.Of("rewards", "is empty", "at least one part", "add a line \"- model: FOLDER\"");
        foreach (var problem in RewardPart.CheckNames(Rewards, "rewards"))
            yield return problem;
    }
}
