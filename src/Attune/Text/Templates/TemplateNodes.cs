namespace Attune.Text.Templates;

/// <summary>Whether a statement ended as usual, or a loop around it ends or goes on.</summary>
internal enum TemplateFlow { Usual, Break, Continue }

/// <summary>Something that has a value.</summary>
internal abstract record TemplateExpression
{
    /// <summary>The line it stands in.</summary>
    public int Line { get; init; }

    public object? Of(TemplateRun run)
    {
        run.Step();
        try
        {
            return Evaluate(run);
        }
        catch (TemplateException e) when (e.Line == 0)
        {
            e.Line = Line;
            throw;
        }
    }

    protected abstract object? Evaluate(TemplateRun run);
}

internal sealed record ValueNode(object? Value) : TemplateExpression
{
    protected override object? Evaluate(TemplateRun run) => Value;
}

internal sealed record NameNode(string Name) : TemplateExpression
{
    protected override object? Evaluate(TemplateRun run) => run.Get(Name);
}

internal sealed record ListNode(IReadOnlyList<TemplateExpression> Items) : TemplateExpression
{
    protected override object? Evaluate(TemplateRun run)
    {
        var list = Items.Select(item => item.Of(run)).ToList();
        run.Weigh(list);
        return list;
    }
}

internal sealed record MapNode(IReadOnlyList<(TemplateExpression Key, TemplateExpression Value)> Items) : TemplateExpression
{
    protected override object? Evaluate(TemplateRun run)
    {
        var map = new TemplateMap();
        foreach (var (key, value) in Items)
            map[TemplateValue.TextOf(key.Of(run)).Text] = value.Of(run);
        run.Weigh(map);
        return map;
    }
}

internal sealed record ConditionNode(TemplateExpression Condition, TemplateExpression Then, TemplateExpression? Else) : TemplateExpression
{
    protected override object? Evaluate(TemplateRun run) => TemplateValue.IsTrue(Condition.Of(run)) ? Then.Of(run) : Else is null ? new Undefined("else") : Else.Of(run);
}

internal sealed record LogicNode(string Sign, TemplateExpression Left, TemplateExpression Right) : TemplateExpression
{
    protected override object? Evaluate(TemplateRun run)
    {
        var left = Left.Of(run);
        return TemplateValue.IsTrue(left) == (Sign == "and") ? Right.Of(run) : left;
    }
}

internal sealed record NotNode(TemplateExpression Inner) : TemplateExpression
{
    protected override object? Evaluate(TemplateRun run) => !TemplateValue.IsTrue(Inner.Of(run));
}

internal sealed record NegativeNode(TemplateExpression Inner, bool IsNegative) : TemplateExpression
{
    protected override object? Evaluate(TemplateRun run)
    {
        var value = Inner.Of(run);
        if (value is double number)
            return IsNegative ? -number : number;
        return IsNegative ? -TemplateValue.Whole(value) : TemplateValue.Whole(value);
    }
}

internal sealed record OperatorNode(string Sign, TemplateExpression Left, TemplateExpression Right) : TemplateExpression
{
    protected override object? Evaluate(TemplateRun run) => TemplateOperators.Apply(run, Sign, Left.Of(run), Right.Of(run));
}

/// <summary>A comparison, or several in a row: <c>1 &lt; a &lt;= 3</c>.</summary>
internal sealed record CompareNode(TemplateExpression First, IReadOnlyList<(string Sign, TemplateExpression Operand)> Others) : TemplateExpression
{
    protected override object? Evaluate(TemplateRun run)
    {
        var left = First.Of(run);
        foreach (var (sign, operand) in Others)
        {
            var right = operand.Of(run);
            if (!TemplateOperators.Compare(run, sign, left, right))
                return false;
            left = right;
        }
        return true;
    }
}

internal sealed record MemberNode(TemplateExpression Target, TemplateExpression Key, bool IsAttribute) : TemplateExpression
{
    protected override object? Evaluate(TemplateRun run) => TemplateOperators.Member(Target.Of(run), Key.Of(run), IsAttribute);
}

internal sealed record SliceNode(TemplateExpression Target, TemplateExpression? Start, TemplateExpression? End, TemplateExpression? Stride) : TemplateExpression
{
    protected override object? Evaluate(TemplateRun run) => TemplateOperators.Slice(run, Target.Of(run), Number(Start, run), Number(End, run), Number(Stride, run) ?? 1);

    private static long? Number(TemplateExpression? part, TemplateRun run) => part?.Of(run) is { } value ? TemplateValue.Whole(value) : null;
}

/// <summary>Arguments as they are written.</summary>
internal sealed record ArgumentNodes(IReadOnlyList<TemplateExpression> Positional, IReadOnlyList<(string Name, TemplateExpression Value)> Named)
{
    public static ArgumentNodes None { get; } = new([], []);

    public TemplateArguments Of(TemplateRun run) => new([.. Positional.Select(value => value.Of(run))], Named.ToDictionary(entry => entry.Name, entry => entry.Value.Of(run)));
}

internal sealed record CallNode(TemplateExpression Function, ArgumentNodes Arguments) : TemplateExpression
{
    protected override object? Evaluate(TemplateRun run)
    {
        if (Function is MemberNode { IsAttribute: true, Key: ValueNode { Value: TemplateText name } } member)
        {
            var target = member.Target.Of(run);
            return TemplateOperators.Own(target, name.Text) is TemplateFunction own ? own.Call(run, Arguments.Of(run)) : TemplateMethods.Call(run, target, name.Text, Arguments.Of(run));
        }
        var function = Function.Of(run);
        return function is TemplateFunction known ? known.Call(run, Arguments.Of(run)) : throw new TemplateException($"calls {TemplateValue.KindOf(function)}");
    }
}

internal sealed record FilterNode(TemplateExpression Target, string Name, ArgumentNodes Arguments) : TemplateExpression
{
    protected override object? Evaluate(TemplateRun run) => TemplateFilters.Apply(run, Name, Target.Of(run), Arguments.Of(run));
}

internal sealed record TestNode(TemplateExpression Target, string Name, ArgumentNodes Arguments, bool IsNegated) : TemplateExpression
{
    protected override object? Evaluate(TemplateRun run) => TemplateTests.Holds(run, Name, Target.Of(run), Arguments.Of(run)) != IsNegated;
}
