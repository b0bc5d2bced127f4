using Attune.Feedback;
using Attune.Models;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>Accuracy over some of the comparisons.</summary>
/// <param name="Name">Which ones.</param>
/// <param name="Accuracy">Comparisons that the scores order as people did, equal scores counted half, among all.</param>
/// <param name="Places">Which of the comparisons these are, counted from 0.</param>
public sealed record AccuracyRow(string Name, Proportion Accuracy, IReadOnlyList<int> Places);

/// <summary>
/// How well scores order what people compared. Works on leads (score of the chosen answer minus that of the rejected one), so anything that
/// scores can be put beside the reward model: answer length is the null "longer".
/// </summary>
/// <remarks>
/// A comparison with p(chosen) below ½ is won by its rejected answer; at exactly ½ nobody won, and it counts in loss and calibration only.
/// Trap: σ(lead) is a probability only on the scale the loss was trained on, so a normalised model's leads are divided by its gain first.
/// Not here: intervals over prompts with several comparisons (<see cref="ClusterBootstrap"/>), training.
/// </remarks>
public sealed record RewardEvaluation
{
    private static readonly double[] AgreementEnds = [0.6, 0.7, 0.8, 0.9, 1.0];

    /// <summary>Over all comparisons that somebody won.</summary>
    public required Proportion Accuracy { get; init; }

    /// <summary>For each comparison 1 where the scores order it as people did, ½ where they are equal, else 0; NaN where nobody won.</summary>
    public required IReadOnlyList<double> Outcomes { get; init; }

    /// <summary>Mean cross-entropy in nats, with the comparisons' strengths; ln 2 is chance.</summary>
    public required double Loss { get; init; }

    /// <summary>Mean lead of the chosen answer, in the model's units of score.</summary>
    public required double MeanLead { get; init; }

    /// <summary>Comparisons that nobody won.</summary>
    public required int Undecided { get; init; }

    /// <summary>By share of judges on the winning side; only comparisons whose p(chosen) is known.</summary>
    public required IReadOnlyList<AccuracyRow> ByAgreement { get; init; }

    /// <summary>By group of annotators, in order of name; only comparisons whose group is known.</summary>
    public required IReadOnlyList<AccuracyRow> ByAnnotatorGroup { get; init; }

    /// <summary>σ(lead) against what people said, each pair turned to the side the model favours.</summary>
    public required Reliability Calibration { get; init; }

    /// <summary>Evaluates a reward model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="pairs">Comparisons it has not learnt from, at least one.</param>
    /// <param name="scale">What <see cref="RewardTrainer.Normalise"/> returned for this model; identity before.</param>
    /// <param name="microBatch">Sequences in one forward pass.</param>
    public static RewardEvaluation Of(RewardModel model, IReadOnlyList<PreferenceExample> pairs, RewardScale scale, int microBatch = 16) =>
        Of(pairs, Leads(model, pairs, microBatch), scale);

    /// <summary>Evaluates leads, wherever they come from.</summary>
    /// <param name="pairs">Comparisons, at least one.</param>
    /// <param name="leads">Score of chosen minus score of rejected, one a comparison.</param>
    /// <param name="scale">How the scores differ from those that the loss was trained on.</param>
    public static RewardEvaluation Of(IReadOnlyList<PreferenceExample> pairs, IReadOnlyList<double> leads, RewardScale scale)
    {
        if (pairs.Count == 0 || pairs.Count != leads.Count)
            throw new ArgumentException($"There are {pairs.Count} comparisons and {leads.Count} leads; expected at least one, and one lead for each.");
        var all = pairs.Select((pair, place) => new Judged(pair, leads[place], place)).ToArray();
        var decided = all.Where(j => j.PChosen != 0.5).ToArray();
        var logits = leads.Select(lead => lead / scale.Gain).ToArray();
        return new()
        {
            Accuracy = Row("", decided).Accuracy,
            Outcomes = [.. all.Select(j => j.PChosen == 0.5 ? double.NaN : j.Correct)],
            Loss = MeanLoss(pairs, logits),
            MeanLead = leads.Average(),
            Undecided = all.Length - decided.Length,
            ByAgreement = [.. AgreementEnds.Select((end, k) => Row(
                $"{(k == 0 ? 0.5 : AgreementEnds[k - 1]):0.0}–{end:0.0}",
                decided.Where(j => j.Pair.PChosen is not null && AgreementEnds.Count(e => e < j.Agreement) == k)))],
            ByAnnotatorGroup = [.. decided.Where(j => j.Pair.AnnotatorGroup is not null)
                .GroupBy(j => j.Pair.AnnotatorGroup!)
                .OrderBy(group => group.Key, StringComparer.Ordinal)
                .Select(group => Row(group.Key, group))],
            Calibration = Reliability.OfPairs([.. logits.Select(z => 1 / (1 + Math.Exp(-z)))], [.. all.Select(j => j.PChosen)]),
        };
    }

    /// <summary>Score of chosen minus score of rejected. An answer that stands in several pairs (a ranking's) is scored once.</summary>
    public static double[] Leads(RewardModel model, IReadOnlyList<PreferenceExample> pairs, int microBatch = 16)
    {
        var places = new Dictionary<int[], int>(ReferenceEqualityComparer.Instance);
        foreach (var sequence in pairs.SelectMany(p => p.Sequences))
            places.TryAdd(sequence, places.Count);
        var scores = model.Score([.. places.OrderBy(p => p.Value).Select(p => p.Key)], microBatch);
        return [.. pairs.Select(p => scores[places[p.Chosen]] - scores[places[p.Rejected]])];
    }

    private static double MeanLoss(IReadOnlyList<PreferenceExample> pairs, double[] logits)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        var sides = Tensor.Of([.. logits.SelectMany(z => new[] { z, 0.0 })]); // only the lead counts
        var sums = RewardBatchLoss.Of(pairs, sides, centring: 0);
        return sums.Loss.Item() / sums.Weight.Item();
    }

    private static AccuracyRow Row(string name, IEnumerable<Judged> judged)
    {
        var rows = judged.ToArray();
        return new(name, new(rows.Sum(j => j.Correct), rows.Length), [.. rows.Select(j => j.Place)]);
    }

    private readonly record struct Judged(PreferenceExample Pair, double Lead, int Place)
    {
        public double PChosen => Pair.PChosen ?? 1;

        public double Agreement => Math.Max(PChosen, 1 - PChosen);

        public double Correct => Lead == 0 ? 0.5 : Lead > 0 == PChosen > 0.5 ? 1 : 0;
    }
}
