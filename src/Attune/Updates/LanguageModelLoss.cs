using Attune.Models;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>A sum of losses and how many tokens it is over; the caller divides once by the tokens of the whole batch.</summary>
/// <param name="Loss">Σ −log p(token), shape <c>[]</c>, in nats; has a gradient unless gradients are off.</param>
/// <param name="Tokens">How many tokens were predicted.</param>
public readonly record struct LanguageModelLossSum(Tensor Loss, int Tokens);

/// <summary>
/// The next-token loss of pretraining and supervised fine-tuning: Σ −log p(token | tokens before it), over the places that the batch's loss mask names.
/// Logits are computed for those places only. Trap: a document's first token has nothing before it and is never predicted, even when
/// another document stands before it in its row. Not here: label smoothing, any mean.
/// </summary>
public static class LanguageModelLoss
{
    private const long SumReduction = 2;
    private static readonly Operator CrossEntropy = Operator.Find("aten::cross_entropy_loss");

    /// <summary>The loss of a batch in one pass; runs in its caller's scope.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batch">Rows of tokens.</param>
    /// <param name="draws">Where dropout's draws come from; null for none.</param>
    public static LanguageModelLossSum Of(CausalLm model, TokenBatch batch, DropoutDraws? draws = null)
    {
        var (places, targets) = Predicted(batch.Ids, batch.Segments, batch.LossMask, batch.Width);
        if (places.Count == 0)
            return new(Tensor.Zeros([], model.Compute), 0);
        var index = Tensor.From(places.ToArray(), places.Count).To(model.Compute.Device);
        var target = Tensor.From(targets.ToArray(), targets.Count).To(model.Compute.Device);
        var hidden = model.HiddenAt(ModelInput.Of(batch.Ids, batch.Segments, batch.Rows, model.Compute) with { Draws = draws }, index); // [N, D]
        var sums = LogitPieces.Of(hidden, target, model.LogitRows, (h, t) => [CrossEntropy.Call(model.Logits(h).Wide(), t, Argument.None, SumReduction).Unsqueeze(0)]); // of logits [n, V]
        return new(sums[0].Sum(), places.Count);
    }

    /// <summary>How many tokens of a batch are predicted.</summary>
    public static int CountTokens(TokenBatch batch) => Predicted(batch.Ids, batch.Segments, batch.LossMask, batch.Width).Places.Count;

    /// <summary>Bytes of text that the predicted tokens of a batch stand for; special tokens stand for none.</summary>
    public static long CountBytes(TokenBatch batch, Tokenizer tokenizer)
    {
        var bytes = 0L;
        foreach (var target in Predicted(batch.Ids, batch.Segments, batch.LossMask, batch.Width).Targets)
            bytes += tokenizer.IsSpecial((int)target) ? 0 : tokenizer.BytesOf((int)target).Length;
        return bytes;
    }

    /// <summary>Flat places whose next token counts, and that token.</summary>
    private static (List<long> Places, List<long> Targets) Predicted(ReadOnlySpan<int> ids, ReadOnlySpan<int> segments, ReadOnlySpan<bool> mask, int width)
    {
        var (places, targets) = (new List<long>(ids.Length), new List<long>(ids.Length));
        for (var k = 1; k < ids.Length; k++)
        {
            if (k % width == 0 || !mask[k] || segments[k] == 0 || segments[k] != segments[k - 1])
                continue;
            places.Add(k - 1);
            targets.Add(ids[k]);
        }

        return (places, targets);
    }
}
