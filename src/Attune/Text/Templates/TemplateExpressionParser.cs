using System.Globalization;

namespace Attune.Text.Templates;

/// <summary>Reads what stands in tags, from the loosest operator to the tightest: conditions, or, and, not, comparisons, sums, ~, products, powers, signs, members and filters.</summary>
internal sealed class TemplateExpressionParser(List<TemplateToken> tokens)
{
    private const int Deepest = 60, LongestChain = 500;

    private int _at;
    private int _depth;

    public int Line => tokens[Math.Min(_at, tokens.Count - 1)].Line;

    private TemplateToken Current => tokens[_at];

    public TemplateToken Next() => Current.Kind == TemplateTokenKind.End ? Current : tokens[_at++];

    public string Take(TemplateTokenKind kind, string expected) => Current.Kind == kind ? tokens[_at++].Value : throw Wrong($"has {Shown(Current)} where {expected} belongs");

    public bool TakeName(string name) => Taken(TemplateTokenKind.Name, name);

    public bool TakeSign(string sign) => Taken(TemplateTokenKind.Sign, sign);

    public void TakeOpening(string sign)
    {
        if (!TakeSign(sign))
            throw Wrong($"has {Shown(Current)} where {sign} belongs");
    }

    /// <summary>One value, or several with commas between as a list.</summary>
    public TemplateExpression Tuple(bool withCondition = true)
    {
        var first = One(withCondition);
        if (!IsSign(","))
            return first;
        var items = new List<TemplateExpression> { first };
        while (TakeSign(",") && !EndsTuple())
            items.Add(One(withCondition));
        return new ListNode(items) { Line = first.Line };
    }

    public TemplateExpression One(bool withCondition = true)
    {
        if (++_depth > Deepest)
            throw Wrong($"nests more than {Deepest} deep");
        var value = Or();
        for (var chain = 0; withCondition && TakeName("if"); chain++)
        {
            RequireShort(chain);
            var condition = Or();
            value = new ConditionNode(condition, value, TakeName("else") ? One() : null) { Line = value.Line };
        }
        _depth--;
        return value;
    }

    /// <summary>Names of filters with their arguments, the first without its bar.</summary>
    public List<(string Name, ArgumentNodes Arguments)> Filters()
    {
        var filters = new List<(string, ArgumentNodes)>();
        do
        {
            var name = Take(TemplateTokenKind.Name, "a filter's name");
            if (!TemplateFilters.Exists(name))
                throw Wrong($"has the filter '{name}', which is not known");
            filters.Add((name, TakeSign("(") ? Arguments() : ArgumentNodes.None));
        }
        while (TakeSign("|"));
        return filters;
    }

    private TemplateExpression Or() => Chain(And, token => token is { Kind: TemplateTokenKind.Name, Value: "or" }, (sign, a, b) => new LogicNode(sign, a, b));

    private TemplateExpression And() => Chain(Not, token => token is { Kind: TemplateTokenKind.Name, Value: "and" }, (sign, a, b) => new LogicNode(sign, a, b));

    private TemplateExpression Not()
    {
        var line = Line;
        var count = 0;
        while (Current is { Kind: TemplateTokenKind.Name, Value: "not" })
        {
            _at++;
            RequireShort(count++);
        }
        var inner = Compare();
        for (; count > 0; count--)
            inner = new NotNode(inner) { Line = line };
        return inner;
    }

    private TemplateExpression Compare()
    {
        var first = Sum();
        var others = new List<(string, TemplateExpression)>();
        while (true)
        {
            var isNot = Current is { Kind: TemplateTokenKind.Name, Value: "not" } && tokens[_at + 1] is { Kind: TemplateTokenKind.Name, Value: "in" };
            if (isNot || Current is { Kind: TemplateTokenKind.Name, Value: "in" })
            {
                _at += isNot ? 2 : 1;
                others.Add((isNot ? "not in" : "in", Sum()));
            }
            else if (IsOperator(Current, "==", "!=", "<", "<=", ">", ">="))
                others.Add((Next().Value, Sum()));
            else
                return others.Count == 0 ? first : new CompareNode(first, others) { Line = first.Line };
        }
    }

    private TemplateExpression Sum() => Chain(Concatenation, token => IsOperator(token, "+", "-"), (sign, a, b) => new OperatorNode(sign, a, b));

    private TemplateExpression Concatenation() => Chain(Product, token => IsOperator(token, "~"), (sign, a, b) => new OperatorNode(sign, a, b));

    private TemplateExpression Product() => Chain(Power, token => IsOperator(token, "*", "/", "//", "%"), (sign, a, b) => new OperatorNode(sign, a, b));

    private TemplateExpression Power() => Chain(() => Unary(withFilters: true), token => IsOperator(token, "**"), (sign, a, b) => new OperatorNode(sign, a, b));

    private TemplateExpression Chain(Func<TemplateExpression> tighter, Func<TemplateToken, bool> isSign, Func<string, TemplateExpression, TemplateExpression, TemplateExpression> join)
    {
        var value = tighter();
        for (var length = 0; isSign(Current); length++)
        {
            RequireShort(length);
            value = join(Next().Value, value, tighter()) with { Line = value.Line };
        }
        return value;
    }

    private TemplateExpression Unary(bool withFilters)
    {
        var line = Line;
        if (IsOperator(Current, "-", "+"))
        {
            if (++_depth > Deepest)
                throw Wrong($"nests more than {Deepest} deep");
            var sign = Next().Value;
            var inner = new NegativeNode(Unary(withFilters: false), sign == "-") { Line = line };
            _depth--;
            return withFilters ? Filtered(inner) : inner;
        }
        var value = Postfix(Primary());
        return withFilters ? Filtered(value) : value;
    }

    private TemplateExpression Filtered(TemplateExpression value)
    {
        for (var length = 0; ; length++)
        {
            RequireShort(length);
            if (TakeSign("|"))
            {
                var name = Take(TemplateTokenKind.Name, "a filter's name");
                if (!TemplateFilters.Exists(name))
                    throw Wrong($"has the filter '{name}', which is not known");
                value = new FilterNode(value, name, TakeSign("(") ? Arguments() : ArgumentNodes.None) { Line = value.Line };
            }
            else if (TakeName("is"))
                value = Test(value);
            else if (IsSign("("))
                value = Postfix(value);
            else
                return value;
        }
    }

    private TestNode Test(TemplateExpression value)
    {
        var isNegated = TakeName("not");
        var name = Take(TemplateTokenKind.Name, "a test's name");
        if (!TemplateTests.Exists(name))
            throw Wrong($"has the test '{name}', which is not known");
        var arguments = ArgumentNodes.None;
        if (TakeSign("("))
            arguments = Arguments();
        else if (Current.Kind is TemplateTokenKind.String or TemplateTokenKind.Whole or TemplateTokenKind.Real || IsSign("[") || IsSign("{")
            || (Current.Kind == TemplateTokenKind.Name && Current.Value is not ("else" or "or" or "and" or "is" or "if" or "in" or "not")))
            arguments = new([Postfix(Primary())], []);
        return new(value, name, arguments, isNegated) { Line = value.Line };
    }

    private TemplateExpression Primary()
    {
        var token = Next();
        TemplateExpression value = token.Kind switch
        {
            TemplateTokenKind.Name => token.Value switch
            {
                "true" or "True" => new ValueNode(true),
                "false" or "False" => new ValueNode(false),
                "none" or "None" => new ValueNode(null),
                _ => new NameNode(token.Value),
            },
            TemplateTokenKind.String => new ValueNode(TemplateText.Of(Strings(token.Value))),
            TemplateTokenKind.Whole => new ValueNode(long.TryParse(token.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var whole) ? whole : throw Wrong($"has the number {token.Value}, which is too large")),
            TemplateTokenKind.Real => new ValueNode(double.Parse(token.Value, CultureInfo.InvariantCulture)),
            TemplateTokenKind.Sign when token.Value == "(" => Parenthesised(),
            TemplateTokenKind.Sign when token.Value == "[" => new ListNode(Items("]")),
            TemplateTokenKind.Sign when token.Value == "{" => Map(),
            _ => throw new TemplateSyntaxException($"has {Shown(token)} where a value belongs", token.Line),
        };
        return value with { Line = token.Line };
    }

    /// <summary>Texts side by side are one.</summary>
    private string Strings(string first)
    {
        while (Current.Kind == TemplateTokenKind.String)
            first += Next().Value;
        return first;
    }

    private TemplateExpression Parenthesised()
    {
        if (TakeSign(")"))
            return new ListNode([]);
        var value = Tuple();
        TakeOpening(")");
        return value;
    }

    private List<TemplateExpression> Items(string close)
    {
        var items = new List<TemplateExpression>();
        while (!TakeSign(close))
        {
            if (items.Count > 0)
                TakeOpening(",");
            if (TakeSign(close))
                break;
            items.Add(One());
        }
        return items;
    }

    private MapNode Map()
    {
        var items = new List<(TemplateExpression, TemplateExpression)>();
        while (!TakeSign("}"))
        {
            if (items.Count > 0)
                TakeOpening(",");
            if (TakeSign("}"))
                break;
            var key = One();
            TakeOpening(":");
            items.Add((key, One()));
        }
        return new(items);
    }

    private TemplateExpression Postfix(TemplateExpression value)
    {
        for (var length = 0; ; length++)
        {
            RequireShort(length);
            var line = Line;
            if (TakeSign("."))
            {
                var name = Current.Kind == TemplateTokenKind.Whole ? new ValueNode(long.Parse(Next().Value, CultureInfo.InvariantCulture)) : new ValueNode(TemplateText.Of(Attribute()));
                value = new MemberNode(value, name, IsAttribute: name.Value is TemplateText) { Line = line };
            }
            else if (TakeSign("["))
                value = Subscript(value) with { Line = line };
            else if (TakeSign("("))
                value = new CallNode(value, Arguments()) { Line = line };
            else
                return value;
        }
    }

    private string Attribute()
    {
        var name = Take(TemplateTokenKind.Name, "a name");
        return name.StartsWith("__", StringComparison.Ordinal) ? throw Wrong($"asks for '{name}', which no template may") : name;
    }

    private TemplateExpression Subscript(TemplateExpression value)
    {
        var start = IsSign(":") ? null : One();
        if (!TakeSign(":"))
        {
            TakeOpening("]");
            return new MemberNode(value, start!, IsAttribute: false);
        }
        var end = IsSign(":") || IsSign("]") ? null : One();
        var stride = TakeSign(":") && !IsSign("]") ? One() : null;
        TakeOpening("]");
        return new SliceNode(value, start, end, stride);
    }

    private ArgumentNodes Arguments()
    {
        var (positional, named) = (new List<TemplateExpression>(), new List<(string, TemplateExpression)>());
        while (!TakeSign(")"))
        {
            if (positional.Count + named.Count > 0)
                TakeOpening(",");
            if (TakeSign(")"))
                break;
            if (Current.Kind == TemplateTokenKind.Name && tokens[_at + 1] is { Kind: TemplateTokenKind.Sign, Value: "=" })
            {
                var name = Next().Value;
                _at++;
                if (named.Exists(other => other.Item1 == name))
                    throw Wrong($"gives '{name}' twice");
                named.Add((name, One()));
            }
            else
                positional.Add(One());
        }
        return new(positional, named);
    }

    private bool EndsTuple() => Current.Kind is TemplateTokenKind.BlockEnd or TemplateTokenKind.OutputEnd || IsSign(")") || IsSign("=");

    private bool IsSign(string sign) => Current.Kind == TemplateTokenKind.Sign && Current.Value == sign;

    private static bool IsOperator(TemplateToken token, params ReadOnlySpan<string> signs) => token.Kind == TemplateTokenKind.Sign && signs.Contains(token.Value);

    private bool Taken(TemplateTokenKind kind, string value)
    {
        var isThere = Current.Kind == kind && Current.Value == value;
        if (isThere)
            _at++;
        return isThere;
    }

    /// <summary>A long row of operators makes a deep tree, and that a deep stack.</summary>
    private void RequireShort(int length)
    {
        if (length > LongestChain)
            throw Wrong($"has more than {LongestChain} operators in a row");
    }

    private TemplateSyntaxException Wrong(string message) => new(message, Line);

    private static string Shown(TemplateToken token) => token.Kind switch
    {
        TemplateTokenKind.End => "its end",
        TemplateTokenKind.Text => "text",
        TemplateTokenKind.BlockEnd => "%}",
        TemplateTokenKind.OutputEnd => "}}",
        TemplateTokenKind.OutputBegin => "{{",
        TemplateTokenKind.BlockBegin => "{%",
        _ => $"'{token.Value}'",
    };
}
