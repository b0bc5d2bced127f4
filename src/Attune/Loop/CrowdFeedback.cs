using Attune.Feedback;
using Attune.Runs;
using Attune.Text;
using Attune.Torch;

namespace Attune.Loop;

/// <summary>
/// A round of judgments by the simulated crowd, as the files that people's judgments would leave: a log, then preferences and rankings by majority.
/// Training annotators judge everything; held-out ones judge the prompts that no reward model learns from (<see cref="HashSplit"/>), so that it
/// can be measured on people it never met.
/// </summary>
public static class CrowdFeedback
{
    /// <summary>Splits the annotators into training and held-out ones, once, and stores that.</summary>
    public static Annotators Recruit(QuickstartFolder folder, QuickstartPlan plan) => Annotators.LoadOr(folder.Annotators, SimulatedCrowd.Recruit(plan.Crowd, SeedOf(plan)));

    /// <summary>The crowd of a quick start: stored, or calibrated on the first round's pairs, which are answers of one supervised model.</summary>
    public static SimulatedCrowd Crowd(QuickstartFolder folder, QuickstartPlan plan, IReadOnlyList<Comparison> pairs, Valence words)
    {
        if (File.Exists(folder.Crowd))
            return SimulatedCrowd.Load(folder.Crowd, words);
        var crowd = SimulatedCrowd.Calibrate(plan.Crowd, Annotators.Load(folder.Annotators), pairs, words, SeedOf(plan));
        crowd.Save(folder.Crowd);
        return crowd;
    }

    /// <summary>Collects a round's judgments and writes log and preferences.</summary>
    /// <returns>How the annotators did.</returns>
    public static FeedbackSummary Collect(QuickstartFolder folder, QuickstartPlan plan, int round, IReadOnlyList<Comparison> comparisons, SimulatedCrowd crowd)
    {
        var annotators = Annotators.Load(folder.Annotators);
        var kept = comparisons.Where(c => HashSplit.Of(c.Prompt) != DataPart.Train).ToList();
        Judgment[] judgments =
        [
            .. crowd.Collect(comparisons, AnnotatorGroup.Training, plan.Votes),
            .. crowd.Collect(kept, AnnotatorGroup.HeldOut, plan.Votes),
        ];
        AtomicFile.Discard(folder.Judgments(round)); // left by a stage that was killed
        using (var log = JudgmentLog.Open(folder.Judgments(round)))
            log.Append(judgments);

        var learnt = comparisons.Where(c => HashSplit.Of(c.Prompt) == DataPart.Train).ToList();
        PreferenceExport.Write(folder.Rankings(round), PreferenceExport.Rankings(learnt, judgments, annotators, new()));
        PreferenceExport.Write(folder.KeptPreferences(round), Enum.GetValues<AnnotatorGroup>().SelectMany(group =>
            PreferenceExport.Pairs(kept, judgments, annotators, new() { Group = group })));
        PreferenceExport.Write(folder.Preferences(round), PreferenceExport.Pairs(comparisons, judgments, annotators, new()));
        return FeedbackSummary.Of(judgments, annotators, crowd);
    }

    private static Seed SeedOf(QuickstartPlan plan) => new Seed((ulong)plan.Seed).For("crowd");
}

/// <summary>What a person should know of a round of judgments.</summary>
/// <param name="Judgments">Votes in the log.</param>
/// <param name="Honest">Agreement of two honest training annotators on a pair.</param>
/// <param name="Bad">How often each bad annotator agrees with the majority of the others.</param>
/// <param name="Others">The same for the honest ones, on average.</param>
public sealed record FeedbackSummary(int Judgments, Proportion Honest, IReadOnlyList<RaterAgreement> Bad, double Others)
{
    /// <summary>Measures the log.</summary>
    public static FeedbackSummary Of(IReadOnlyList<Judgment> judgments, Annotators annotators, SimulatedCrowd crowd)
    {
        var training = judgments.Where(j => annotators.GroupOf(j.AnnotatorId) == AnnotatorGroup.Training).ToArray();
        var bad = crowd.Judges.Where(j => j.Member.Vices.Any).Select(j => j.Id).ToHashSet(StringComparer.Ordinal);
        var ratings = Ratings.Of(training).ToArray();
        var each = Agreement.WithMajorityOfOthers(ratings);
        var honest = each.Where(e => !bad.Contains(e.Rater) && e.Agreed.Trials > 0).Select(e => e.Agreed.Share).ToArray();
        return new(judgments.Count, Agreement.Pairwise(ratings.Where(r => !bad.Contains(r.Rater))),
            [.. each.Where(e => bad.Contains(e.Rater))], honest.Length == 0 ? double.NaN : honest.Average());
    }
}
