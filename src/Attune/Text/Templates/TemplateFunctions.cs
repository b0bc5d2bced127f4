namespace Attune.Text.Templates;

/// <summary>What every template can call, beside <see cref="TemplateDate.Now"/>.</summary>
internal static class TemplateFunctions
{
    private const int LongestRange = 100_000;

    public static IReadOnlyDictionary<string, object?> Globals { get; } = new Dictionary<string, object?>(StringComparer.Ordinal)
    {
        ["raise_exception"] = new TemplateFunction("raise_exception", (_, given) => throw new TemplateException("refuses the conversation") { Said = TemplateValue.TextOf(given.Get(0, "message", TemplateText.Empty)).Text }),
        ["range"] = new TemplateFunction("range", (run, given) => Range(run, [.. given.Positional.Select(TemplateValue.Whole)])),
        ["namespace"] = new TemplateFunction("namespace", (_, given) =>
        {
            var space = new TemplateNamespace();
            foreach (var from in given.Positional.OfType<TemplateMap>())
                foreach (var key in from.Keys)
                    space.Values[key] = from[key];
            foreach (var (name, value) in given.Named)
                space.Values[name] = value;
            return space;
        }),
        ["dict"] = new TemplateFunction("dict", (run, given) =>
        {
            var map = new TemplateMap();
            foreach (var from in given.Positional.OfType<TemplateMap>())
                foreach (var key in from.Keys)
                    map[key] = from[key];
            foreach (var (name, value) in given.Named)
                map[name] = value;
            run.Weigh(map);
            return map;
        }),
    };

    private static List<object?> Range(TemplateRun run, long[] bounds)
    {
        var (start, end, stride) = bounds.Length switch
        {
            1 => (0L, bounds[0], 1L),
            2 => (bounds[0], bounds[1], 1L),
            3 => (bounds[0], bounds[1], bounds[2]),
            _ => throw new TemplateException("calls range without bounds"),
        };
        if (stride == 0)
            throw new TemplateException("calls range with a stride of 0");
        var numbers = new List<object?>();
        for (var at = (decimal)start; stride > 0 ? at < end : at > end; at += stride)
        {
            if (numbers.Count == LongestRange)
                throw new TemplateException($"makes a range of more than {LongestRange} numbers");
            run.Step();
            numbers.Add((long)at);
        }
        return numbers;
    }
}
