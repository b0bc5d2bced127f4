using System.Text;
using System.Text.RegularExpressions;

namespace Attune.Tokens.Pipeline;

/// <summary>
/// A step on the way from tokens to text: the decoders of <c>tokenizer.json</c>. Each takes what comes as it comes and hands on what nothing that follows can
/// change, so that streamed text and text decoded at once are the same.
/// </summary>
internal abstract class DecoderStep
{
    /// <summary>Where it goes.</summary>
    public DecoderStep? Next { get; set; }

    /// <summary>A token, or a part of one.</summary>
    /// <param name="text">Its text.</param>
    /// <param name="ends">Whether the token ends with it.</param>
    public abstract void Write(string text, bool ends);

    /// <summary>Nothing follows.</summary>
    public virtual void Finish() => Next!.Finish();
}

/// <summary>Keeps the text that has come out.</summary>
internal sealed class DecodedText : DecoderStep
{
    private readonly StringBuilder _text = new();

    public override void Write(string text, bool ends) => _text.Append(text);

    public override void Finish() { }

    /// <summary>What came since it was last asked for.</summary>
    public string Take()
    {
        var text = _text.ToString();
        _text.Clear();
        return text;
    }
}

/// <summary>Reads decoders.</summary>
internal static class Decoders
{
    private const string Known = "BPEDecoder, ByteFallback, ByteLevel, CTC, Fuse, Metaspace, Replace, Strip, WordPiece or a Sequence of these";

    /// <summary>A maker of fresh steps, in their order: they keep state.</summary>
    public static Func<IReadOnlyList<DecoderStep>> Read(Component component)
    {
        Func<DecoderStep>[] steps = [.. component.Flat("decoders").Select(One)];
        return () => [.. steps.Select(step => step())];
    }

    private static Func<DecoderStep> One(Component component)
    {
        switch (component.Type)
        {
            case "ByteLevel":
                component.Allow("add_prefix_space", "trim_offsets", "use_regex");
                return () => new ByteLevelStep();
            case "ByteFallback":
                component.Allow();
                return () => new ByteFallbackStep();
            case "Fuse":
                component.Allow();
                return () => new FuseStep();
            case "Metaspace":
                component.Allow("replacement", "str_rep", "add_prefix_space", "prepend_scheme", "split");
                var (mark, drops) = (new Rune(component.Character("replacement")).ToString(), MetaspaceScheme.Of(component) != PrependScheme.Never);
                return () => new EachToken((token, isFirst) => token.Replace(mark, isFirst && drops ? "" : " ", StringComparison.Ordinal));
            case "WordPiece":
                component.Allow("prefix", "cleanup");
                var (prefix, cleans) = (component.Text("prefix", "##"), component.Flag("cleanup", true));
                return () => new EachToken((token, isFirst) => WordPiece(token, isFirst, prefix, cleans));
            case "Replace":
                component.Allow("pattern", "content");
                var (matches, content) = (TextPattern.Read(component), component.Text("content"));
                var isOneUnit = TextPattern.RegexOf(component) is null && component.Child("pattern").Text("String").Length == 1;
                return () => new ReplaceStep(token => Cuts.Replaced(token, matches(token), content), isOneUnit);
            case "Strip":
                component.Allow("content", "start", "stop");
                var sign = new Rune(component.Character("content")).ToString();
                var (start, stop) = (component.Number("start", 0, 0, int.MaxValue), component.Number("stop", 0, 0, int.MaxValue));
                return () => new StripStep(sign, start, stop);
            case "BPEDecoder":
                component.Allow("suffix");
                var suffix = component.Text("suffix", "</w>");
                return () => new WordEndStep(suffix);
            case "CTC":
                component.Allow("pad_token", "word_delimiter_token", "cleanup");
                var (pad, delimiter, tidies) = (component.Text("pad_token", "<pad>"), component.Text("word_delimiter_token", "|"), component.Flag("cleanup", true));
                return () => new CtcStep(pad, delimiter, tidies);
            default:
                throw component.Unknown(Known);
        }
    }

    private static string WordPiece(string token, bool isFirst, string prefix, bool cleans)
    {
        if (!isFirst)
            token = token.StartsWith(prefix, StringComparison.Ordinal) ? token[prefix.Length..] : " " + token;
        return cleans ? Tidied(token) : token;
    }

    /// <summary>English without the spaces that tokenization put before punctuation and contractions.</summary>
    public static string Tidied(string text) => text.Replace(" .", ".").Replace(" ?", "?").Replace(" !", "!").Replace(" ,", ",").Replace(" ' ", "'")
        .Replace(" n't", "n't").Replace(" 'm", "'m").Replace(" do not", " don't").Replace(" 's", "'s").Replace(" 've", "'ve").Replace(" 're", "'re");
}

/// <summary>Something done to each token by itself.</summary>
internal sealed class EachToken(Func<string, bool, string> change) : DecoderStep
{
    private readonly StringBuilder _token = new();
    private bool _isFirst = true;

    public override void Write(string text, bool ends)
    {
        if (!ends)
        {
            _token.Append(text);
            return;
        }
        var token = _token.Length == 0 ? text : _token.Append(text).ToString();
        _token.Clear();
        Next!.Write(change(token, _isFirst), ends: true);
        _isFirst = false;
    }

    public override void Finish()
    {
        if (_token.Length > 0)
            Write("", ends: true);
        base.Finish();
    }
}

/// <summary>All tokens become one.</summary>
internal sealed class FuseStep : DecoderStep
{
    public override void Write(string text, bool ends) => Next!.Write(text, ends: false);

    public override void Finish()
    {
        Next!.Write("", ends: true);
        base.Finish();
    }
}

/// <summary>Tokens in the byte alphabet become one text; bytes wait until their character is whole.</summary>
internal sealed class ByteLevelStep : DecoderStep
{
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();

    public override void Write(string text, bool ends) => Write(ByteAlphabet.Read(text) ?? Encoding.UTF8.GetBytes(text), flush: false);

    public override void Finish()
    {
        Write([], flush: true);
        Next!.Write("", ends: true);
        base.Finish();
    }

    private void Write(byte[] bytes, bool flush)
    {
        var text = new char[_utf8.GetCharCount(bytes, flush)];
        _utf8.GetChars(bytes, text, flush);
        if (text.Length > 0)
            Next!.Write(new string(text), ends: false);
    }
}

/// <summary>Tokens such as <c>&lt;0x0A&gt;</c> become their bytes: whole characters as soon as they are whole, and U+FFFD for each byte that belongs to none.</summary>
internal sealed partial class ByteFallbackStep : DecoderStep
{
    private readonly List<byte> _waiting = [];

    /// <summary>The byte that a token stands for; null where it is an ordinary one.</summary>
    public static byte? ByteOf(string token) => token.Length == 6 && ByteToken().IsMatch(token) ? Convert.ToByte(token[3..5], 16) : null;

    public static string TokenOf(byte value) => $"<0x{value:X2}>";

    public override void Write(string text, bool ends)
    {
        if (ByteOf(text) is { } value)
        {
            _waiting.Add(value);
            Release(isLast: false);
            return;
        }
        Release(isLast: true);
        Next!.Write(text, ends);
    }

    public override void Finish()
    {
        Release(isLast: true);
        base.Finish();
    }

    private void Release(bool isLast)
    {
        while (_waiting.Count > 0)
        {
            var bytes = _waiting.ToArray();
            var status = Rune.DecodeFromUtf8(bytes, out var rune, out var used);
            if (status == System.Buffers.OperationStatus.NeedMoreData && !isLast)
                return;
            var isWhole = status == System.Buffers.OperationStatus.Done;
            Next!.Write(isWhole ? rune.ToString() : new string('\uFFFD', used), ends: true);
            _waiting.RemoveRange(0, used);
        }
    }

    [GeneratedRegex("^<0x[0-9A-Fa-f]{2}>$")]
    private static partial Regex ByteToken();
}

/// <summary>Replaces within each token. One that comes in parts is waited for, unless what is replaced is a single unit.</summary>
internal sealed class ReplaceStep(Func<string, string> replace, bool isOneUnit) : DecoderStep
{
    private readonly StringBuilder _token = new();

    public override void Write(string text, bool ends)
    {
        if (_token.Length == 0 && (ends || isOneUnit))
        {
            Next!.Write(replace(text), ends);
            return;
        }
        _token.Append(text);
        if (!ends)
            return;
        var token = _token.ToString();
        _token.Clear();
        Next!.Write(replace(token), ends: true);
    }

    public override void Finish()
    {
        if (_token.Length > 0)
            Write("", ends: true);
        base.Finish();
    }
}

/// <summary>Takes up to so many of a character off the beginning and the end of each token.</summary>
internal sealed class StripStep(string sign, int start, int stop) : DecoderStep
{
    private int _removed; // at the beginning of this token
    private bool _isPast; // something else has come
    private int _held;    // that may be the end

    public override void Write(string text, bool ends)
    {
        var at = 0;
        while (!_isPast && _removed < start && text.AsSpan(at).StartsWith(sign))
        {
            at += sign.Length;
            _removed++;
        }
        _isPast |= at < text.Length;
        var end = text.Length;
        var trailing = 0;
        while (trailing < stop && text.AsSpan(at, end - at).EndsWith(sign))
        {
            end -= sign.Length;
            trailing++;
        }
        if (end > at)
        {
            Release(_held);
            _held = 0;
        }
        _held += trailing;
        Release(Math.Max(0, _held - stop));
        _held = Math.Min(_held, stop);
        Next!.Write(text[at..end], ends);
        if (!ends)
            return;
        (_removed, _isPast, _held) = (0, false, 0);
    }

    private void Release(int count)
    {
        if (count > 0)
            Next!.Write(string.Concat(Enumerable.Repeat(sign, count)), ends: false);
    }
}

/// <summary>A suffix that ends words becomes a space, or nothing behind the last token.</summary>
internal sealed class WordEndStep(string suffix) : DecoderStep
{
    private string? _last;

    public override void Write(string text, bool ends)
    {
        if (_last is not null)
            Next!.Write(Replaced(_last, " "), ends: true);
        _last = text;
    }

    public override void Finish()
    {
        if (_last is not null)
            Next!.Write(Replaced(_last, ""), ends: true);
        base.Finish();
    }

    private string Replaced(string token, string by) => suffix.Length == 0 ? token : token.Replace(suffix, by, StringComparison.Ordinal);
}

/// <summary>Connectionist temporal classification (Graves 2006): repetitions and blanks go.</summary>
internal sealed class CtcStep(string pad, string delimiter, bool tidies) : DecoderStep
{
    private string? _last;

    public override void Write(string text, bool ends)
    {
        if (text == _last)
            return;
        _last = text;
        var token = pad.Length == 0 ? text : text.Replace(pad, "", StringComparison.Ordinal);
        if (tidies)
            token = delimiter.Length == 0 ? Decoders.Tidied(token) : Decoders.Tidied(token).Replace(delimiter, " ", StringComparison.Ordinal);
        if (token.Length > 0)
            Next!.Write(token, ends: true);
    }
}
