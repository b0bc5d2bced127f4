using System.Globalization;
using Attune.Tokens.Characters;

namespace Attune.Tokens.Pipeline;

/// <summary>Turns the text of a regular expression into instructions of a <see cref="RunePattern"/>.</summary>
internal sealed class RunePatternParser
{
    private const int MostRepeats = 1_000, MostInstructions = 20_000, Deepest = 100;

    private readonly string _source;
    private int _at;
    private int _depth;
    private bool _ignoresCase;

    private RunePatternParser(string source) => _source = source;

    /// <summary>Instructions of a part of the pattern, with the fewest and the most characters that it matches.</summary>
    private sealed record Piece(List<RuneInstruction> Code, long Least, long Most, RuneSet? Only = null)
    {
        public static Piece Nothing => new([], 0, 0);
    }

    public static RuneInstruction[] Parse(string source)
    {
        var parser = new RunePatternParser(source);
        var piece = parser.Alternatives();
        if (parser._at < source.Length)
            throw parser.NotUnderstood($"has '{source[parser._at]}' without a beginning");
        return Finished(piece);
    }

    private static RuneInstruction[] Finished(Piece piece) => [.. piece.Code, new(RuneOp.Done)];

    private Piece Alternatives()
    {
        if (++_depth > Deepest)
            throw NotUnderstood("is nested too deep");
        var before = _ignoresCase;
        var options = new List<Piece> { Sequence() };
        while (Take('|'))
            options.Add(Sequence());
        (_depth, _ignoresCase) = (_depth - 1, before);
        var joined = options[^1];
        for (var i = options.Count - 2; i >= 0; i--)
            joined = Either(options[i], joined);
        return joined;
    }

    private Piece Either(Piece first, Piece second)
    {
        var code = new List<RuneInstruction> { new(RuneOp.Fork) { First = 1, Second = first.Code.Count + 2 } };
        Append(code, first.Code);
        code.Add(new(RuneOp.Jump) { First = code.Count + 1 + second.Code.Count });
        Append(code, second.Code);
        return new(code, Math.Min(first.Least, second.Least), Math.Max(first.Most, second.Most));
    }

    private Piece Sequence()
    {
        var all = Piece.Nothing;
        while (_at < _source.Length && _source[_at] is not ('|' or ')'))
            all = Then(all, Repeated(Atom()));
        return all;
    }

    private Piece Then(Piece first, Piece second)
    {
        if (first.Code.Count == 0)
            return second;
        var code = new List<RuneInstruction>(first.Code);
        Append(code, second.Code);
        return new(code, first.Least + second.Least, Math.Min(first.Most + second.Most, int.MaxValue));
    }

    /// <summary>Instructions name places within their own part; behind others these move.</summary>
    private void Append(List<RuneInstruction> code, List<RuneInstruction> more)
    {
        var shift = code.Count;
        code.AddRange(more.Select(step => step.Op is RuneOp.Fork or RuneOp.Jump ? step with { First = step.First + shift, Second = step.Second + shift } : step));
        if (code.Count > MostInstructions)
            throw NotUnderstood("is too long");
    }

    private Piece Repeated(Piece piece)
    {
        while (Quantifier() is (var least, var most))
        {
            var isLazy = Take('?');
            var isForGood = !isLazy && Take('+');
            if (piece.Only is { } set && !isLazy)
                piece = new([new(isForGood ? RuneOp.RunForGood : RuneOp.Run) { Set = set, Least = least, Most = most }], least, most);
            else
            {
                piece = Times(piece, least, most, isLazy);
                if (isForGood)
                    piece = new([new(RuneOp.Atomic) { Part = Finished(piece) }], piece.Least, piece.Most);
            }
        }
        return piece;
    }

    private (int Least, int Most)? Quantifier()
    {
        if (Take('*'))
            return (0, int.MaxValue);
        if (Take('+'))
            return (1, int.MaxValue);
        if (Take('?'))
            return (0, 1);
        if (_at >= _source.Length || _source[_at] != '{')
            return null;
        var end = _source.IndexOf('}', _at);
        var parts = end < 0 ? [] : _source[(_at + 1)..end].Split(',');
        if (parts.Length is < 1 or > 2 || (parts[0].Length == 0 && parts.Length == 1))
            throw NotUnderstood("has '{' without '}'");
        var least = parts[0].Length == 0 ? 0 : Count(parts[0]);
        var most = parts.Length == 1 ? least : parts[1].Length == 0 ? int.MaxValue : Count(parts[1]);
        if (most < least)
            throw NotUnderstood($"repeats from {least} to {most}");
        _at = end + 1;
        return (least, most);
    }

    private int Count(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count <= MostRepeats ? count : throw NotUnderstood($"repeats '{text}' times");

    private Piece Times(Piece piece, int least, int most, bool isLazy)
    {
        if (piece.Least == 0 && most == int.MaxValue)
            throw NotUnderstood("repeats for ever what may be empty");
        var all = Piece.Nothing;
        for (var i = 0; i < least; i++)
            all = Then(all, piece);
        if (most == int.MaxValue)
        {
            var loop = new List<RuneInstruction> { Fork(1, piece.Code.Count + 2, isLazy) };
            Append(loop, piece.Code);
            loop.Add(new(RuneOp.Jump) { First = 0 });
            return Then(all, new(loop, 0, int.MaxValue));
        }
        for (var i = least; i < most; i++)
        {
            var once = new List<RuneInstruction> { Fork(1, piece.Code.Count + 1, isLazy) };
            Append(once, piece.Code);
            all = Then(all, new(once, 0, piece.Most));
        }
        return all;
    }

    private static RuneInstruction Fork(int inside, int behind, bool isLazy) => new(RuneOp.Fork) { First = isLazy ? behind : inside, Second = isLazy ? inside : behind };

    private Piece Atom()
    {
        var sign = _source[_at++];
        return sign switch
        {
            '(' => Group(),
            '[' => Single(RunePatternClass.Parse(_source, ref _at, NotUnderstood)),
            '.' => Single(RuneSet.Of('\n').Not()),
            '^' => Place(RuneOp.LineStart),
            '$' => Place(RuneOp.LineEnd),
            '\\' => Escape(),
            '*' or '+' or '?' => throw NotUnderstood($"repeats nothing with '{sign}'"),
            _ => Single(RuneSet.Of(char.IsHighSurrogate(sign) && _at < _source.Length ? char.ConvertToUtf32(sign, _source[_at++]) : sign)),
        };
    }

    private Piece Escape()
    {
        if (_at >= _source.Length)
            throw NotUnderstood("ends with a backslash");
        switch (_source[_at])
        {
            case 'A': _at++; return Place(RuneOp.TextStart);
            case 'z': _at++; return Place(RuneOp.TextEnd);
            case 'b': _at++; return Place(RuneOp.WordEdge);
            case 'B': _at++; return Place(RuneOp.WordEdge, isNegated: true);
            default: return Single(RunePatternClass.Escaped(_source, ref _at, NotUnderstood));
        }
    }

    private Piece Group()
    {
        var (opens, kind) = (_at, 'c');
        if (Take('?'))
            kind = Kind();
        var (wasIgnoring, ignores) = (_ignoresCase, kind == 'i' || (kind != 'j' && _ignoresCase));
        _ignoresCase = ignores;
        if (kind is 'i' or 'j' && Take(')')) // (?i) holds to the end of the group around it
            return Piece.Nothing;
        if (kind is 'i' or 'j' && !Take(':'))
            throw NotUnderstood("has an option that is not known");
        var inner = Alternatives();
        _ignoresCase = wasIgnoring;
        if (!Take(')'))
            throw NotUnderstood($"has '(' at place {opens} without ')'");
        return kind switch
        {
            '=' or '!' => new([new(RuneOp.Ahead) { Part = Finished(inner), IsNegated = kind == '!' }], 0, 0),
            '<' or '>' when inner.Most >= MostRepeats => throw NotUnderstood("looks behind without limit"),
            '<' or '>' => new([new(RuneOp.Behind) { Part = Finished(inner), IsNegated = kind == '>', Least = (int)inner.Least, Most = (int)inner.Most }], 0, 0),
            'a' => new([new(RuneOp.Atomic) { Part = Finished(inner) }], inner.Least, inner.Most),
            _ => inner with { Only = null },
        };
    }

    /// <summary>i: without regard to case, j: with it, = ! what follows, &lt; &gt; what stands before, a: atomic, c: a plain group.</summary>
    private char Kind()
    {
        foreach (var (text, kind) in new[] { (":", 'c'), ("=", '='), ("!", '!'), ("<=", '<'), ("<!", '>'), (">", 'a'), ("i", 'i'), ("-i", 'j') })
        {
            if (!_source.AsSpan(_at).StartsWith(text, StringComparison.Ordinal))
                continue;
            _at += text.Length;
            return kind;
        }
        throw NotUnderstood("has a group of a kind that is not known");
    }

    private Piece Single(RuneSet set)
    {
        var own = _ignoresCase ? set.IgnoringCase() : set;
        return new([new(RuneOp.One) { Set = own }], 1, 1, own);
    }

    private static Piece Place(RuneOp op, bool isNegated = false) => new([new(op) { IsNegated = isNegated }], 0, 0);

    private bool Take(char sign)
    {
        var isThere = _at < _source.Length && _source[_at] == sign;
        if (isThere)
            _at++;
        return isThere;
    }

    private FormatException NotUnderstood(string what) => new($"{what} (near place {_at})");
}
