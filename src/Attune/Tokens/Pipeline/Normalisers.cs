using System.Globalization;
using System.Text;
using Attune.Tokens.Characters;

namespace Attune.Tokens.Pipeline;

/// <summary>What a tokenizer does to text before it cuts it: the normalizers of <c>tokenizer.json</c>.</summary>
internal static class Normalisers
{
    private const string Known = "NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Replace, Prepend, Precompiled, BertNormalizer, Nmt, ByteLevel or a Sequence of these";

    /// <summary>Several as one; text that needs nothing comes back as it is.</summary>
    /// <param name="component">What the file has.</param>
    /// <param name="within">Whether the text goes on where another was cut off, so that nothing is put before it.</param>
    public static Func<string, string> Read(Component component, bool within = false)
    {
        var steps = component.Flat("normalizers").Where(part => !(within && part.Type == "Prepend")).Select(One).ToArray();
        return steps.Length == 1 ? steps[0] : text => steps.Aggregate(text, (so, step) => step(so));
    }

    private static Func<string, string> One(Component component)
    {
        switch (component.Type)
        {
            case "NFC" or "NFD" or "NFKC" or "NFKD":
                component.Allow();
                var (isCompatible, isComposed) = (component.Type.Contains('K'), component.Type.EndsWith('C'));
                return text => UnicodeForms.Of(text, isCompatible, isComposed);
            case "Lowercase":
                component.Allow();
                return Lower;
            case "Strip":
                component.Allow("strip_left", "strip_right");
                return Strip(component.Flag("strip_left", true), component.Flag("strip_right", true));
            case "StripAccents":
                component.Allow();
                return text => Without(text, RuneSet.Marks.Holds);
            case "Replace":
                component.Allow("pattern", "content");
                var (matches, content) = (TextPattern.Read(component), component.Text("content"));
                return text => Cuts.Replaced(text, matches(text), content);
            case "Prepend":
                component.Allow("prepend");
                var prefix = component.Text("prepend");
                return text => text.Length == 0 ? text : prefix + text;
            case "Precompiled":
                component.Allow("precompiled_charsmap");
                return PrecompiledMap.Read(component).Apply;
            case "BertNormalizer":
                return Bert(component);
            case "Nmt":
                component.Allow();
                return Nmt;
            case "ByteLevel":
                component.Allow();
                return text => ByteAlphabet.Write(Encoding.UTF8.GetBytes(text));
            default:
                throw component.Unknown(Known);
        }
    }

    /// <summary>Character by character, so that a final sigma is no special case; the dotted capital I becomes two.</summary>
    private static string Lower(string text) => text.ToLowerInvariant().Replace("\u0130", "i\u0307", StringComparison.Ordinal);

    private static Func<string, string> Strip(bool left, bool right) => text =>
    {
        text = left ? text.TrimStart() : text;
        return right ? text.TrimEnd() : text;
    };

    private static Func<string, string> Bert(Component component)
    {
        component.Allow("clean_text", "handle_chinese_chars", "strip_accents", "lowercase");
        var (cleans, spaces, lowers) = (component.Flag("clean_text", true), component.Flag("handle_chinese_chars", true), component.Flag("lowercase", true));
        var strips = component.Flag("strip_accents", lowers);
        return text =>
        {
            if (cleans)
                text = Cleaned(text);
            if (spaces)
                text = Spaced(text);
            if (strips)
                text = Without(UnicodeForms.Of(text, isCompatible: false, isComposed: false), rune => RuneSet.Category(rune) == UnicodeCategory.NonSpacingMark);
            return lowers ? Lower(text) : text;
        };
    }

    private static string Cleaned(string text) => Mapped(text, rune => rune switch
    {
        '\t' or '\n' or '\r' => ' ',
        0 or 0xFFFD => null,
        _ when RuneSet.Category(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned => null,
        _ => RuneSet.Space.Holds(rune) ? ' ' : rune,
    });

    /// <summary>A space on both sides of each Chinese character.</summary>
    private static string Spaced(string text)
    {
        StringBuilder? result = null;
        var at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (IsChinese(rune.Value))
                (result ??= new StringBuilder(text, 0, at, text.Length + 16)).Append(' ').Append(rune.ToString()).Append(' ');
            else
                result?.Append(rune.ToString());
            at += rune.Utf16SequenceLength;
        }
        return result?.ToString() ?? text;
    }

    private static bool IsChinese(int rune) => rune is >= 0x4E00 and <= 0x9FFF or >= 0x3400 and <= 0x4DBF or >= 0x20000 and <= 0x2A6DF or >= 0x2A700 and <= 0x2B73F
        or >= 0x2B740 and <= 0x2B81F or >= 0x2B920 and <= 0x2CEAF or >= 0xF900 and <= 0xFAFF or >= 0x2F800 and <= 0x2FA1F;

    /// <summary>SentencePiece's cleaning for translation: control characters go, invisible ones and the like become spaces.</summary>
    private static string Nmt(string text) => Mapped(text, rune => rune switch
    {
        >= 1 and <= 8 or 0xB or >= 0xE and <= 0x1F or 0x7F or 0x8F or 0x9F => null,
        9 or 0xA or 0xC or 0xD or 0x1680 or >= 0x200B and <= 0x200F or 0x2028 or 0x2029 or 0x2581 or 0xFEFF or 0xFFFD => ' ',
        _ => rune,
    });

    private static string Without(string text, Func<int, bool> leaves) => Mapped(text, rune => leaves(rune) ? null : rune);

    private static string Mapped(string text, Func<int, int?> map)
    {
        StringBuilder? result = null;
        var at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            var mapped = map(rune.Value);
            if (mapped != rune.Value)
                result ??= new StringBuilder(text, 0, at, text.Length);
            if (result is not null && mapped is { } value)
                result.Append(new Rune(value).ToString());
            at += rune.Utf16SequenceLength;
        }
        return result?.ToString() ?? text;
    }
}
