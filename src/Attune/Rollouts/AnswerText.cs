using Attune.Tokens;

namespace Attune.Rollouts;

/// <summary>
/// The text of an answer as it comes: never half a character, and never the beginning of a stop text, which waits until it is clear that it is none.
/// </summary>
/// <param name="tokenizer">Whose tokens come.</param>
/// <param name="stops">Texts that end the answer and are no part of it; none empty.</param>
public sealed class AnswerText(Tokenizer tokenizer, IReadOnlyList<string> stops)
{
    private readonly StreamingDecoder _decoder = new(tokenizer, skipSpecial: true);
    private string _held = "";

    /// <summary>Whether a stop text has appeared: what follows is no longer part of the answer.</summary>
    public bool HasStopped { get; private set; }

    /// <summary>What can be shown now that this token has come.</summary>
    public string Add(int token) => Show(_decoder.Add(token), isEnd: false);

    /// <summary>What is left at the end.</summary>
    public string Finish() => HasStopped ? "" : Show(_decoder.Finish(), isEnd: true);

    private string Show(string text, bool isEnd)
    {
        if (HasStopped)
            return "";
        _held += text;
        var first = stops.Select(stop => _held.IndexOf(stop, StringComparison.Ordinal)).Where(at => at >= 0).DefaultIfEmpty(-1).Min();
        if (first >= 0)
        {
            HasStopped = true;
            return Take(first, keepRest: false);
        }

        return Take(isEnd ? _held.Length : _held.Length - LongestBeginning(), keepRest: true);
    }

    /// <summary>Characters at the end that may be the beginning of a stop text.</summary>
    private int LongestBeginning()
    {
        var longest = 0;
        foreach (var stop in stops)
        {
            for (var length = Math.Min(stop.Length - 1, _held.Length); length > longest; length--)
            {
                if (_held.AsSpan().EndsWith(stop.AsSpan(0, length), StringComparison.Ordinal))
                    longest = length;
            }
        }

        return longest;
    }

    private string Take(int count, bool keepRest)
    {
        var shown = _held[..count];
        _held = keepRest ? _held[count..] : "";
        return shown;
    }
}
