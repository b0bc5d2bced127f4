using System.Text;
using Attune.Runs;
using Attune.Tokens.Characters;

namespace Attune.Tokens.Pipeline;

/// <summary>What an instruction of a pattern does.</summary>
internal enum RuneOp : byte
{
    /// <summary>One character of <see cref="RuneInstruction.Set"/>.</summary>
    One,

    /// <summary>From <see cref="RuneInstruction.Least"/> to <see cref="RuneInstruction.Most"/> characters of a set, as many as fit, fewer if what follows needs them.</summary>
    Run,

    /// <summary>The same, and none is given back.</summary>
    RunForGood,

    /// <summary>Goes on at <see cref="RuneInstruction.First"/>, and if that fails at <see cref="RuneInstruction.Second"/>.</summary>
    Fork,

    /// <summary>Goes on at <see cref="RuneInstruction.First"/>.</summary>
    Jump,

    /// <summary>What <see cref="RuneInstruction.Part"/> matches must follow, or must not.</summary>
    Ahead,

    /// <summary>What the part matches must stand before, or must not.</summary>
    Behind,

    /// <summary>What the part matches first, for good.</summary>
    Atomic,

    LineStart,
    LineEnd,
    TextStart,
    TextEnd,
    WordEdge,
    Done,
}

/// <summary>One step of a pattern.</summary>
internal sealed record RuneInstruction(RuneOp Op)
{
    public RuneSet Set { get; init; } = RuneSet.Any;

    public int Least { get; init; }

    public int Most { get; init; }

    public int First { get; set; }

    public int Second { get; set; }

    public RuneInstruction[] Part { get; init; } = [];

    public bool IsNegated { get; init; }
}

/// <summary>
/// A regular expression over characters, as the cutters of published tokenizers use them: .NET's own see UTF-16 units, so that their <c>\p{L}</c> misses
/// every letter beyond U+FFFF, and know no possessive <c>++</c>. The dialect is Oniguruma's, <c>^</c> and <c>$</c> stand at lines. Backtracking on a list of its own, so that
/// no text overflows the stack, and with a limit on steps, so that none takes for ever. Not here: captures, back references, conditions.
/// </summary>
internal sealed class RunePattern
{
    private const long StepsPerCharacter = 2_000;

    private readonly RuneInstruction[] _program;
    private readonly string _source;

    private RunePattern(RuneInstruction[] program, string source) => (_program, _source) = (program, source);

    /// <exception cref="FormatException">The message goes on after "which": what is not understood, and where.</exception>
    public static RunePattern Parse(string source) => new(RunePatternParser.Parse(source), source);

    /// <summary>All matches from left to right, none within another and none empty.</summary>
    public IEnumerable<(int Start, int End)> Matches(string text)
    {
        var steps = (text.Length + 1_000) * StepsPerCharacter;
        for (var at = 0; at < text.Length;)
        {
            var end = Match(_program, text, at, ref steps);
            if (end > at)
            {
                yield return (at, end);
                at = end;
            }
            else
                at += WidthAt(text, at);
        }
    }

    /// <summary>Where the match that begins at <paramref name="start"/> ends, at a given place if one is given; -1 where none does.</summary>
    private int Match(RuneInstruction[] program, string text, int start, ref long steps, int mustEnd = -1)
    {
        var choices = new Stack<(int Instruction, int At, int Least)>(); // Least: how far a run may still shrink; -1 for a fork
        var (next, at) = (0, start);
        while (true)
        {
            if (--steps < 0)
                throw InputException.One("The tokenizer", $"cuts text by {_source}, which takes too many steps on a text of {text.Length} units", "a pattern that reads text once", "give the text in smaller parts, or use another tokenizer");
            var step = program[next];
            if (step.Op == RuneOp.Done)
            {
                if (mustEnd < 0 || at == mustEnd)
                    return at;
            }
            else if (Advance(step, text, ref next, ref at, choices, ref steps))
                continue;
            if (!Back(program, text, choices, out next, out at))
                return -1;
        }
    }

    private bool Advance(RuneInstruction step, string text, ref int next, ref int at, Stack<(int, int, int)> choices, ref long steps)
    {
        switch (step.Op)
        {
            case RuneOp.One:
                if (at >= text.Length || !step.Set.Holds(RuneAt(text, at)))
                    return false;
                at += WidthAt(text, at);
                break;
            case RuneOp.Run or RuneOp.RunForGood:
                if (!Run(step, text, next, ref at, choices, ref steps))
                    return false;
                break;
            case RuneOp.Fork:
                choices.Push((step.Second, at, -1));
                next = step.First;
                return true;
            case RuneOp.Jump:
                next = step.First;
                return true;
            case RuneOp.Ahead:
                if (Match(step.Part, text, at, ref steps) >= 0 == step.IsNegated)
                    return false;
                break;
            case RuneOp.Behind:
                if (IsBehind(step, text, at, ref steps) == step.IsNegated)
                    return false;
                break;
            case RuneOp.Atomic:
                if (Match(step.Part, text, at, ref steps) is var end && end < 0)
                    return false;
                at = end;
                break;
            default:
                if (IsPlace(step.Op, text, at) == step.IsNegated)
                    return false;
                break;
        }
        next++;
        return true;
    }

    private static bool Run(RuneInstruction step, string text, int next, ref int at, Stack<(int, int, int)> choices, ref long steps)
    {
        var (end, count, least) = (at, 0, step.Least == 0 ? at : -1);
        while (count < step.Most && end < text.Length && step.Set.Holds(RuneAt(text, end)))
        {
            end += WidthAt(text, end);
            if (++count == step.Least)
                least = end;
        }
        steps -= count;
        if (count < step.Least)
            return false;
        if (step.Op == RuneOp.Run && end > least)
            choices.Push((next, end, least));
        at = end;
        return true;
    }

    private static bool Back(RuneInstruction[] program, string text, Stack<(int Instruction, int At, int Least)> choices, out int next, out int at)
    {
        if (!choices.TryPop(out var choice))
        {
            (next, at) = (0, 0);
            return false;
        }
        (next, at) = (choice.Instruction, choice.At);
        if (choice.Least < 0)
            return true;
        at -= char.IsLowSurrogate(text[at - 1]) ? 2 : 1; // a run gives one character back
        if (at > choice.Least)
            choices.Push((next, at, choice.Least));
        next++;
        return true;
    }

    private bool IsBehind(RuneInstruction step, string text, int at, ref long steps)
    {
        var start = at;
        for (var width = 0; width <= step.Most; width++)
        {
            if (width >= step.Least && Match(step.Part, text, start, ref steps, mustEnd: at) == at)
                return true;
            if (start == 0)
                return false;
            start -= char.IsLowSurrogate(text[start - 1]) ? 2 : 1;
        }
        return false;
    }

    private static bool IsPlace(RuneOp op, string text, int at) => op switch
    {
        RuneOp.TextStart => at == 0,
        RuneOp.TextEnd => at == text.Length,
        RuneOp.LineStart => at == 0 || text[at - 1] == '\n',
        RuneOp.LineEnd => at == text.Length || text[at] == '\n',
        _ => IsWord(text, at - 1) != IsWord(text, at), // all of a word's characters are told from either of their units
    };

    private static bool IsWord(string text, int at)
    {
        if (at < 0 || at >= text.Length)
            return false;
        return RuneSet.Words.Holds(RuneAt(text, char.IsLowSurrogate(text[at]) ? at - 1 : at));
    }

    private static int RuneAt(string text, int at) => char.IsHighSurrogate(text[at]) && at + 1 < text.Length ? char.ConvertToUtf32(text[at], text[at + 1]) : text[at];

    private static int WidthAt(string text, int at) => char.IsHighSurrogate(text[at]) ? 2 : 1;
}
