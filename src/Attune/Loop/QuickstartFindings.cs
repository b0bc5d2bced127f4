using Attune.Evaluation;
using Attune.Runs;
using Attune.Updates;

namespace Attune.Loop;

/// <summary>What the stages of a quick start left in their folders, in the form that the report shows.</summary>
internal static class QuickstartFindings
{
    private const string RewardSource = "reward-model";

    /// <summary>The curves worth a look: stage, metric, explanation, unit.</summary>
    private static readonly (string Stage, string Metric, string Explanation, string Unit)[] Wanted =
    [
        ("sft", "loss", "Loss on the demonstrations' responses", "nats a token"),
        ("reward", "reward/accuracy", "Share of a batch's comparisons that the reward model orders as the judges did", ""),
        ("ppo", "objective/score", "Mean score of the policy's answers by the reward model", ""),
        ("ppo", "objective/kl", "Distance of an answer from the supervised model", "nats"),
        ("ppo", "policy/entropy", "Entropy of the policy's next token", "nats"),
        ("ppo", "response/length", "Length of the answers", "tokens"),
        ("ppo", "kl/coefficient", "Price of a nat of distance", ""),
    ];

    public static RewardModelReport RewardModel(RewardResult result) => RewardModelReports.Of(result, RewardSource);

    public static IEnumerable<TrainingCurve> Curves(QuickstartFolder folder, int round)
    {
        foreach (var stage in Wanted.GroupBy(w => w.Stage))
        {
            var rows = MetricsLog.Read(Run.MetricsPath(Folder(folder, stage.Key, round)));
            foreach (var (_, metric, explanation, unit) in stage)
            {
                var points = rows.Where(row => row.Values.TryGetValue(metric, out var value) && double.IsFinite(value))
                    .Select(row => new CurvePoint(row.Step, row.Values[metric])).ToArray();
                if (points.Length > 1)
                    yield return new() { Stage = stage.Key, Metric = metric, Explanation = explanation, Unit = unit, Points = points, Source = stage.Key };
            }
        }
    }

    public static IEnumerable<Source> Sources(QuickstartFolder folder, int round)
    {
        string From(string path) => Path.GetRelativePath(folder.Evaluation(round), path).Replace('\\', '/');
        foreach (var stage in Wanted.Select(w => w.Stage).Distinct())
            yield return new() { Id = stage, About = $"metrics of {stage}, a line a step", File = From(Run.MetricsPath(Folder(folder, stage, round))) };
        yield return new() { Id = RewardSource, About = "comparisons that the reward model did not learn from", File = From(Path.Combine(folder.Reward(round), "evaluation.jsonl")) };
    }

    private static string Folder(QuickstartFolder folder, string stage, int round) => stage switch
    {
        "sft" => folder.Sft,
        "reward" => folder.Reward(round),
        _ => folder.Ppo(round),
    };
}
