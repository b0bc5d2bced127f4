using Attune.Torch;

namespace Attune.Updates;

/// <summary>
/// Lays the scores of a batch of examples out for the formulas of <see cref="RewardLoss"/> and adds up what they give. Kinds of example may
/// be mixed. Sums throughout, so that the parts of a batch add up to the batch.
/// </summary>
public static class RewardBatchLoss
{
    /// <summary>Loss, weight and correct order of some examples.</summary>
    /// <param name="examples">The examples.</param>
    /// <param name="scores"><c>[N]</c>: one a sequence, example after example, as <see cref="RewardExample.Sequences"/> lists them.</param>
    /// <param name="centring">Coefficient of (r_c + r_r)² for pairs; 0 for none.</param>
    public static RewardLossSums Of(IReadOnlyList<RewardExample> examples, Tensor scores, double centring)
    {
        var starts = new int[examples.Count];
        for (var k = 1; k < examples.Count; k++)
            starts[k] = starts[k - 1] + examples[k - 1].Sequences.Count;
        var placed = examples.Zip(starts).ToArray();

        var sums = new List<RewardLossSums>();
        if (Kind<PreferenceExample>(placed) is { Length: > 0 } pairs)
            sums.Add(Pairs(pairs, scores, centring));
        if (Kind<RankingExample>(placed) is { Length: > 0 } rankings)
            sums.Add(Rankings(rankings, scores));
        foreach (var choices in Kind<ChoiceExample>(placed).GroupBy(c => c.Example.Answers.Count))
            sums.Add(Choices([.. choices], choices.Key, scores));
        return sums.Aggregate((a, b) => new(a.Loss + b.Loss, a.Weight + b.Weight, a.Decided + b.Decided, a.Correct + b.Correct));
    }

    private static RewardLossSums Pairs((PreferenceExample Example, int Start)[] pairs, Tensor scores, double centring)
    {
        var labels = new PairLabels
        {
            Margin = Optional(pairs.Any(p => p.Example.Margin is not null), p => p.Example.Margin ?? 0),
            PChosen = Optional(pairs.Any(p => p.Example.PChosen is not null), p => p.Example.PChosen ?? 1),
            Weight = Optional(pairs.Any(p => p.Example.Strength != 1), p => p.Example.Strength),
        };
        var chosen = Pick(scores, [.. pairs.Select(p => (long)p.Start)]);
        var rejected = Pick(scores, [.. pairs.Select(p => (long)p.Start + 1)]);
        return RewardLoss.Pairs(chosen, rejected, labels, centring);

        Tensor? Optional(bool isKnown, Func<(PreferenceExample Example, int Start), double> of) =>
            isKnown ? Constants([.. pairs.Select(p => (float)of(p))], scores.Device) : null;
    }

    private static RewardLossSums Rankings((RankingExample Example, int Start)[] rankings, Tensor scores)
    {
        var k = rankings.Max(r => r.Example.Answers.Count);
        var places = new long[rankings.Length * k]; // where a prompt has fewer than K answers: any place, with rank −1
        var ranks = new float[places.Length];
        Array.Fill(ranks, -1);
        for (var row = 0; row < rankings.Length; row++)
        {
            var (example, start) = rankings[row];
            for (var answer = 0; answer < example.Answers.Count; answer++)
            {
                places[row * k + answer] = start + answer;
                ranks[row * k + answer] = example.Ranks[answer];
            }
        }

        return RewardLoss.Rankings(
            Pick(scores, places).View(rankings.Length, k),
            Constants(ranks, scores.Device).View(rankings.Length, k));
    }

    private static RewardLossSums Choices((ChoiceExample Example, int Start)[] choices, int k, Tensor scores)
    {
        var places = choices.SelectMany(c => Enumerable.Range(c.Start, k)).Select(place => (long)place).ToArray();
        var best = choices.Select(c => (long)c.Example.Choice).ToArray();
        return RewardLoss.BestOf(Pick(scores, places).View(choices.Length, k), Tensor.From(best, best.Length).To(scores.Device));
    }

    private static (T Example, int Start)[] Kind<T>((RewardExample Example, int Start)[] placed)
        where T : RewardExample => [.. placed.Where(p => p.Example is T).Select(p => ((T)p.Example, p.Start))];

    private static Tensor Pick(Tensor scores, long[] places) => scores.IndexSelect(0, Tensor.From(places, places.Length).To(scores.Device));

    private static Tensor Constants(float[] values, Device device) => Tensor.From(values, values.Length).To(device);
}
