namespace Attune.Feedback.Quality;

/// <summary>What can be measured about an annotator over a window. Shares are from 0 to 1.</summary>
public enum Measure
{
    /// <summary>How many judgments there are.</summary>
    Judgments,

    /// <summary>The mean of the Beta posterior of answering golden tasks rightly; its interval is the 95 % credible one.</summary>
    GoldenAccuracy,

    /// <summary>Share of the pairs and questions on which the annotator is with the plurality of the others; the own vote is left out, and so are golden tasks.</summary>
    Agreement,

    /// <summary>Share of repeats answered as the first time; of rankings, questions and ratings of their parts, see <see cref="AnnotatorMeasures"/>.</summary>
    SelfConsistency,

    /// <summary>(share of first-shown taken − chance)/(1 − chance), as <see cref="AnnotatorStatistics.SideBias"/>; below 0 for a bias away from the first.</summary>
    LeftBias,

    /// <summary>Share of judgments faster than a low quantile of the others' times on the same kind of task.</summary>
    FastShare,

    /// <summary>Mean of (ln seconds − the others' mean)/(the others' standard deviation) on the same kind of task; below 0 is faster.</summary>
    SpeedZ,

    /// <summary>The longest run of judgments whose best answer was shown in the same place.</summary>
    SideStreak,

    /// <summary>The longest run of judgments that are equal as shown, strength included; texts and marks end a run.</summary>
    AnswerStreak,

    /// <summary>Entropy of the answers as shown, strength included, in nats; 0 for someone who always answers alike.</summary>
    AnswerEntropy,

    /// <summary>Share of judgments that say "cannot judge".</summary>
    NoVoteRate,

    /// <summary>Share of tasks left without an answer.</summary>
    SkipRate,

    /// <summary>Tasks left one after another, up to now.</summary>
    SkipsInARow,

    /// <summary>Share of the characters that were pasted and not typed.</summary>
    PastedShare,

    /// <summary>Share of written texts with any formal fault (<see cref="TextChecks"/>).</summary>
    TextFaults,

    /// <summary>Mean number of words of written texts.</summary>
    TextWords,

    /// <summary>Mean number of sentences of written texts.</summary>
    TextSentences,

    /// <summary>Mean share of the written word sequences that stand in the prompt.</summary>
    CopiedShare,

    /// <summary>Share of written texts with a banned opening.</summary>
    BannedOpenings,

    /// <summary>Share of written texts in another language than the wanted one; of those whose language is recognised.</summary>
    OtherLanguage,
}

/// <summary>A measure over a window.</summary>
/// <param name="Measure">Which one.</param>
/// <param name="Value">Its value; NaN without anything to measure.</param>
/// <param name="Count">How many observations it rests on: golden tasks, pairs and questions, repeats, judgments, texts.</param>
/// <param name="Interval">The 95 % interval of a rate or mean; null where the measure has none or nothing was observed.</param>
public sealed record Measured(Measure Measure, double Value, int Count, Interval? Interval);
