using Attune.Loop;
using Attune.Models;
using Attune.Runs;

namespace Attune.Tests.Loop;

public sealed class QuickstartPlanTests
{
    [Theory]
    [InlineData(Budget.Small, true)]
    [InlineData(Budget.Small, false)]
    [InlineData(Budget.Standard, true)]
    [InlineData(Budget.Standard, false)]
    [InlineData(Budget.Large, true)]
    [InlineData(Budget.Large, false)]
    public void The_plan_of_every_budget_is_sound_and_comes_back_from_its_file(Budget budget, bool leash)
    {
        var plan = QuickstartPlan.Of(budget, seed: 3, leash);

        Assert.Empty(plan.Check());
        Assert.Equal((budget, 3, leash), (plan.Budget, plan.Seed, plan.Leash));
        Assert.Equal(Recipe.ToYaml(plan), Recipe.ToYaml(Recipe.Parse<QuickstartPlan>(Recipe.ToYaml(plan), "plan", [])));
        Assert.Equal(leash, plan.Ppo.KlCoefficient > 0);
        Assert.True(plan.Prompts <= File.ReadLines(Repository.PathOf("data/quickstart/prompts-train.txt")).Count());
        Assert.True(plan.HeldOutPrompts <= File.ReadLines(Repository.PathOf("data/quickstart/prompts-heldout.txt")).Count());
    }

    [Fact]
    public void The_standard_plan_is_as_large_as_is_promised()
    {
        var plan = QuickstartPlan.Of(Budget.Standard);

        Assert.InRange(plan.Comparisons, 1_500, int.MaxValue);
        Assert.Equal(430 * 15, plan.Comparisons); // six answers make fifteen pairs
        Assert.InRange(plan.Crowd.Training, 6, int.MaxValue);
        Assert.Equal(2, plan.Crowd.Bad.Count);
        Assert.InRange(plan.HeldOutVotes, 3, plan.Crowd.HeldOut);
    }

    [Fact]
    public void The_standard_plan_is_estimated_to_stay_below_3_GiB()
    {
        var config = HuggingFaceFolder.ReadConfig(Repository.PathOf("models/base"));
        var longest = new[] { "train", "heldout" }.Max(part => File.ReadLines(Repository.PathOf($"data/quickstart/prompts-{part}.txt")).Max(line => line.Length));

        Assert.InRange(QuickstartNeeds.Memory(QuickstartPlan.Of(Budget.Standard), config, longest), 256L << 20, (3L << 30) - 1);
    }

    [Fact]
    public void Everything_that_is_wrong_with_a_plan_is_named()
    {
        var plan = new QuickstartPlan { Rounds = 0, Prompts = 0, AnswersPerPrompt = 3, Votes = 6, HeldOutVotes = 6, HeldOutPrompts = 0, Ppo = new() { Steps = 0 }, Crowd = new() { Agreement = 1 } };

        Assert.Equal(["rounds", "prompts", "answersPerPrompt", "votes", "heldOutVotes", "heldOutPrompts", "crowd.agreement", "ppo.steps"], plan.Check().Select(problem => problem.Key));
    }

    [Fact]
    public void A_plan_is_told_in_a_few_lines()
    {
        var plan = TinyQuickstart.Plan with { Sft = TinyQuickstart.Plan.Sft with { Steps = null, Epochs = 1.5 }, Prompts = 700, AnswersPerPrompt = 4, AnswersPerRanking = 4 };

        Assert.Equal("""
            Quick start, budget standard, seed 1, without a KL penalty
              Supervised fine-tuning  1.5 passes over the demonstrations, batches of 4
              Answers to compare      2,800 answers to 700 prompts, at most 10 tokens each, each of 2 rounds
              Feedback                700 rankings of 4 answers (4,200 comparisons), 3 of 8 training annotators each: 2,100 judgments, each of 2 rounds
              Reward model            1 pass, batches of 16 rankings, each of 2 rounds
              PPO                     4 steps of 8 answers, 1 pass over them, each of 2 rounds
              Evaluation              6 held-out prompts, 5 of 5 held-out annotators each, best of 1, 2, each of 2 rounds
            """, string.Join('\n', PlanSummary.Lines(plan with { Leash = false, Rounds = 2 })));
    }
}
