using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;

namespace Attune.Runs;

/// <summary>One key of a section: the property behind it, and what the recipe may leave out.</summary>
internal sealed record RecipeKey(string Name, PropertyInfo Property, bool IsRequired, bool MayBeNull, bool IsNeutral)
{
    public Type Type => Nullable.GetUnderlyingType(Property.PropertyType) ?? Property.PropertyType;
}

/// <summary>How types look in recipes: which keys a section has, how enum members are spelt, which known key is nearest to a wrong one.</summary>
internal static class RecipeKeys
{
    private static readonly ConcurrentDictionary<Type, IReadOnlyList<RecipeKey>> Known = new();

    public static IReadOnlyList<RecipeKey> Of(Type section) => Known.GetOrAdd(section, Read);

    public static bool IsSection(Type type) =>
        type.IsClass && type != typeof(string) && ItemType(type) is null && ValueType(type) is null;

    /// <summary>The type of a list's items, or null if it is no list.</summary>
    public static Type? ItemType(Type type)
    {
        if (type.IsArray)
            return type.GetElementType();
        if (!type.IsGenericType)
            return null;
        var generic = type.GetGenericTypeDefinition();
        return generic == typeof(IReadOnlyList<>) || generic == typeof(List<>) || generic == typeof(IList<>) ? type.GetGenericArguments()[0] : null;
    }

    /// <summary>The type of a dictionary's values (its keys are text), or null if it is no dictionary.</summary>
    public static Type? ValueType(Type type)
    {
        if (!type.IsGenericType)
            return null;
        var generic = type.GetGenericTypeDefinition();
        var isDictionary = generic == typeof(IReadOnlyDictionary<,>) || generic == typeof(Dictionary<,>) || generic == typeof(IDictionary<,>);
        return isDictionary && type.GetGenericArguments()[0] == typeof(string) ? type.GetGenericArguments()[1] : null;
    }

    public static IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>>? PresetsOf(Type section) =>
        section.GetProperty("Presets", BindingFlags.Public | BindingFlags.Static)?.GetValue(null)
            as IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>>;

    public static IEnumerable<string> EnumNames(Type type) => type.GetFields(BindingFlags.Public | BindingFlags.Static).Select(NameOf);

    public static object? EnumValue(Type type, string name) =>
        type.GetFields(BindingFlags.Public | BindingFlags.Static).FirstOrDefault(f => NameOf(f) == name)?.GetValue(null);

    public static string EnumName(Enum value) => value.GetType().GetField(value.ToString()) is { } field
        ? NameOf(field)
        : throw new InvalidOperationException($"{value} is not a member of {value.GetType().Name}; recipes need one.");

    /// <summary>The full keys below a section whose last part is this name: for keys put at the wrong depth.</summary>
    public static IEnumerable<string> FindBelow(Type section, string name, string prefix = "", int depth = 0)
    {
        if (depth > 4)
            yield break;
        foreach (var key in Of(section))
        {
            if (key.Name == name)
                yield return prefix + key.Name;
            if (IsSection(key.Type))
            {
                foreach (var found in FindBelow(key.Type, name, prefix + key.Name + ".", depth + 1))
                    yield return found;
            }
        }
    }

    private static List<RecipeKey> Read(Type section)
    {
        var nullability = new NullabilityInfoContext();
        var keys = new List<RecipeKey>();
        foreach (var property in section.GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (property.SetMethod is not { IsPublic: true } || property.GetIndexParameters().Length > 0)
                continue; // computed properties are no keys
            var name = property.GetCustomAttribute<RecipeNameAttribute>()?.Name ?? char.ToLowerInvariant(property.Name[0]) + property.Name[1..];
            keys.Add(new(
                name,
                property,
                property.IsDefined(typeof(RequiredMemberAttribute)),
                nullability.Create(property).WriteState == NullabilityState.Nullable,
                property.IsDefined(typeof(ResultNeutralAttribute))));
        }
        return keys;
    }

    private static string NameOf(FieldInfo member) => member.GetCustomAttribute<RecipeNameAttribute>()?.Name ?? Kebab(member.Name);

    private static string Kebab(string name)
    {
        var text = new StringBuilder();
        for (var i = 0; i < name.Length; i++)
        {
            if (char.IsUpper(name[i]) && i > 0)
                text.Append('-');
            text.Append(char.ToLowerInvariant(name[i]));
        }
        return text.ToString();
    }
}
