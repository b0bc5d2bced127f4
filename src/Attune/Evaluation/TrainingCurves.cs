using Attune.Runs;

namespace Attune.Evaluation;

/// <summary>Curves for the report out of a run's <c>metrics.jsonl</c>: those metrics that say at a glance how a stage went.</summary>
public static class TrainingCurves
{
    /// <summary>Most points of a curve; longer ones are thinned evenly, first and last kept.</summary>
    public const int MostPoints = 200;

    // In the order shown; docs/metrics.md defines them.
    private static readonly (string Metric, string Unit, string Explanation)[] Shown =
    [
        ("objective/score", "score", "Mean score of the answers. It should rise; a jump is often a loophole."),
        ("objective/kl", "nats", "Distance from the reference per answer. The leash should hold it."),
        ("kl/coefficient", "per nat", "Price of distance. The adaptive controller moves it."),
        ("policy/entropy", "nats", "How open the next token is. A fall to nothing is collapse."),
        ("response/length", "tokens", "Length of the answers. Rewards are often gamed by length."),
        ("response/end_rate", "share", "Answers that end by themselves."),
        ("heldout/gap", "deviations", "How far the reward runs ahead of judges that training never saw."),
        ("reward/loss", "nats", "Surprise at what people preferred, in training."),
        ("reward/accuracy", "share", "Comparisons of a batch that the reward model orders as the judges did."),
        ("reward/validation_accuracy", "share", "Pairs not learned from that are predicted rightly."),
        ("loss", "nats", "Surprise at the next token, in training."),
        ("validation/bits_per_byte", "bits", "Surprise at text that is not learned from."),
    ];

    /// <summary>The curves of one stage, and their source.</summary>
    /// <param name="stage">What the report calls it.</param>
    /// <param name="runFolder">The run.</param>
    /// <param name="reportFolder">Where the report will be; sources are relative to it.</param>
    /// <exception cref="InputException">The run has no metrics, or none of those that are shown.</exception>
    public static StageCurves Read(string stage, string runFolder, string reportFolder)
    {
        var path = Run.MetricsPath(runFolder);
        if (!File.Exists(path))
            throw InputException.One(path, "is not there", "the metrics of a run", "name a run folder");
        var rows = MetricsLog.Read(path);
        var source = new Source
        {
            Id = $"metrics.{Tournament.Slug(stage)}",
            About = $"Metrics logged by {stage}",
            File = Path.GetRelativePath(reportFolder, path).Replace('\\', '/'),
            Lines = $"1–{rows.Count}",
        };
        var curves = Shown.Select(shown => new TrainingCurve
        {
            Stage = stage,
            Metric = shown.Metric,
            Unit = shown.Unit,
            Explanation = shown.Explanation,
            Points = Thinned([.. rows.Where(row => row.Values.TryGetValue(shown.Metric, out var value) && double.IsFinite(value)).Select(row => new CurvePoint(row.Step, row.Values[shown.Metric]))]),
            Source = source.Id,
        }).Where(curve => curve.Points.Count > 0).ToList();
        return curves.Count > 0 ? new(curves, source)
            : throw InputException.One(path, "has none of the metrics that reports show", string.Join(", ", Shown.Select(s => s.Metric)), "name another run folder, or leave it out");
    }

    internal static IReadOnlyList<CurvePoint> Thinned(IReadOnlyList<CurvePoint> points) => points.Count <= MostPoints ? points
        : [.. Enumerable.Range(0, MostPoints).Select(k => points[(int)((long)k * (points.Count - 1) / (MostPoints - 1))])];
}

/// <summary>Curves of one stage.</summary>
/// <param name="Curves">A curve a metric.</param>
/// <param name="Source">Where they were logged.</param>
public sealed record StageCurves(IReadOnlyList<TrainingCurve> Curves, Source Source);
