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
}
