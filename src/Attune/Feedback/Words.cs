using System.Text;

namespace Attune.Feedback;

/// <summary>
/// Text as words, the way the simulated crowd and the bag-of-words baseline read it. Not here: stemming, sentence splitting,
/// and anything a language model is fed (that is a tokenizer's work).
/// </summary>
public static class Words
{
    /// <summary>
    /// The words in order, in lower case: runs of letters and digits, with apostrophes inside them kept (<c>don't</c>; a curly apostrophe
    /// becomes a straight one). Everything else separates, so <c>well-made</c> is two words.
    /// </summary>
    public static IReadOnlyList<string> Of(string text) => Scan(text).ConvertAll(word => word.Text);

    /// <summary>As <see cref="Of"/>, with a mark on words that open a clause: the first one and those after any of <c>. , ; : ! ? ( )</c> or a line end.</summary>
    internal static List<SpokenWord> Scan(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var words = new List<SpokenWord>();
        var current = new StringBuilder();
        var opensClause = true;
        for (var i = 0; i <= text.Length; i++)
        {
            var c = i < text.Length ? text[i] : ' ';
            if (char.IsLetterOrDigit(c))
            {
                current.Append(char.ToLowerInvariant(c));
                continue;
            }
            var joins = c is '\'' or '’' && current.Length > 0 && i + 1 < text.Length && char.IsLetterOrDigit(text[i + 1]);
            if (joins)
            {
                current.Append('\'');
                continue;
            }
            if (current.Length > 0)
            {
                words.Add(new(current.ToString(), opensClause));
                current.Clear();
                opensClause = false;
            }
            opensClause |= c is '.' or ',' or ';' or ':' or '!' or '?' or '(' or ')' or '\n';
        }
        return words;
    }
}

/// <summary>A word and whether a clause starts with it.</summary>
internal readonly record struct SpokenWord(string Text, bool OpensClause);
