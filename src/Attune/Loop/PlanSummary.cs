using System.Globalization;

namespace Attune.Loop;

/// <summary>A plan in a few lines, printed before any work: so many steps, samples and judgments.</summary>
public static class PlanSummary
{
    /// <summary>The lines.</summary>
    public static IEnumerable<string> Lines(QuickstartPlan plan)
    {
        var each = plan.Rounds > 1 ? $", each of {plan.Rounds} rounds" : "";
        yield return $"Quick start, budget {plan.Budget.ToString().ToLowerInvariant()}, seed {plan.Seed}{(plan.Leash ? "" : ", without a KL penalty")}";
        yield return $"  {QuickstartStage.Sft.Title(),-24}{Passes(plan.Sft.Epochs)} over the demonstrations, batches of {plan.Sft.Batch}";
        yield return $"  {QuickstartStage.Compare.Title(),-24}{Number(plan.Prompts * plan.AnswersPerPrompt)} answers to {plan.Prompts} prompts, at most {plan.AnswerTokens} tokens each{each}";
        yield return plan.OwnComparisons is { } own
            ? $"  {QuickstartStage.Judge.Title(),-24}{Number(own)} comparisons of 2 answers by you, in a browser{each}"
            : $"  {QuickstartStage.Judge.Title(),-24}{Number(plan.Rankings)} rankings of {plan.AnswersPerRanking} answers ({Number(plan.Comparisons)} comparisons), {plan.Votes} of {plan.Crowd.Training} training annotators each: {Number((long)plan.Rankings * plan.Votes)} judgments{each}";
        yield return $"  {QuickstartStage.Reward.Title(),-24}{Passes(plan.Reward.Epochs)}, batches of {plan.Reward.BatchSize} {(plan.IsJudgedByPerson ? "pairs" : "rankings")}{each}";
        yield return $"  {QuickstartStage.Ppo.Title(),-24}{plan.Ppo.Steps} steps of {plan.Ppo.RolloutsPerStep} answers, {Passes(plan.Ppo.Epochs)} over them{each}";
        yield return $"  {QuickstartStage.Evaluate.Title(),-24}{plan.HeldOutPrompts} held-out prompts, {plan.HeldOutVotes} of {plan.Crowd.HeldOut} held-out annotators each, best of {string.Join(", ", plan.BestOf)}{each}";
    }

    private static string Passes(double count) => string.Create(CultureInfo.InvariantCulture, $"{count:0.##} {(count == 1 ? "pass" : "passes")}");

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
