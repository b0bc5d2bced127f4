using Attune.Feedback.Quality;
using Attune.Storage;

namespace Attune.Web.Work;

/// <summary>A measure of somebody, with numbers that JSON can hold.</summary>
/// <param name="Measure">Which.</param>
/// <param name="Value">Its value; null without anything to measure.</param>
/// <param name="Count">Observations.</param>
/// <param name="Lower">The lower end of its 95 % interval.</param>
/// <param name="Upper">The upper end.</param>
public sealed record MeasureReply(Measure Measure, double? Value, int Count, double? Lower, double? Upper);

/// <summary>Somebody's measures.</summary>
/// <param name="AnnotatorId">The pseudonym.</param>
/// <param name="Measures">All of them, in a fixed order.</param>
public sealed record AnnotatorReply(string AnnotatorId, IReadOnlyList<MeasureReply> Measures)
{
    /// <summary>Everyone who judged in a project, in alphabetical order.</summary>
    public static async Task<IReadOnlyList<AnnotatorReply>> OfAsync(Database database, string projectId, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(database);
        var history = QualityHistory.Of(await database.Quality.InputAsync(projectId, stop).ConfigureAwait(false));
        return [.. history.Annotators.Select(annotator => new AnnotatorReply(annotator, [.. history.MeasureAll(annotator).Select(Of)]))];
    }

    /// <summary>One of them.</summary>
    public MeasureReply this[Measure measure] => Measures.First(one => one.Measure == measure);

    private static MeasureReply Of(Measured measured) => new(measured.Measure, Number(measured.Value), measured.Count, Number(measured.Interval?.Lower), Number(measured.Interval?.Upper));

    private static double? Number(double? value) => value is { } number && double.IsFinite(number) ? number : null;
}
