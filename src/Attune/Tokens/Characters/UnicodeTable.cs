using System.Globalization;

namespace Attune.Tokens.Characters;

/// <summary>
/// Reads the tables beside this file, which were computed from the Unicode Character Database 14.0. The program is culture-free, and without a
/// culture .NET neither normalises text nor knows scripts.
/// </summary>
internal static class UnicodeTable
{
    /// <summary>Each line as its name and its entries.</summary>
    public static IEnumerable<(string Name, string[] Entries)> Lines(string resource)
    {
        using var stream = typeof(UnicodeTable).Assembly.GetManifestResourceStream(resource) ?? throw new InvalidOperationException($"The resource {resource} is not in the program.");
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            var parts = line.Split(' ');
            yield return (parts[0], parts[1..]);
        }
    }

    /// <summary>A range such as <c>41-5A</c>, or one character.</summary>
    public static (int First, int Last) Range(string text)
    {
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        return dash < 0 ? (Hex(text), Hex(text)) : (Hex(text[..dash]), Hex(text[(dash + 1)..]));
    }

    public static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
