using Attune.Feedback;
using Attune.Rollouts;

namespace Attune.Rewards;

/// <summary>Rewards that need no model, by the names that recipes give them.</summary>
public static class BuiltInRewards
{
    /// <summary>−|length − target| / target: 0 for answers of just so many tokens, the end token included, −1 for none or twice as many.</summary>
    public static FunctionReward LengthTarget(double target) => FunctionReward.OfSequence(rollout => -Math.Abs(rollout.Response.Length - target) / target);

    /// <summary>
    /// Minus the share of an answer's n-grams of tokens that stood in it before (<see cref="RepetitionRate"/>): [5,5,5,5,5] has bigrams 1 new,
    /// 3 repeated, so −0.75. Answers shorter than n tokens score 0.
    /// </summary>
    public static FunctionReward Repetition(int n) => FunctionReward.OfSequence(rollout => RepetitionRate.Of(rollout.Response, n) is var rate && double.IsNaN(rate) ? 0 : -rate);

    /// <summary>How favourable a word list finds the answer's text, in (−1, 1); see <see cref="Valence"/>.</summary>
    /// <param name="valence">The list.</param>
    /// <param name="textOf">The answer's text, see <see cref="Rollout.TextBy"/>.</param>
    public static FunctionReward Lexicon(Valence valence, Func<Rollout, string> textOf) =>
        FunctionReward.OfSequence(rollout => valence.Score(textOf(rollout)));
}
