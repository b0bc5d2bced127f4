using Attune.Feedback;
using Attune.Runs;
using Attune.Text;
using Attune.Torch;

namespace Attune.Loop;

/// <summary>
/// A round of judgments, as the files that any people's judgments would leave: a log, then preferences and rankings by majority. Training annotators judge
/// everything; held-out ones judge the prompts that no reward model learns from (<see cref="HashSplit"/>), so that it can be measured on people it never
/// met. Where a person takes the crowd's place, they judge prompts that are learnt from, and nobody of the training crowd judges anything.
/// </summary>
public static class CrowdFeedback
{
    /// <summary>The pseudonym of the person who takes the training crowd's place.</summary>
    public const string Person = "me";

    /// <summary>Splits the annotators into training and held-out ones, once, and stores that.</summary>
    public static Annotators Recruit(QuickstartFolder folder, QuickstartPlan plan)
    {
        var crowd = SimulatedCrowd.Recruit(plan.Crowd, SeedOf(plan));
        return Annotators.LoadOr(folder.Annotators, plan.IsJudgedByPerson ? crowd with { People = [.. crowd.People, new(Person, AnnotatorGroup.Training)] } : crowd);
    }

    /// <summary>The crowd of a quick start: stored, or calibrated on the first round's pairs, which are answers of one supervised model.</summary>
    public static SimulatedCrowd Crowd(QuickstartFolder folder, QuickstartPlan plan, IReadOnlyList<Comparison> pairs, Valence words)
    {
        if (File.Exists(folder.Crowd))
            return SimulatedCrowd.Load(folder.Crowd, words);
        var people = Annotators.Load(folder.Annotators);
        var simulated = people with { People = [.. people.People.Where(one => one.Id != Person)] };
        var crowd = SimulatedCrowd.Calibrate(plan.Crowd, simulated, pairs, words, SeedOf(plan));
        crowd.Save(folder.Crowd);
        return crowd;
    }

    /// <summary>What the crowd says of a round's comparisons.</summary>
    public static IReadOnlyList<Judgment> Simulate(QuickstartPlan plan, IReadOnlyList<Comparison> comparisons, SimulatedCrowd crowd) =>
    [
        .. plan.IsJudgedByPerson ? [] : crowd.Collect(comparisons, AnnotatorGroup.Training, plan.Votes),
        .. crowd.Collect(Kept(comparisons), AnnotatorGroup.HeldOut, plan.Votes),
    ];

    /// <summary>What a person is asked: pairs of prompts that are learnt from, the first of each prompt before the second of any.</summary>
    public static IReadOnlyList<Comparison> Asked(IReadOnlyList<Comparison> comparisons, int count) =>
        [.. Learnt(comparisons).GroupBy(c => c.Prompt, StringComparer.Ordinal).SelectMany(own => own.Select((c, place) => (c, place))).OrderBy(pair => pair.place).Select(pair => pair.c).Take(count)];

    /// <summary>Writes log and preferences of a round.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="round">Which round.</param>
    /// <param name="comparisons">What was judged.</param>
    /// <param name="given">The judgments, in whatever order.</param>
    /// <returns>The judgments in the order of the log.</returns>
    public static IReadOnlyList<Judgment> Write(QuickstartFolder folder, int round, IReadOnlyList<Comparison> comparisons, IReadOnlyList<Judgment> given)
    {
        var annotators = Annotators.Load(folder.Annotators);
        var judgments = InOrder(given, comparisons, annotators);
        AtomicFile.Discard(folder.Judgments(round)); // left by a stage that was killed
        using (var log = JudgmentLog.Open(folder.Judgments(round)))
            log.Append(judgments);

        var kept = Kept(comparisons);
        PreferenceExport.Write(folder.Rankings(round), PreferenceExport.Rankings(Learnt(comparisons), judgments, annotators, new()));
        PreferenceExport.Write(folder.KeptPreferences(round), Enum.GetValues<AnnotatorGroup>().SelectMany(group =>
            PreferenceExport.Pairs(kept, judgments, annotators, new() { Group = group })));
        PreferenceExport.Write(folder.Preferences(round), PreferenceExport.Pairs(comparisons, judgments, annotators, new()));
        return judgments;
    }

    /// <summary>
    /// A database keeps no order that is ours: training annotators come first, then comparison by comparison, view by view. What has no view is a person's,
    /// and their ids ascend.
    /// </summary>
    private static IReadOnlyList<Judgment> InOrder(IReadOnlyList<Judgment> judgments, IReadOnlyList<Comparison> comparisons, Annotators annotators)
    {
        var place = comparisons.Select((comparison, number) => (comparison.Id, number)).ToDictionary(pair => pair.Id, pair => pair.number, StringComparer.Ordinal);
        return [.. judgments.Where(judgment => place.ContainsKey(judgment.ComparisonId))
            .OrderBy(judgment => annotators.GroupOf(judgment.AnnotatorId)).ThenBy(judgment => place[judgment.ComparisonId]).ThenBy(Verdicts.ViewOf).ThenBy(judgment => judgment.Id, StringComparer.Ordinal)];
    }

    private static List<Comparison> Kept(IReadOnlyList<Comparison> comparisons) => [.. comparisons.Where(c => HashSplit.Of(c.Prompt) != DataPart.Train)];

    private static List<Comparison> Learnt(IReadOnlyList<Comparison> comparisons) => [.. comparisons.Where(c => HashSplit.Of(c.Prompt) == DataPart.Train)];

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
