namespace Attune.Feedback.Arena;

/// <summary>What a voter decided.</summary>
public enum ArenaChoice
{
    /// <summary>The left one is better.</summary>
    A,

    /// <summary>The right one is better.</summary>
    B,

    /// <summary>Both are equally good.</summary>
    Tie,

    /// <summary>Both are equally bad; counts as a tie.</summary>
    BothBad,
}

/// <summary>A vote that counts.</summary>
/// <param name="Voter">Who gave it, by id.</param>
/// <param name="ModelA">The model shown left.</param>
/// <param name="ModelB">The model shown right.</param>
/// <param name="Choice">What was decided.</param>
public sealed record ArenaVote(string Voter, string ModelA, string ModelB, ArenaChoice Choice)
{
    /// <summary>The share of the left one: 1, ½ or 0.</summary>
    public double ShareOfA => Choice switch { ArenaChoice.A => 1, ArenaChoice.B => 0, _ => 0.5 };
}
