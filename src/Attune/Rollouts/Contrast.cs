using Attune.Models;
using Attune.Torch;

namespace Attune.Rollouts;

/// <summary>
/// Two further models that steer what is drawn: logits + α · (expert − anti-expert) (Liu et al. 2021, DExperts, section 2). The model itself stands
/// for the one that is left out. Not here: truncating the model's own distribution before the sum; the chain truncates the result.
/// </summary>
public sealed record Contrast
{
    /// <summary>The model that is followed; null for the sampled model itself. Stays its owner's.</summary>
    public CausalLm? Expert { get; init; }

    /// <summary>The model that is avoided; null for the sampled model itself. Stays its owner's.</summary>
    public CausalLm? AntiExpert { get; init; }

    /// <summary>α: 0 changes nothing; negative numbers avoid the expert.</summary>
    public double Alpha { get; init; } = 1;

    /// <summary>The models besides the sampled one.</summary>
    internal IEnumerable<CausalLm> Models => new[] { Expert, AntiExpert }.OfType<CausalLm>();

    /// <summary>The sum.</summary>
    /// <param name="logits">Of the sampled model <c>[n,V]</c>, then of <see cref="Models"/>.</param>
    internal Tensor Of(Tensor[] logits)
    {
        var (expert, anti) = (Expert is null ? logits[0] : logits[1], AntiExpert is null ? logits[0] : logits[^1]);
        return logits[0] + Alpha * (expert - anti);
    }

    /// <summary>Refuses models that cannot be summed with the sampled one.</summary>
    internal void CheckFor(CausalLm model)
    {
        if (!double.IsFinite(Alpha))
            throw new ArgumentException($"the contrast's alpha is {Alpha}, expected a finite number; 1 is usual");
        if (Expert is null && AntiExpert is null)
            throw new ArgumentException("the contrast names no model, expected an expert, an anti-expert or both; leave the contrast out for none");
        foreach (var other in Models)
        {
            if (other.Config.VocabularySize != model.Config.VocabularySize)
                throw new ArgumentException($"the contrast's model has {other.Config.VocabularySize} tokens, expected the {model.Config.VocabularySize} of the sampled model; take models of one tokenizer");
            if (other.Compute != model.Compute)
                throw new ArgumentException($"the contrast's model computes on {other.Compute}, expected {model.Compute} as the sampled model; load both alike");
        }
    }
}
