using Attune.Models;
using Attune.Rollouts;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>
/// The answers of one step and what is known of each of their tokens. Numbers lie flat (<see cref="RaggedRows"/>): N of tokens, M of places
/// that have a value. Those are the same, unless scores are paid behind the last token (<see cref="ScorePlace.EndSlot"/>): then an answer that
/// is not of full length has a place more. Prompt tokens are nowhere among them.
/// </summary>
internal sealed class PpoBatch
{
    public PpoBatch(IReadOnlyList<Rollout> rollouts, int? slotBelow = null)
    {
        if (rollouts.Count == 0 || rollouts.FirstOrDefault(r => r.Response.Length == 0) is not null)
            throw new ArgumentException($"{rollouts.Count} answers, one of them without tokens or none at all; expected at least one token each", nameof(rollouts));
        Rollouts = rollouts;
        AllRows = [.. Enumerable.Range(0, rollouts.Count)];
        TokenRows = new([.. rollouts.Select(r => r.Response.Length)]);
        PlaceRows = slotBelow is { } full ? new([.. rollouts.Select(r => r.Response.Length + (r.Response.Length < full ? 1 : 0))]) : TokenRows;
        Width = AllRows.Max(PlaceRows.LengthOf);
        LogProbs = [.. rollouts.SelectMany(r => r.LogProbs)];
        Values = !HasSlots && rollouts.All(r => r.Values is not null) ? [.. rollouts.SelectMany(r => r.Values!)] : null;
        (Rewards, Advantages, Returns) = (new double[PlaceRows.Count], new float[TokenRows.Count], new float[PlaceRows.Count]);
    }

    public IReadOnlyList<Rollout> Rollouts { get; }

    /// <summary>Indices of all rows.</summary>
    public int[] AllRows { get; }

    public int Rows => Rollouts.Count;

    /// <summary>Where each row's tokens lie in flat arrays <c>[N]</c>.</summary>
    public RaggedRows TokenRows { get; }

    /// <summary>Where each row's values lie in flat arrays <c>[M]</c>.</summary>
    public RaggedRows PlaceRows { get; }

    /// <summary>Whether some answers have a value behind their last token.</summary>
    public bool HasSlots => !ReferenceEquals(TokenRows, PlaceRows);

    /// <summary>N: response tokens of all rows.</summary>
    public int Tokens => TokenRows.Count;

    /// <summary>T: the most values of an answer.</summary>
    public int Width { get; }

    /// <summary>As sampled <c>[N]</c>.</summary>
    public float[] LogProbs { get; }

    /// <summary>As sampled <c>[M]</c>, or by a pass over whole answers; null until that ran.</summary>
    public float[]? Values { get; set; }

    /// <summary>Under the reference <c>[N]</c>.</summary>
    public float[] RefLogProbs { get; set; } = [];

    /// <summary>What was paid <c>[M]</c>, before whitening.</summary>
    public double[] Rewards { get; }

    /// <summary>What the policy learns from <c>[N]</c>.</summary>
    public float[] Advantages { get; }

    /// <summary>What the value function learns <c>[M]</c>.</summary>
    public float[] Returns { get; }

    /// <summary>What is known of an answer's tokens; what is paid behind the last one stands with it.</summary>
    public (double[] LogProbs, double[] Kl, double[] Values, double[] Rewards, double[] Advantages) DetailsOf(int row)
    {
        int[] one = [row];
        var (logProbs, reference, advantages) = (TokenRows.Take(LogProbs, one), TokenRows.Take(RefLogProbs, one), TokenRows.Take(Advantages, one));
        var values = PlaceRows.Take(Values!, one);
        var rewards = PlaceRows.Take(Rewards, one);
        var paid = rewards[..logProbs.Length];
        paid[^1] += rewards[logProbs.Length..].Sum();
        return ([.. logProbs], [.. logProbs.Zip(reference, (own, other) => (double)own - other)], [.. values.Take(logProbs.Length)], paid, [.. advantages]);
    }

    /// <summary>Tokens of some rows.</summary>
    public int TokensOf(IEnumerable<int> rows) => TokenRows.CountOf(rows);

    /// <summary>
    /// What a forward pass over some rows reads: prompt and response without its last token (nothing is predicted from it, unless there is a
    /// value behind it), padded on the right, so that plain causal attention is right at every real place.
    /// </summary>
    /// <param name="rows">The rows.</param>
    /// <param name="compute">Where the model is.</param>
    /// <param name="forValues">Whether values are read off the pass.</param>
    public PpoSlice Slice(int[] rows, Compute compute, bool forValues)
    {
        var layout = forValues ? PlaceRows : TokenRows;
        var width = rows.Max(row => Rollouts[row].Prompt.Length + layout.LengthOf(row) - 1);
        var ids = new int[rows.Length * width];
        var (predicting, places, tokens) = (new List<long>(), new List<long>(), new List<long>());
        for (var k = 0; k < rows.Length; k++)
        {
            var (prompt, response) = (Rollouts[rows[k]].Prompt, Rollouts[rows[k]].Response);
            prompt.CopyTo(ids, k * width);
            response.AsSpan(0, layout.LengthOf(rows[k]) - 1).CopyTo(ids.AsSpan(k * width + prompt.Length));
            for (var t = 0; t < layout.LengthOf(rows[k]); t++)
            {
                places.Add(k * width + prompt.Length - 1 + t);
                if (t == response.Length)
                    continue;
                predicting.Add(places.Count - 1);
                tokens.Add(response[t]);
            }
        }

        return new(ModelInput.Causal(ids, rows.Length, compute), On(places, compute), places.Count == tokens.Count ? null : On(predicting, compute), On(tokens, compute));
    }

    /// <summary>Numbers of some rows on a device, one after the other <c>[n]</c>.</summary>
    public static Tensor Take(RaggedRows layout, float[] flat, int[] rows, Device device)
    {
        var numbers = layout.Take(flat, rows);
        return Tensor.From(numbers, numbers.Length).To(device);
    }

    private static Tensor On(List<long> numbers, Compute compute) => Tensor.From(numbers.ToArray(), numbers.Count).To(compute.Device);
}

/// <summary>One forward pass.</summary>
/// <param name="Input">Ids <c>[R,S]</c>.</param>
/// <param name="Places">Flat places <c>[m]</c> within <c>[R·S]</c> that are read: those that values are for.</param>
/// <param name="Predicting">Which of them response tokens are predicted from <c>[n]</c>; null for all, where there are no values behind last tokens.</param>
/// <param name="Tokens">The response tokens <c>[n]</c>.</param>
internal sealed record PpoSlice(ModelInput Input, Tensor Places, Tensor? Predicting, Tensor Tokens)
{
    /// <summary>Hidden states that tokens are predicted from <c>[n,D]</c>, and those that values are read off <c>[m,D]</c>: no logits are computed elsewhere.</summary>
    public (Tensor Predicting, Tensor Valued) Hidden(CausalLm model)
    {
        var valued = model.HiddenAt(Input, Places);
        return (Predicting is { } some ? valued.IndexSelect(0, some) : valued, valued);
    }
}
