using System.Collections.Frozen;
using System.Text.Json;

namespace Attune.Web.Texts;

/// <summary>
/// The interface's texts in the language of who looks: the one they chose, else the first of their browser's that there is, else English. One file a language
/// (<c>Texts/en.json</c>); each has the same keys.
/// </summary>
public sealed class Wording
{
    /// <summary>The cookie that keeps a chosen language.</summary>
    public const string Cookie = "attune-language";

    private static readonly FrozenDictionary<string, FrozenDictionary<string, string>> Languages = Read();
    private readonly FrozenDictionary<string, string> _texts;

    /// <summary>For a request.</summary>
    public Wording(IHttpContextAccessor accessor)
        : this(accessor.HttpContext ?? throw new InvalidOperationException("There is no request."))
    {
    }

    internal Wording(HttpContext context)
        : this(Choose(context.Request.Cookies[Cookie], context.Request.GetTypedHeaders().AcceptLanguage.OrderByDescending(wish => wish.Quality ?? 1).Select(wish => wish.Value.ToString())))
    {
    }

    internal Wording(string language) => (Language, _texts) = (language, Languages[language]);

    /// <summary>The languages that there are, as tags.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Languages.Keys.Order(StringComparer.Ordinal)];

    /// <summary>The language in use, as a tag.</summary>
    public string Language { get; }

    /// <summary>What a language calls itself.</summary>
    public static string NameOf(string language) => Languages[language]["language"];

    /// <summary>"ltr" or "rtl".</summary>
    public string Direction => this["direction"];

    /// <summary>A text by its key.</summary>
    /// <exception cref="KeyNotFoundException">No language has such a text.</exception>
    public string this[string key] => _texts.TryGetValue(key, out var text) ? text : Languages["en"][key];

    /// <summary>A text with {0}, {1}, … filled in.</summary>
    public string Of(string key, params object?[] values) =>
        string.Format(System.Globalization.CultureInfo.InvariantCulture, this[key], [.. values.Select(value => value is Phrase phrase ? Of(phrase) : value)]);

    /// <summary>A phrase in this language.</summary>
    public string Of(Phrase phrase)
    {
        ArgumentNullException.ThrowIfNull(phrase);
        return Of(phrase.Key, phrase.Values);
    }

    /// <summary>Whether there is such a text.</summary>
    public static bool Has(string key) => Languages["en"].ContainsKey(key);

    /// <summary>The texts whose keys begin with a prefix, by the rest of the key; for scripts.</summary>
    public IReadOnlyDictionary<string, string> Under(string prefix) => Languages["en"].Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal))
        .ToDictionary(key => key[prefix.Length..], key => this[key], StringComparer.Ordinal);

    /// <summary>The English texts whose keys begin with a prefix.</summary>
    internal static IEnumerable<(string Key, string Text)> English(string prefix) => Languages["en"].Where(text => text.Key.StartsWith(prefix, StringComparison.Ordinal)).Select(text => (text.Key, text.Value));

    internal static IReadOnlyCollection<string> Keys(string language) => Languages[language].Keys;

    internal static string Choose(string? chosen, IEnumerable<string> wished) =>
        new[] { chosen }.Concat(wished).Select(tag => tag?.Split('-')[0].ToLowerInvariant()).FirstOrDefault(tag => tag is not null && Languages.ContainsKey(tag)) ?? "en";

    private static FrozenDictionary<string, FrozenDictionary<string, string>> Read()
    {
        const string Prefix = "texts/";
        var assembly = typeof(Wording).Assembly;
        return assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)).ToFrozenDictionary(
            name => Path.GetFileNameWithoutExtension(name[Prefix.Length..]),
            name =>
            {
                using var stream = assembly.GetManifestResourceStream(name)!;
                return JsonSerializer.Deserialize<Dictionary<string, string>>(stream)!.ToFrozenDictionary(StringComparer.Ordinal);
            });
    }
}
