using Attune.Feedback;
using Attune.Runs;

namespace Attune.Evaluation;

/// <summary>Who gave the judgments that training read, in the report's form.</summary>
public static class AnnotatorReports
{
    /// <summary>From a log of judgments.</summary>
    /// <param name="log">The <c>judgments.jsonl</c>.</param>
    /// <param name="annotators">Who is held out; null where nobody is.</param>
    /// <param name="reportFolder">Where the report will be; the source is relative to it.</param>
    /// <exception cref="InputException">The log is missing or damaged.</exception>
    public static SourcedAnnotators Read(string log, Annotators? annotators, string reportFolder)
    {
        var source = new Source
        {
            Id = "judgments",
            About = "The judgments that training read",
            File = Path.GetRelativePath(reportFolder, log).Replace('\\', '/'),
        };
        return new([.. AnnotatorStatistics.Of(JudgmentLog.Read(log).Judgments).Select(one => Row(one, annotators, source.Id))], source);
    }

    private static AnnotatorRow Row(AnnotatorStatistics one, Annotators? annotators, string source) => new()
    {
        Annotator = one.AnnotatorId,
        Group = annotators is null ? null : annotators.GroupOf(one.AnnotatorId) == AnnotatorGroup.HeldOut ? "held-out" : "training",
        Judgments = one.Judgments,
        Agreement = one.WithMajorityOfOthers.Trials > 0 ? one.WithMajorityOfOthers.Share : null,
        AgreementInterval = one.WithMajorityOfOthers.Trials > 0 ? one.WithMajorityOfOthers.Wilson() : null,
        FirstShown = one.FirstShown.Trials > 0 ? one.FirstShown.Share : null,
        FirstShownByChance = one.FirstShown.Trials > 0 ? one.FirstShownByChance : null,
        MedianSeconds = one.MedianSeconds,
        Source = source,
    };
}

/// <summary>The annotators' part of the report, with the source that its numbers name.</summary>
/// <param name="Rows">One for each annotator.</param>
/// <param name="Source">The source.</param>
public sealed record SourcedAnnotators(IReadOnlyList<AnnotatorRow> Rows, Source Source);
