using Attune.Feedback;
using Attune.Feedback.Aggregation;
using Attune.Runs;
using Attune.Text;
using Attune.Torch;
using Attune.Updates;

namespace Attune.Loop;

/// <summary>What is compared, and how: the <c>labels</c> section.</summary>
public sealed record LabelQualitySettings : IChecked
{
    /// <summary>Folder of the model that reward models start from.</summary>
    public required string From { get; init; }

    /// <summary>A <c>comparisons.jsonl</c> with fluencies, as the quick start makes it; answers are taken two by two.</summary>
    public required string Comparisons { get; init; }

    /// <summary>The word lists by which the crowd judges.</summary>
    public string Words { get; init; } = "data";

    /// <summary>Who judges.</summary>
    public CrowdOptions Crowd { get; init; } = new();

    /// <summary>Training annotators who judge each pair.</summary>
    public int Votes { get; init; } = 3;

    /// <summary>Held-out annotators who judge each pair that is reported on.</summary>
    public int HeldOutVotes { get; init; } = 5;

    /// <summary>The methods.</summary>
    public IReadOnlyList<PreferenceAggregation> Methods { get; init; } = Enum.GetValues<PreferenceAggregation>();

    /// <summary>Seeds of the reward models, each with every method.</summary>
    public IReadOnlyList<int> Seeds { get; init; } = [1, 2, 3];

    /// <summary>How pairs become examples.</summary>
    public RewardDataSettings Data { get; init; } = new();

    /// <summary>How they are learnt. Raw votes are learnt in batches as many times larger as there are votes, so that every method takes as many steps.</summary>
    public RewardTrainingConfig Reward { get; init; } = new();

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Votes < 1 || Votes > Crowd.Training)
            yield return Problem.Of("votes", $"is {Votes}", $"1 to the {Crowd.Training} training annotators", "3 is usual");
        if (HeldOutVotes < 1 || HeldOutVotes > Crowd.HeldOut)
            yield return Problem.Of("heldOutVotes", $"is {HeldOutVotes}", $"1 to the {Crowd.HeldOut} held-out annotators", "an odd number decides every pair");
        if (Methods.Count == 0 || Methods.Distinct().Count() < Methods.Count)
            yield return Problem.Of("methods", $"is [{string.Join(", ", Methods.Select(AggregatedPreferences.Word))}]", "one method at least, each once", "correct it");
        if (Seeds.Count == 0 || Seeds.Distinct().Count() < Seeds.Count)
            yield return Problem.Of("seeds", $"is [{string.Join(", ", Seeds)}]", "one seed at least, each once", "3 of them show the spread");
        foreach (var problem in Crowd.Check().Select(one => one with { Key = $"crowd.{one.Key}" }).Concat(Data.Check().Select(one => one with { Key = $"data.{one.Key}" })).Concat(Reward.Check().Select(one => one with { Key = $"reward.{one.Key}" })))
            yield return problem;
    }
}

/// <summary>The recipe of <c>attune labels</c>.</summary>
public sealed record LabelQualityRecipe
{
    /// <summary>Decides the crowd.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>What is compared.</summary>
    public required LabelQualitySettings Labels { get; init; }

    /// <summary>Where to compute.</summary>
    public ComputeSettings Compute { get; init; } = new();

    /// <summary>How often each reward model saves itself.</summary>
    [ResultNeutral]
    public RunSettings Run { get; init; } = new();
}

/// <summary>What a method's labels taught.</summary>
/// <param name="Method">The method.</param>
/// <param name="Pairs">Rows that were learnt from.</param>
/// <param name="Agreed">Share of them whose chosen answer is the one that an honest annotator of the training group, without noise, likes better, over all of these.</param>
/// <param name="Each">Held-out accuracy by seed.</param>
/// <param name="Mean">Their mean.</param>
public sealed record LabelQualityRow(string Method, int Pairs, double Agreed, IReadOnlyList<double> Each, double Mean);

/// <summary>What a comparison of methods found: <c>result.json</c>.</summary>
/// <param name="Seeds">Seeds of the reward models.</param>
/// <param name="Judgments">Judgments that every method saw.</param>
/// <param name="HeldOutPairs">Pairs reported on.</param>
/// <param name="Rows">One for each method.</param>
public sealed record LabelQualityResult(IReadOnlyList<int> Seeds, int Judgments, int HeldOutPairs, IReadOnlyList<LabelQualityRow> Rows);

/// <summary>
/// Whether better labels make better reward models: one crowd, good and bad annotators in it, judges each pair once; its votes are aggregated by several
/// methods; each method's labels teach a reward model for every seed; all are held against honest annotators whom nobody learned from. Each reward model is a
/// run of its own, so that a stopped comparison goes on where it was.
/// </summary>
public static class LabelQuality
{
    /// <summary>Runs the comparison, or the rest of it.</summary>
    /// <returns>What was found; null where it was stopped.</returns>
    /// <exception cref="InputException">Something that the recipe names cannot be used.</exception>
    public static LabelQualityResult? Run(LabelQualityRecipe recipe, Run run, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(run);
        if (ResultFile.Read<LabelQualityResult>(run.Folder) is { } finished)
            return finished;
        var labels = Labels.Of(recipe);
        var heldOut = Path.Combine(run.Folder, "held-out.jsonl");
        PreferenceExport.Write(heldOut, labels.HeldOut);
        var rows = new List<LabelQualityRow>();
        foreach (var method in recipe.Labels.Methods)
        {
            var folder = Path.Combine(run.Folder, AggregatedPreferences.Word(method));
            var learnt = AggregatedPreferences.Of(method, labels.Training, labels.Judgments, labels.People, new());
            PreferenceExport.Write(Path.Combine(folder, "preferences.jsonl"), learnt);
            var each = new List<double>();
            foreach (var seed in recipe.Labels.Seeds)
            {
                run.Progress.Say($"{AggregatedPreferences.Word(method)}, seed {seed}: {learnt.Count:N0} pairs");
                if (Learn(recipe, method, seed, folder, heldOut, run, stop) is not { } result)
                    return null;
                each.Add(result.Accuracy.Share);
            }
            rows.Add(new(AggregatedPreferences.Word(method), learnt.Count, labels.Agreed(learnt), each, each.Average()));
        }
        var found = new LabelQualityResult(recipe.Labels.Seeds, labels.Judgments.Count, labels.HeldOut.Count, rows);
        ResultFile.Write(run.Folder, found);
        return found;
    }

    internal static DryRun DryRun(LabelQualityRecipe recipe, IProgressSink progress, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        var labels = Labels.Of(recipe);
        var shape = LanguageModelPlan.Start(recipe.Labels.From, new InputProblems("The recipe"));
        return new()
        {
            Figures =
            [
                new("pairs to learn from", labels.Training.Count),
                new("judgments of them", labels.Judgments.Count),
                new("pairs to report on", labels.HeldOut.Count),
                new("reward models", recipe.Labels.Methods.Count * recipe.Labels.Seeds.Count),
                new("parameters of each", shape?.Config.ParameterCount ?? 0),
            ],
            Sample = labels.Training[0].Prompt,
        };
    }

    private static RewardResult? Learn(LabelQualityRecipe recipe, PreferenceAggregation method, int seed, string folder, string heldOut, Run run, CancellationToken stop)
    {
        var own = Path.Combine(folder, $"seed-{seed}");
        var reward = recipe.Labels.Reward;
        var stage = new RewardRecipe
        {
            Seed = seed,
            From = recipe.Labels.From,
            Preferences = [new() { Path = Path.Combine(folder, "preferences.jsonl"), Format = PreferenceForm.Judged }],
            Evaluation = [new() { Path = heldOut, Format = PreferenceForm.Judged }],
            Data = recipe.Labels.Data,
            Reward = method == PreferenceAggregation.Raw ? reward with { BatchSize = (int)Math.Min((long)reward.BatchSize * recipe.Labels.Votes, int.MaxValue) } : reward,
            Normalise = new() { Samples = 0 },
            Compute = recipe.Compute,
            Run = recipe.Run,
        };
        var options = new RunOptions { Folder = own, Resume = Attune.Runs.Run.ExistsIn(own), Settings = recipe.Run, Progress = run.Progress };
        return Attune.Runs.Run.Within(stage, options, inner => RewardTraining.Run(stage, inner, stop));
    }

    /// <summary>What the crowd says, a function of the recipe alone.</summary>
    private sealed record Labels(IReadOnlyList<Comparison> Training, IReadOnlyList<Judgment> Judgments, Annotators People, IReadOnlyList<Preference> HeldOut, SimulatedCrowd Crowd)
    {
        public static Labels Of(LabelQualityRecipe recipe)
        {
            var problems = new InputProblems("The recipe");
            problems.Add(recipe.Labels.Check());
            var comparisons = problems.Try("labels.comparisons", () => ComparisonFile.Read(recipe.Labels.Comparisons));
            var words = problems.Try("labels.words", () => Valence.Load(recipe.Labels.Words));
            problems.ThrowIfAny();
            Comparison[] pairs = [.. comparisons!.SelectMany(Pairs)];
            var (training, kept) = (pairs.Where(pair => HashSplit.Of(pair.Prompt) == DataPart.Train).ToList(), pairs.Where(pair => HashSplit.Of(pair.Prompt) != DataPart.Train).ToList());
            if (training.Count == 0 || kept.Count == 0)
                throw InputException.One(recipe.Labels.Comparisons, $"has {training.Count} pairs to learn from and {kept.Count} to report on", "some of both", "name a file with more prompts");
            var seed = new Seed((ulong)recipe.Seed).For("labels");
            var people = SimulatedCrowd.Recruit(recipe.Labels.Crowd, seed);
            var crowd = SimulatedCrowd.Calibrate(recipe.Labels.Crowd, people, pairs, words!, seed);
            var judged = crowd.Collect(kept, AnnotatorGroup.HeldOut, recipe.Labels.HeldOutVotes);
            return new(training, crowd.Collect(training, AnnotatorGroup.Training, recipe.Labels.Votes), people, PreferenceExport.Pairs(kept, judged, people, new() { Group = AnnotatorGroup.HeldOut }), crowd);
        }

        /// <summary>How often the labels say what honest training annotators like without noise, by majority.</summary>
        public double Agreed(IReadOnlyList<Preference> learnt)
        {
            var honest = Crowd.Of(AnnotatorGroup.Training).Where(judge => !judge.Member.Vices.Any).ToList();
            var byId = Training.ToDictionary(pair => pair.Id, StringComparer.Ordinal);
            return learnt.Average(row =>
            {
                var pair = byId[row.Comparison];
                var (chosen, rejected) = (pair.Answers.First(answer => answer.Id == row.ChosenId), pair.Answers.First(answer => answer.Id == row.RejectedId));
                return honest.Count(judge => judge.Utility(pair.Prompt, chosen) > judge.Utility(pair.Prompt, rejected)) * 2 > honest.Count ? 1.0 : 0;
            });
        }

        private static IEnumerable<Comparison> Pairs(Comparison comparison) => comparison.Answers.Chunk(2).Where(two => two.Length == 2 && two[0].Text != two[1].Text)
            .Select((two, i) => comparison with { Id = $"{comparison.Id}-{i}", Answers = two, Order = i % 2 == 0 ? [0, 1] : [1, 0] });
    }
}
