namespace Attune.Text.Templates;

/// <summary>Something that is done.</summary>
internal abstract record TemplateStatement
{
    public abstract TemplateFlow Do(TemplateRun run);

    /// <summary>One after the other, until a loop is left.</summary>
    public static TemplateFlow DoAll(IReadOnlyList<TemplateStatement> statements, TemplateRun run)
    {
        foreach (var statement in statements)
        {
            run.Step();
            if (statement.Do(run) is var flow && flow != TemplateFlow.Usual)
                return flow;
        }
        return TemplateFlow.Usual;
    }
}

internal sealed record TextStatement(TemplateText Text) : TemplateStatement
{
    public override TemplateFlow Do(TemplateRun run)
    {
        run.Write(Text);
        return TemplateFlow.Usual;
    }
}

internal sealed record OutputStatement(TemplateExpression Value) : TemplateStatement
{
    public override TemplateFlow Do(TemplateRun run)
    {
        run.Write(Value.Of(run));
        return TemplateFlow.Usual;
    }
}

internal sealed record IfStatement(IReadOnlyList<(TemplateExpression? Condition, IReadOnlyList<TemplateStatement> Body)> Branches) : TemplateStatement
{
    public override TemplateFlow Do(TemplateRun run)
    {
        foreach (var (condition, body) in Branches)
        {
            if (condition is null || TemplateValue.IsTrue(condition.Of(run)))
                return DoAll(body, run);
        }
        return TemplateFlow.Usual;
    }
}

internal sealed record ForStatement(IReadOnlyList<string> Names, TemplateExpression Over, TemplateExpression? Where, IReadOnlyList<TemplateStatement> Body, IReadOnlyList<TemplateStatement> Else) : TemplateStatement
{
    public override TemplateFlow Do(TemplateRun run)
    {
        var items = TemplateOperators.Items(Over.Of(run));
        if (Where is not null)
            items = items.Where(item => run.Within(() => Bound(run, item) && TemplateValue.IsTrue(Where.Of(run)))).ToList();
        if (items.Count == 0)
            return DoAll(Else, run);
        var changed = new List<object?>();
        for (var i = 0; i < items.Count; i++)
        {
            var place = i;
            var flow = run.Within(() =>
            {
                Bound(run, items[place]);
                run.Set("loop", Loop(items, place, changed));
                return DoAll(Body, run);
            });
            if (flow == TemplateFlow.Break)
                break;
        }
        return TemplateFlow.Usual;
    }

    private bool Bound(TemplateRun run, object? item)
    {
        Bind(run, Names, item);
        return true;
    }

    /// <summary>Gives a value to a name, or its parts to several.</summary>
    public static void Bind(TemplateRun run, IReadOnlyList<string> names, object? value)
    {
        if (names.Count == 1)
        {
            run.Set(names[0], value);
            return;
        }
        var parts = TemplateOperators.Items(value);
        if (parts.Count != names.Count)
            throw new TemplateException($"gives {parts.Count} values to {names.Count} names");
        for (var i = 0; i < parts.Count; i++)
            run.Set(names[i], parts[i]);
    }

    private static TemplateMap Loop(List<object?> items, int place, List<object?> changed) => new()
    {
        ["index"] = (long)place + 1,
        ["index0"] = (long)place,
        ["revindex"] = (long)items.Count - place,
        ["revindex0"] = (long)items.Count - place - 1,
        ["first"] = place == 0,
        ["last"] = place == items.Count - 1,
        ["length"] = (long)items.Count,
        ["previtem"] = place > 0 ? items[place - 1] : new Undefined("loop.previtem"),
        ["nextitem"] = place + 1 < items.Count ? items[place + 1] : new Undefined("loop.nextitem"),
        ["cycle"] = new TemplateFunction("cycle", (_, given) => given.Positional.Count > 0 ? given.Positional[place % given.Positional.Count] : throw new TemplateException("cycles through nothing")),
        ["changed"] = new TemplateFunction("changed", (run, given) =>
        {
            run.Weigh(given.Positional.ToList());
            var isSame = place > 0 && TemplateValue.Equals(changed, given.Positional.ToList());
            changed.Clear();
            changed.AddRange(given.Positional);
            return !isSame;
        }),
    };
}

internal sealed record LeaveStatement(TemplateFlow Flow) : TemplateStatement
{
    public override TemplateFlow Do(TemplateRun run) => Flow;
}

internal sealed record SetStatement(IReadOnlyList<string> Names, string? Attribute, TemplateExpression? Value, IReadOnlyList<TemplateStatement> Body, IReadOnlyList<(string Name, ArgumentNodes Arguments)> Filters) : TemplateStatement
{
    public override TemplateFlow Do(TemplateRun run)
    {
        var value = Value?.Of(run) ?? (Value is null ? run.Captured(() => DoAll(Body, run)) : null);
        foreach (var (name, arguments) in Filters)
            value = TemplateFilters.Apply(run, name, value, arguments.Of(run));
        if (Attribute is null)
            ForStatement.Bind(run, Names, value);
        else if (run.Get(Names[0]) is TemplateNamespace space)
            space.Values[Attribute] = value;
        else
            throw new TemplateException($"sets {Names[0]}.{Attribute}, and {Names[0]} is {TemplateValue.KindOf(run.Get(Names[0]))}, no namespace");
        return TemplateFlow.Usual;
    }
}

internal sealed record FilterStatement(IReadOnlyList<(string Name, ArgumentNodes Arguments)> Filters, IReadOnlyList<TemplateStatement> Body) : TemplateStatement
{
    public override TemplateFlow Do(TemplateRun run)
    {
        object? value = run.Captured(() => run.Within(() => DoAll(Body, run)));
        foreach (var (name, arguments) in Filters)
            value = TemplateFilters.Apply(run, name, value, arguments.Of(run));
        run.Write(value);
        return TemplateFlow.Usual;
    }
}

internal sealed record MacroStatement(string Name, IReadOnlyList<(string Name, TemplateExpression? Usual)> Parameters, IReadOnlyList<TemplateStatement> Body) : TemplateStatement
{
    public override TemplateFlow Do(TemplateRun run)
    {
        run.Set(Name, new TemplateFunction(Name, Call));
        return TemplateFlow.Usual;
    }

    private TemplateText Call(TemplateRun run, TemplateArguments given)
    {
        if (given.Positional.Count > Parameters.Count || given.Named.Keys.FirstOrDefault(name => Parameters.All(parameter => parameter.Name != name)) is not null)
            throw new TemplateException($"calls {Name} with arguments that it does not have");
        return run.Apart(() =>
        {
            for (var i = 0; i < Parameters.Count; i++)
            {
                var (name, usual) = Parameters[i];
                run.Set(name, i < given.Positional.Count ? given.Positional[i] : given.Named.TryGetValue(name, out var named) ? named : usual is null ? new Undefined(name) : usual.Of(run));
            }
            return run.Captured(() => DoAll(Body, run));
        });
    }
}

/// <summary>What is written in it is learned: <c>{% generation %}</c>.</summary>
internal sealed record GenerationStatement(IReadOnlyList<TemplateStatement> Body) : TemplateStatement
{
    public override TemplateFlow Do(TemplateRun run)
    {
        var start = run.Output.Length;
        var flow = run.Within(() => DoAll(Body, run));
        if (run.IsOutermost && run.Output.Length > start)
            run.Generated.Add((start, run.Output.Length));
        return flow;
    }
}
