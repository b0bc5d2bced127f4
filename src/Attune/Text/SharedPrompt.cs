namespace Attune.Text;

/// <summary>Finds the prompt of two whole texts that begin alike.</summary>
public static class SharedPrompt
{
    /// <summary>
    /// What both begin with is the prompt; a space at its end moves to the answers, as byte-level vocabularies put spaces before words.
    /// A character of two UTF-16 units is never cut.
    /// </summary>
    public static PreferencePair Extract(string chosen, string rejected)
    {
        var length = chosen.AsSpan().CommonPrefixLength(rejected);
        if (length > 0 && char.IsHighSurrogate(chosen[length - 1]))
            length--;
        if (length > 0 && chosen[length - 1] == ' ')
            length--;
        return new(chosen[..length], chosen[length..], rejected[length..]);
    }
}
