using Attune.Feedback;
using Attune.Runs;

namespace Attune.Loop;

/// <summary>A round's comparisons, and who may judge them.</summary>
/// <param name="Number">Which round, from 1.</param>
/// <param name="Comparisons">Everything that may be judged in it.</param>
/// <param name="Annotators">Everyone whose judgments are kept.</param>
public sealed record FeedbackRound(int Number, IReadOnlyList<Comparison> Comparisons, Annotators Annotators);

/// <summary>
/// Where a quick start keeps its judgments, and whom it asks. The program that has a database implements it; without one judgments go into
/// <c>judgments.jsonl</c> alone, and only the simulated crowd can be asked.
/// </summary>
public interface IQuickstartFeedback
{
    /// <summary>Keeps judgments of simulated annotators, each once however often it is called, and gives everything that is kept of the round.</summary>
    /// <param name="database">The file.</param>
    /// <param name="round">The round.</param>
    /// <param name="judgments">What the crowd said.</param>
    /// <exception cref="RunFailedException">The disk is full, or the file cannot be used; what was kept is whole.</exception>
    IReadOnlyList<Judgment> Keep(string database, FeedbackRound round, IReadOnlyList<Judgment> judgments);

    /// <summary>Has a person judge, and returns when everything is judged. What they judged is kept at once and not asked again.</summary>
    /// <param name="database">The file.</param>
    /// <param name="round">The round.</param>
    /// <param name="asked">What they are to judge.</param>
    /// <param name="progress">Told where to judge, and how far they are.</param>
    /// <param name="stop">Asks to stop.</param>
    /// <returns>Whether all was judged; false where it was asked to stop.</returns>
    /// <exception cref="RunFailedException">As for <see cref="Keep"/>.</exception>
    bool Ask(string database, FeedbackRound round, IReadOnlyList<Comparison> asked, IProgressSink progress, CancellationToken stop);
}
