using Attune.Text.Templates;

namespace Attune.Text;

/// <summary>A conversation as a template wrote it.</summary>
public sealed class RenderedChat
{
    private readonly IReadOnlyList<TextRun> _runs;

    internal RenderedChat(string text, IReadOnlyList<TextRun> runs, IReadOnlyList<(int Start, int End)> learned) => (Text, _runs, Learned) = (text, runs, learned);

    /// <summary>The text.</summary>
    public string Text { get; }

    /// <summary>Where the assistant speaks and its answer ends, in UTF-16 units and in order: what the loss reads.</summary>
    public IReadOnlyList<(int Start, int End)> Learned { get; }

    /// <summary>Whether any of a stretch was written by people or models and not by the template: no special token is meant there.</summary>
    public bool IsData(int start, int end)
    {
        var at = 0;
        foreach (var run in _runs)
        {
            if (run.End > start && at < end && run.Source != 0)
                return true;
            if (run.End >= end)
                return false;
            at = run.End;
        }
        return false;
    }

    /// <summary>The text in parts that are learned or not, none empty.</summary>
    public IEnumerable<(int Start, int End, bool IsLearned)> Parts()
    {
        var at = 0;
        foreach (var (start, end) in Learned)
        {
            if (start > at)
                yield return (at, start, false);
            if (end > start)
                yield return (start, end, true);
            at = end;
        }
        if (at < Text.Length)
            yield return (at, Text.Length, false);
    }
}
