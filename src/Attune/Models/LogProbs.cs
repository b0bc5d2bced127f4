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
    public static Tensor OfTaken(Tensor logits, Tensor tokens, double temperature = 1) => Taken(Distribution(logits, temperature), tokens);

    /// <summary>Entropy −Σ p log p of the distribution at each place; a logit of −∞ adds 0.</summary>
    /// <param name="logits"><c>[..., V]</c>.</param>
    /// <param name="temperature">What the logits are divided by, above 0.</param>
    /// <returns><c>[...]</c>, between 0 and log V.</returns>
    public static Tensor Entropy(Tensor logits, double temperature = 1) => EntropyOf(Distribution(logits, temperature));

    /// <summary>Both, from one softmax.</summary>
    /// <inheritdoc cref="OfTaken"/>
    public static TokenLogProbs WithEntropy(Tensor logits, Tensor tokens, double temperature = 1)
    {
        var all = Distribution(logits, temperature);
        return new(Taken(all, tokens), EntropyOf(all));
    }

    /// <summary>Both, where the entropy is only logged: it has no history, so that backward passes it by.</summary>
    /// <inheritdoc cref="OfTaken"/>
    public static TokenLogProbs WithLoggedEntropy(Tensor logits, Tensor tokens, double temperature = 1)
    {
        using var scope = TensorScope.Begin(); // what only the entropy needed goes now, not after backward
        var all = Distribution(logits, temperature);
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
    /// Log-probabilities from hidden states, with at most <paramref name="rows"/> places' logits in memory at a time unless autograd has
    /// to keep them. Only places that some loss reads should be passed in.
    /// </summary>
    /// <param name="hidden"><c>[N,d]</c>, last hidden states at the places that predict.</param>
    /// <param name="head">From <c>[n,d]</c> to logits <c>[n,V]</c>.</param>
    /// <param name="tokens"><c>[N]</c>.</param>
    /// <param name="temperature">What the logits are divided by.</param>
    /// <param name="rows">Places per piece, at least 1; the result does not depend on it.</param>
    /// <returns><c>[N]</c>.</returns>
    public static Tensor OfHidden(Tensor hidden, Func<Tensor, Tensor> head, Tensor tokens, double temperature, int rows) =>
        InPieces(hidden, tokens, rows, (h, t) => [OfTaken(head(h), t, temperature)])[0];

    /// <summary>The same with entropies, which cost about as much again as the log-probabilities.</summary>
    /// <inheritdoc cref="OfHidden"/>
    public static TokenLogProbs OfHiddenWithEntropy(Tensor hidden, Func<Tensor, Tensor> head, Tensor tokens, double temperature, int rows)
    {
        var both = InPieces(hidden, tokens, rows, (h, t) =>
        {
            var piece = WithEntropy(head(h), t, temperature);
            return [piece.LogProbs, piece.Entropy];
        });
        return new(both[0], both[1]);
    }

    private static Tensor[] InPieces(Tensor hidden, Tensor tokens, int rows, Func<Tensor, Tensor, Tensor[]> score)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        var count = hidden.Size(0);
        var pieces = new List<Tensor[]>();
        for (var start = 0; start == 0 || start < count; start += rows)
        {
            using var scope = TensorScope.Begin();
            var length = Math.Min(rows, count - start);
            pieces.Add([.. score(hidden.Narrow(0, start, length), tokens.Narrow(0, start, length)).Select(scope.Keep)]);
        }

        return [.. Enumerable.Range(0, pieces[0].Length).Select(k => pieces.Count == 1 ? pieces[0][k] : Tensor.Cat(0, [.. pieces.Select(p => p[k])]))];
    }

    private static Tensor Distribution(Tensor logits, double temperature)
    {
        if (!(temperature > 0))
            throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "A temperature is above 0; for greedy sampling log-probabilities are taken at 1.");
        var wide = logits.Wide();
        return (temperature == 1 ? wide : wide / temperature).LogSoftmax(-1);
    }

    private static Tensor Taken(Tensor logSoftmax, Tensor tokens) => logSoftmax.Gather(-1, tokens.Unsqueeze(-1)).Squeeze(-1);

    // The clamp turns 0 · −∞ (NaN) into 0 and changes nothing else: no finite log-probability is below it.
    private static Tensor EntropyOf(Tensor logSoftmax) => -(logSoftmax.Exp() * logSoftmax.ClampMin(-float.MaxValue)).Sum(-1);
}
