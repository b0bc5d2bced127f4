using Attune.Tokens;

namespace Attune.Tests.Tokens;

/// <summary>Cuts worked out by hand from the regular expressions; | marks a cut.</summary>
public sealed class SplitScannerTests
{
    [Theory]
    [InlineData("Hello| my| friend|,| how| is| your| day| going|?")] // the words of tokenizers' own byte-level test
    [InlineData("I|'m| we|'ve| you|'ll| he|'d| they|'re| don|'t| it|'s")]
    [InlineData("I|'|M")] // contractions are lower case
    [InlineData("'re|d")] // and match before anything else
    [InlineData("a|!'|s")] // but not within other signs
    [InlineData("a|  | b")] // a run leaves its last space to the word
    [InlineData("a|\t|b")]
    [InlineData("a|\t\t|\t|b")]
    [InlineData("a| |\n|b")]
    [InlineData("a|   ")] // at the end nothing follows
    [InlineData(" a| 12|b| ++|c")]
    [InlineData("x|12345|y")]
    [InlineData("x|½²Ⅷ٣|y")] // other numbers, letter numbers, Arabic digits
    [InlineData("𝐀𐐷|𝟘𝟙|🦙")] // letters, digits, signs beyond U+FFFF
    [InlineData("e|\u0301|a")] // a combining mark is no letter
    [InlineData("a|\u00A0|b")] // a no-break space is white space but not the space that leads a word
    [InlineData("a|\u200B|b")] // a zero-width space is not white space
    [InlineData("我想在apple工作|1314151|天|～")]
    public void Gpt2_cuts(string marked) => AssertCuts(marked, SplitPattern.Gpt2);

    [Theory]
    [InlineData("I|'M| we|'Ve")] // case is ignored
    [InlineData("a|'ſ|b")] // the long s is an s
    [InlineData("x|123|45|y")] // threes
    [InlineData("\ta|-b| c")] // any sign may lead letters
    [InlineData("a| |12")]
    [InlineData("a|;\n\n|b")] // line breaks stick to signs
    [InlineData("a| \n|  | b")] // white space ends after its last line break
    [InlineData("a|\r\n|b")]
    [InlineData("𝐀|🦙𐐷")]
    public void Llama3_cuts(string marked) => AssertCuts(marked, SplitPattern.Llama3);

    [Theory]
    [InlineData("x|1|2|3|y")]
    [InlineData("a| |1|2")]
    public void Qwen2_cuts(string marked) => AssertCuts(marked, SplitPattern.Qwen2);

    private static void AssertCuts(string marked, SplitPattern pattern)
    {
        var text = marked.Replace("|", "");
        var words = new List<string>();
        for (var start = 0; start < text.Length;)
        {
            var end = SplitScanner.EndOfWord(text, start, pattern);
            words.Add(text[start..end]);
            start = end;
        }
        Assert.Equal(marked, string.Join('|', words));
    }
}
