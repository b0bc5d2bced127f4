using Attune.Feedback;
using Attune.Runs;

namespace Attune.Evaluation;

/// <summary>Who gave the judgments that were collected, in the report's form.</summary>
public static class AnnotatorReports
{
    /// <summary>From a log of judgments.</summary>
    /// <param name="log">The <c>judgments.jsonl</c>.</param>
    /// <param name="annotators">Who is held out; null where nobody is.</param>
    /// <param name="reportFolder">Where the report will be; the source is relative to it.</param>
    /// <exception cref="InputException">The log is missing or damaged.</exception>
    public static SourcedAnnotators Read(string log, Annotators? annotators, string reportFolder)
    {
        var contents = JudgmentLog.Read(log);
        var source = new Source
        {
            Id = "judgments",
            About = "The judgments that were collected; training reads those of training annotators",
            File = Path.GetRelativePath(reportFolder, log).Replace('\\', '/'),
            Lines = $"1–{contents.Torn?.Number - 1 ?? File.ReadLines(log).Count()}",
        };
        var rows = GroupAgreement.Of(contents.Judgments, annotators).SelectMany(group => group.People.Select(one => Row(one, group.Group, source.Id)));
        return new([.. rows.OrderBy(row => row.Annotator, StringComparer.Ordinal)], source);
    }

    private static AnnotatorRow Row(AnnotatorStatistics one, AnnotatorGroup? group, string source) => new()
    {
        Annotator = one.AnnotatorId,
        Group = group switch { AnnotatorGroup.Training => "training", AnnotatorGroup.HeldOut => "held-out", _ => null },
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
