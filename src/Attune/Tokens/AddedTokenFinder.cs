using System.Buffers;
using System.Text;
using Attune.Tokens.Characters;
using Attune.Tokens.Pieces;

namespace Attune.Tokens;

/// <summary>A part of a text: an added token, or what lies between two.</summary>
internal readonly record struct TextSection(int Start, int End, AddedToken? Token);

/// <summary>Finds added tokens in a text: the longest that begins at a place, from left to right.</summary>
internal sealed class AddedTokenFinder
{
    private readonly PieceTrie _trie;
    private readonly Dictionary<int, AddedToken> _tokens;
    private readonly SearchValues<char> _starts;

    /// <param name="tokens">The tokens with the text to look for.</param>
    public AddedTokenFinder(IEnumerable<(AddedToken Token, string Text)> tokens)
    {
        var known = tokens.Where(entry => entry.Text.Length > 0).ToArray();
        _tokens = known.ToDictionary(entry => entry.Token.Id, entry => entry.Token);
        _trie = new(known.Select(entry => (entry.Text, entry.Token.Id)));
        _starts = SearchValues.Create([.. known.Select(entry => entry.Text[0]).Distinct()]);
    }

    public bool IsEmpty => _tokens.Count == 0;

    /// <summary>The sections of a text, none empty.</summary>
    /// <param name="text">The text.</param>
    /// <param name="isData">Whether a stretch holds something that people wrote; no special token is found there. Null where none does.</param>
    public List<TextSection> Find(ReadOnlySpan<char> text, Func<int, int, bool>? isData = null)
    {
        var sections = new List<TextSection>();
        var plain = 0;
        for (var at = Next(text, 0); at < text.Length;)
        {
            if (Longest(text, at, isData) is not (var token, var end))
            {
                at = Next(text, at + 1);
                continue;
            }
            var start = at;
            at = end;
            if (!token.IsWord || !(TouchesWord(text, start, before: true) || TouchesWord(text, end, before: false)))
            {
                while (token.StripsLeft && start > plain && char.IsWhiteSpace(text[start - 1]))
                    start--;
                while (token.StripsRight && end < text.Length && char.IsWhiteSpace(text[end]))
                    end++;
                if (start > plain)
                    sections.Add(new(plain, start, null));
                sections.Add(new(start, end, token));
                plain = at = end;
            }
            at = Next(text, at);
        }
        if (plain < text.Length)
            sections.Add(new(plain, text.Length, null));
        return sections;
    }

    private int Next(ReadOnlySpan<char> text, int start)
    {
        if (start >= text.Length)
            return text.Length;
        var distance = text[start..].IndexOfAny(_starts);
        return distance < 0 ? text.Length : start + distance;
    }

    private (AddedToken Token, int End)? Longest(ReadOnlySpan<char> text, int start, Func<int, int, bool>? isData)
    {
        (AddedToken, int)? found = null;
        for (var (node, end) = (0, start); end < text.Length && (node = _trie.Step(node, text[end])) >= 0;)
        {
            end++;
            if (_trie.ValueAt(node) is >= 0 and var id && !(_tokens[id].IsSpecial && isData?.Invoke(start, end) == true))
                found = (_tokens[id], end);
        }
        return found;
    }

    private static bool TouchesWord(ReadOnlySpan<char> text, int at, bool before)
    {
        Rune rune;
        if (before ? Rune.DecodeLastFromUtf16(text[..at], out rune, out _) != OperationStatus.Done : Rune.DecodeFromUtf16(text[at..], out rune, out _) != OperationStatus.Done)
            return false;
        return RuneSet.Words.Holds(rune.Value);
    }
}
