using Attune.Torch;

namespace Attune.Updates;

/// <summary>What happens to the score of an answer that never ended.</summary>
public enum EndTokenRuleKind
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>It is replaced by a fixed score: −1 in the reproduction of TL;DR ("N+ implementation details of RLHF", 2024) and in Ziegler 2019.</summary>
    Replace,

    /// <summary>A penalty is taken off it: TRL.</summary>
    Penalise,
}

/// <summary>
/// Teaches answers to end: applied to scores before <see cref="KlPenalty"/>. Trap: an end token that equals the padding token must not
/// be masked away before this looks. Not here: cutting the text that is scored (a reward's own business), overlong penalties by degree.
/// </summary>
public static class EndTokenRule
{
    /// <summary>The scores under the rule, <c>[B]</c>.</summary>
    /// <param name="scores"><c>[B]</c>.</param>
    /// <param name="ended"><c>[B]</c>, true where the answer holds an end token (and, where one is asked for, has the least length).</param>
    /// <param name="kind">The rule.</param>
    /// <param name="value">The score to put in place, or the penalty (positive) to take off.</param>
    public static Tensor Apply(Tensor scores, Tensor ended, EndTokenRuleKind kind, double value) => kind switch
    {
        EndTokenRuleKind.None => scores,
        EndTokenRuleKind.Replace => scores.MaskedFill(Masks.Real(ended).Not(), value),
        EndTokenRuleKind.Penalise => scores - Masks.Real(ended).Not().To(scores.DType) * value,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Not a known rule."),
    };

    /// <summary>Index of the first true entry of each row, or the row's length where there is none, <c>[B]</c> int64.</summary>
    /// <param name="rows"><c>[B,T]</c>, for instance where the token is an end token.</param>
    public static Tensor FirstTrue(Tensor rows) => Masks.Real(rows).To(DType.Int64).CumSum(1).Equal(0).To(DType.Int64).Sum(1);
}
