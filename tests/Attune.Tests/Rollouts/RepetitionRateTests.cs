using Attune.Rollouts;

namespace Attune.Tests.Rollouts;

public sealed class RepetitionRateTests
{
    [Fact]
    public void The_share_of_ngrams_that_stood_before()
    {
        // 5 6 5 6 5: words 5 and 6 of five; pairs 56 65 56 65; triples 565 656 565; one four and another
        int[] tokens = [5, 6, 5, 6, 5];
        Assert.Equal([1 - (2 / 5.0), 1 - (2 / 4.0), 1 - (2 / 3.0), 0], RepetitionRate.UpTo4(tokens));
        Assert.Equal(0.75, RepetitionRate.Of(["x", "x", "x", "x", "x"], 2));
    }

    [Fact]
    public void Ids_that_look_alike_side_by_side_are_told_apart() => Assert.Equal(0, RepetitionRate.Of([1, 11, 11, 1, 111], 2));

    [Fact]
    public void Too_short_a_text_has_no_rate()
    {
        Assert.True(double.IsNaN(RepetitionRate.Of([5, 6], 3)));
        Assert.True(double.IsNaN(RepetitionRate.Of(Array.Empty<int>(), 1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => RepetitionRate.Of([5], 0));
    }
}
