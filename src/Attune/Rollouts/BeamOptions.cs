using Attune.Runs;

namespace Attune.Rollouts;

/// <summary>When a beam search ends that has as many finished hypotheses as beams.</summary>
public enum EarlyStopping
{
    /// <summary>When the best open beam, were it finished now, would not be among them. A guess: with a positive length penalty it might still grow to be.</summary>
    [RecipeName("false")]
    No,

    /// <summary>At once.</summary>
    [RecipeName("true")]
    Yes,

    /// <summary>When no open beam can come to be among them, whatever its length.</summary>
    Never,
}

/// <summary>How a beam search goes.</summary>
public sealed record BeamOptions
{
    internal const int MostBeams = 1024; // far beyond sense, and memory for them is checked

    /// <summary>Hypotheses that are continued side by side.</summary>
    public int Beams { get; init; } = 4;

    /// <summary>A hypothesis scores Σ log-prob / tokens^penalty: 0 favours short ones, above 1 long ones.</summary>
    public double LengthPenalty { get; init; } = 1;

    /// <summary>When to end.</summary>
    public EarlyStopping EarlyStopping { get; init; }

    /// <summary>How many hypotheses to return, best first; null for as many as beams.</summary>
    public int? Best { get; init; }

    /// <summary>What is wrong with the values, if anything.</summary>
    /// <param name="nameOf">How the person who gave a value calls it, by this record's key in camel case.</param>
    public IEnumerable<Problem> Problems(Func<string, string>? nameOf = null)
    {
        nameOf ??= name => name;
        if (Beams is < 1 or > MostBeams)
            yield return Problem.Of(nameOf("beams"), $"is {Beams}", $"1 to {MostBeams}", "4 is usual");
        if (!(Math.Abs(LengthPenalty) <= 100))
            yield return Problem.Of(nameOf("lengthPenalty"), $"is {LengthPenalty}", "-100 to 100", "1 is usual");
        if (Best is { } best && (best < 1 || best > Math.Max(1, Beams)))
            yield return Problem.Of(nameOf("best"), $"is {best}", $"1 to {nameOf("beams")} ({Beams})", "ask for fewer, or search with more beams");
    }
}
