using System.Text;
using Attune.Tokens.Characters;

namespace Attune.Tokens.Pipeline;

/// <summary>Where a piece of text stands, on which it depends whether a space is put before it.</summary>
internal enum TextPlace
{
    /// <summary>The whole text begins with it.</summary>
    Start,

    /// <summary>Behind an added token or a cut.</summary>
    Behind,

    /// <summary>It goes on where another piece was cut off, and is to be encoded as if it had not been.</summary>
    Within,
}

/// <summary>A piece of text on its way to the vocabulary.</summary>
internal readonly record struct TextPiece(string Text, TextPlace Place);

/// <summary>
/// How a tokenizer cuts text before its vocabulary sees it: the pre-tokenizers of <c>tokenizer.json</c>. Where the last of them turns text into the byte
/// alphabet, this is left to the vocabulary, which works on the bytes themselves.
/// </summary>
internal sealed class PreTokeniser
{
    private const string KnownTypes = "BertPreTokenizer, ByteLevel, CharDelimiterSplit, Digits, FixedLength, Metaspace, Punctuation, Split, UnicodeScripts, Whitespace, WhitespaceSplit or a Sequence of these";

    private static readonly RuneSet NeitherWordNorSpace = new(rune => !RuneSet.Words.Holds(rune) && !RuneSet.Space.Holds(rune));

    private readonly List<Func<List<TextPiece>, List<TextPiece>>> _steps = [];

    private PreTokeniser() { }

    /// <summary>Whether its pieces are to be spelled as bytes.</summary>
    public bool EndsInBytes { get; private set; }

    /// <summary>The pattern that is all it does before the bytes; null where it does something else.</summary>
    public SplitPattern? Pattern { get; private set; }

    public static PreTokeniser None { get; } = new();

    public static PreTokeniser Read(Component component)
    {
        var cutter = new PreTokeniser();
        var parts = component.Flat("pretokenizers").ToArray();
        for (var i = 0; i < parts.Length; i++)
        {
            if (parts[i].Type == "ByteLevel")
                cutter.AddByteLevel(parts[i], isLast: i == parts.Length - 1);
            else
                cutter.Add(parts[i]);
        }
        cutter.Pattern = PatternOf(parts);
        return cutter;
    }

    public List<TextPiece> Apply(string text, TextPlace place)
    {
        var pieces = new List<TextPiece> { new(text, place) };
        foreach (var step in _steps)
            pieces = step(pieces);
        return pieces;
    }

    private static SplitPattern? PatternOf(Component[] parts)
    {
        if (parts.Length is < 1 or > 2 || parts[^1].Type != "ByteLevel" || parts[^1].Flag("add_prefix_space", true))
            return null;
        if (parts.Length == 1)
            return parts[0].Flag("use_regex", true) ? SplitPattern.Gpt2 : null;
        var isPlain = parts[0].Type == "Split" && !parts[1].Flag("use_regex", true) && !parts[0].Flag("invert", false) && parts[0].Choice<CutBehavior>("behavior") == CutBehavior.Isolated;
        return isPlain && TextPattern.RegexOf(parts[0]) is { } regex ? SplitScanner.Of(regex) : null;
    }

    private void AddByteLevel(Component component, bool isLast)
    {
        component.Allow("add_prefix_space", "trim_offsets", "use_regex");
        if (component.Flag("add_prefix_space", true))
            _steps.Add(pieces => [.. pieces.Select(piece => piece.Place == TextPlace.Within || piece.Text.StartsWith(' ') ? piece : piece with { Text = " " + piece.Text })]);
        if (component.Flag("use_regex", true))
            _steps.Add(Cutting(text => Cuts.Of(text, SplitScanner.Words(text, SplitPattern.Gpt2)), CutBehavior.Isolated));
        if (isLast)
            EndsInBytes = true;
        else
            _steps.Add(pieces => [.. pieces.Select(piece => piece with { Text = ByteAlphabet.Write(Encoding.UTF8.GetBytes(piece.Text)) })]);
    }

    private void Add(Component component)
    {
        switch (component.Type)
        {
            case "BertPreTokenizer":
                component.Allow();
                AddCut(RuneSet.Space, CutBehavior.Removed);
                AddCut(RuneSet.Punctuation, CutBehavior.Isolated);
                break;
            case "CharDelimiterSplit":
                component.Allow("delimiter");
                AddCut(RuneSet.Of(component.Character("delimiter")), CutBehavior.Removed);
                break;
            case "Digits":
                component.Allow("individual_digits");
                AddCut(RuneSet.Numbers, component.Flag("individual_digits", false) ? CutBehavior.Isolated : CutBehavior.Contiguous);
                break;
            case "FixedLength":
                component.Allow("length");
                var length = component.Number("length", 5, 1, int.MaxValue);
                _steps.Add(Cutting(text => Cuts.Of(text, Lengths(text, length)), CutBehavior.Isolated));
                break;
            case "Metaspace":
                AddMetaspace(component);
                break;
            case "Punctuation":
                component.Allow("behavior");
                AddCut(RuneSet.Punctuation, component.Choice<CutBehavior>("behavior", CutBehavior.Isolated));
                break;
            case "Split":
                AddSplit(component);
                break;
            case "UnicodeScripts":
                component.Allow();
                _steps.Add(Cutting(text => Cuts.Of(text, Scripts(text)), CutBehavior.Isolated));
                break;
            case "Whitespace": // words, or what is neither word nor space
                component.Allow();
                AddCut(RuneSet.Space, CutBehavior.Removed);
                AddCut(NeitherWordNorSpace, CutBehavior.Contiguous);
                break;
            case "WhitespaceSplit":
                component.Allow();
                AddCut(RuneSet.Space, CutBehavior.Removed);
                break;
            default:
                throw component.Unknown(KnownTypes);
        }
    }

    private void AddSplit(Component component)
    {
        component.Allow("pattern", "behavior", "invert");
        var (matches, isInverted) = (TextPattern.Read(component), component.Flag("invert", false));
        _steps.Add(Cutting(text =>
        {
            var cuts = Cuts.Of(text, matches(text));
            return isInverted ? [.. cuts.Select(cut => cut with { IsMatch = !cut.IsMatch })] : cuts;
        }, component.Choice<CutBehavior>("behavior")));
    }

    private void AddMetaspace(Component component)
    {
        component.Allow("replacement", "str_rep", "add_prefix_space", "prepend_scheme", "split");
        var mark = new Rune(component.Character("replacement")).ToString();
        var scheme = MetaspaceScheme.Of(component);
        _steps.Add(pieces => [.. pieces.Select(piece =>
        {
            var text = piece.Text.Replace(" ", mark, StringComparison.Ordinal);
            var leads = piece.Place <= (scheme switch { PrependScheme.First => TextPlace.Start, PrependScheme.Always => TextPlace.Behind, _ => (TextPlace)(-1) }) && !text.StartsWith(mark, StringComparison.Ordinal);
            return piece with { Text = leads ? mark + text : text };
        })]);
        if (component.Flag("split", true))
            _steps.Add(Cutting(text => Cuts.Of(text, Cuts.Occurrences(text, mark)), CutBehavior.MergedWithNext));
    }

    private void AddCut(RuneSet set, CutBehavior behaviour) => _steps.Add(Cutting(text => Cuts.Of(text, Cuts.Characters(text, set)), behaviour));

    private static Func<List<TextPiece>, List<TextPiece>> Cutting(Func<string, List<Cut>> cut, CutBehavior behaviour) => pieces =>
    {
        var result = new List<TextPiece>(pieces.Count);
        foreach (var piece in pieces)
        {
            foreach (var (start, end) in Cuts.Apply(cut(piece.Text), behaviour))
                result.Add(end - start == piece.Text.Length ? piece : new(piece.Text[start..end], start == 0 ? piece.Place : TextPlace.Behind));
        }
        return result;
    };

    private static IEnumerable<(int Start, int End)> Lengths(string text, int length)
    {
        for (var start = 0; start < text.Length;)
        {
            var end = start;
            for (var runes = 0; runes < length && end < text.Length; runes++)
                end += char.IsHighSurrogate(text[end]) ? 2 : 1;
            yield return (start, end);
            start = end;
        }
    }

    /// <summary>Runs of one script. Kana count as Han; a space belongs to the run that it stands in.</summary>
    private static IEnumerable<(int Start, int End)> Scripts(string text)
    {
        var (start, at) = (0, 0);
        string? last = null; // the script of the character before; "Any" behind a space
        foreach (var rune in text.EnumerateRunes())
        {
            var script = rune.Value == 0x30FC ? "Han" : rune.Value == ' ' ? "Any" : UnicodeScripts.Of(rune.Value) is { } own ? (own is "Hiragana" or "Katakana" ? "Han" : own) : "Any";
            if (script != "Any" && last is not null and not "Any" && script != last && at > start)
            {
                yield return (start, at);
                start = at;
            }
            last = script;
            at += rune.Utf16SequenceLength;
        }
        if (at > start)
            yield return (start, at);
    }
}

/// <summary>When the mark of a space is put before a text that does not begin with one.</summary>
internal enum PrependScheme
{
    /// <summary>Only at the very beginning.</summary>
    First,

    /// <summary>Never.</summary>
    Never,

    /// <summary>Also behind an added token.</summary>
    Always,
}

/// <summary>The two ways in which files say it.</summary>
internal static class MetaspaceScheme
{
    public static PrependScheme Of(Component component)
    {
        var scheme = component.Choice<PrependScheme>("prepend_scheme", PrependScheme.Always);
        if (component.Flag("add_prefix_space", true))
            return scheme;
        if (component.Has("prepend_scheme") && scheme != PrependScheme.Never)
            throw component.Wrong("add_prefix_space", $"is false beside prepend_scheme '{component.Text("prepend_scheme")}'", "settings that agree");
        return PrependScheme.Never;
    }
}
