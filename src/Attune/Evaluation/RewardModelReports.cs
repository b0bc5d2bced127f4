using Attune.Feedback;
using Attune.Runs;
using Attune.Updates;

namespace Attune.Evaluation;

/// <summary>What a run of reward training measured, in the report's form.</summary>
public static class RewardModelReports
{
    /// <summary>From a result.</summary>
    /// <param name="result">What the run measured.</param>
    /// <param name="source">Id of the source of its pairs.</param>
    private static RewardModelReport Of(RewardResult result, string source)
    {
        ArgumentNullException.ThrowIfNull(result);
        AccuracyRow Row(AccuracyFigure figure, string? name = null) => new()
        {
            Name = name ?? figure.Name,
            Pairs = figure.Pairs,
            Accuracy = figure.Share,
            Interval = new Interval(figure.Lower, figure.Upper),
            Source = source,
        };
        return new RewardModelReport
        {
            Overall = Row(result.Accuracy, "all held-out judgments"),
            ByMargin = [.. result.ByAgreement.Select(figure => Row(figure))],
            ByGroup = [.. result.ByAnnotators.Select(figure => Row(figure))],
            Nulls = [.. result.Nulls.Select(figure => Row(figure))],
            Reliability = [.. result.Calibration.Rows.Where(row => row.Count > 0).Select(row => new ReliabilityRow(row.From, row.To, row.Count, row.Predicted, row.Observed))],
            CalibrationError = result.Calibration.ExpectedCalibrationError,
        };
    }

    /// <summary>From a run folder.</summary>
    /// <param name="runFolder">The run.</param>
    /// <param name="reportFolder">Where the report will be; the source is relative to it.</param>
    /// <exception cref="InputException">The run is not finished.</exception>
    public static SourcedRewardModelReport Read(string runFolder, string reportFolder)
    {
        var result = ResultFile.Read<RewardResult>(runFolder)
            ?? throw InputException.One(Path.Combine(runFolder, ResultFile.Name), "is not there", "what a finished run of reward measured", "name its run folder, or leave it out");
        var pairs = Path.Combine(runFolder, RewardTraining.EvaluationName);
        var source = new Source
        {
            Id = "reward-pairs",
            About = "Held-out pairs with the reward model's scores",
            File = Path.GetRelativePath(reportFolder, pairs).Replace('\\', '/'),
            Lines = File.Exists(pairs) ? $"1–{File.ReadLines(pairs).Count()}" : null,
        };
        return new(Of(result, source.Id), source);
    }
}

/// <summary>A reward model's part of the report, with the source that its numbers name.</summary>
/// <param name="Report">The part.</param>
/// <param name="Source">The source.</param>
public sealed record SourcedRewardModelReport(RewardModelReport Report, Source Source);
