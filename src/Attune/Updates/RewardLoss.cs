using Attune.Models;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>Sums over a micro-batch; divide the loss by the whole batch's weight, correct answers by what is decided. Only the loss has a gradient.</summary>
/// <param name="Loss">Σ weight · loss, shape <c>[]</c>.</param>
/// <param name="Weight">Σ weight: the number of pairs (or prompts) where no weights are given, shape <c>[]</c>.</param>
/// <param name="Decided">Σ weight of pairs (or choices) that somebody won: all but the pairs with p(chosen) of exactly ½, shape <c>[]</c>.</param>
/// <param name="Correct">Σ weight of pairs (or choices) that the scores order as people did; equal scores count half, shape <c>[]</c>.</param>
public readonly record struct RewardLossSums(Tensor Loss, Tensor Weight, Tensor Decided, Tensor Correct);

/// <summary>What is known of each pair beside its order; all <c>[N]</c>, all optional.</summary>
public sealed record PairLabels
{
    /// <summary>Nothing more is known.</summary>
    public static PairLabels Plain { get; } = new();

    /// <summary>By how much the chosen answer's score should lead, in units of score.</summary>
    public Tensor? Margin { get; init; }

    /// <summary>Share of judges, or probability, for the chosen answer, between 0 and 1; 1 where not given.</summary>
    public Tensor? PChosen { get; init; }

    /// <summary>How strongly the pair counts, at least 0; 1 where not given.</summary>
    public Tensor? Weight { get; init; }
}

/// <summary>
/// Losses of a reward model from comparisons, all Bradley–Terry or its generalisations, as sums.
/// </summary>
/// <remarks>
/// Pairs: −log σ(r_c − r_r − margin) (Stiennon 2020 eq. 1; margins: Llama 2 eq. 2), with soft labels the cross-entropy
/// −p log σ(z) − (1 − p) log σ(−z). Rankings: its mean over a prompt's pairs (InstructGPT eq. 1). Choices: softmax over K
/// candidates (Ziegler 2019 eq. 1). Scores are taken to float32 at least. Trap: treating the C(K,2) pairs of a prompt as
/// separate examples overfits; a prompt is one element here. Not here: any mean, ratings (regression on single scores).
/// </remarks>
public static class RewardLoss
{
    /// <summary>Pairwise loss, with a pull of r_c + r_r to 0 where asked for.</summary>
    /// <param name="chosen"><c>[N]</c>, scores of the preferred answers.</param>
    /// <param name="rejected"><c>[N]</c>, scores of the others.</param>
    /// <param name="labels">Margins, soft labels, weights.</param>
    /// <param name="centring">Coefficient of (r_c + r_r)² (Eisenstein 2023); 0 for none, 0.01 is usual.</param>
    public static RewardLossSums Pairs(Tensor chosen, Tensor rejected, PairLabels labels, double centring = 0)
    {
        var (c, r) = (chosen.Wide(), rejected.Wide());
        var lead = c - r;
        var z = labels.Margin is { } margin ? lead - margin : lead;
        var loss = labels.PChosen is { } p ? -(p * z.LogSigmoid() + (1 - p) * (-z).LogSigmoid()) : -z.LogSigmoid();
        if (centring != 0)
            loss = loss + (c + r).Square() * centring;
        var weight = labels.Weight ?? Tensor.OnesLike(loss.Detach());
        var sum = (loss * weight).Sum();
        using var constants = Autograd.NoGrad();
        if (labels.PChosen is not { } share)
            return new(sum, weight.Sum(), weight.Sum(), (Ordered(lead) * weight).Sum());
        var winner = (share - 0.5).Sign(); // 1: the chosen answer, −1: below ½ the rejected one, 0: nobody
        var decided = winner.Abs() * weight;
        return new(sum, weight.Sum(), decided.Sum(), (Ordered(lead * winner) * decided).Sum());
    }

    /// <summary>
    /// Ranked answers: the mean of −log σ(r_better − r_worse) over a prompt's ordered pairs, summed over prompts. Pairs of equal
    /// rank say nothing and are skipped; a prompt without any ordered pair has weight 0.
    /// </summary>
    /// <param name="scores"><c>[P,K]</c>.</param>
    /// <param name="ranks"><c>[P,K]</c>, smaller is better, equal is a tie, negative is "no answer here" (for prompts with fewer than K).</param>
    public static RewardLossSums Rankings(Tensor scores, Tensor ranks)
    {
        var present = ranks.GreaterEqual(0);
        var better = ranks.Unsqueeze(2).Less(ranks.Unsqueeze(1));                        // [P,K,K]: row's answer beats column's
        var pairs = better.And(present.Unsqueeze(2)).And(present.Unsqueeze(1));
        var known = scores.Wide().ZeroOutside(present);
        var lead = known.Unsqueeze(2) - known.Unsqueeze(1);
        var count = pairs.To(lead.DType).Flatten(1).Sum(1);                              // [P]
        var share = count.ClampMin(1).Reciprocal();
        var sum = ((-lead.LogSigmoid()).ZeroOutside(pairs).Flatten(1).Sum(1) * share).Sum();
        using var constants = Autograd.NoGrad();
        var correct = (Ordered(lead).ZeroOutside(pairs).Flatten(1).Sum(1) * share).Sum();
        var prompts = count.Greater(0).To(lead.DType).Sum();
        return new(sum, prompts, prompts, correct);
    }

    /// <summary>The best of K: −log softmax(scores) at the human choice, summed over prompts. Correct: the choice has the highest score.</summary>
    /// <param name="scores"><c>[P,K]</c>.</param>
    /// <param name="choice"><c>[P]</c> int64, index of the chosen candidate.</param>
    public static RewardLossSums BestOf(Tensor scores, Tensor choice)
    {
        var wide = scores.Wide();
        var index = choice.Unsqueeze(1);
        var sum = -wide.LogSoftmax(-1).Gather(1, index).Sum();
        using var constants = Autograd.NoGrad();
        var gap = wide.Gather(1, index).Squeeze(1) - wide.Max(-1); // at most 0; 0 where the choice is (one of) the highest
        var ties = wide.Equal(wide.Max(-1, keepDim: true)).To(wide.DType).Sum(1);
        var correct = (gap.Equal(0).To(wide.DType) / ties).Sum();
        var prompts = Tensor.OnesLike(gap).Sum();
        return new(sum, prompts, prompts, correct);
    }

    /// <summary>
    /// Whole rankings at once (Plackett–Luce): the best is chosen of K, the next of the K − 1 left, and so on. Without ties.
    /// Correct: prompts whose scores are in the same order.
    /// </summary>
    /// <param name="ranked"><c>[P,K]</c>, scores of the answers from best to worst.</param>
    public static RewardLossSums PlackettLuce(Tensor ranked)
    {
        var wide = ranked.Wide();
        var k = wide.Size(1);
        var loss = Tensor.Zeros([wide.Size(0)], new Compute(wide.Device, wide.DType));
        for (var first = 0; first < k - 1; first++)
            loss = loss + wide.Narrow(1, first, k - first).LogSumExp(1) - wide.Select(1, first);
        var sum = loss.Sum();
        using var constants = Autograd.NoGrad();
        var falls = wide.Narrow(1, 0, k - 1).Greater(wide.Narrow(1, 1, k - 1)).To(wide.DType).Sum(1);
        var prompts = Tensor.OnesLike(loss).Sum();
        return new(sum, prompts, prompts, falls.Equal(k - 1).To(wide.DType).Sum());
    }

    /// <summary>1 where the lead is positive, ½ where it is 0, 0 where negative.</summary>
    private static Tensor Ordered(Tensor lead) => (lead.Sign() + 1) * 0.5;
}
