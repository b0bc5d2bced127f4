using Attune.Feedback;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Tests.Feedback;

public sealed class ValenceTests
{
    private static readonly Valence Small = new(
        new Dictionary<string, double> { ["good"] = 2, ["dull"] = -1.5, ["moving"] = 2 },
        ["not", "never"],
        new Dictionary<string, double> { ["very"] = 1.5, ["a-little"] = 0.5 });

    [Theory]
    [InlineData("A GOOD film.", 2)]
    [InlineData("dull, dull and good", -1)]
    [InlineData("very good", 3)]
    [InlineData("very very good", 4.5)]
    [InlineData("very very very good", 4.5)] // only two count
    [InlineData("not good", -1.5)]
    [InlineData("not very good", -2.25)]
    [InlineData("not a single good word", -1.5)] // three words back
    [InlineData("not even one single good word", 2)] // four words back
    [InlineData("never not good", 1.125)]
    [InlineData("not dull but good", 1.125 + 2)]
    [InlineData("no, not. good", 2)] // another clause
    [InlineData("not the best , good", 2)]
    [InlineData("very , good", 2)]
    [InlineData("goodness", 0)]
    [InlineData("", 0)]
    public void Sum_is_what_the_rules_give_by_hand(string text, double expected) => Assert.Equal(expected, Small.Sum(text), 12);

    [Fact]
    public void Score_saturates_at_one_on_either_side()
    {
        Assert.Equal(0.6, Small.Score("very good"), 12); // 3/√(9 + 16)
        Assert.Equal(-0.6, Small.Score("dull dull"), 12);
        Assert.InRange(Small.Score(string.Join(' ', Enumerable.Repeat("good", 1000))), 0.999, 1);
    }

    [Fact]
    public void Words_keep_inner_apostrophes_and_lose_quotes_and_case()
    {
        Assert.Equal(["don't", "say", "it's", "café", "like", "2nd", "rate"], Words.Of("Don’t say 'it's' (Café-like), 2nd-rate'"));
    }

    [Fact]
    public void The_shipped_lists_tell_praise_from_blame()
    {
        var valence = Valence.Load(Repository.PathOf("data"));

        Assert.InRange(valence.ValenceOf.Count, 550, 700);
        Assert.True(valence.Score("a moving and wonderful film") > 0.5);
        Assert.True(valence.Score("it isn't funny , and the plot is dull") < -0.3);
    }

    [Fact]
    public void Halves_are_disjoint_complete_similar_in_size_and_keep_families_together()
    {
        var whole = Valence.Load(Repository.PathOf("data"));
        var training = whole.Half(new Seed(7), ListHalf.Training).ValenceOf.Keys.ToHashSet();
        var heldOut = whole.Half(new Seed(7), ListHalf.HeldOut).ValenceOf.Keys.ToHashSet();

        Assert.Empty(training.Intersect(heldOut));
        Assert.Equal(whole.ValenceOf.Keys.Order(), training.Union(heldOut).Order());
        Assert.Empty(training.Where(w => w.Length >= 5).Select(w => w[..5]).Intersect(heldOut.Where(w => w.Length >= 5).Select(w => w[..5])));
        Assert.InRange(training.Count / (double)whole.ValenceOf.Count, 0.4, 0.6); // 482 families: 4.4 standard deviations
        Assert.NotEqual(training.Order(), whole.Half(new Seed(8), ListHalf.Training).ValenceOf.Keys.Order());
    }

    [Fact]
    public void A_word_keeps_its_half_when_another_is_added()
    {
        var more = new Valence(new Dictionary<string, double>(Small.ValenceOf) { ["aloof"] = -1 }, [], new Dictionary<string, double>());

        Assert.All(Enumerable.Range(0, 20), i =>
        {
            var seed = new Seed((ulong)i);
            Assert.Equal(Small.Half(seed, ListHalf.HeldOut).ValenceOf.Keys.Order(), more.Half(seed, ListHalf.HeldOut).ValenceOf.Keys.Where(w => w != "aloof").Order());
        });
    }

    [Fact]
    public void Every_bad_line_of_a_list_is_reported_at_once()
    {
        using var folder = new TemporaryFolder();
        var words = folder.Write("words.tsv", "# comment\ngood\t2\nGood\t2\nbad\nawful\t-9\ngood\t1\n");
        var none = folder.Write("none.tsv", "");

        var error = Assert.Throws<InputException>(() => Valence.Load(words, none, none));

        Assert.Equal(["line 3", "line 4", "line 5", "line 6"], error.Problems.Select(p => p.Key));
        Assert.Contains("is 'awful\t-9', expected one word in lower case, a tab, a valence from -3 to 3; correct the line", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_list_is_named()
    {
        var error = Assert.Throws<InputException>(() => Valence.Load("/nowhere"));

        Assert.Contains("/nowhere/valence.tsv", error.Message, StringComparison.Ordinal);
    }
}
