using Attune.Rollouts;

namespace Attune.Rewards;

/// <summary>Judges answers. A reward model, a function of the text, a person behind a queue or a mixture of them: PPO does not know which.</summary>
public interface IReward
{
    /// <summary>One score an answer, or one a token, in the order of the rollouts.</summary>
    Scores Score(IReadOnlyList<Rollout> rollouts);
}
