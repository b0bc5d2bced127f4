using Attune.Rollouts;

namespace Attune.Rewards;

/// <summary>A reward that is a plain function of one answer: for rules, lexicons, checkers, and for trying things out.</summary>
public sealed class FunctionReward : IReward
{
    private readonly Func<IReadOnlyList<Rollout>, Scores> _score;

    private FunctionReward(Func<IReadOnlyList<Rollout>, Scores> score) => _score = score;

    /// <summary>One number an answer.</summary>
    public static FunctionReward OfSequence(Func<Rollout, double> score) =>
        new(rollouts => Scores.OfSequences([.. rollouts.Select(score)]));

    /// <summary>One number a response token.</summary>
    public static FunctionReward OfTokens(Func<Rollout, double[]> score) =>
        new(rollouts => Scores.OfTokens([.. rollouts.Select(score)]));

    /// <inheritdoc/>
    public Scores Score(IReadOnlyList<Rollout> rollouts) => _score(rollouts);
}
