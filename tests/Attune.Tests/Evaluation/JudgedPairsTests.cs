using Attune.Evaluation;
using Attune.Feedback;
using Attune.Torch;

namespace Attune.Tests.Evaluation;

public sealed class JudgedPairsTests
{
    private static readonly Comparison Pair = new()
    {
        Id = "c1",
        Prompt = "p",
        Answers = [new() { Source = "new", Text = "x" }, new() { Source = "old", Text = "y" }],
        Order = [1, 0],
    };

    private static Judgment Said(string judge, int view, Outcome outcome, params int[] ranks) => new()
    {
        Id = $"c1:{judge}:{view}",
        ComparisonId = "c1",
        AnnotatorId = judge,
        Order = Pair.OrderFor(view),
        Outcome = outcome,
        Ranks = ranks,
        InstructionVersion = "1",
        At = DateTimeOffset.UnixEpoch,
    };

    [Fact]
    public void Judgments_become_votes_seen_from_the_first_answer_with_side_and_line()
    {
        Judgment[] log =
        [
            Said("a", 0, Outcome.Choice, 1, 2),      // line 1: for "new", which view 0 shows second
            Said("b", 1, Outcome.Choice, 2, 1),      // line 2: for "old", with "new" shown first
            Said("c", 2, Outcome.Tie, 1, 1),         // line 3
            Said("d", 3, Outcome.CannotJudge),       // line 4: no vote
            Said("stranger", 4, Outcome.Choice, 1, 2),
        ];

        var result = Assert.Single(JudgedPairs.Results([Pair], log, judgment => judgment.AnnotatorId != "stranger"));

        Assert.Equal(("p", "new", "old"), (result.Prompt, result.Model, result.Opponent));
        Assert.Equal(
            [new PairVote("a", PairOutcome.Win, false, new(1, "c1", "c1:a:0")), new PairVote("b", PairOutcome.Loss, true, new(2, "c1", "c1:b:1")), new PairVote("c", PairOutcome.Tie, false, new(3, "c1", "c1:c:2"))],
            result.Votes);
        Assert.Equal(PairOutcome.Tie, result.Majority); // one each
        Assert.Empty(JudgedPairs.Results([Pair], log, _ => false));
    }

    [Fact]
    public void A_judge_votes_once_in_each_order_and_the_later_vote_counts()
    {
        Judgment[] log =
        [
            Said("a", 0, Outcome.Choice, 1, 2),
            Said("a", 1, Outcome.Choice, 1, 2),
            Said("a", 0, Outcome.Choice, 2, 1) with { Id = "corrected" }, // line 3
        ];

        var result = Assert.Single(JudgedPairs.Results([Pair], log, _ => true));

        Assert.Equal([(PairOutcome.Win, 2L), (PairOutcome.Loss, 3L)], result.Votes.Select(vote => (vote.Outcome, vote.Row!.Line)));
    }

    [Fact]
    public void Sides_are_balanced_and_every_vote_swaps_them()
    {
        AnswerRow Row(string model, int k) => new() { Id = $"{model}{k}", Model = model, Prompt = $"p{k}", Text = $"{model} {k}" };
        var contest = new Contest("new", "old", [.. Enumerable.Range(0, 10).Select(k => (Row("new", k), Row("old", k)))]);

        var comparisons = JudgedPairs.Compare([contest], round: 0, new Seed(1));
        var said = JudgePanel.OfFunction("longer", (_, text) => text.Length).Ask(comparisons);

        Assert.Equal(5, comparisons.Count(c => c.Order[0] == 0));
        Assert.All(comparisons, c => Assert.Equal(PromptSplit.HeldOut, c.Split));
        Assert.All(said.GroupBy(j => j.ComparisonId), votes => Assert.Equal([0, 1], votes.Select(v => v.Order[0]).Order()));
        Assert.Equal("new0", comparisons[0][0].Id);
    }

    [Fact]
    public void A_panel_of_several_judges_shares_the_work_by_comparison()
    {
        var comparisons = Enumerable.Range(0, 60).Select(k => Comparison.From(new($"p{k}", Pair.Answers), new Seed(1), k)).ToList();
        IJudge[] judges = [.. Enumerable.Range(0, 3).Select(k => new ScoreJudge($"judge {k}", (_, answer) => answer.Text[0]))];

        var said = JudgePanel.OfJudges("three", judges, votes: 2).Ask(comparisons);

        Assert.Equal(comparisons.SelectMany(c => new[] { c.Id, c.Id }), said.Select(j => j.ComparisonId));
        Assert.All(said.GroupBy(j => j.ComparisonId), votes => Assert.Equal(2, votes.Select(v => v.AnnotatorId).Distinct().Count()));
        Assert.All(said.CountBy(j => j.AnnotatorId), judge => Assert.InRange(judge.Value, 25, 55)); // 40 of 120 each; deviation of a fair draw about 4
    }
}
