using System.Globalization;
using System.Text;

namespace Attune.Text.Templates;

internal enum TemplateTokenKind { Text, OutputBegin, OutputEnd, BlockBegin, BlockEnd, Name, String, Whole, Real, Sign, End }

/// <summary>One token of a template.</summary>
internal readonly record struct TemplateToken(TemplateTokenKind Kind, string Value, int Line);

/// <summary>A template cannot be read: what is wrong, and in which line.</summary>
internal sealed class TemplateSyntaxException(string message, int line) : Exception(message)
{
    public int Line { get; } = line;
}

/// <summary>
/// Cuts a template into text and the tokens of its tags. As chat templates expect: the line break behind a block tag goes with it, and blanks before one that begins its line
/// (<c>trim_blocks</c> and <c>lstrip_blocks</c>); a dash takes all white space on its side, a plus none.
/// </summary>
internal sealed class TemplateLexer
{
    private static readonly string[] Signs = ["**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",", ".", ":", "|"];

    private readonly string _source;
    private readonly List<TemplateToken> _tokens = [];
    private int _at;
    private int _line = 1;
    private bool _startsLine = true;

    private TemplateLexer(string source) => _source = source;

    public static List<TemplateToken> Read(string source)
    {
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        var lexer = new TemplateLexer(source.EndsWith('\n') ? source[..^1] : source); // one line break at the end is the file's
        while (lexer._at < lexer._source.Length)
            lexer.TextAndTag();
        lexer.Add(TemplateTokenKind.End, "");
        return lexer._tokens;
    }

    private void TextAndTag()
    {
        var open = _at;
        while ((open = _source.IndexOf('{', open)) >= 0 && !(open + 1 < _source.Length && _source[open + 1] is '{' or '%' or '#'))
            open++;
        var text = open < 0 ? _source[_at..] : _source[_at..open];
        if (open < 0)
        {
            AddText(text);
            _at = _source.Length;
            return;
        }
        var (kind, sign) = (_source[open + 1], open + 2 < _source.Length ? _source[open + 2] : ' ');
        if (sign == '-')
            AddText(text.TrimEnd(), lines: text);
        else if (kind != '{' && sign != '+' && BlanksBeforeTag(text) is var blanks and > 0)
            AddText(text[..^blanks], lines: text);
        else
            AddText(text);
        _at = open + 2 + (sign is '-' or '+' ? 1 : 0);
        if (kind == '#')
            Comment();
        else
            Tag(isBlock: kind == '%');
    }

    /// <summary>Blanks between the beginning of the line and the tag; 0 where something else stands there.</summary>
    private int BlanksBeforeTag(string text)
    {
        var line = text.LastIndexOf('\n') + 1;
        return (line > 0 || _startsLine) && text.AsSpan(line).IndexOfAnyExcept(' ', '\t') < 0 ? text.Length - line : 0;
    }

    private void Comment()
    {
        var end = _source.IndexOf("#}", _at, StringComparison.Ordinal);
        if (end < 0)
            throw Wrong("has {# without #}");
        _line += _source.AsSpan(_at, end - _at).Count('\n');
        _at = end + 2;
        After(_source[end - 1], trimsLine: true);
    }

    private void Tag(bool isBlock)
    {
        var close = isBlock ? "%}" : "}}";
        Add(isBlock ? TemplateTokenKind.BlockBegin : TemplateTokenKind.OutputBegin, "");
        if (isBlock && IsRaw())
            return;
        var depth = 0; // of brackets: }} may close two dictionaries
        while (true)
        {
            SkipSpace();
            if (_at >= _source.Length)
                throw Wrong($"has a tag without {close}");
            var mark = _source[_at] is '-' or '+' && Starts(close, _at + 1) ? _source[_at] : ' ';
            if (depth == 0 && (mark != ' ' || Starts(close, _at)))
            {
                _at += close.Length + (mark == ' ' ? 0 : 1);
                Add(isBlock ? TemplateTokenKind.BlockEnd : TemplateTokenKind.OutputEnd, "");
                After(mark, trimsLine: isBlock);
                return;
            }
            Token(ref depth);
        }
    }

    /// <summary>What stands behind a tag: a dash takes the white space, a block its line break.</summary>
    private void After(char mark, bool trimsLine)
    {
        var start = _at;
        if (mark == '-')
        {
            while (_at < _source.Length && char.IsWhiteSpace(_source[_at]))
                _at++;
        }
        else if (trimsLine && mark != '+' && Starts("\n", _at))
            _at++;
        _line += _source.AsSpan(start, _at - start).Count('\n');
        _startsLine = _at > start && _source[_at - 1] == '\n';
    }

    /// <summary>{% raw %}: everything up to its end is text.</summary>
    private bool IsRaw()
    {
        var rest = _source.AsSpan(_at).TrimStart();
        if (!rest.StartsWith("raw", StringComparison.Ordinal) || rest[3..].TrimStart() is not ['%', '}', ..] and not ['-', '%', '}', ..])
            return false;
        _tokens.RemoveAt(_tokens.Count - 1);
        var begin = _source.IndexOf("%}", _at, StringComparison.Ordinal) + 2;
        var end = _source.IndexOf("{%", begin, StringComparison.Ordinal);
        while (end >= 0 && !_source.AsSpan(end + 2).TrimStart("-+ \t\n").StartsWith("endraw", StringComparison.Ordinal))
            end = _source.IndexOf("{%", end + 2, StringComparison.Ordinal);
        var close = end < 0 ? -1 : _source.IndexOf("%}", end, StringComparison.Ordinal);
        if (close < 0)
            throw Wrong("has raw without endraw");
        AddText(_source[begin..end]);
        _at = close + 2;
        After(_source[close - 1], trimsLine: true);
        return true;
    }

    private void Token(ref int depth)
    {
        var first = _source[_at];
        if (char.IsLetter(first) || first == '_')
        {
            var start = _at;
            while (_at < _source.Length && (char.IsLetterOrDigit(_source[_at]) || _source[_at] == '_'))
                _at++;
            Add(TemplateTokenKind.Name, _source[start.._at]);
        }
        else if (char.IsAsciiDigit(first))
            Number();
        else if (first is '"' or '\'')
            Quoted(first);
        else
        {
            var sign = Array.Find(Signs, known => Starts(known, _at)) ?? throw Wrong($"has '{first}' in a tag");
            depth += sign is "(" or "[" or "{" ? 1 : sign is ")" or "]" or "}" ? -1 : 0;
            _at += sign.Length;
            Add(TemplateTokenKind.Sign, sign);
        }
    }

    private void Number()
    {
        var start = _at;
        while (_at < _source.Length && (char.IsAsciiDigit(_source[_at]) || _source[_at] == '_'))
            _at++;
        var isReal = _at + 1 < _source.Length && _source[_at] == '.' && char.IsAsciiDigit(_source[_at + 1]);
        if (isReal)
        {
            _at++;
            while (_at < _source.Length && char.IsAsciiDigit(_source[_at]))
                _at++;
        }
        Add(isReal ? TemplateTokenKind.Real : TemplateTokenKind.Whole, _source[start.._at].Replace("_", "", StringComparison.Ordinal));
    }

    private void Quoted(char quote)
    {
        var (text, line) = (new StringBuilder(), _line);
        for (_at++; ; _at++)
        {
            if (_at >= _source.Length)
                throw new TemplateSyntaxException("has a text without its closing quote", line);
            var sign = _source[_at];
            if (sign == quote)
                break;
            if (sign == '\n')
                _line++;
            if (sign != '\\' || _at + 1 >= _source.Length)
            {
                text.Append(sign);
                continue;
            }
            sign = _source[++_at];
            text.Append(sign switch { 'n' => "\n", 't' => "\t", 'r' => "\r", '\\' => "\\", '\'' => "'", '"' => "\"", '\n' => "", 'b' => "\b", 'f' => "\f", 'u' or 'x' or 'U' => Escaped(sign), _ => "\\" + sign });
        }
        _at++;
        _tokens.Add(new(TemplateTokenKind.String, text.ToString(), line));
    }

    private string Escaped(char kind)
    {
        var digits = kind switch { 'x' => 2, 'u' => 4, _ => 8 };
        if (_at + digits >= _source.Length || !int.TryParse(_source.AsSpan(_at + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) || value > 0x10FFFF)
            throw Wrong($"has '\\{kind}' without {digits} hexadecimal digits");
        _at += digits;
        return value > 0xFFFF ? char.ConvertFromUtf32(value) : ((char)value).ToString();
    }

    private void SkipSpace()
    {
        while (_at < _source.Length && char.IsWhiteSpace(_source[_at]))
        {
            if (_source[_at++] == '\n')
                _line++;
        }
    }

    private bool Starts(string text, int at) => string.CompareOrdinal(_source, at, text, 0, text.Length) == 0;

    private void AddText(string text, string? lines = null)
    {
        if (text.Length > 0)
            Add(TemplateTokenKind.Text, text);
        _line += (lines ?? text).AsSpan().Count('\n');
    }

    private void Add(TemplateTokenKind kind, string value) => _tokens.Add(new(kind, value, _line));

    private TemplateSyntaxException Wrong(string message) => new(message, _line);
}
