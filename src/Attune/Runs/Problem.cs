namespace Attune.Runs;

/// <summary>One thing that is wrong with what the user gave.</summary>
/// <param name="Key">Where it is: a recipe key such as <c>ppo.clipRange</c>, a file, a flag. May be empty.</param>
/// <param name="Message">What is wrong with its value, what was expected, what to do: "is 2, expected between 0 and 1; 0.2 is usual".</param>
public sealed record Problem(string Key, string Message)
{
    /// <summary>A problem from its three parts: "is 2, expected between 0 and 1; 0.2 is usual".</summary>
    /// <param name="key">Where it is.</param>
    /// <param name="found">What is wrong, with its value: "is 2".</param>
    /// <param name="expected">What would be right: "between 0 and 1".</param>
    /// <param name="fix">What to do about it: "0.2 is usual".</param>
    public static Problem Of(string key, string found, string expected, string fix) =>
        new(key, $"{found}, expected {expected}; {fix}");

    /// <summary>The problem of a number that is out of its range, not finite, or so large that float32 has no room to compute with it; nothing where it is fine.</summary>
    /// <param name="key">Where it is.</param>
    /// <param name="value">The number; null where it is not set, which is fine.</param>
    /// <param name="isFine">Whether it is in its range.</param>
    /// <param name="expected">The range: "above 0".</param>
    /// <param name="fix">What to do about it: "0.2 is usual".</param>
    internal static IEnumerable<Problem> Refuse(string key, double? value, bool isFine, string expected, string fix)
    {
        if (value is { } number && !(Math.Abs(number) <= Largest))
            yield return Of(key, $"is {number}", $"{expected}, at most 1e30", fix);
        else if (!isFine)
            yield return Of(key, $"is {value}", expected, fix);
    }

    private const double Largest = 1e30; // float32 ends at 3.4e38; far beyond sense, and products with a factor still fit
}
