using Attune.Models;
using Attune.Rollouts;

namespace Attune.Rewards;

/// <summary>
/// A reward model's score of prompt and answer, token ids as they were sampled: nothing is decoded and encoded again. The score is read at the
/// last token, which is the end token where the answer ended. Not here: whether both models share a tokenizer (<see cref="RewardParts"/> checks).
/// </summary>
/// <param name="model">The reward model; stays its owner's.</param>
/// <param name="microBatch">Answers in one forward pass.</param>
public sealed class RewardModelReward(RewardModel model, int microBatch) : IReward
{
    /// <inheritdoc/>
    public Scores Score(IReadOnlyList<Rollout> rollouts) =>
        Scores.OfSequences(model.Score([.. rollouts.Select(r => (int[])[.. r.Prompt, .. r.Response])], microBatch));
}
