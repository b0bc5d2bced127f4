using Attune.Tokens;

namespace Attune.Tests.Tokens;

public sealed class TruncationTests
{
    [Theory] // torchtune: stop tokens 2 and 869, fill 0
    [InlineData("869 30 869", "869 0 0", "0 1 1")]
    [InlineData("2 30 869", "2 0 0", "0 1 1")]
    [InlineData("50 30 869", "50 30 869", "0 0 0")]
    [InlineData("13 30 2", "13 30 2", "0 0 0")]
    [InlineData("13 30 5", "13 30 5", "0 0 0")]
    [InlineData("13 2 20", "13 2 0", "0 0 1")]
    [InlineData("13 2 2", "13 2 0", "0 0 1")]
    [InlineData("2 2 2", "2 0 0", "0 1 1")]
    public void A_response_ends_at_its_first_end_token(string ids, string cut, string mask)
    {
        var response = Truncation.AtFirstEnd(Numbers(ids), [2, 869], fill: 0);

        Assert.Equal(Numbers(cut), response.Ids);
        Assert.Equal(Numbers(mask), response.AfterEnd.Select(after => after ? 1 : 0));
        Assert.Equal(ids != "13 30 5", response.Ended);
    }

    [Theory] // prompt 1 2 3, answer 4 5 6
    [InlineData(6, OverlongRule.CutEnd, "1 2 3 4 5 6")]
    [InlineData(5, OverlongRule.CutEnd, "1 2 3 4 5")]
    [InlineData(3, OverlongRule.CutEnd, null)] // nothing left to learn
    [InlineData(5, OverlongRule.CutStart, "2 3 4 5 6")]
    [InlineData(4, OverlongRule.CutStart, "3 4 5 6")]
    [InlineData(3, OverlongRule.CutStart, "3 4 5")] // the last of the prompt stays
    [InlineData(5, OverlongRule.Drop, null)]
    public void What_is_too_long_follows_the_rule(int longest, OverlongRule rule, string? kept)
    {
        var row = Truncation.Fit(TokenRow.Of([1, 2, 3], [4, 5, 6]), longest, rule);

        Assert.Equal(kept, row is null ? null : string.Join(' ', row.Ids));
        Assert.True(row is null || row.LossMask.Zip(row.Ids).All(place => place.First == place.Second > 3));
    }

    [Theory] // two turns: 1 2 asks, 13 14 answers, 5 6 asks, 17 18 19 answers
    [InlineData(8, "2 13 14 5 6 17 18 19", "0 1 1 0 0 1 1 1")]
    [InlineData(7, "13 14 5 6 17 18 19", "0 0 0 0 1 1 1")] // nothing asks for the first answer any more
    [InlineData(6, "14 5 6 17 18 19", "0 0 0 1 1 1")]
    [InlineData(4, "6 17 18 19", "0 1 1 1")]
    [InlineData(3, "6 17 18", "0 1 1")]
    public void A_dialogue_that_loses_its_beginning_keeps_the_last_answer(int longest, string ids, string mask)
    {
        var row = Truncation.Fit(new(Numbers("1 2 13 14 5 6 17 18 19"), [.. Numbers("0 0 1 1 0 0 1 1 1").Select(learned => learned == 1)]), longest, OverlongRule.CutStart)!;

        Assert.Equal((ids, mask), (string.Join(' ', row.Ids), string.Join(' ', row.LossMask.Select(learned => learned ? 1 : 0))));
    }

    [Fact]
    public void A_row_without_an_answer_is_dropped()
    {
        Assert.Null(Truncation.Fit(TokenRow.Of([1, 2], []), 10, OverlongRule.CutEnd));
        Assert.Null(Truncation.Fit(TokenRow.Of([], [1]), 10, OverlongRule.CutEnd)); // nothing predicts its only token
    }

    [Fact]
    public void Columns_of_different_length_are_refused()
    {
        var error = Assert.Throws<ArgumentException>(() => new TokenRow([1, 2], [true]));

        Assert.StartsWith("the loss mask has 1 places for 2 tokens, expected as many; build both from the same spans", error.Message);
    }

    private static int[] Numbers(string text) => [.. text.Split(' ').Select(int.Parse)];
}
