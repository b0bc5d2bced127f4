using Attune.Cli.Output;
using Attune.Runs;

namespace Attune.Cli.Verbs;

/// <summary>A verb that runs one training stage from a recipe into a run folder: what pretrain, sft, reward and ppo have in common.</summary>
internal static class TrainingVerb
{
    /// <param name="output">Where results and progress go.</param>
    /// <param name="words">The verb, one line of help, one runnable command line.</param>
    /// <param name="settings">How often the recipe wants to save.</param>
    /// <param name="stage">Trains; null where it was asked to stop.</param>
    /// <param name="show">Prints a finished stage's result for a person.</param>
    /// <param name="makesModel">Whether the folder holds a model in the end.</param>
    public static Verb Create<TRecipe, TResult>(ConsoleOutput output, (string Name, string Description, string Example) words,
        Func<TRecipe, RunSettings> settings, Func<TRecipe, Run, CancellationToken, TResult?> stage, Action<TResult> show, bool makesModel = true)
        where TRecipe : class
        where TResult : class
    {
        var verb = new Verb(words.Name, words.Description, words.Example) { CommonOptions.Recipe, CommonOptions.Out, CommonOptions.Resume, CommonOptions.Force, CommonOptions.Json };
        verb.TreatUnmatchedTokensAsErrors = false;
        return verb.Does(output, (parsed, stop) =>
        {
            var recipe = Recipe.Load<TRecipe>(parsed.GetRequiredValue(CommonOptions.Recipe), parsed.UnmatchedTokens);
            var folder = parsed.GetValue(CommonOptions.Out)
                ?? throw InputException.One($"attune {words.Name}", "has no --out", "a folder for the run", "add --out DIR, for instance --out runs/" + words.Name);
            using var progress = output.Progress(TimeProvider.System);
            var options = new RunOptions
            {
                Folder = folder,
                Resume = parsed.GetValue(CommonOptions.Resume),
                Force = parsed.GetValue(CommonOptions.Force),
                Progress = progress,
                Settings = settings(recipe),
            };
            if (Run.Within(recipe, options, run => stage(recipe, run, stop)) is not { } result)
                return;
            progress.Dispose();
            if (parsed.GetValue(CommonOptions.Json))
                output.Json(result);
            else
                show(result);
            if (makesModel)
                output.Note($"The model is in {Path.Combine(folder, "model")}.");
        });
    }
}
