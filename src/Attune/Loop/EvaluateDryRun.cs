using Attune.Evaluation;
using Attune.Runs;
using Attune.Tokens;
using Attune.Updates;

namespace Attune.Loop;

/// <summary>Dry runs of evaluation. Reward models are read, as judges are.</summary>
internal static class EvaluateDryRun
{
    public static DryRun Of(EvaluateRecipe recipe, IProgressSink progress, CancellationToken stop)
    {
        var told = new KeptWarnings(progress);
        using var setup = new EvaluationSetup(recipe, folder: ".", told);
        stop.ThrowIfCancellationRequested();
        var input = setup.Input;
        var plan = EvaluationPlan.Of(input);
        var answers = plan.Orders.Sum(order => (long)order.Total);
        return new()
        {
            Figures =
            [
                new("models", input.Models.Count),
                new("prompts in the files", input.Prompts.Count),
                new("prompts used, equal ones once", plan.Prompts.Count),
                new("prompts of best-of-N and frontier", plan.FrontierPrompts),
                new("judges", input.Judges.Count),
                new("answers to sample", answers),
                new("tokens to sample, at most", (double)answers * input.Sampling.MaximumNewTokens),
            ],
            MemoryBytes = setup.MemoryBytes,
            Sample = input.Tokenizer.Decode(PpoPrompts.Encoder(input.Template, input.Tokenizer)(plan.Prompts[0])) + $"{LossRendering.Open}an answer of up to {input.Sampling.MaximumNewTokens} tokens of each model{LossRendering.Close}",
            Warnings = [.. told.Warnings, .. input.Warnings],
        };
    }
}
