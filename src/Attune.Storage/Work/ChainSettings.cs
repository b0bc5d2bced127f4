using Attune.Runs;

namespace Attune.Storage.Work;

/// <summary>How written texts are checked and verified.</summary>
public sealed record ChainSettings
{
    /// <summary>People who verify each text, from 1; an odd number decides.</summary>
    public int Verifiers { get; init; } = 3;

    /// <summary>How often a text that did not pass is mended, from 0 (never) to 10.</summary>
    public int Rounds { get; init; } = 2;

    /// <summary>The shortest text, in characters, from 1.</summary>
    public int MinimumCharacters { get; init; } = 1;

    /// <summary>The longest text, in characters, from <see cref="MinimumCharacters"/> to 100,000.</summary>
    public int MaximumCharacters { get; init; } = 20_000;

    /// <summary>Whether a text may be the prompt again, or hold all of a longer one.</summary>
    public bool AllowCopies { get; init; }

    /// <summary>What is wrong with a text, as the rest of a sentence; null where nothing is.</summary>
    /// <param name="text">What was written.</param>
    /// <param name="shown">What stood above it.</param>
    public string? FaultOf(string text, string shown)
    {
        const int Long = 60; // a short prompt may well stand in a good answer
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(shown);
        var (written, above) = (Plain(text), Plain(shown));
        if (text.Trim().Length < MinimumCharacters)
            return $"has {text.Trim().Length} characters, expected at least {MinimumCharacters}; write more";
        if (text.Trim().Length > MaximumCharacters)
            return $"has {text.Trim().Length} characters, expected at most {MaximumCharacters}; shorten it";
        return !AllowCopies && above.Length > 0 && (written == above || (above.Length >= Long && written.Contains(above, StringComparison.Ordinal)))
            ? "copies the prompt, expected words of its own; write what is asked for" : null;
    }

    internal IEnumerable<Problem> Check()
    {
        if (Verifiers < 1)
            yield return Problem.Of("chain.verifiers", $"is {Verifiers}", "at least 1", "3 is usual");
        if (Rounds is < 0 or > 10)
            yield return Problem.Of("chain.rounds", $"is {Rounds}", "0 to 10", "2 is usual");
        if (MinimumCharacters < 1)
            yield return Problem.Of("chain.minimumCharacters", $"is {MinimumCharacters}", "at least 1", "leave it out for any length");
        if (MaximumCharacters < MinimumCharacters || MaximumCharacters > 100_000)
            yield return Problem.Of("chain.maximumCharacters", $"is {MaximumCharacters}", $"chain.minimumCharacters, {MinimumCharacters}, to 100000", "20000 is usual");
    }

    private static string Plain(string text) => string.Join(' ', text.ToLowerInvariant().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
