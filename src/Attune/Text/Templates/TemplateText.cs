using System.Text;

namespace Attune.Text.Templates;

/// <summary>A stretch of a text with where it came from.</summary>
/// <param name="End">Where it ends, in UTF-16 units.</param>
/// <param name="Source">0 for the template itself, n for message n (from 1), <see cref="TemplateText.Data"/> for other data.</param>
internal readonly record struct TextRun(int End, int Source);

/// <summary>
/// A text that remembers of each character whether the template wrote it or a message did, through whatever the template does to it. So what people wrote can never
/// pass for markup, and the words of an answer are found in the result.
/// </summary>
internal sealed class TemplateText
{
    /// <summary>The source of data that is no message, and of what was mixed.</summary>
    public const int Data = -1;

    private readonly TextRun[] _runs;

    private TemplateText(string text, TextRun[] runs) => (Text, _runs) = (text, runs);

    public static TemplateText Empty { get; } = new("", []);

    public string Text { get; }

    public int Length => Text.Length;

    public IReadOnlyList<TextRun> Runs => _runs;

    public static TemplateText Of(string text, int source = 0) => text.Length == 0 ? Empty : new(text, [new(text.Length, source)]);

    public static TemplateText Of(string text, IEnumerable<TextRun> runs) => text.Length == 0 ? Empty : new(text, [.. runs]);

    /// <summary>A text made out of others in a way that mixes them: data if any of them is.</summary>
    public static TemplateText Made(string text, params IEnumerable<TemplateText> from) => Of(text, from.Any(part => part._runs.Any(run => run.Source != 0)) ? Data : 0);

    public TemplateText Slice(int start, int end)
    {
        if (start == 0 && end == Length)
            return this;
        if (end <= start)
            return Empty;
        var runs = new List<TextRun>();
        foreach (var run in _runs)
        {
            if (run.End > start)
                runs.Add(new(Math.Min(run.End, end) - start, run.Source));
            if (run.End >= end)
                break;
        }
        return new(Text[start..end], [.. runs]);
    }

    /// <summary>The same places with other characters, one for one; data as a whole where their number changes.</summary>
    public TemplateText Mapped(Func<string, string> map)
    {
        var mapped = map(Text);
        return mapped.Length == Length ? new(mapped, _runs) : Made(mapped, this);
    }

    public TemplateText Trimmed(string? signs, bool left, bool right)
    {
        bool Goes(char sign) => signs is null ? char.IsWhiteSpace(sign) : signs.Contains(sign, StringComparison.Ordinal);
        var (start, end) = (0, Length);
        while (left && start < end && Goes(Text[start]))
            start++;
        while (right && end > start && Goes(Text[end - 1]))
            end--;
        return Slice(start, end);
    }

    public TemplateText Replaced(TemplateText old, TemplateText by, int most)
    {
        var result = new TemplateTextBuilder();
        var last = 0;
        for (var at = Text.IndexOf(old.Text, StringComparison.Ordinal); at >= 0 && most != 0 && old.Length > 0; at = Text.IndexOf(old.Text, last, StringComparison.Ordinal), most--)
        {
            result.Append(Slice(last, at));
            result.Append(by);
            last = at + old.Length;
        }
        result.Append(Slice(last, Length));
        return result.ToText();
    }

    /// <summary>Parts between separators, or between stretches of white space where there is none.</summary>
    public List<TemplateText> Split(string? separator, int most)
    {
        var parts = new List<TemplateText>();
        var start = 0;
        if (separator is null)
        {
            while (true)
            {
                while (start < Length && char.IsWhiteSpace(Text[start]))
                    start++;
                if (start == Length)
                    return parts;
                var end = start;
                while (end < Length && (parts.Count == most || !char.IsWhiteSpace(Text[end])))
                    end++;
                parts.Add(Slice(start, end));
                start = end;
            }
        }
        for (var at = Text.IndexOf(separator, StringComparison.Ordinal); at >= 0 && parts.Count != most; at = Text.IndexOf(separator, start, StringComparison.Ordinal))
        {
            parts.Add(Slice(start, at));
            start = at + separator.Length;
        }
        parts.Add(Slice(start, Length));
        return parts;
    }

    public override string ToString() => Text;
}

/// <summary>Puts texts in a row.</summary>
internal sealed class TemplateTextBuilder
{
    private readonly StringBuilder _text = new();
    private readonly List<TextRun> _runs = [];

    public int Length => _text.Length;

    public void Append(TemplateText part)
    {
        var start = _text.Length;
        _text.Append(part.Text);
        foreach (var run in part.Runs)
        {
            if (_runs.Count > 0 && _runs[^1].Source == run.Source)
                _runs[^1] = new(start + run.End, run.Source);
            else
                _runs.Add(new(start + run.End, run.Source));
        }
    }

    public TemplateText ToText() => TemplateText.Of(_text.ToString(), _runs);
}
