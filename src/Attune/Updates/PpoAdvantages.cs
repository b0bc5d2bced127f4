using Attune.Torch;

namespace Attune.Updates;

/// <summary>
/// From rewards to what policy and value function learn: whitening, GAE, whitening. Over all rows of a step, or over those of a minibatch
/// (<see cref="WhiteningScope.Minibatch"/>): rows do not mix but in the whitening's mean and variance.
/// </summary>
internal static class PpoAdvantages
{
    /// <summary>Fills advantages and returns of the rows.</summary>
    /// <returns>Moments of the advantages before whitening.</returns>
    public static Moments Estimate(PpoBatch batch, int[] rows, PpoConfig config)
    {
        using var scope = TensorScope.Begin();
        var tokens = batch.TokenRows.Mask(rows, batch.Width);                                // all below [R,T], float64
        var places = batch.HasSlots ? batch.PlaceRows.Mask(rows, batch.Width) : tokens;
        var paid = batch.PlaceRows.Pad(batch.Rewards, rows, batch.Width);
        var rewards = config.WhitenRewards ? Whitening.Apply(paid, places, config.WhitenVariance, config.WhitenRewardsShiftMean) : paid;
        var estimate = Gae.Estimate(rewards, batch.PlaceRows.Pad(batch.Values!, rows, batch.Width), places, config.Discount, config.Lambda);
        var advantages = config.WhitenAdvantages ? Whitening.Apply(estimate.PerToken, tokens, config.WhitenVariance, shiftMean: true) : estimate.PerToken;
        batch.TokenRows.Unpad(advantages, rows, batch.Advantages);
        batch.PlaceRows.Unpad(estimate.Returns, rows, batch.Returns); // of advantages before whitening
        return MaskedStatistics.Of(estimate.PerToken, tokens);
    }
}
