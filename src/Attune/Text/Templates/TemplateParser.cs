namespace Attune.Text.Templates;

/// <summary>
/// Reads the part of Jinja that chat templates use: output, if, for (with a condition, else, break and continue), set (also of a block, or into a namespace), macro, filter, raw, and
/// <c>generation</c>, which marks what an assistant says. What is not known is refused by name when the template is read.
/// </summary>
internal sealed class TemplateParser
{
    private const int Deepest = 60;

    private readonly List<TemplateToken> _tokens;
    private readonly TemplateExpressionParser _expressions;
    private int _depth;

    private TemplateParser(string source)
    {
        _tokens = TemplateLexer.Read(source);
        _expressions = new(_tokens);
    }

    /// <exception cref="TemplateSyntaxException">The template is malformed or uses what is not known.</exception>
    public static IReadOnlyList<TemplateStatement> Parse(string source)
    {
        var parser = new TemplateParser(source);
        var statements = parser.Until(isInLoop: false, out _);
        return statements;
    }

    /// <summary>Statements up to one of these tags, which is read up to its name; up to the end of the template where none is named.</summary>
    private List<TemplateStatement> Until(bool isInLoop, out string tag, params string[] ends)
    {
        if (++_depth > Deepest)
            throw Wrong($"nests more than {Deepest} deep");
        var statements = new List<TemplateStatement>();
        while (true)
        {
            var token = _expressions.Next();
            switch (token.Kind)
            {
                case TemplateTokenKind.Text:
                    statements.Add(new TextStatement(TemplateText.Of(token.Value)));
                    break;
                case TemplateTokenKind.OutputBegin:
                    statements.Add(new OutputStatement(_expressions.Tuple()));
                    _expressions.Take(TemplateTokenKind.OutputEnd, "}}");
                    break;
                case TemplateTokenKind.End:
                    if (ends.Length > 0)
                        throw new TemplateSyntaxException($"ends without {ends[^1]}", token.Line);
                    (tag, _depth) = ("", _depth - 1);
                    return statements;
                default:
                    tag = _expressions.Take(TemplateTokenKind.Name, "the name of a tag");
                    if (ends.Contains(tag))
                    {
                        _depth--;
                        return statements;
                    }
                    statements.Add(Statement(tag, isInLoop, token.Line));
                    break;
            }
        }
    }

    private TemplateStatement Statement(string tag, bool isInLoop, int line)
    {
        switch (tag)
        {
            case "if": return If(isInLoop);
            case "for": return For();
            case "set": return Set();
            case "macro": return Macro();
            case "filter":
                var filters = _expressions.Filters();
                return new FilterStatement(filters, Body(isInLoop: false, "endfilter"));
            case "generation":
                return new GenerationStatement(Body(isInLoop, "endgeneration"));
            case "break" or "continue" when isInLoop:
                CloseTag();
                return new LeaveStatement(tag == "break" ? TemplateFlow.Break : TemplateFlow.Continue);
            case "break" or "continue":
                throw new TemplateSyntaxException($"has {tag} outside a loop", line);
            case not null when tag is "elif" or "else" || tag.StartsWith("end", StringComparison.Ordinal):
                throw new TemplateSyntaxException($"has {tag} without its beginning", line);
            default:
                throw new TemplateSyntaxException($"has the tag '{tag}', which is not known", line);
        }
    }

    private List<TemplateStatement> Body(bool isInLoop, string end)
    {
        CloseTag();
        var body = Until(isInLoop, out _, end);
        CloseTag();
        return body;
    }

    private IfStatement If(bool isInLoop)
    {
        var branches = new List<(TemplateExpression?, IReadOnlyList<TemplateStatement>)>();
        TemplateExpression? condition = _expressions.Tuple();
        while (true)
        {
            CloseTag();
            var body = Until(isInLoop, out var tag, condition is null ? ["endif"] : ["elif", "else", "endif"]);
            branches.Add((condition, body));
            if (tag == "endif")
                break;
            condition = tag == "elif" ? _expressions.Tuple() : null;
        }
        CloseTag();
        return new(branches);
    }

    private ForStatement For()
    {
        var names = Names();
        if (!_expressions.TakeName("in"))
            throw Wrong("has a loop without 'in'");
        var over = _expressions.Tuple(withCondition: false);
        var where = _expressions.TakeName("if") ? _expressions.Tuple() : null;
        if (_expressions.TakeName("recursive"))
            throw Wrong("has a recursive loop, which is not known");
        CloseTag();
        var body = Until(isInLoop: true, out var tag, "else", "endfor");
        IReadOnlyList<TemplateStatement> otherwise = tag == "else" ? Else() : [];
        CloseTag();
        return new(names, over, where, body, otherwise);
    }

    private List<TemplateStatement> Else()
    {
        CloseTag();
        return Until(isInLoop: false, out _, "endfor");
    }

    private SetStatement Set()
    {
        var names = Names();
        var attribute = names.Count == 1 && _expressions.TakeSign(".") ? _expressions.Take(TemplateTokenKind.Name, "a name") : null;
        if (_expressions.TakeSign("="))
        {
            var value = _expressions.Tuple();
            CloseTag();
            return new(names, attribute, value, [], []);
        }
        var filters = _expressions.TakeSign("|") ? _expressions.Filters() : [];
        return new(names, attribute, null, Body(isInLoop: false, "endset"), filters);
    }

    private MacroStatement Macro()
    {
        var name = _expressions.Take(TemplateTokenKind.Name, "a macro's name");
        _expressions.TakeOpening("(");
        var parameters = new List<(string, TemplateExpression?)>();
        while (!_expressions.TakeSign(")"))
        {
            if (parameters.Count > 0 && !_expressions.TakeSign(","))
                throw Wrong("has a macro whose parameters do not end");
            parameters.Add((_expressions.Take(TemplateTokenKind.Name, "a parameter's name"), _expressions.TakeSign("=") ? _expressions.One() : null));
        }
        return new(name, parameters, Body(isInLoop: false, "endmacro"));
    }

    private List<string> Names()
    {
        var isTuple = _expressions.TakeSign("(");
        var names = new List<string> { _expressions.Take(TemplateTokenKind.Name, "a name") };
        while (_expressions.TakeSign(","))
            names.Add(_expressions.Take(TemplateTokenKind.Name, "a name"));
        if (isTuple)
            _expressions.TakeOpening(")");
        return names;
    }

    private void CloseTag() => _expressions.Take(TemplateTokenKind.BlockEnd, "%}");

    private TemplateSyntaxException Wrong(string message) => new(message, _expressions.Line);
}
