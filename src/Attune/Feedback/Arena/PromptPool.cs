using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Attune.Torch;

namespace Attune.Feedback.Arena;

/// <summary>
/// What decides whether a prompt goes into a pool of prompts, the same each time: prompts are alike when their normalised texts are, or when the sets of their
/// rows of five words overlap by <see cref="NearDuplicate"/> (Jaccard's index; Broder 1997); and all prompts of one person lie on the same side of the split.
/// </summary>
public static class PromptPool
{
    /// <summary>Jaccard's index from which two prompts are one.</summary>
    public const double NearDuplicate = 0.7;

    private const int Words = 5;

    /// <summary>The text in small letters and compatibility form, with nothing but letters, digits and single blanks.</summary>
    public static string Normalise(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var normal = new StringBuilder(text.Length);
        foreach (var rune in text.Normalize(NormalizationForm.FormKC).EnumerateRunes())
        {
            if (Rune.IsLetterOrDigit(rune) || Rune.GetUnicodeCategory(rune) is System.Globalization.UnicodeCategory.NonSpacingMark or System.Globalization.UnicodeCategory.SpacingCombiningMark)
                normal.Append(Rune.ToLowerInvariant(rune));
            else if (normal.Length > 0 && normal[^1] != ' ')
                normal.Append(' ');
        }
        return normal.ToString().TrimEnd();
    }

    /// <summary>A number for each different row of five words of a normalised text; a shorter text is one row.</summary>
    public static IReadOnlyList<long> Shingles(string normalised)
    {
        ArgumentNullException.ThrowIfNull(normalised);
        var words = normalised.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var rows = words.Length <= Words ? [normalised] : Enumerable.Range(0, words.Length - Words + 1).Select(start => string.Join(' ', words, start, Words));
        return [.. rows.Select(row => BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(row)))).Distinct()];
    }

    /// <summary>Jaccard's index of two sets, from their sizes and what they share.</summary>
    public static double Jaccard(int shared, int first, int second) => first + second == 0 ? 1 : shared / (double)(first + second - shared);

    /// <summary>The side of the split on which all of a person's prompts lie.</summary>
    /// <param name="voter">The person, by id.</param>
    /// <param name="heldOutShare">The share of people whose prompts are held out, from 0 to 1.</param>
    /// <param name="seed">Decides who.</param>
    public static PromptSplit SplitOf(string voter, double heldOutShare, ulong seed) =>
        new Seed(seed).For("arena prompts").For(voter).Uniform(0) < heldOutShare ? PromptSplit.HeldOut : PromptSplit.Training;
}
