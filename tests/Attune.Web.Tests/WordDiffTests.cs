using Attune.Web.Work;

namespace Attune.Web.Tests;

public sealed class WordDiffTests
{
    [Fact]
    public void As_few_words_as_possible_differ()
    {
        var parts = WordDiff.Of("The film is long, but good.", "The film is short but very good.");

        Assert.Equal(
            [
                new(DiffKind.Same, "The film is "), new(DiffKind.Removed, "long,"), new(DiffKind.Added, "short"), new(DiffKind.Same, " but"), new(DiffKind.Added, " very"), new(DiffKind.Same, " good."),
            ], parts);
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("", "a b")]
    [InlineData("a b", "")]
    [InlineData("same\r\n text", "same\n text")]
    [InlineData("😀 and 😁", "😁 and 😀")]
    [InlineData("e\u0301te\u0301 नमस्ते", "ete नमस्ते!")]
    [InlineData("مرحبا بالعالم", "مرحبا يا عالم")]
    public void Both_texts_are_in_it_to_the_letter_and_no_character_is_parted(string first, string second)
    {
        var parts = WordDiff.Of(first, second);

        Assert.Equal(first, string.Concat(parts.Where(part => part.Kind != DiffKind.Added).Select(part => part.Text)));
        Assert.Equal(second, string.Concat(parts.Where(part => part.Kind != DiffKind.Removed).Select(part => part.Text)));
        Assert.All(parts, part => Assert.False(char.IsLowSurrogate(part.Text[0]) || char.IsHighSurrogate(part.Text[^1])));
        Assert.All(parts.Zip(parts.Skip(1)), pair => Assert.NotEqual(pair.First.Kind, pair.Second.Kind));
    }

    [Fact]
    public void Of_texts_too_long_to_compare_word_by_word_the_middle_is_replaced()
    {
        var (first, second) = (string.Concat(Enumerable.Range(0, 4000).Select(i => $"a{i} ")), string.Concat(Enumerable.Range(0, 4000).Select(i => $"b{i} ")));

        var parts = WordDiff.Of("Begin " + first + "end", "Begin " + second + "end");

        Assert.Equal([DiffKind.Same, DiffKind.Removed, DiffKind.Added, DiffKind.Same], parts.Select(part => part.Kind));
    }
}
