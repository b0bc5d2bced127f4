using Attune.Feedback.Aggregation;
using Attune.Runs;

namespace Attune.Tests.Feedback.Aggregation;

public sealed class VotesTests
{
    private static readonly LabelSet Three = LabelSet.Of(
        [new("t1", "a", "x"), new("t1", "b", "y"), new("t2", "a", "x"), new("t2", "b", "x"), new("t2", "c", "y"), new("t3", "c", "y")]);

    [Fact]
    public void A_tie_goes_to_the_smallest_label_whichever_came_first()
    {
        Assert.Equal("x", MajorityVote.Run(Three).LabelOf("t1"));
        Assert.Equal("x", MajorityVote.Run(LabelSet.Of(Three.Rows().Reverse())).LabelOf("t1"));
    }

    [Fact]
    public void Skills_are_accuracies_against_the_vote()
    {
        var result = MajorityVote.Run(Three);

        // votes x, x, y: a is right on both of its tasks, b on one of two, c on one of two
        Assert.Equal([1, 0.5, 0.5], result.Skills!);
        Assert.Equal(2.0 / 3, result.ProbabilityOf("t2", "x"), 15);
        Assert.Equal(0, result.ProbabilityOf("t2", "z"));
    }

    [Fact]
    public void Repeated_answers_all_vote_but_count_once_in_skills()
    {
        var result = MajorityVote.Run(LabelSet.Of([new("t1", "a", "x"), new("t1", "a", "x"), new("t1", "b", "y"), new("t2", "a", "y"), new("t2", "b", "x"), new("t2", "c", "x")]));

        Assert.Equal(2.0 / 3, result.ProbabilityOf("t1", "x"), 15);
        Assert.Equal(0.5, result.SkillOf("a")); // right once on t1, wrong once on t2
    }

    [Fact]
    public void Wawa_weighs_by_agreement_with_the_vote()
    {
        var result = Wawa.Run(Three);

        Assert.Equal(1 / 1.5, result.ProbabilityOf("t1", "x"), 15); // a 1 against b ½
        Assert.Equal(1.5 / 2, result.ProbabilityOf("t2", "x"), 15);
    }

    [Fact]
    public void Weights_that_sum_to_nothing_fall_back_to_votes()
    {
        var skills = new Dictionary<string, double> { ["a"] = 1, ["b"] = 1, ["c"] = 0 };
        var result = MajorityVote.Run(Three, new() { Skills = skills });
        Assert.Equal(1, result.ProbabilityOf("t3", "y"));
    }

    [Fact]
    public void Zero_based_skills_settle_and_then_stop()
    {
        var made = MadeUpLabels.Of(200, 3, 0.9, 0.8, 0.7, 0.4, 0.35);

        var result = ZeroBasedSkill.Run(made.Data);

        Assert.Equal(StopReason.Converged, result.Stopped);
        Assert.True(result.Iterations < 100);
        Assert.Equal(MajorityVote.Accuracies(result.Data, result.TaskLabels), result.Skills!, (x, y) => Math.Abs(x - y) < 1e-4);
        Assert.Equal(100, ZeroBasedSkill.Run(made.Data, new() { Mode = AggregationMode.Compatible }).Iterations);
    }

    [Fact]
    public void Workers_without_golden_tasks_are_refused()
    {
        var gold = Truth.Of([("t1", "y")]);
        Assert.Contains("Worker 'c' has 1 problem", Assert.Throws<InputException>(() => GoldMajorityVote.Run(Three, gold)).Message);
        var result = GoldMajorityVote.Run(Three, Truth.Of([("t1", "y"), ("t3", "y")]));
        Assert.Equal([0, 1, 1], result.Skills!);
        Assert.Equal("y", result.LabelOf("t1"));
    }

    [Fact]
    public void Auto_learns_confusions_only_from_enough_answers()
    {
        Assert.False(Auto.LearnsConfusions(Three));
        Assert.Null(Auto.Run(Three).Confusions);
        var large = MadeUpLabels.Of(40, 2, 0.9, 0.8, 0.7).Data; // 40 answers a worker, 20 for each of two labels
        Assert.True(Auto.LearnsConfusions(large));
        Assert.NotNull(Auto.Run(large).Confusions);
    }
}
