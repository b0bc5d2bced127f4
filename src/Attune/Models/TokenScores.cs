using Attune.Runs;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Models;

/// <summary>How likely a model finds a text, token by token: what <c>attune score</c> prints.</summary>
/// <param name="Ids">The tokens.</param>
/// <param name="Tokens">Each token as text, U+FFFD for half a character; null without a tokenizer.</param>
/// <param name="LogProbs">Log-prob of each token given those before it, in nats; null for the first, which has none before it.</param>
public sealed record TokenScores(IReadOnlyList<int> Ids, IReadOnlyList<string>? Tokens, IReadOnlyList<float?> LogProbs)
{
    /// <summary>Their sum, in nats.</summary>
    public double Total => LogProbs.Sum(p => (double)(p ?? 0));

    /// <summary>Their mean, in nats a token; null for a single token.</summary>
    public double? Mean => LogProbs.Count > 1 ? Total / (LogProbs.Count - 1) : null;

    /// <summary>exp(−mean): between how many equally likely tokens the model wavered, so to say; null for a single token.</summary>
    public double? Perplexity => Mean is { } mean ? Math.Exp(-mean) : null;

    /// <summary>Scores a text.</summary>
    /// <param name="model">The model.</param>
    /// <param name="ids">At least one token, at most as many as the model has positions.</param>
    /// <param name="tokenizer">What shows the tokens as text, if there is one.</param>
    /// <exception cref="RunFailedException">A log-prob is not a number.</exception>
    public static TokenScores Of(CausalLm model, int[] ids, Tokenizer? tokenizer = null)
    {
        var scored = TokenScoring.Score(model, [ids], top: 0)[0];
        return new(ids, tokenizer is null ? null : [.. ids.Select(id => tokenizer.Decode([id]))], [.. scored.Select(token => token.LogProb)]);
    }

    /// <summary>Memory that scoring takes, in bytes.</summary>
    public static long MemoryFor(TransformerConfig config, int tokens, DType dtype, WeightForm weights = WeightForm.Full) =>
        MemoryEstimate.Process + MemoryEstimate.Weights(config, dtype, weights) +
        MemoryEstimate.ForwardPass(config, 1, tokens, Math.Min(tokens, LogitPieces.RowsFor(config.VocabularySize)), dtype);
}
