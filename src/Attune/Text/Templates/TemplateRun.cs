namespace Attune.Text.Templates;

/// <summary>
/// One rendering: variables, what has come out, and what may still be done. A template can do nothing but make text, and only so much of it: steps, characters and calls within
/// calls are counted.
/// </summary>
internal sealed class TemplateRun
{
    /// <summary>Most steps of a rendering.</summary>
    public const int MostSteps = 1_000_000;

    /// <summary>Most characters that a rendering may make, what is thrown away included.</summary>
    public const int MostCharacters = 32_000_000;

    /// <summary>Most values within each other.</summary>
    public const int DeepestValue = 50;

    private const int DeepestCall = 50;

    private readonly List<Dictionary<string, object?>> _scopes = [];
    private int _steps = MostSteps;
    private long _characters = MostCharacters;
    private int _depth;

    public TemplateRun(IReadOnlyDictionary<string, object?> given) => _scopes.Add(new(given, StringComparer.Ordinal));

    public TemplateTextBuilder Output { get; private set; } = new();

    /// <summary>Where generation blocks stand in the output.</summary>
    public List<(int Start, int End)> Generated { get; } = [];

    /// <summary>Whether what is written now is the rendering itself.</summary>
    public bool IsOutermost { get; private set; } = true;

    public void Step()
    {
        if (--_steps < 0)
            throw new TemplateException($"takes more than {MostSteps} steps");
    }

    /// <summary>Counts text before it is made.</summary>
    public void Charge(long characters)
    {
        _steps -= (int)Math.Min(characters >> 6, int.MaxValue); // long texts take long
        if ((_characters -= characters) < 0)
            throw new TemplateException($"makes more than {MostCharacters} characters");
        Step();
    }

    /// <summary>Counts work by the characters and items that it goes through.</summary>
    public void Spend(long work)
    {
        _steps -= (int)Math.Min(work >> 6, int.MaxValue);
        Step();
    }

    /// <summary>Counts going through a value, one of values within each other included.</summary>
    public void Weigh(object? value) => Spend(TemplateValue.Weight(value));

    public void Write(object? value)
    {
        var text = TemplateValue.TextOf(value);
        Charge(text.Length);
        Output.Append(text);
    }

    public object? Get(string name)
    {
        for (var i = _scopes.Count - 1; i >= 0; i--)
        {
            if (_scopes[i].TryGetValue(name, out var value))
                return value;
        }
        return TemplateFunctions.Globals.TryGetValue(name, out var function) ? function : new Undefined(name);
    }

    public void Set(string name, object? value) => _scopes[^1][name] = value;

    /// <summary>Does something with variables that end with it.</summary>
    public T Within<T>(Func<T> work)
    {
        if (++_depth > DeepestCall)
            throw new TemplateException($"calls or nests more than {DeepestCall} deep");
        _scopes.Add(new(StringComparer.Ordinal));
        try
        {
            return work();
        }
        finally
        {
            _scopes.RemoveAt(_scopes.Count - 1);
            _depth--;
        }
    }

    /// <summary>Does something that sees only the outermost variables: a macro.</summary>
    public T Apart<T>(Func<T> work)
    {
        var inner = _scopes[1..];
        _scopes.RemoveRange(1, inner.Count);
        try
        {
            return Within(work);
        }
        finally
        {
            _scopes.AddRange(inner);
        }
    }

    /// <summary>What something writes, instead of writing it.</summary>
    public TemplateText Captured(Action work)
    {
        var (output, was) = (Output, IsOutermost);
        (Output, IsOutermost) = (new(), false);
        try
        {
            work();
            return Output.ToText();
        }
        finally
        {
            (Output, IsOutermost) = (output, was);
        }
    }
}
