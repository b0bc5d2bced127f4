namespace Attune.Updates;

/// <summary>
/// What one human statement about answers to one prompt teaches: never split between batches or forward passes. Token ids hold prompt and
/// answer, cut to what the model takes, without padding. Three kinds: <see cref="PreferenceExample"/>, <see cref="RankingExample"/>,
/// <see cref="ChoiceExample"/>.
/// </summary>
public abstract record RewardExample
{
    private protected RewardExample()
    {
    }

    /// <summary>Token ids of each answer with its prompt.</summary>
    public abstract IReadOnlyList<int[]> Sequences { get; }

    /// <summary>What people said of it as numbers, so that a resumed run notices other votes on the same answers.</summary>
    internal abstract int[] Label { get; }

    /// <summary>How strongly the example counts in its batch; the batch's loss is divided by the sum.</summary>
    public abstract double Weight { get; }

    /// <summary>The same statement as pairs: what accuracy is counted over.</summary>
    public abstract IEnumerable<PreferenceExample> Pairs();

    /// <summary>Mean lead of the better answer's score over the worse one's, over all pairs; 0 where there is no pair.</summary>
    /// <param name="scores">One an answer.</param>
    internal abstract double MeanLead(ReadOnlySpan<double> scores);

    /// <summary>What is wrong with the example itself, in the three parts of every error, or null.</summary>
    internal abstract string? Fault();
}

/// <summary>One answer was preferred to another.</summary>
/// <param name="Chosen">Token ids of the preferred answer with its prompt.</param>
/// <param name="Rejected">Token ids of the other.</param>
public sealed record PreferenceExample(int[] Chosen, int[] Rejected) : RewardExample
{
    /// <summary>Share of judges who preferred the chosen answer, between 0 and 1; null where one judge decided.</summary>
    public double? PChosen { get; init; }

    /// <summary>By how much the chosen answer's score should lead; null for 0.</summary>
    public double? Margin { get; init; }

    /// <summary>How strong the preference is, at least 0.</summary>
    public double Strength { get; init; } = 1;

    /// <inheritdoc/>
    public override double Weight => Strength;

    /// <summary>Whose judgment it is, for the evaluation's rows: "seen" and "unseen", for instance; null for unknown.</summary>
    public string? AnnotatorGroup { get; init; }

    /// <inheritdoc/>
    public override IReadOnlyList<int[]> Sequences => [Chosen, Rejected];

    internal override int[] Label => [.. new[] { PChosen ?? -1, Margin ?? 0, Strength }.Select(BitConverter.DoubleToInt64Bits).SelectMany(bits => new[] { (int)bits, (int)(bits >> 32) })];

    /// <inheritdoc/>
    public override IEnumerable<PreferenceExample> Pairs() => [this];

    internal override double MeanLead(ReadOnlySpan<double> scores) => scores[0] - scores[1];

    internal override string? Fault() =>
        PChosen is { } p && !(p is >= 0 and <= 1) ? $"p(chosen) is {p}, expected between 0 and 1; divide votes by judges"
        : Margin is { } margin && !double.IsFinite(margin) ? $"margin is {margin}, expected a finite number; leave it out for none"
        : !double.IsFinite(Strength) || Strength < 0 ? $"strength is {Strength}, expected 0 or more; 1 is usual"
        : null;
}

/// <summary>Several answers were ranked; ties allowed. All pairs of the prompt are one element of its batch (InstructGPT).</summary>
/// <param name="Answers">Token ids of each answer with its prompt.</param>
/// <param name="Ranks">One an answer; smaller is better, equal is a tie, never negative.</param>
public sealed record RankingExample(IReadOnlyList<int[]> Answers, IReadOnlyList<int> Ranks) : RewardExample
{
    /// <summary>1, or 0 where every rank is equal: such a prompt says nothing.</summary>
    public override double Weight => Ranks.Distinct().Count() > 1 ? 1 : 0;

    /// <inheritdoc/>
    public override IReadOnlyList<int[]> Sequences => Answers;

    internal override int[] Label => [.. Ranks];

    /// <inheritdoc/>
    public override IEnumerable<PreferenceExample> Pairs() =>
        from better in Enumerable.Range(0, Answers.Count)
        from worse in Enumerable.Range(0, Answers.Count)
        where Ranks[better] < Ranks[worse]
        select new PreferenceExample(Answers[better], Answers[worse]);

    internal override double MeanLead(ReadOnlySpan<double> scores)
    {
        var (sum, pairs) = (0.0, 0);
        for (var better = 0; better < scores.Length; better++)
        {
            for (var worse = 0; worse < scores.Length; worse++)
            {
                if (Ranks[better] >= Ranks[worse])
                    continue;
                sum += scores[better] - scores[worse];
                pairs++;
            }
        }

        return pairs == 0 ? 0 : sum / pairs;
    }

    internal override string? Fault() =>
        Answers.Count != Ranks.Count ? $"{Answers.Count} answers have {Ranks.Count} ranks, expected one an answer; give equal ranks to ties"
        : Answers.Count < 2 ? $"{Answers.Count} answers are ranked, expected at least 2; leave the prompt out"
        : Ranks.Any(r => r < 0) ? $"rank {Ranks.Min()} is negative, expected 0 or more; leave unranked answers out"
        : null;
}

/// <summary>One of several answers was named the best (Ziegler 2019).</summary>
/// <param name="Answers">Token ids of each answer with its prompt.</param>
/// <param name="Choice">Index of the best.</param>
public sealed record ChoiceExample(IReadOnlyList<int[]> Answers, int Choice) : RewardExample
{
    /// <summary>Always 1.</summary>
    public override double Weight => 1;

    /// <inheritdoc/>
    public override IReadOnlyList<int[]> Sequences => Answers;

    internal override int[] Label => [Choice];

    /// <inheritdoc/>
    public override IEnumerable<PreferenceExample> Pairs() =>
        Answers.Where((_, k) => k != Choice).Select(other => new PreferenceExample(Answers[Choice], other));

    internal override double MeanLead(ReadOnlySpan<double> scores)
    {
        var others = 0.0;
        for (var k = 0; k < scores.Length; k++)
            others += k == Choice ? 0 : scores[k];
        return scores[Choice] - others / (scores.Length - 1);
    }

    internal override string? Fault() =>
        Answers.Count < 2 ? $"{Answers.Count} answers are to choose from, expected at least 2; leave the prompt out"
        : Choice < 0 || Choice >= Answers.Count ? $"choice is {Choice}, expected 0 to {Answers.Count - 1}; it counts answers from 0"
        : null;
}
