using System.Collections;
using System.Globalization;

namespace Attune.Runs;

/// <summary>
/// Binds a tree to sealed records, strictly, and keeps going after a problem so that all are reported at once. Not here: reading YAML
/// (<see cref="RecipeTree"/>), flags (<see cref="RecipeOverrides"/>).
/// </summary>
internal sealed class RecipeBinder(Type root, List<Problem> problems)
{
    private static readonly object Failed = new();
    private readonly List<string> _faulty = [];

    /// <summary>The record, with every problem of reading and checking added to the list.</summary>
    public object Bind(RecipeMap tree)
    {
        var bound = Section(root, tree, "");
        CheckBelow(bound, "");
        return bound;
    }

    private object Section(Type type, RecipeMap map, string path)
    {
        var section = Activator.CreateInstance(type)
            ?? throw new InvalidOperationException($"{type.Name} cannot be a recipe section: it needs a constructor without parameters.");
        var keys = RecipeKeys.Of(type);
        map = ApplyPreset(type, map, path);
        var seen = new Dictionary<string, string>();
        foreach (var entry in map.Entries)
        {
            var at = path + entry.Key;
            var key = keys.FirstOrDefault(k => k.Name == entry.Key);
            if (!seen.TryAdd(entry.Key, entry.Where))
                Add(at, Problem.Of(at, $"is written twice ({seen[entry.Key]}, {entry.Where})", "once", "delete one"));
            else if (key is null)
                Add(at, Unknown(type, keys, entry, path));
            else if (Key(key, entry.Value, at, section) is var value && value != Failed)
                key.Property.SetValue(section, value);
        }
        foreach (var key in keys.Where(k => k.IsRequired && !seen.ContainsKey(k.Name)))
            Add(path + key.Name, Problem.Of(path + key.Name, "is missing", Expectation(key.Type), $"add the line \"{key.Name}: ...\""));
        return section;
    }

    private RecipeMap ApplyPreset(Type type, RecipeMap map, string path)
    {
        if (RecipeKeys.PresetsOf(type) is not { } presets || map.Find("preset") is not RecipeScalar { IsNull: false } chosen)
            return map;
        var merged = new RecipeMap(map.Where);
        var isKey = RecipeKeys.Of(type).Any(k => k.Name == "preset");
        merged.Entries.AddRange(map.Entries.Where(e => isKey || e.Key != "preset"));
        if (!presets.TryGetValue(chosen.Text, out var values))
        {
            var nearest = NearestName.To(chosen.Text, presets.Keys);
            Add(path + "preset", Problem.Of(path + "preset", chosen.Describe(), OneOf(presets.Keys),
                nearest is null ? "choose one, or leave the key out" : $"did you mean {nearest}?"));
            return merged;
        }
        foreach (var (key, text) in values)
            RecipeOverrides.SetDefault(merged, key, text, $"preset {chosen.Text}");
        return merged;
    }

    private Problem Unknown(Type type, IReadOnlyList<RecipeKey> keys, RecipeEntry entry, string path)
    {
        var nearest = NearestName.To(entry.Key, keys.Select(k => k.Name)) is { } near ? path + near
            : RecipeKeys.FindBelow(root, entry.Key).FirstOrDefault();
        var names = keys.Select(k => k.Name).Concat(RecipeKeys.PresetsOf(type) is null ? [] : ["preset"]).Distinct();
        return Problem.Of(path + entry.Key, $"is not a key ({entry.Where})", OneOf(names),
            nearest is null ? "delete it" : $"did you mean {nearest}?");
    }

    private object? Key(RecipeKey key, RecipeNode node, string path, object section)
    {
        if (node is not RecipeScalar { IsNull: true })
            return Value(key.Type, node, path);
        if (key.MayBeNull)
            return null;
        var usual = RecipeWriter.Scalar(key.Property.GetValue(section));
        return Fail(path, $"has no value ({node.Where})", Expectation(key.Type),
            usual is null or "null" or "\"\"" ? "write one after the colon" : $"delete the line for the usual {usual}");
    }

    private object? Value(Type type, RecipeNode node, string path)
    {
        if (RecipeKeys.ItemType(type) is { } item)
            return node is RecipeList list ? List(type, item, list, path) : Mismatch(type, node, path, "write [a, b] or one \"- \" line each");
        if (RecipeKeys.ValueType(type) is { } value)
            return node is RecipeMap map ? Dictionary(value, map, path) : Mismatch(type, node, path, "write indented \"name: value\" lines");
        if (RecipeKeys.IsSection(type))
            return node is RecipeMap map ? Section(type, map, path + ".") : Mismatch(type, node, path, "write its keys on indented lines below");
        return node is RecipeScalar scalar ? Scalar(type, scalar, path) : Mismatch(type, node, path, "write a single value");
    }

    private object List(Type type, Type item, RecipeList list, string path)
    {
        var items = Array.CreateInstance(item, list.Items.Count);
        var whole = true;
        for (var i = 0; i < items.Length; i++)
        {
            var value = Value(Nullable.GetUnderlyingType(item) ?? item, list.Items[i], $"{path}[{i}]");
            if (value == Failed)
                whole = false;
            else
                items.SetValue(value, i);
        }
        if (!whole)
            return Failed;
        return type.IsAssignableFrom(items.GetType()) ? items : Activator.CreateInstance(typeof(List<>).MakeGenericType(item), items)!;
    }

    private object Dictionary(Type valueType, RecipeMap map, string path)
    {
        var values = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(typeof(string), valueType))!;
        foreach (var entry in map.Entries)
        {
            var at = $"{path}.{entry.Key}";
            var value = Value(Nullable.GetUnderlyingType(valueType) ?? valueType, entry.Value, at);
            if (values.Contains(entry.Key))
                Add(at, Problem.Of(at, $"is written twice ({entry.Where})", "once", "delete one"));
            else if (value != Failed)
                values.Add(entry.Key, value);
        }
        return values;
    }

    private object? Scalar(Type type, RecipeScalar scalar, string path)
    {
        if (scalar.IsNull)
            return Fail(path, $"has no value ({scalar.Where})", Expectation(type), "write one");
        if (type == typeof(string))
            return Expand(scalar, path);
        if (type.IsEnum)
        {
            var nearest = NearestName.To(scalar.Text, RecipeKeys.EnumNames(type));
            return RecipeKeys.EnumValue(type, scalar.Text)
                ?? Mismatch(type, scalar, path, nearest is null ? "choose one" : $"did you mean {nearest}?");
        }
        if (type == typeof(bool))
            return scalar.Text switch { "true" => true, "false" => false, _ => Mismatch(type, scalar, path, "write it without quotes, in lower case") };
        if (type == typeof(double))
            return Number(scalar.Text) ?? Mismatch(type, scalar, path, "write it like 0.5 or 1e-4");
        if (type == typeof(decimal))
            return Exact(scalar.Text, out var exact) ? exact : Mismatch(type, scalar, path, "write it like 0.50, without a currency");
        if (type == typeof(int) || type == typeof(long) || type == typeof(ulong))
            return Whole(type, scalar, path);
        throw new InvalidOperationException($"{path} has type {type.Name}, which recipes cannot hold.");
    }

    private object? Whole(Type type, RecipeScalar scalar, string path)
    {
        var text = scalar.Text.Replace("_", "");
        if (decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && decimal.Truncate(number) == number)
        {
            var (least, most) = type == typeof(int) ? (int.MinValue, int.MaxValue) : type == typeof(long) ? (long.MinValue, long.MaxValue) : (0m, ulong.MaxValue);
            return number >= least && number <= most
                ? Convert.ChangeType(number, type, CultureInfo.InvariantCulture)
                : Fail(path, $"{scalar.Describe()} ({scalar.Where})", $"a whole number from {least} to {most}", "choose one in that range");
        }
        return Mismatch(type, scalar, path, "write it like 1000 or 1_000");
    }

    private static object? Number(string text) => text switch
    {
        ".inf" => double.PositiveInfinity,
        "-.inf" => double.NegativeInfinity,
        _ when double.TryParse(text.Replace("_", ""), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) => number,
        _ => null,
    };

    /// <summary>A number to the last digit written, for money.</summary>
    private static bool Exact(string text, out decimal number) =>
        decimal.TryParse(text.Replace("_", ""), NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number);

    /// <summary><c>${NAME}</c> becomes the environment variable's value; <c>$${NAME}</c> stays, less one dollar.</summary>
    private object Expand(RecipeScalar scalar, string path)
    {
        var text = scalar.Text;
        for (var from = text.IndexOf("${", StringComparison.Ordinal); from >= 0; from = text.IndexOf("${", from, StringComparison.Ordinal))
        {
            var end = text.IndexOf('}', from);
            if (from > 0 && text[from - 1] == '$')
            {
                text = text.Remove(from - 1, 1);
                from++;
                continue;
            }
            if (end < 0)
                return Fail(path, $"{scalar.Describe()} ({scalar.Where})", "a } after ${", "write ${NAME}, or $${ for the characters themselves");
            var name = text[(from + 2)..end];
            if (Environment.GetEnvironmentVariable(name) is not { Length: > 0 } value)
            {
                return Fail(path, $"is {scalar.Text} ({scalar.Where}), but {name} is not set", $"an environment variable {name}",
                    $"set it: export {name}=...");
            }
            text = text[..from] + value + text[(end + 1)..];
            from += value.Length;
        }
        return text;
    }

    private void CheckBelow(object section, string path)
    {
        foreach (var key in RecipeKeys.Of(section.GetType()))
        {
            var value = key.Property.GetValue(section);
            if (value is null)
                continue;
            if (RecipeKeys.IsSection(key.Type))
                CheckBelow(value, path + key.Name + ".");
            else if (RecipeKeys.ItemType(key.Type) is { } item && RecipeKeys.IsSection(item))
                CheckEach((IEnumerable)value, path + key.Name);
        }
        if (section is not IChecked configured || _faulty.Exists(f => f.StartsWith(path, StringComparison.Ordinal)))
            return;
        foreach (var problem in configured.Check())
            problems.Add(problem with { Key = problem.Key.Length > 0 ? path + problem.Key : path.TrimEnd('.') });
    }

    private void CheckEach(IEnumerable items, string path)
    {
        var i = 0;
        foreach (var item in items)
            CheckBelow(item, $"{path}[{i++}].");
    }

    private object Mismatch(Type type, RecipeNode node, string path, string fix) =>
        Fail(path, $"{node.Describe()} ({node.Where})", Expectation(type), fix);

    private object Fail(string path, string found, string expected, string fix)
    {
        Add(path, Problem.Of(path, found, expected, fix));
        return Failed;
    }

    private void Add(string path, Problem problem)
    {
        _faulty.Add(path);
        problems.Add(problem);
    }

    private static string Expectation(Type type)
    {
        if (RecipeKeys.ItemType(type) is { } item)
            return "a list";
        if (RecipeKeys.ValueType(type) is not null)
            return "named values";
        if (RecipeKeys.IsSection(type))
            return $"a section with {string.Join(", ", RecipeKeys.Of(type).Select(k => k.Name))}";
        return type.IsEnum ? OneOf(RecipeKeys.EnumNames(type))
            : type == typeof(bool) ? "true or false"
            : type == typeof(double) || type == typeof(decimal) ? "a number"
            : type == typeof(string) ? "text"
            : "a whole number";
    }

    private static string OneOf(IEnumerable<string> names) => names.ToArray() is [var only] ? only : $"one of {string.Join(", ", names)}";
}
