using Attune.Runs;
using Attune.Torch;

namespace Attune.Models;

/// <summary>A token and its log-prob in nats.</summary>
public readonly record struct TokenLogProb(int Token, float LogProb);

/// <summary>A token with what a model thought of it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="LogProb">Its log-prob in nats given those before it; null for the first, which has none before it.</param>
/// <param name="Top">The likeliest tokens at its place, likeliest first.</param>
public readonly record struct ScoredToken(int Id, float? LogProb, IReadOnlyList<TokenLogProb> Top);

/// <summary>What a model thinks of given texts, without gradients. The logits of a few hundred places are the most that stands in memory.</summary>
public static class TokenScoring
{
    private const int UsualBatch = 16;

    private static readonly Operator TopK = Operator.Find("aten::topk");

    /// <summary>The log-prob of each token given those before it, in nats.</summary>
    /// <param name="model">The model.</param>
    /// <param name="sequences">Token ids, each with at least one token; the first has no log-prob.</param>
    /// <param name="from">Of each sequence, the place of the first token to score, at least 1; 1 where not given.</param>
    /// <param name="temperature">What the logits are divided by.</param>
    /// <param name="microBatch">Sequences in one forward pass; has no influence on the result but rounding.</param>
    /// <returns>One array a sequence, shorter than it by the tokens that are not scored.</returns>
    public static float[][] LogProbs(CausalLm model, IReadOnlyList<int[]> sequences, IReadOnlyList<int>? from = null, double temperature = 1, int microBatch = UsualBatch)
    {
        int First(int k) => from?[k] ?? 1;
        var results = sequences.Select((sequence, k) => new float[Math.Max(0, sequence.Length - First(k))]).ToArray();
        Read(model, sequences, First, new(temperature, Top: 0, microBatch), (k, place, logProb, _) => results[k][place - First(k)] = logProb);
        return results;
    }

    /// <summary>The tokens of given texts with their log-probs and the likeliest at their places: what people and evaluators ask for.</summary>
    /// <param name="model">The model.</param>
    /// <param name="sequences">Token ids, each with at least one token and at most as many as the model has positions.</param>
    /// <param name="top">How many of the likeliest tokens to name.</param>
    /// <param name="from">Of each sequence, the place of the first token to score; 0 where not given, for all, of which the first has no log-prob.</param>
    /// <param name="microBatch">Sequences in one forward pass; with 1 a result is the same to the bit whatever it is asked together with.</param>
    /// <returns>Of each sequence the tokens from there on.</returns>
    /// <exception cref="RunFailedException">A log-prob is not a number.</exception>
    public static ScoredToken[][] Score(CausalLm model, IReadOnlyList<int[]> sequences, int top, IReadOnlyList<int>? from = null, int microBatch = 1)
    {
        int First(int k) => from?[k] ?? 0;
        var results = sequences.Select((sequence, k) => sequence[First(k)..].Select(id => new ScoredToken(id, null, [])).ToArray()).ToArray();
        Read(model, sequences, k => Math.Max(1, First(k)), new(Temperature: 1, top, microBatch), (k, place, logProb, likeliest) =>
        {
            if (float.IsNaN(logProb))
                throw new RunFailedException($"The log-prob of token {place + 1} is NaN, expected a number; the model's weights are damaged, or its training diverged: take an earlier checkpoint");
            results[k][place - First(k)] = new(sequences[k][place], logProb, likeliest);
        });
        return results;
    }

    private readonly record struct Reading(double Temperature, int Top, int MicroBatch);

    /// <summary>A token that is scored: of which sequence, where in it, and the flat place in the pass that predicts it.</summary>
    private readonly record struct Target(int Sequence, int Place, long Flat);

    private static void Read(CausalLm model, IReadOnlyList<int[]> sequences, Func<int, int> from, Reading reading, Action<int, int, float, TokenLogProb[]> tell)
    {
        using var frozen = Autograd.NoGrad();
        foreach (var chunk in Enumerable.Range(0, sequences.Count).OrderBy(k => sequences[k].Length).Chunk(reading.MicroBatch))
        {
            using var scope = TensorScope.Begin();
            var width = chunk.Max(k => sequences[k].Length);
            var ids = new int[chunk.Length * width];
            var targets = new List<Target>();
            for (var row = 0; row < chunk.Length; row++)
            {
                var sequence = sequences[chunk[row]];
                sequence.CopyTo(ids, row * width);
                for (var place = from(chunk[row]); place < sequence.Length; place++)
                    targets.Add(new(chunk[row], place, ((long)row * width) + place - 1));
            }

            if (targets.Count == 0)
                continue;
            var hidden = model.HiddenAt(ModelInput.Causal(ids, chunk.Length, model.Compute), Wide([.. targets.Select(t => t.Flat)], model.Compute.Device)); // [N,D]
            for (var first = 0; first < targets.Count; first += model.LogitRows)
            {
                var piece = targets.GetRange(first, Math.Min(model.LogitRows, targets.Count - first));
                Tell(model, sequences, hidden.Narrow(0, first, piece.Count), piece, reading, tell);
            }
        }
    }

    /// <param name="model">The model.</param>
    /// <param name="sequences">All texts.</param>
    /// <param name="hidden">States that the targets are predicted from <c>[n,D]</c>.</param>
    /// <param name="targets">The tokens that are scored <c>[n]</c>.</param>
    /// <param name="reading">How.</param>
    /// <param name="tell">Takes sequence, place, log-prob and the likeliest tokens.</param>
    private static void Tell(CausalLm model, IReadOnlyList<int[]> sequences, Tensor hidden, List<Target> targets, Reading reading, Action<int, int, float, TokenLogProb[]> tell)
    {
        using var scope = TensorScope.Begin();
        var all = Models.LogProbs.OfAll(model.Logits(hidden), reading.Temperature); // [n,V]
        var own = Models.LogProbs.Taken(all, Wide([.. targets.Select(t => (long)sequences[t.Sequence][t.Place])], model.Compute.Device)).To(DType.Float32).ToArray<float>();
        var top = Math.Min(reading.Top, all.Size(1));
        var (logProbs, ids) = Likeliest(all, top);
        for (var k = 0; k < targets.Count; k++)
        {
            var likeliest = new TokenLogProb[top];
            for (var rank = 0; rank < top; rank++)
                likeliest[rank] = new((int)ids[(k * top) + rank], logProbs[(k * top) + rank]);
            tell(targets[k].Sequence, targets[k].Place, own[k], likeliest);
        }
    }

    private static (float[] LogProbs, long[] Ids) Likeliest(Tensor logProbs, int top)
    {
        if (top == 0)
            return ([], []);
        var found = TopK.CallMany(2, logProbs, top, -1, true, true);
        return (found[0].To(DType.Float32).ToArray<float>(), found[1].ToArray<long>());
    }

    private static Tensor Wide(long[] values, Device device) => Tensor.From(values, values.Length).To(device);
}
