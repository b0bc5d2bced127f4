using Attune.Models;
using Attune.Rewards;
using Attune.Rollouts;

namespace Attune.Evaluation;

/// <summary>A reward model as a reward: its score of prompt and answer, the end token included where the answer has one.</summary>
internal sealed class RewardModelReward(RewardModel model) : IReward
{
    private const int MicroBatch = 32;

    public Scores Score(IReadOnlyList<Rollout> rollouts) =>
        Scores.OfSequences(model.Score([.. rollouts.Select(rollout => (int[])[.. rollout.Prompt, .. rollout.Response])], MicroBatch));
}
