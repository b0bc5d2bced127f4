using Attune.Models;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Rollouts;

/// <summary>A token with what a model thought of it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="LogProb">Its log-prob in nats given those before it; null for the first, which has none before it.</param>
/// <param name="Top">The likeliest tokens at its place, likeliest first.</param>
public readonly record struct ScoredToken(int Id, float? LogProb, IReadOnlyList<TokenLogProb> Top);

/// <summary>What a model thinks of a given text, with the likeliest tokens at each place: what evaluators ask a server for.</summary>
public static class PromptScoring
{
    /// <summary>Places whose log-probs stand in memory at once.</summary>
    private const int Rows = 256;

    private static readonly Operator TopK = Operator.Find("aten::topk");

    /// <summary>Scores every token of a text.</summary>
    /// <param name="model">The model.</param>
    /// <param name="ids">At least one token, at most as many as the model has positions.</param>
    /// <param name="top">How many of the likeliest tokens to name.</param>
    /// <param name="from">The place of the first token to score; 0 for all, of which the first has no log-prob.</param>
    /// <returns>The tokens from there on.</returns>
    /// <exception cref="RunFailedException">A log-prob is not a number.</exception>
    public static ScoredToken[] Of(CausalLm model, int[] ids, int top, int from = 0)
    {
        using var numbers = Autograd.Inference();
        using var scope = TensorScope.Begin();
        var scored = new ScoredToken[ids.Length - from];
        if (from == 0)
            scored[0] = new(ids[0], null, []);
        var hidden = model.Hidden(ModelInput.Causal(ids, 1, model.Compute)).Select(0, 0); // [T,D]
        for (var first = Math.Max(0, from - 1); first < ids.Length - 1; first += Rows)
        {
            using var chunk = TensorScope.Begin();
            var count = Math.Min(Rows, ids.Length - 1 - first);
            var logProbs = model.Logits(hidden.Narrow(0, first, count)).To(DType.Float32).LogSoftmax(-1).To(Device.Cpu); // [n,V]
            var (values, places) = Likeliest(logProbs, top);
            var all = logProbs.AsSpan<float>();
            var vocabulary = logProbs.Size(1);
            for (var k = 0; k < count; k++)
            {
                var id = ids[first + k + 1];
                var own = all[(int)((k * vocabulary) + id)];
                if (float.IsNaN(own))
                    throw new RunFailedException($"The log-prob of token {first + k + 2} is NaN, expected a number; the model's weights are damaged: take the model's original");
                var likeliest = new TokenLogProb[top];
                for (var t = 0; t < top; t++)
                    likeliest[t] = new((int)places[(k * top) + t], values[(k * top) + t]);
                scored[first + k + 1 - from] = new(id, own, likeliest);
            }
        }

        return scored;
    }

    private static (float[] Values, long[] Places) Likeliest(Tensor logProbs, int top)
    {
        if (top == 0)
            return ([], []);
        var found = TopK.CallMany(2, logProbs, top, -1, true, true);
        return (found[0].ToArray<float>(), found[1].ToArray<long>());
    }
}
