using Attune.Torch;

namespace Attune.Models;

/// <summary>Log-probs of given tokens, without gradients. The logits of a few hundred places are the most that stands in memory.</summary>
public static class TokenScoring
{
    /// <summary>The log-prob of each token given those before it, in nats.</summary>
    /// <param name="model">The model.</param>
    /// <param name="sequences">Token ids, each with at least one token; the first has no log-prob.</param>
    /// <param name="from">Of each sequence, the place of the first token to score, at least 1; 1 where not given.</param>
    /// <param name="temperature">What the logits are divided by.</param>
    /// <param name="microBatch">Sequences in one forward pass; has no influence on the result but rounding.</param>
    /// <returns>One array a sequence, shorter than it by the tokens that are not scored.</returns>
    public static float[][] LogProbs(CausalLm model, IReadOnlyList<int[]> sequences, IReadOnlyList<int>? from = null, double temperature = 1, int microBatch = 16)
    {
        using var frozen = Autograd.NoGrad();
        var results = new float[sequences.Count][];
        var order = Enumerable.Range(0, sequences.Count).OrderBy(k => sequences[k].Length).ToArray();
        foreach (var chunk in order.Chunk(microBatch))
        {
            using var scope = TensorScope.Begin();
            Score(model, sequences, k => from?[k] ?? 1, temperature, chunk, results);
        }

        return results;
    }

    private static void Score(CausalLm model, IReadOnlyList<int[]> sequences, Func<int, int> from, double temperature, int[] chunk, float[][] results)
    {
        var width = chunk.Max(k => sequences[k].Length);
        var ids = new int[chunk.Length * width];
        var places = new List<long>(); // flat places whose next token is scored
        var targets = new List<long>();
        for (var row = 0; row < chunk.Length; row++)
        {
            var sequence = sequences[chunk[row]];
            sequence.CopyTo(ids, row * width);
            for (var k = from(chunk[row]); k < sequence.Length; k++)
            {
                places.Add((long)row * width + k - 1);
                targets.Add(sequence[k]);
            }
        }

        if (places.Count == 0)
        {
            foreach (var k in chunk)
                results[k] = [];
            return;
        }

        var index = Tensor.From(places.ToArray(), places.Count).To(model.Compute.Device);
        var target = Tensor.From(targets.ToArray(), targets.Count).To(model.Compute.Device);
        var hidden = model.HiddenAt(ModelInput.Causal(ids, chunk.Length, model.Compute), index);
        var logProbs = Models.LogProbs.OfHidden(hidden, model.Logits, target, temperature, model.LogitRows).To(DType.Float32).ToArray<float>();
        var next = 0;
        foreach (var k in chunk)
        {
            var count = Math.Max(0, sequences[k].Length - from(k));
            results[k] = logProbs.AsSpan(next, count).ToArray();
            next += count;
        }
    }
}
