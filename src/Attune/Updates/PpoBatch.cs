using Attune.Models;
using Attune.Rollouts;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>
/// The answers of one step and what is known of each of their tokens. Numbers lie flat, all tokens of row 0, then of row 1 …: <c>[N]</c>;
/// formulas over time read them as padded <c>[B,T]</c>, the update reads the rows of a micro-batch. Prompt tokens are nowhere among them.
/// </summary>
internal sealed class PpoBatch
{
    private readonly int[] _starts; // of each row in the flat arrays, and their length at the end

    public PpoBatch(IReadOnlyList<Rollout> rollouts)
    {
        if (rollouts.Count == 0 || rollouts.FirstOrDefault(r => r.Response.Length == 0) is not null)
            throw new ArgumentException($"{rollouts.Count} answers, one of them without tokens or none at all; expected at least one token each", nameof(rollouts));
        Rollouts = rollouts;
        _starts = new int[rollouts.Count + 1];
        for (var row = 0; row < rollouts.Count; row++)
            _starts[row + 1] = _starts[row] + rollouts[row].Response.Length;
        Width = rollouts.Max(r => r.Response.Length);
        LogProbs = [.. rollouts.SelectMany(r => r.LogProbs)];
        Values = rollouts.All(r => r.Values is not null) ? [.. rollouts.SelectMany(r => r.Values!)] : null;
    }

    public IReadOnlyList<Rollout> Rollouts { get; }

    public int Rows => Rollouts.Count;

    /// <summary>N: response tokens of all rows.</summary>
    public int Tokens => _starts[^1];

    /// <summary>T: the longest response.</summary>
    public int Width { get; }

    /// <summary>As sampled <c>[N]</c>.</summary>
    public float[] LogProbs { get; }

    /// <summary>As sampled <c>[N]</c>, or by the separate critic; null until that ran.</summary>
    public float[]? Values { get; set; }

    /// <summary>Under the reference <c>[N]</c>.</summary>
    public float[] RefLogProbs { get; set; } = [];

    /// <summary>What the policy learns from <c>[N]</c>.</summary>
    public float[] Advantages { get; set; } = [];

    /// <summary>What the value function learns <c>[N]</c>.</summary>
    public float[] Returns { get; set; } = [];

    /// <summary>Tokens of some rows.</summary>
    public int TokensOf(IEnumerable<int> rows) => rows.Sum(row => Rollouts[row].Response.Length);

    /// <summary>Flat numbers as float64 <c>[B,T]</c> on the processor, 0 at padding.</summary>
    public Tensor Pad(float[] flat)
    {
        var padded = new double[Rows * Width];
        for (var row = 0; row < Rows; row++)
        {
            for (var t = 0; t < Rollouts[row].Response.Length; t++)
                padded[row * Width + t] = flat[_starts[row] + t];
        }

        return Tensor.From(padded, Rows, Width);
    }

    /// <summary>True at tokens <c>[B,T]</c>.</summary>
    public Tensor Mask()
    {
        var ones = new float[Tokens];
        Array.Fill(ones, 1);
        return Pad(ones).NotEqual(0);
    }

    /// <summary>The reverse of <see cref="Pad"/>.</summary>
    public float[] Flatten(Tensor padded)
    {
        var all = padded.ToDoubles();
        var flat = new float[Tokens];
        for (var row = 0; row < Rows; row++)
        {
            for (var t = 0; t < Rollouts[row].Response.Length; t++)
                flat[_starts[row] + t] = (float)all[row * Width + t];
        }

        return flat;
    }

    /// <summary>Puts numbers of some rows, in a slice's order, to their places in a flat array.</summary>
    public void Put(float[] flat, int[] rows, float[] numbers)
    {
        var next = 0;
        foreach (var row in rows)
        {
            var length = Rollouts[row].Response.Length;
            numbers.AsSpan(next, length).CopyTo(flat.AsSpan(_starts[row]));
            next += length;
        }
    }

    /// <summary>Numbers of some rows, one after the other <c>[n]</c>.</summary>
    public Tensor Take(float[] flat, int[] rows, Device device)
    {
        var numbers = new List<float>(flat.Length);
        foreach (var row in rows)
            numbers.AddRange(flat.AsSpan(_starts[row], Rollouts[row].Response.Length));
        return Tensor.From(numbers.ToArray(), numbers.Count).To(device);
    }

    /// <summary>
    /// What a forward pass over some rows reads: prompt and response without its last token (nothing is predicted from it), padded on the
    /// right, so that plain causal attention is right at every real place.
    /// </summary>
    public PpoSlice Slice(int[] rows, Compute compute)
    {
        var width = rows.Max(row => Rollouts[row].Prompt.Length + Rollouts[row].Response.Length - 1);
        var ids = new int[rows.Length * width];
        var places = new List<long>();
        var tokens = new List<long>();
        for (var k = 0; k < rows.Length; k++)
        {
            var (prompt, response) = (Rollouts[rows[k]].Prompt, Rollouts[rows[k]].Response);
            prompt.CopyTo(ids, k * width);
            response.AsSpan(0, response.Length - 1).CopyTo(ids.AsSpan(k * width + prompt.Length));
            for (var t = 0; t < response.Length; t++)
            {
                places.Add(k * width + prompt.Length - 1 + t);
                tokens.Add(response[t]);
            }
        }

        return new(
            ModelInput.Causal(ids, rows.Length, compute),
            Tensor.From(places.ToArray(), places.Count).To(compute.Device),
            Tensor.From(tokens.ToArray(), tokens.Count).To(compute.Device));
    }
}

/// <summary>One forward pass.</summary>
/// <param name="Input">Ids <c>[R,S]</c>.</param>
/// <param name="Places">Flat places <c>[n]</c> within <c>[R·S]</c> that response tokens are predicted from.</param>
/// <param name="Tokens">Those tokens <c>[n]</c>.</param>
internal sealed record PpoSlice(ModelInput Input, Tensor Places, Tensor Tokens)
{
    /// <summary>Hidden states that response tokens are predicted from <c>[n,D]</c>: no logits are computed elsewhere.</summary>
    public Tensor Hidden(CausalLm model) => model.Hidden(Input).Flatten(0, 1).IndexSelect(0, Places);
}
