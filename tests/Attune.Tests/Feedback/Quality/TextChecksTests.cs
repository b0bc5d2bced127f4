using Attune.Feedback.Quality;

namespace Attune.Tests.Feedback.Quality;

public sealed class TextChecksTests
{
    [Theory]
    [InlineData("", 0)]
    [InlineData("One. Two! Three?", 3)]
    [InlineData("No end", 1)]
    [InlineData("It costs 3.50 today.", 1)]
    [InlineData("What?! Really...", 2)]
    [InlineData("- one\n- two\n", 2)]
    [InlineData("你好。再见！", 2)]
    public void Sentences_are_counted(string text, int sentences) => Assert.Equal(sentences, TextChecks.Sentences(text));

    [Theory]
    [InlineData("the cat sat on the mat", "I know that the cat sat on it", 3, 0.5)] // the cat sat, cat sat on; not: sat on the, on the mat
    [InlineData("the cat", "the cat sat", 4, 1)]
    [InlineData("a new text entirely", "another prompt", 2, 0)]
    [InlineData("", "anything", 3, 0)]
    public void The_share_of_copied_sequences(string text, string prompt, int length, double share) => Assert.Equal(share, TextChecks.CopiedShare(text, prompt, length), 12);

    [Fact]
    public void Every_fault_is_found_and_a_good_text_has_none()
    {
        var settings = new TextSettings { MinimumWords = 3, MaximumWords = 12, MinimumSentences = 1, MaximumSentences = 2, CopiedWords = 3, MaximumCopied = 0.4, BannedOpenings = ["Sure,"], Language = "en" };

        Assert.Empty(TextChecks.Faults("The film is slow, but it ends well.", "What of the film?", settings));
        Assert.Equal([TextFault.TooShort, TextFault.BannedOpening], TextChecks.Faults("Sure thing!", null, settings));
        Assert.Equal([TextFault.TooLong, TextFault.TooManySentences], TextChecks.Faults("It is one. It is two. It is three and then it goes on and on.", null, settings));
        Assert.Equal([TextFault.Copied], TextChecks.Faults("tell me what of it", "Now tell me what of it", settings));
        Assert.Equal([TextFault.OtherLanguage], TextChecks.Faults("Der Film ist langsam, aber er ist nicht schlecht.", null, settings));
        Assert.Equal([TextFault.TooShort, TextFault.TooFewSentences], TextChecks.Faults("  ", null, settings));
        Assert.Empty(TextChecks.Faults("Sure. Irgendwas", null, new())); // nothing is asked for
    }

    [Theory]
    [InlineData("This is what they have said of it and it was not good", "en")]
    [InlineData("Das ist nicht gut und wird auch mit der Zeit nicht besser", "de")]
    [InlineData("Ce film est une belle histoire que nous avons vue avec plaisir", "fr")]
    [InlineData("Esta es una historia muy buena que no se olvida con el tiempo", "es")]
    [InlineData("Questo è un film che non si dimentica ma anche una storia di amore", "it")]
    [InlineData("Dit is een film die het publiek niet zal vergeten en ook niet wil", "nl")]
    [InlineData("Este é um filme que não se esquece e que foi muito bom para mim", "pt")]
    [InlineData("Это очень хороший фильм", "ru")]
    [InlineData("这部电影很好看", "zh")]
    [InlineData("この映画はとても良い", "ja")]
    [InlineData("이 영화는 좋다", "ko")]
    [InlineData("Yes.", null)]
    [InlineData("12345", null)]
    [InlineData("Lorem ipsum dolor sit amet consectetur adipiscing elit", null)]
    public void Languages_are_told_where_they_can_be(string text, string? language) => Assert.Equal(language, LanguageGuess.Of(text));
}
