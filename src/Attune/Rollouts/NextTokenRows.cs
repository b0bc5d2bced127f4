using Attune.Models;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Rollouts;

/// <summary>
/// The distributions of the next token of some rows, each under its row's temperature, and the draws from them. Log-probs are of the whole
/// distribution: before penalties, bans and truncations.
/// </summary>
internal readonly ref struct NextTokenRows
{
    private readonly IReadOnlyList<Decoding> _rows;
    private readonly ReadOnlySpan<float> _logits; // [n,V]
    private readonly ReadOnlySpan<float> _probabilities;
    private readonly int _vocabulary;

    /// <param name="logits"><c>[n,V]</c>, float32 on the processor; open for as long as this is used.</param>
    /// <param name="rows">Their rows <c>[n]</c>.</param>
    public NextTokenRows(Tensor logits, IReadOnlyList<Decoding> rows)
    {
        (_rows, _vocabulary) = (rows, (int)logits.Size(1));
        if (rows.Any(row => row.Options.RemoveInvalid))
            logits = WithoutInvalid(logits, rows);
        var temperature = rows[0].Options.LogProbTemperature;
        var isOne = rows.All(row => row.Options.LogProbTemperature == temperature);
        var divided = !isOne ? logits / Tensor.From(rows.Select(row => (float)row.Options.LogProbTemperature).ToArray(), rows.Count, 1)
            : temperature == 1 ? logits : logits / temperature;
        _logits = logits.AsSpan<float>();
        _probabilities = divided.Softmax(-1).AsSpan<float>();
    }

    /// <summary>Draws a row's token.</summary>
    /// <exception cref="RunFailedException">There are no probabilities, or no token is left.</exception>
    public TokenLogProb Draw(int k)
    {
        var row = _rows[k];
        var p = Of(_probabilities, k);
        var (id, place) = (row.Request.Id, row.NewTokens);
        if (!float.IsFinite(p[0]))
            throw new RunFailedException($"the logits of request {id} are not finite after {place} tokens, expected finite numbers; the model's weights are damaged or its training diverged: take an earlier checkpoint or the model's original");
        var uniform = row.Seed.Uniform(id, place);
        var token = row.Chain.IsPlainDraw ? TokenDraw.Invert(p, uniform)
            : row.Chain.Steps.Count == 0 ? TokenDraw.ArgMax(Of(_logits, k))
            : Filtered(k, uniform);
        return new(token, LogProb(k, token));
    }

    /// <summary>A row's likeliest tokens.</summary>
    public TokenLogProb[] Top(int k, int count)
    {
        if (count == 0)
            return [];
        var logits = Of(_logits, k);
        var ids = new int[Math.Min(count, _vocabulary)];
        var found = 0;
        for (var id = 0; id < logits.Length; id++)
        {
            if (found == ids.Length && logits[id] <= logits[ids[^1]])
                continue;
            var at = found < ids.Length ? found++ : found - 1;
            for (; at > 0 && logits[id] > logits[ids[at - 1]]; at--)
                ids[at] = ids[at - 1];
            ids[at] = id;
        }

        var top = new TokenLogProb[ids.Length];
        for (var at = 0; at < top.Length; at++)
            top[at] = new(ids[at], LogProb(k, ids[at]));
        return top;
    }

    private int Filtered(int k, double uniform)
    {
        var row = _rows[k];
        var logits = Of(_logits, k).ToArray();
        var chance = row.Options.XtcProbability > 0 ? row.Seed.For("xtc").Uniform(row.Request.Id, row.NewTokens) : 0;
        row.Chain.Apply(logits, row.Tokens, row.NewTokens, chance);
        var best = TokenDraw.ArgMax(logits);
        if (float.IsNegativeInfinity(logits[best]))
            throw new RunFailedException($"the bans leave request {row.Request.Id} no token after {row.NewTokens} tokens, expected one that may be drawn; ban less, or let an end token end it");
        return row.Options.IsGreedy ? best : TokenDraw.Of(logits, uniform);
    }

    /// <summary>The log of a token's probability, also where that is too small for float32: then by its distance from the likeliest token.</summary>
    private float LogProb(int k, int token)
    {
        const float Exact = 1e-30f; // float32 loses digits below 1.2e-38
        var logits = Of(_logits, k);
        var probabilities = Of(_probabilities, k);
        if (probabilities[token] >= Exact)
            return (float)Math.Log(probabilities[token]);
        var best = TokenDraw.ArgMax(logits);
        return (float)((((double)logits[token] - logits[best]) / _rows[k].Options.LogProbTemperature) + Math.Log(probabilities[best]));
    }

    private ReadOnlySpan<float> Of(ReadOnlySpan<float> rows, int k) => rows.Slice(k * _vocabulary, _vocabulary);

    private static Tensor WithoutInvalid(Tensor logits, IReadOnlyList<Decoding> rows)
    {
        var numbers = logits.ToArray<float>();
        var vocabulary = numbers.Length / rows.Count;
        for (var k = 0; k < rows.Count; k++)
        {
            if (rows[k].Options.RemoveInvalid)
                Truncation.RemoveInvalid(numbers.AsSpan(k * vocabulary, vocabulary), rows[k].Options.LogProbTemperature);
        }

        return Tensor.From(numbers, rows.Count, vocabulary);
    }
}
