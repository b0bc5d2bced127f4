namespace Attune.Feedback;

/// <summary>Compares answers: a person, a simulated annotator, a model, a reward.</summary>
public interface IJudge
{
    /// <summary>Whose judgments these are: a pseudonym, or the name of a model or reward.</summary>
    string Id { get; }

    /// <summary>Judges the answers of one comparison.</summary>
    /// <param name="comparison">What to compare; a judge heeds neither the answers' sources nor their stored order, but what is shown.</param>
    /// <param name="view">Which view of it is shown, see <see cref="Comparison.OrderFor"/>: 0 for the first judge, 1 for the next.</param>
    Judgment Judge(Comparison comparison, int view = 0);

    /// <summary>Judges many at once; a judge that computes in batches says how.</summary>
    IReadOnlyList<Judgment> JudgeAll(IReadOnlyList<Comparison> comparisons, int view = 0) =>
        comparisons.Select(comparison => Judge(comparison, view)).ToArray();
}

/// <summary>Judges by a number for each answer: a function reward, a lexicon, a length. Blind to the order shown, and without noise.</summary>
/// <param name="id">Its name in judgments.</param>
/// <param name="score">How good an answer is; from the prompt and the answer.</param>
/// <param name="tieWithin">Answers that differ by no more than this are level.</param>
public sealed class ScoreJudge(string id, Func<string, Answer, double> score, double tieWithin = 0) : IJudge
{
    /// <summary>The instruction version of judgments that no instruction led to.</summary>
    public const string NoInstructions = "none";

    /// <inheritdoc/>
    public string Id => id;

    /// <inheritdoc/>
    public Judgment Judge(Comparison comparison, int view = 0)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        var scores = comparison.Answers.Select(answer => score(comparison.Prompt, answer)).ToArray();
        if (scores.FirstOrDefault(double.IsNaN, 0) is double.NaN)
            throw new InvalidOperationException($"{id} scored an answer of {comparison.Id} as NaN, expected a number; check the function.");
        var ranks = tieWithin > 0 && scores.Max() - scores.Min() <= tieWithin ? scores.Select(_ => 1).ToArray() : Judgment.RanksOf(scores);
        return new()
        {
            Id = Verdicts.Id(comparison, id, view),
            ComparisonId = comparison.Id,
            AnnotatorId = id,
            Order = comparison.OrderFor(view),
            Outcome = Verdicts.OutcomeOf(ranks),
            Ranks = ranks,
            InstructionVersion = NoInstructions,
            At = Verdicts.MadeUpTime(comparison.Round, 0),
        };
    }
}

/// <summary>What all judgments made by a program share.</summary>
internal static class Verdicts
{
    /// <summary>An id that is the same whenever the same judge judges the same view, so that judging again adds nothing to a log.</summary>
    public static string Id(Comparison comparison, string judge, int view) => $"{comparison.Id}:{judge}:{view}";

    /// <summary>The view that such an id names; 0 for an id of another kind.</summary>
    public static int ViewOf(Judgment judgment) => int.TryParse(judgment.Id[(judgment.Id.LastIndexOf(':') + 1)..], out var view) ? view : 0;

    /// <summary>What ranks amount to.</summary>
    public static Outcome OutcomeOf(IReadOnlyList<int> ranks) =>
        ranks.All(rank => rank == 1) ? Outcome.Tie : ranks.Count == 2 ? Outcome.Choice : Outcome.Ranking;

    /// <summary>A time that is the same in every run: round r is day r of the year 2000, of which a share between 9 and 17 o'clock has passed.</summary>
    public static DateTimeOffset MadeUpTime(int round, double share) =>
        new DateTimeOffset(2000, 1, 1, 9, 0, 0, TimeSpan.Zero).AddDays(round).AddSeconds(Math.Floor(share * 8 * 3600));
}
