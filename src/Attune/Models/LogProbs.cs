using Attune.Torch;

namespace Attune.Models;

/// <summary>Log-probability of each taken token and, beside it, the entropy it was drawn with; both shaped as the tokens, in nats.</summary>
public readonly record struct TokenLogProbs(Tensor LogProbs, Tensor Entropy);

/// <summary>
/// log p(token) under softmax(logits / temperature), and that distribution's entropy: the policy of Schulman 2017 for language
/// models. The temperature divides the logits here as it does while sampling (Ziegler 2019, appendix); leaving it out of one of
/// the two is the classic cause of ratios that do not start at 1.
/// </summary>
/// <remarks>
/// Always the <em>full</em> distribution: top-k and top-p truncation are not applied, so ratios are biased for samples that were
/// drawn under them. Half-precision logits are widened to float32 first. Not here: the forward pass, and shifting by labels that
/// mean "ignore": what counts is said by a mask.
/// </remarks>
public static class LogProbs
{
    /// <summary>Log-probability of the token at each place.</summary>
    /// <param name="logits"><c>[..., V]</c>, already at the place that predicts the token.</param>
    /// <param name="tokens"><c>[...]</c> int64, each at least 0 and below V; at padding any of these.</param>
    /// <param name="temperature">What the logits are divided by, above 0.</param>
    /// <returns><c>[...]</c>, at most 0.</returns>
    public static Tensor OfTaken(Tensor logits, Tensor tokens, double temperature = 1) => Taken(OfAll(logits, temperature), tokens);

    /// <summary>Entropy −Σ p log p of the distribution at each place; a logit of −∞ adds 0.</summary>
    /// <param name="logits"><c>[..., V]</c>.</param>
    /// <param name="temperature">What the logits are divided by, above 0.</param>
    /// <returns><c>[...]</c>, between 0 and log V.</returns>
    public static Tensor Entropy(Tensor logits, double temperature = 1) => EntropyOf(OfAll(logits, temperature));

    /// <summary>Both, from one softmax.</summary>
    /// <inheritdoc cref="OfTaken"/>
    public static TokenLogProbs WithEntropy(Tensor logits, Tensor tokens, double temperature = 1)
    {
        var all = OfAll(logits, temperature);
        return new(Taken(all, tokens), EntropyOf(all));
    }

    /// <summary>Both, where the entropy is only logged: it has no history, so that backward passes it by.</summary>
    /// <inheritdoc cref="OfTaken"/>
    public static TokenLogProbs WithLoggedEntropy(Tensor logits, Tensor tokens, double temperature = 1)
    {
        using var scope = TensorScope.Begin(); // what only the entropy needed goes now, not after backward
        var all = OfAll(logits, temperature);
        return new(scope.Keep(Taken(all, tokens)), scope.Keep(EntropyOf(all.Detach())));
    }

    /// <summary>Log-probability of each next token: logits at t against the token at t + 1.</summary>
    /// <param name="logits"><c>[B,T,V]</c> of the whole sequence.</param>
    /// <param name="tokens"><c>[B,T]</c>.</param>
    /// <param name="temperature">What the logits are divided by.</param>
    /// <returns><c>[B,T−1]</c>: entry t belongs to token t + 1, so a mask over tokens is shifted alike.</returns>
    public static Tensor OfNext(Tensor logits, Tensor tokens, double temperature = 1)
    {
        var last = tokens.Size(1);
        return OfTaken(logits.Narrow(1, 0, last - 1), tokens.Narrow(1, 1, last - 1), temperature);
    }

    /// <summary>
    /// Log-probabilities from hidden states, with at most <paramref name="rows"/> places' logits in memory at a time, in backward too. Only places
    /// that some loss reads should be passed in.
    /// </summary>
    /// <param name="hidden"><c>[N,d]</c>, last hidden states at the places that predict.</param>
    /// <param name="head">From <c>[n,d]</c> to logits <c>[n,V]</c>.</param>
    /// <param name="tokens"><c>[N]</c>.</param>
    /// <param name="temperature">What the logits are divided by.</param>
    /// <param name="rows">Places per piece, at least 1; the result depends on it by rounding alone.</param>
    /// <returns><c>[N]</c>.</returns>
    public static Tensor OfHidden(Tensor hidden, Func<Tensor, Tensor> head, Tensor tokens, double temperature, int rows) =>
        LogitPieces.Of(hidden, tokens, rows, (h, t) => [OfTaken(head(h), t, temperature)])[0];

    /// <summary>The same with entropies, which cost about as much again as the log-probabilities.</summary>
    /// <inheritdoc cref="OfHidden"/>
    public static TokenLogProbs OfHiddenWithEntropy(Tensor hidden, Func<Tensor, Tensor> head, Tensor tokens, double temperature, int rows) =>
        Both(hidden, tokens, rows, (h, t) => WithEntropy(head(h), t, temperature));

    /// <summary>The same where the entropy is only logged: it has no history, so that backward passes it by.</summary>
    /// <inheritdoc cref="OfHidden"/>
    public static TokenLogProbs OfHiddenWithLoggedEntropy(Tensor hidden, Func<Tensor, Tensor> head, Tensor tokens, double temperature, int rows)
    {
        var both = Both(hidden, tokens, rows, (h, t) => WithLoggedEntropy(head(h), t, temperature));
        return both with { Entropy = both.Entropy.Detach() };
    }

    private static TokenLogProbs Both(Tensor hidden, Tensor tokens, int rows, Func<Tensor, Tensor, TokenLogProbs> score)
    {
        var both = LogitPieces.Of(hidden, tokens, rows, (h, t) => score(h, t) is var (logProbs, entropy) ? [logProbs, entropy] : []);
        return new(both[0], both[1]);
    }

    /// <summary>Log-probability of every token at each place, <c>[..., V]</c>, at least float32.</summary>
    internal static Tensor OfAll(Tensor logits, double temperature)
    {
        if (!(temperature > 0))
            throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "A temperature is above 0; for greedy sampling log-probabilities are taken at 1.");
        var wide = logits.Wide();
        return (temperature == 1 ? wide : wide / temperature).LogSoftmax(-1);
    }

    /// <summary>Of each place the number at its token.</summary>
    internal static Tensor Taken(Tensor logSoftmax, Tensor tokens) => logSoftmax.Gather(-1, tokens.Unsqueeze(-1)).Squeeze(-1);

    // The clamp turns 0 · −∞ (NaN) into 0 and changes nothing else: no finite log-probability is below it.
    private static Tensor EntropyOf(Tensor logSoftmax) => -(logSoftmax.Exp() * logSoftmax.ClampMin(-float.MaxValue)).Sum(-1);
}
