using Attune.Feedback;

namespace Attune.Tests.Feedback;

public sealed class JudgmentTests
{
    [Fact]
    public void A_choice_says_nothing_about_the_answers_passed_over()
    {
        var choice = Example("j") with { Order = [2, 1, 0], Outcome = Outcome.Choice, Ranks = [2, 1, 2] };

        Assert.Equal(1, choice.Best);
        Assert.Equal(1, choice.Between(1, 0));
        Assert.Equal(-1, choice.Between(2, 1));
        Assert.Null(choice.Between(0, 2));
    }

    [Fact]
    public void A_ranking_orders_all_pairs_and_knows_levels()
    {
        var ranking = Example("j") with { Order = [0, 1, 2], Outcome = Outcome.Ranking, Ranks = Judgment.RanksOf([0.5, 0.9, 0.5]) };

        Assert.Equal([2, 1, 2], ranking.Ranks);
        Assert.Equal(0, ranking.Between(0, 2));
        Assert.Equal(1, ranking.Best);
        Assert.Null(ranking.Fault());
        Assert.Null((ranking with { Ranks = [1, 1, 3] }).Best);
    }

    [Fact]
    public void No_vote_and_tie_have_no_best()
    {
        var tie = Example("j") with { Outcome = Outcome.Tie, Ranks = [1, 1] };
        var none = Example("j") with { Outcome = Outcome.CannotJudge, Ranks = [] };

        Assert.Null(tie.Best);
        Assert.Equal(0, tie.Between(0, 1));
        Assert.Null(none.Between(0, 1));
        Assert.Null(none.Fault());
    }

    [Fact]
    public void A_judgment_that_contradicts_itself_says_how()
    {
        var good = Example("j");
        Assert.Null(good.Fault());

        Assert.Contains("order [0, 0]", (good with { Order = [0, 0] }).Fault(), StringComparison.Ordinal);
        Assert.Contains("no Tie", (good with { Outcome = Outcome.Tie }).Fault(), StringComparison.Ordinal);
        Assert.Contains("no Choice", (good with { Ranks = [1, 1] }).Fault(), StringComparison.Ordinal);
        Assert.Contains("no Choice", (good with { Ranks = [1] }).Fault(), StringComparison.Ordinal);
        Assert.Contains("no Ranking", (good with { Outcome = Outcome.Ranking, Ranks = [1, 3] }).Fault(), StringComparison.Ordinal);
        Assert.Contains("no CannotJudge", (good with { Outcome = Outcome.CannotJudge }).Fault(), StringComparison.Ordinal);
        Assert.Contains("strength 5", (good with { Strength = 5 }).Fault(), StringComparison.Ordinal);
        Assert.Contains("-1 seconds", (good with { Seconds = -1 }).Fault(), StringComparison.Ordinal);
        Assert.Contains("empty id", (good with { AnnotatorId = "" }).Fault(), StringComparison.Ordinal);
    }

    internal static Judgment Example(string id) => new()
    {
        Id = id,
        ComparisonId = "c-1",
        AnnotatorId = "p-1",
        Order = [1, 0],
        Outcome = Outcome.Choice,
        Ranks = [1, 2],
        InstructionVersion = "1",
        At = new(2001, 2, 3, 4, 5, 6, TimeSpan.Zero),
    };
}
