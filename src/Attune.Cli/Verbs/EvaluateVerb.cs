using System.CommandLine;
using Attune.Cli.Output;
using Attune.Evaluation;
using Attune.Runs;

namespace Attune.Cli.Verbs;

/// <summary><c>attune evaluate</c>: did it get better, by whose judgment, and at what cost.</summary>
internal static class EvaluateVerb
{
    public static Command Create(ConsoleOutput output)
    {
        var verb = new Verb("evaluate", "Compare models blind on held-out prompts and write a report.", "attune evaluate recipes/reviews-evaluate.yaml --out runs/reviews-evaluate")
        {
            CommonOptions.Recipe, CommonOptions.Out, CommonOptions.Resume, CommonOptions.Force, CommonOptions.Json,
        };
        verb.TreatUnmatchedTokensAsErrors = false;
        return verb.Does(output, (parsed, stop) =>
        {
            var recipe = Recipe.Load<EvaluateRecipe>(parsed.GetRequiredValue(CommonOptions.Recipe), parsed.UnmatchedTokens);
            var folder = parsed.GetValue(CommonOptions.Out)
                ?? throw InputException.One("attune evaluate", "has no --out", "a folder for the report", "add --out DIR, for instance --out runs/evaluation");
            using var progress = output.Progress(TimeProvider.System);
            var options = new RunOptions
            {
                Folder = folder,
                Resume = parsed.GetValue(CommonOptions.Resume),
                Force = parsed.GetValue(CommonOptions.Force),
                Progress = progress,
                Settings = recipe.Run,
            };
            if (Run.Within(recipe, options, run => Evaluating.Run(recipe, run, stop)) is not { } report)
                return;
            progress.Dispose();
            if (parsed.GetValue(CommonOptions.Json))
                output.Json(report);
            else
                output.Line(string.Join('\n', EvaluationSummary.Lines(report)));
            output.Note($"The report is {Path.Combine(folder, Evaluating.PageName)}.");
        });
    }
}
