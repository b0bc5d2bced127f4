using Attune.Feedback;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>How often something was right, with its uncertainty.</summary>
/// <param name="Name">What, or over which pairs.</param>
/// <param name="Share">Right pairs among pairs; equal scores count half.</param>
/// <param name="Lower">Lower end of the 95 % interval.</param>
/// <param name="Upper">Its upper end.</param>
/// <param name="Pairs">Pairs that somebody won, and about which it says something.</param>
/// <param name="Prompts">Different prompts among them. Where fewer than pairs, the interval draws whole prompts; else it is Wilson's.</param>
public sealed record AccuracyFigure(string Name, double Share, double Lower, double Upper, int Pairs, int Prompts)
{
    private static readonly Seed Draws = new(0); // intervals of equal outcomes are equal, whatever the run's seed

    /// <summary>From outcomes of pairs.</summary>
    /// <param name="name">What, or over which pairs.</param>
    /// <param name="outcomes">1, ½, 0 or a share for each pair; NaN does not count.</param>
    /// <param name="prompts">The prompt of each.</param>
    public static AccuracyFigure Of(string name, IReadOnlyList<double> outcomes, IReadOnlyList<string> prompts)
    {
        var known = outcomes.Zip(prompts, (outcome, prompt) => (Outcome: outcome, Prompt: prompt)).Where(pair => !double.IsNaN(pair.Outcome)).ToArray();
        var clusters = known.GroupBy(pair => pair.Prompt, pair => pair.Outcome, StringComparer.Ordinal).Select(group => group.ToArray()).ToArray();
        var right = new Proportion(known.Sum(pair => pair.Outcome), known.Length);
        var interval = clusters.Length == known.Length ? right.Wilson() : ClusterBootstrap.OfMean(clusters, Draws);
        return new(name, right.Share, interval.Lower, interval.Upper, known.Length, clusters.Length);
    }

    /// <summary>By how much more often one was right than another, on the same pairs; the interval draws whole prompts.</summary>
    public static AccuracyFigure Lead(string name, IReadOnlyList<double> outcomes, IReadOnlyList<double> others, IReadOnlyList<string> prompts)
    {
        var known = Enumerable.Range(0, outcomes.Count).Where(k => !double.IsNaN(outcomes[k]) && !double.IsNaN(others[k])).ToArray();
        if (known.Length == 0)
            return new(name, double.NaN, double.NaN, double.NaN, 0, 0);
        var clusters = known.GroupBy(k => prompts[k], k => outcomes[k] - others[k], StringComparer.Ordinal).Select(group => group.ToArray()).ToArray();
        var interval = ClusterBootstrap.OfMean(clusters, Draws);
        return new(name, known.Average(k => outcomes[k] - others[k]), interval.Lower, interval.Upper, known.Length, clusters.Length);
    }
}

/// <summary>What a run of reward training measured, on comparisons it did not learn from: <c>result.json</c>.</summary>
public sealed record RewardResult
{
    /// <summary>The run's seed.</summary>
    public required int Seed { get; init; }

    /// <summary>Optimiser steps.</summary>
    public required int Steps { get; init; }

    /// <summary>Comparisons learnt from; a ranking is one.</summary>
    public required int Comparisons { get; init; }

    /// <summary>Comparisons watched during training.</summary>
    public required int Watched { get; init; }

    /// <summary>What was left out, by reason.</summary>
    public required IReadOnlyDictionary<string, long> LeftOut { get; init; }

    /// <summary>Answers that lost tokens of themselves or their prompt.</summary>
    public required long Shortened { get; init; }

    /// <summary>Over all pairs that somebody won.</summary>
    public AccuracyFigure Accuracy { get; init; } = new("", double.NaN, double.NaN, double.NaN, 0, 0);

    /// <summary>Pairs that nobody won: they count in loss and calibration only.</summary>
    public int Undecided { get; init; }

    /// <summary>By share of judges on the winning side, of pairs where that is known.</summary>
    public IReadOnlyList<AccuracyFigure> ByAgreement { get; init; } = [];

    /// <summary>By group of annotators: seen, unseen, or the file's own words.</summary>
    public IReadOnlyList<AccuracyFigure> ByAnnotators { get; init; } = [];

    /// <summary>By entry of the recipe's data.</summary>
    public IReadOnlyList<AccuracyFigure> BySource { get; init; } = [];

    /// <summary>What baselines reach on the same pairs.</summary>
    public IReadOnlyList<AccuracyFigure> Nulls { get; init; } = [];

    /// <summary>By how much the model is more often right than each baseline, on the same pairs.</summary>
    public IReadOnlyList<AccuracyFigure> LeadOverNulls { get; init; } = [];

    /// <summary>Mean cross-entropy in nats, on the scale the loss was trained on; 0.693 is chance.</summary>
    public double Loss { get; init; }

    /// <summary>σ(lead) against what people said.</summary>
    public Reliability Calibration { get; init; } = new([], double.NaN, double.NaN);

    /// <summary>reward = gain · raw + bias, both in the model's head already.</summary>
    public required RewardScale Scale { get; init; }

    /// <summary>Answers of the reference policy that set the scale; 0 where it was left alone.</summary>
    public required int References { get; init; }

    /// <summary>The mean with other runs that the recipe names beside this one; null where it names none.</summary>
    public RewardSeeds? Seeds { get; init; }
}
