namespace Attune.Evaluation;

/// <summary>How a comparison went for the model named first.</summary>
public enum PairOutcome
{
    /// <summary>The model's answer was preferred.</summary>
    Win,

    /// <summary>Neither answer was preferred.</summary>
    Tie,

    /// <summary>The opponent's answer was preferred.</summary>
    Loss,
}

/// <summary>One judge's vote on one pair of answers, seen from the model named first in its <see cref="PairResult"/>.</summary>
/// <param name="Judge">Who voted (a pseudonym, or the name of a reward).</param>
/// <param name="Outcome">The vote.</param>
/// <param name="ShownFirst">True when this judge saw the model's answer first (on the left), false when second.</param>
/// <param name="Row">The row of the judgment log that holds the vote.</param>
public sealed record PairVote(string Judge, PairOutcome Outcome, bool ShownFirst, SourceRow? Row = null);

/// <summary>All votes on the answers of two models to one prompt.</summary>
/// <param name="Prompt">Id of the prompt; results with equal ids are one unit in every interval.</param>
/// <param name="Model">The model whose wins are counted.</param>
/// <param name="Opponent">The model it was compared with.</param>
/// <param name="Votes">At least one vote; people and crowds give at least <see cref="MinimumVotes"/>.</param>
public sealed record PairResult(string Prompt, string Model, string Opponent, IReadOnlyList<PairVote> Votes)
{
    /// <summary>Fewest votes of people a reported pair should have.</summary>
    public const int MinimumVotes = 3;

    /// <summary>The outcome that more than half of the votes share; a tie when none does (so 1 win, 1 tie, 1 loss is a tie).</summary>
    public PairOutcome Majority
    {
        get
        {
            if (Votes.Count == 0)
                throw new InvalidOperationException(
                    $"The pair {Model} / {Opponent} on prompt {Prompt} has no votes, expected at least one; leave unjudged pairs out.");
            if (2 * Votes.Count(v => v.Outcome == PairOutcome.Win) > Votes.Count)
                return PairOutcome.Win;
            return 2 * Votes.Count(v => v.Outcome == PairOutcome.Loss) > Votes.Count ? PairOutcome.Loss : PairOutcome.Tie;
        }
    }

    /// <summary>1 for a majority win, ½ for a tie, 0 for a loss.</summary>
    public double Points => Majority switch { PairOutcome.Win => 1, PairOutcome.Tie => 0.5, _ => 0 };

    /// <summary>The same votes seen from the opponent.</summary>
    public PairResult Reversed() => new(Prompt, Opponent, Model, [.. Votes.Select(v => v with
    {
        Outcome = v.Outcome switch { PairOutcome.Win => PairOutcome.Loss, PairOutcome.Loss => PairOutcome.Win, _ => PairOutcome.Tie },
        ShownFirst = !v.ShownFirst,
    })]);
}
