using Attune.Feedback;
using Attune.Runs;

namespace Attune.Tests.Feedback;

public sealed class LexiconTests : IDisposable
{
    private readonly Attune.Tests.TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Vader_is_read_without_its_emoticons()
    {
        var words = _folder.Write("vader.txt", ":)\t2.0\t1.1\t[2, 2]\ngood\t1.9\t0.9\t[2, 1]\nd:\t1.2\t0.1\t[1]\nd:\t-2.9\t0.1\t[1]\nwell-made\t1.5\t1\t[1]\nbad\t-2.5\t0.7\t[-2]\n");

        var list = new LexiconSettings { Format = LexiconFormat.Vader, Words = words, Negations = _folder.Write("not.txt", "not\n") }.Open();

        Assert.Equal(["bad", "good"], list.ValenceOf.Keys.Order());
        Assert.Equal(-0.75 * 1.9, list.Sum("not good"), 12);
    }

    [Fact]
    public void Words_on_both_lists_say_nothing()
    {
        var (good, bad) = (_folder.Write("good.txt", "; comment\n\nfine\nenvious\n2-faced\na+\n"), _folder.Write("bad.txt", "dull\nenvious\n"));

        var list = new LexiconSettings { Format = LexiconFormat.WordLists, Positive = good, Negative = bad }.Open();

        Assert.Equal([("dull", -1.0), ("fine", 1.0)], list.ValenceOf.Select(w => (w.Key, w.Value)).Order());
    }

    [Fact]
    public void A_file_of_another_form_is_refused_by_line()
    {
        var failure = Assert.Throws<InputException>(() => new LexiconSettings { Format = LexiconFormat.Vader, Words = _folder.Write("words.txt", "good\t1.0\nplain\n") }.Open());

        Assert.Contains("line 2  is 'plain', expected a token, a tab, a mean valence; correct the line", failure.Message);
    }

    [FixtureFact]
    public void The_published_lists_agree_on_plain_praise()
    {
        var vader = new LexiconSettings { Format = LexiconFormat.Vader, Words = Fixtures.Path("data/vader/vader_lexicon.txt") }.Open();
        var huLiu = new LexiconSettings
        {
            Format = LexiconFormat.WordLists,
            Positive = Fixtures.Path("data/opinion-lexicon/positive-words.txt"),
            Negative = Fixtures.Path("data/opinion-lexicon/negative-words.txt"),
        }.Open();

        Assert.InRange(vader.ValenceOf.Count, 6_500, 7_520);
        Assert.InRange(huLiu.ValenceOf.Count, 6_500, 6_789);
        foreach (var list in new[] { vader, huLiu })
        {
            Assert.InRange(list.Score("a wonderful and charming film"), 0.4, 1);
            Assert.InRange(list.Score("a dreadful and boring film"), -1, -0.4);
        }
    }
}
