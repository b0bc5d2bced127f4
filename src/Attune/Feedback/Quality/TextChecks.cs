namespace Attune.Feedback.Quality;

/// <summary>What is formally wrong with a written text.</summary>
public enum TextFault
{
    /// <summary>Fewer words than asked for.</summary>
    TooShort,

    /// <summary>More words than allowed.</summary>
    TooLong,

    /// <summary>Fewer sentences than asked for.</summary>
    TooFewSentences,

    /// <summary>More sentences than allowed.</summary>
    TooManySentences,

    /// <summary>Too much of it stands in the prompt.</summary>
    Copied,

    /// <summary>It begins with words it must not begin with.</summary>
    BannedOpening,

    /// <summary>It is in another language than the wanted one.</summary>
    OtherLanguage,
}

/// <summary>Formal checks of written text. They say nothing about whether it is good, and each has innocent explanations: they are for rules over many texts.</summary>
public static class TextChecks
{
    /// <summary>Everything formally wrong with a text.</summary>
    /// <param name="text">What was written.</param>
    /// <param name="prompt">What it answers; null where nothing could be copied.</param>
    /// <param name="settings">What is asked for.</param>
    public static IReadOnlyList<TextFault> Faults(string text, string? prompt, TextSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var (words, sentences) = (Words.Of(text).Count, Sentences(text));
        (TextFault Fault, bool IsThere)[] checks =
        [
            (TextFault.TooShort, words < settings.MinimumWords),
            (TextFault.TooLong, words > settings.MaximumWords),
            (TextFault.TooFewSentences, sentences < settings.MinimumSentences),
            (TextFault.TooManySentences, sentences > settings.MaximumSentences),
            (TextFault.Copied, prompt is not null && CopiedShare(text, prompt, settings.CopiedWords) > settings.MaximumCopied),
            (TextFault.BannedOpening, OpensWithAny(text, settings.BannedOpenings)),
            (TextFault.OtherLanguage, settings.Language is not null && LanguageGuess.Of(text) is { } language && language != settings.Language),
        ];
        return [.. checks.Where(check => check.IsThere).Select(check => check.Fault)];
    }

    /// <summary>
    /// Sentences: stretches with a letter or digit that end at a full stop, question or exclamation mark before a space or the end, at their Chinese
    /// forms, at a line end, or at the end. An abbreviation before a space counts as an end too.
    /// </summary>
    public static int Sentences(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var (sentences, isOpen) = (0, false);
        for (var i = 0; i < text.Length; i++)
        {
            isOpen |= char.IsLetterOrDigit(text[i]);
            var ends = text[i] is '\n' or '。' or '！' or '？' || (text[i] is '.' or '!' or '?' or '…' && (i + 1 == text.Length || char.IsWhiteSpace(text[i + 1])));
            if (ends && isOpen)
                (sentences, isOpen) = (sentences + 1, false);
        }
        return sentences + (isOpen ? 1 : 0);
    }

    /// <summary>The share of a text's sequences of <paramref name="length"/> words that stand in the prompt too; of a shorter text the whole is one sequence. 0 without words.</summary>
    public static double CopiedShare(string text, string prompt, int length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        var written = Words.Of(text);
        length = Math.Min(length, written.Count);
        if (length == 0)
            return 0;
        var there = Sequences(Words.Of(prompt), length).ToHashSet(StringComparer.Ordinal);
        return Sequences(written, length).Average(sequence => there.Contains(sequence) ? 1.0 : 0);
    }

    /// <summary>Whether a text begins with the words of any of the openings.</summary>
    public static bool OpensWithAny(string text, IReadOnlyList<string> openings)
    {
        ArgumentNullException.ThrowIfNull(openings);
        var words = openings.Count == 0 ? [] : Words.Of(text);
        return openings.Select(Words.Of).Any(opening => words.Take(opening.Count).SequenceEqual(opening));
    }

    private static IEnumerable<string> Sequences(IReadOnlyList<string> words, int length) =>
        Enumerable.Range(0, Math.Max(0, words.Count - length + 1)).Select(start => string.Join(' ', words.Skip(start).Take(length)));
}
