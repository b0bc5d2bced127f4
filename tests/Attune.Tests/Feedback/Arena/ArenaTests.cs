using Attune.Feedback;
using Attune.Feedback.Arena;
using Attune.Torch;

namespace Attune.Tests.Feedback.Arena;

public sealed class ArenaTests
{
    [Fact]
    public void The_example_with_three_models_gives_the_known_strengths_as_ratings()
    {
        var votes = Votes(("a", "b", ArenaChoice.A), ("a", "b", ArenaChoice.A), ("c", "b", ArenaChoice.B), ("b", "c", ArenaChoice.A), ("a", "c", ArenaChoice.A), ("c", "a", ArenaChoice.A));
        var board = ArenaLeaderboard.Of(votes);
        Assert.Equal(["a", "b", "c"], board.Standings.Select(standing => standing.Model));
        Assert.Equal(1000, board.Standings.Average(standing => standing.Rating!.Value), 6);
        double[] strengths = [0.592, 0.278, 0.130]; // a ≻ b and b ≻ c twice each, a ≻ c and c ≻ a once each
        Assert.Equal(400 * Math.Log10(strengths[0] / strengths[2]), board.Standings[0].Rating!.Value - board.Standings[2].Rating!.Value, 0);
        Assert.Equal(400 * Math.Log10(strengths[0] / strengths[1]), board.Standings[0].Rating!.Value - board.Standings[1].Rating!.Value, 0);
        Assert.Equal((4, 3, 1, 0), (board.Standings[0].Battles, board.Standings[0].Wins, board.Standings[0].Losses, board.Standings[0].Ties));
        Assert.Equal(1.0, board.WinRates[0][1]);
        Assert.Equal(0.5, board.WinRates[0][2]);
        Assert.Null(board.WinRates[0][0]);
        Assert.Equal(2, board.Battles[1][2]);
    }

    [Fact]
    public void A_tie_is_half_a_win_for_each_and_elo_goes_in_order()
    {
        var board = ArenaLeaderboard.Of(Votes(("a", "b", ArenaChoice.A), ("a", "b", ArenaChoice.BothBad)));
        // Elo by hand: 1002 and 998 after the win; then the expected share of a is 1/(1 + 10^(−4/400)), and a tie gives 4 · (½ − that).
        var expected = 1 / (1 + Math.Pow(10, -4 / 400.0));
        Assert.Equal(1002 + 4 * (0.5 - expected), board.Standings.Single(standing => standing.Model == "a").Elo, 9);
        Assert.Equal(400 * Math.Log10(3), board.Standings[0].Rating!.Value - board.Standings[1].Rating!.Value, 3); // 1½ of 2 games: odds of 3
        Assert.Equal((1, 1), (board.Standings[0].Ties, board.Standings[0].BothBad));
        Assert.Equal(0.75, board.WinRates[0][1]);
    }

    [Fact]
    public void Who_only_wins_or_was_never_met_has_no_rating_and_no_votes_give_an_empty_board()
    {
        var board = ArenaLeaderboard.Of(Votes(("a", "b", ArenaChoice.A), ("b", "c", ArenaChoice.A), ("c", "b", ArenaChoice.A)), ["d"]);
        Assert.Equal(["b", "c"], board.Standings.Where(standing => standing.Rating is not null).Select(standing => standing.Model).Order());
        Assert.Equal(1000, board.Standings.Single(standing => standing.Model == "d").Elo);
        Assert.All(ArenaLeaderboard.Of([], ["x", "y"]).Standings, standing => Assert.Null(standing.Rating));
    }

    [Fact]
    public void Intervals_hold_the_rating_and_are_the_same_each_time()
    {
        var seed = new Seed(4);
        var votes = Enumerable.Range(0, 300).Select(i => new ArenaVote($"{i}", "a", "b", seed.Uniform(i) < 0.7 ? ArenaChoice.A : ArenaChoice.B)).ToArray();
        var (board, again) = (ArenaLeaderboard.Of(votes), ArenaLeaderboard.Of(votes));
        Assert.All(board.Standings, standing => Assert.True(standing.Interval!.Value.Contains(standing.Rating!.Value)));
        Assert.Equal(board.Standings, again.Standings);
        Assert.True(board.Standings[0].Interval!.Value.Lower > board.Standings[1].Interval!.Value.Upper);
    }

    [Fact]
    public void The_anomaly_test_is_as_worked_by_hand()
    {
        // Others vote 1, 1, 0 on (a, b). v then votes 0 five times: at or below are v's own and the one 0, 2 of 4; at or above all 4 of 4.
        var votes = Votes(("a", "b", ArenaChoice.A), ("b", "a", ArenaChoice.B), ("a", "b", ArenaChoice.B)).Concat(Enumerable.Repeat(new ArenaVote("v", "b", "a", ArenaChoice.A), 5));
        var test = VoterAnomaly.Of(votes).Single(test => test.Voter == "v");
        Assert.Equal(5, test.Votes);
        Assert.Equal(1.0, test.Low, 12); // (1 / (2 · 2/4))^5
        Assert.Equal(Math.Pow(0.5, 5), test.High, 12);
        Assert.False(test.IsFlagged);
    }

    [Fact]
    public void Who_always_votes_against_everybody_is_flagged_and_not_before_the_fifth_vote()
    {
        // 9 others say 1. v says 0: at or below is v's own alone, 1 of 10, so each vote multiplies by 5: 25 after two, yet flagged at five.
        var votes = Enumerable.Range(0, 9).Select(i => new ArenaVote($"w{i}", "a", "b", ArenaChoice.A)).Concat(Enumerable.Repeat(new ArenaVote("v", "a", "b", ArenaChoice.B), 200));
        var test = VoterAnomaly.Of(votes).Single(test => test.Voter == "v");
        Assert.Equal((VoterAnomaly.MostVotes, 5), (test.Votes, test.FlaggedAt));
        Assert.Equal(1, test.Low / Math.Pow(5, 100), 6);
    }

    [Fact]
    public void Of_voters_who_vote_like_the_others_few_are_flagged_and_of_one_sided_ones_most()
    {
        var seed = new Seed(11);
        const int Voters = 600, Each = 40;
        var votes = new List<ArenaVote>();
        for (var round = 0; round < Each; round++)
        {
            for (var voter = 0; voter < Voters; voter++)
            {
                var row = round * Voters + voter;
                var (draw, isBad) = (seed.Uniform(row), voter % 20 == 0);
                votes.Add(new($"{(isBad ? "bad" : "good")}{voter}", "a", "b", isBad ? ArenaChoice.A : draw < 0.35 ? ArenaChoice.A : draw < 0.65 ? ArenaChoice.B : ArenaChoice.Tie));
            }
        }
        var tests = VoterAnomaly.Of(votes);
        var honest = tests.Where(test => test.Voter.StartsWith("good", StringComparison.Ordinal)).ToArray();
        Assert.InRange(honest.Count(test => test.IsFlagged) / (double)honest.Length, 0, 2 * VoterAnomaly.Level);
        Assert.True(tests.Count(test => test.Voter.StartsWith("bad", StringComparison.Ordinal) && test.IsFlagged) >= 27); // of 30
    }

    [Theory]
    [InlineData("I was trained by OpenAI.", true)]
    [InlineData("As ChatGPT, I cannot.", true)]
    [InlineData("my name is open-ai's model", true)]
    [InlineData("I am house model 7!", true)]
    [InlineData("I come from the Tin-Works workshop.", true)]
    [InlineData("The clauderies opened an ailment clinic.", false)]
    [InlineData("A llamas' wool, a warehouse model 77", false)]
    [InlineData("", false)]
    public void An_answer_that_names_a_maker_is_found_by_whole_words(string answer, bool names) =>
        Assert.Equal(names, new MakerNames(["House Model 7", "tin works"]).IsIn(answer));

    [Theory]
    [InlineData("Write to ada.b+x@mail.example.org please", "email")]
    [InlineData("call me: +49 (30) 1234-5678", "phone")]
    [InlineData("ring 030 1234567 tonight", "phone")]
    [InlineData("or (415) 555-0132", "phone")]
    [InlineData("card 4111 1111 1111 1111 please", "card")]
    [InlineData("account DE89 3704 0044 0532 0130 00 of mine", "iban")]
    [InlineData("host 192.168.10.7 is down", "ipv4")]
    [InlineData("host 2001:db8::ff00:42:8329 is down", "ipv6")]
    [InlineData("order 123456789012", "number")]
    public void Private_data_is_found(string text, string kind) => Assert.Contains(kind, PrivateData.Kinds(text));

    [Theory]
    [InlineData("Explain the war of 1812 and 3.14159 in 200 words at 12:30:45.")]
    [InlineData("What is 12 + 34 * 5? Use std::vector and a::b.")]
    [InlineData("Version 1.2.3 of the film @ home")]
    public void Plain_prompts_are_not_private(string text) => Assert.Empty(PrivateData.Kinds(text));

    [Fact]
    public void The_check_digits_are_those_of_the_standards()
    {
        Assert.True(PrivateData.HasLuhnDigit("4111111111111111"));
        Assert.False(PrivateData.HasLuhnDigit("4111111111111112"));
        Assert.True(PrivateData.IsIban("GB82 WEST 1234 5698 7654 32"));
        Assert.False(PrivateData.IsIban("GB83 WEST 1234 5698 7654 32"));
    }

    [Fact]
    public void Prompts_are_alike_after_normalising_or_by_their_rows_of_five_words()
    {
        Assert.Equal(PromptPool.Normalise("Tell me, PLEASE:  a “Story”!"), PromptPool.Normalise("tell me please a story"));
        var (one, two) = (PromptPool.Shingles("a b c d e f g"), PromptPool.Shingles("a b c d e f h")); // abcde bcdef cdefg; abcde bcdef cdefh
        Assert.Equal(2, one.Intersect(two).Count());
        Assert.Equal(0.5, PromptPool.Jaccard(2, one.Count, two.Count));
        var people = Enumerable.Range(0, 1000).Select(i => PromptPool.SplitOf($"v{i}", 0.2, 1)).ToArray();
        Assert.InRange(people.Count(side => side == PromptSplit.HeldOut), 160, 240);
        Assert.Equal(PromptPool.SplitOf("v1", 0.2, 1), PromptPool.SplitOf("v1", 0.2, 1));
    }

    private static ArenaVote[] Votes(params (string A, string B, ArenaChoice Choice)[] votes) => [.. votes.Select((vote, i) => new ArenaVote($"w{i}", vote.A, vote.B, vote.Choice))];
}
