using Attune.Tokens;

namespace Attune.Tests.Tokens;

/// <summary>
/// Cases of TRL's collators. Its labels hold the token where the loss reads it and −100 elsewhere, also at a row's first place, which
/// its shift then drops; the mask here is false there.
/// </summary>
public sealed class CollatorTests
{
    private const int No = -100;

    [Fact]
    public void Rows_are_padded_on_the_right()
    {
        var batch = Collators.Pad(PackerTests.Documents("1 2 3, 4 5"), paddingId: 0);

        Assert.Equal([1, 2, 3, 4, 5, 0], batch.Ids);
        Assert.Equal([No, 2, 3, No, 5, No], Labels(batch));
        Assert.Equal([1, 1, 1, 1, 1, 0], batch.Segments);
        Assert.Equal([0, 1, 2, 0, 1, 0], batch.Positions);
    }

    [Fact]
    public void Rows_are_padded_on_the_left_with_positions_from_the_first_real_token()
    {
        var batch = Collators.Pad(PackerTests.Documents("1 2 3, 4 5"), paddingId: 0, PaddingSide.Left);

        Assert.Equal([1, 2, 3, 0, 4, 5], batch.Ids);
        Assert.Equal([No, 2, 3, No, No, 5], Labels(batch));
        Assert.Equal([0, 1, 2, 0, 0, 1], batch.Positions);
        Assert.Equal([1, 1, 1, 0, 1, 1], batch.Segments);
    }

    [Fact]
    public void Padding_equal_to_the_end_token_takes_no_end_token_from_the_loss()
    {
        const int End = 9;
        var batch = Collators.Pad([TokenRow.Of([1], [2, End]), TokenRow.Of([3], [4, 5, End])], paddingId: End);

        Assert.Equal([No, 2, End, No, No, 4, 5, End], Labels(batch));
    }

    [Fact]
    public void Without_padding_all_is_one_row()
    {
        var batch = Collators.WithoutPadding(PackerTests.Documents("1 2 3, 4 5"), paddingId: 0);
        var wide = Collators.WithoutPadding(PackerTests.Documents("1 2 3, 4 5"), paddingId: 0, multipleOf: 8);

        Assert.Equal([1, 2, 3, 4, 5], batch.Ids);
        Assert.Equal([0, 1, 2, 0, 1], batch.Positions);
        Assert.Equal([No, 2, 3, No, 5], Labels(batch));
        Assert.Equal([0, 1, 2, 0, 1, 0, 0, 0], wide.Positions);
        Assert.Equal([No, 2, 3, No, 5, No, No, No], Labels(wide));
        Assert.Equal(8, wide.Width);
    }

    [Fact]
    public void Pairs_make_rows_with_the_chosen_first()
    {
        PreferenceRow[] pairs = [Pair([1, 2, 3], [4, 5], [6]), Pair([7, 8], [9, 10], [11, 12, 13])];

        var batch = Collators.Pairs(pairs, paddingId: 0);

        Assert.Equal([1, 2, 3, 4, 5, 7, 8, 9, 10, 0, 1, 2, 3, 6, 0, 7, 8, 11, 12, 13], batch.Ids);
        Assert.Equal([0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1], batch.LossMask.Select(counts => counts ? 1 : 0));
        Assert.Equal(10, Collators.Pairs(pairs, paddingId: 0, multipleOf: 10).Width);
    }

    [Fact]
    public void Selected_rows_are_as_wide_as_the_longest_of_them()
    {
        var batch = Collators.Pad(PackerTests.Documents("1 2 3, 4 5, 6"), paddingId: 0);
        var part = batch.Select([2, 1]);

        Assert.Equal([6, 0, 4, 5], part.Ids);
        Assert.Equal([No, No, No, 5], Labels(part));
        Assert.Equal(batch.LossTokens, batch.Select([0]).LossTokens + part.LossTokens);
    }

    [Fact]
    public void Padding_on_the_left_stays_when_rows_are_selected()
    {
        var batch = Collators.Pad(PackerTests.Documents("1 2 3, 4 5"), paddingId: 0, PaddingSide.Left);

        Assert.Equal([0, 4, 5], batch.Select([1]).Ids);
    }

    private static PreferenceRow Pair(int[] prompt, int[] chosen, int[] rejected) => new(TokenRow.Of(prompt, chosen), TokenRow.Of(prompt, rejected));

    private static int[] Labels(TokenBatch batch) => [.. batch.Ids.Select((id, at) => batch.LossMask[at] ? id : No)];
}
