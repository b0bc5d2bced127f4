namespace Attune.Updates;

/// <summary>How the price of divergence changes during a run.</summary>
public enum KlController
{
    /// <summary>It does not.</summary>
    Fixed,

    /// <summary>Proportional control on the log scale, Ziegler 2019 §2.2.</summary>
    Adaptive,

    /// <summary>The same without a horizon, as RL4LMs has it.</summary>
    AdaptivePerStep,
}

/// <summary>
/// Proportional controllers for the KL coefficient. Both are pure: the coefficient itself is the state, and the trainer keeps it in
/// its checkpoint. Trap: the KL they are fed is the batch mean of each sequence's <em>summed</em> log-ratio (k1, which can be
/// negative), not a mean over tokens. Not here: a floor or ceiling for the coefficient; <see cref="PpoConfig"/> refuses
/// a horizon so short that it would change sign.
/// </summary>
public static class AdaptiveKl
{
    /// <summary>coef · (1 + clip(KL/target − 1, ±0.2) · episodes / horizon), Ziegler 2019 §2.2.</summary>
    /// <param name="coefficient">Current price per nat.</param>
    /// <param name="kl">Mean over sequences of the summed log-ratio, nats.</param>
    /// <param name="target">Wanted value of it, above 0.</param>
    /// <param name="episodes">Sequences in the batch.</param>
    /// <param name="horizon">Sequences over which the coefficient can change by a factor of e^0.2 at most.</param>
    public static double Next(double coefficient, double kl, double target, double episodes, double horizon) =>
        coefficient * (1 + Math.Clamp(kl / target - 1, -0.2, 0.2) * episodes / horizon);

    /// <summary>coef · (1 + 0.1 · clip((KL − target)/target, ±0.2)), once per update (Ramamurthy 2022).</summary>
    /// <param name="coefficient">Current price per nat.</param>
    /// <param name="kl">Mean over sequences of the summed log-ratio, nats.</param>
    /// <param name="target">Wanted value of it, above 0.</param>
    public static double NextPerStep(double coefficient, double kl, double target) => Next(coefficient, kl, target, episodes: 1, horizon: 10);
}
