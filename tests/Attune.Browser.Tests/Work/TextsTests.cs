using System.Text.Json;
using System.Text.RegularExpressions;
using Attune.Web.Texts;

namespace Attune.Browser.Tests.Work;

/// <summary>The files of the interface's texts: each language says everything.</summary>
public sealed partial class TextsTests
{
    private static readonly Dictionary<string, Dictionary<string, string>> Languages = Wording.All.ToDictionary(language => language, Read);

    [Fact]
    public void Every_language_has_the_same_keys_and_places_to_fill_in()
    {
        Assert.Equal(["de", "en"], Wording.All);
        var english = Languages["en"];
        foreach (var texts in Languages.Values)
        {
            Assert.Equal(english.Keys.Order(StringComparer.Ordinal), texts.Keys.Order(StringComparer.Ordinal));
            Assert.DoesNotContain(texts, text => string.IsNullOrWhiteSpace(text.Value));
            Assert.All(texts, text => Assert.Equal(Holes(english[text.Key]), Holes(text.Value)));
        }
    }

    [Fact]
    public void German_is_not_English()
    {
        var same = Languages["en"].Where(text => text.Value.Length > 6 && Languages["de"][text.Key] == text.Value).Select(text => text.Key);

        Assert.Equal(["pseudonym", "trust.neutral", "webhooks"], same); // the words are the same
    }

    private static IEnumerable<string> Holes(string text) => Hole().Matches(text).Select(match => match.Value).Order(StringComparer.Ordinal);

    private static Dictionary<string, string> Read(string language)
    {
        using var stream = typeof(Wording).Assembly.GetManifestResourceStream($"texts/{language}.json")!;
        return JsonSerializer.Deserialize<Dictionary<string, string>>(stream)!;
    }

    [GeneratedRegex(@"\{\d\}")]
    private static partial Regex Hole();
}
