using System.CommandLine;
using Attune.Cli.Output;
using Attune.Runs;
using Attune.Updates;

namespace Attune.Cli.Verbs;

/// <summary><c>attune reward RECIPE --out DIR</c>.</summary>
internal static class RewardVerb
{
    private static readonly Option<string[]> Beside = new("--beside")
    {
        Description = "Finished runs of the recipe with other seeds, to print one table with",
        HelpName = "DIR",
        AllowMultipleArgumentsPerToken = true,
    };

    public static Verb Create(ConsoleOutput output)
    {
        var verb = new Verb("reward", "Teach a reward model what people prefer.", "attune reward recipes/hh-reward.yaml --out runs/hh-reward-1 --seed 1")
        {
            CommonOptions.Recipe, CommonOptions.Out, CommonOptions.Resume, CommonOptions.Force, CommonOptions.Json, Beside,
        };
        verb.TreatUnmatchedTokensAsErrors = false;
        return verb.Does(output, (parsed, stop) =>
        {
            var folder = parsed.GetValue(CommonOptions.Out) ?? throw InputException.One("attune reward", "has no --out", "a folder for the run", "add --out DIR");
            var recipe = Recipe.Load<RewardRecipe>(parsed.GetRequiredValue(CommonOptions.Recipe), parsed.UnmatchedTokens);
            var others = parsed.GetValue(Beside) ?? [];
            RewardSeeds.Require(others);
            using var progress = output.Progress(TimeProvider.System);
            using var run = Run.Open(recipe, new()
            {
                Folder = folder,
                Resume = parsed.GetValue(CommonOptions.Resume),
                Force = parsed.GetValue(CommonOptions.Force),
                Settings = recipe.Run,
                Progress = progress,
            });
            if (RewardTraining.Run(recipe, run, stop) is not { } result)
                return;
            var seeds = others.Length > 0 ? RewardSeeds.Of([folder, .. others]) : null;
            if (parsed.GetValue(CommonOptions.Json))
            {
                if (seeds is null)
                    output.Json(result);
                else
                    output.Json(new { result, seeds });
            }
            else
            {
                Print(result, output);
                if (seeds is not null)
                    output.Table(Figures($"Mean over {seeds.Seeds.Count} seeds ({string.Join(", ", seeds.Seeds)})", [seeds.Accuracy, .. seeds.Nulls, .. seeds.LeadOverNulls]));
            }
        });
    }

    private static void Print(RewardResult result, ConsoleOutput output)
    {
        output.Table(Figures(
            "Pairs ordered as people did",
            [
                result.Accuracy,
                .. result.BySource.Select(row => row with { Name = $"  from {row.Name}" }),
                .. result.ByAnnotators.Select(row => row with { Name = $"  annotators {row.Name}" }),
                .. result.ByAgreement.Select(row => row with { Name = $"  agreement {row.Name}" }),
                .. result.Nulls.Select(row => row with { Name = $"null: {row.Name}" }),
                .. result.LeadOverNulls.Select(row => row with { Name = $"model − {row.Name}" }),
            ]));
        var calibration = new TextTable($"Calibration: error {result.Calibration.ExpectedCalibrationError:0.000}, Brier {result.Calibration.Brier:0.000}, loss {result.Loss:0.000}", "predicted", "mean", "came true", "pairs");
        foreach (var row in result.Calibration.Rows.Where(row => row.Count > 0))
            calibration.Row($"{row.From:0.00}–{row.To:0.00}", $"{row.Predicted:0.000}", $"{row.Observed:0.000}", $"{row.Count}");
        output.Table(calibration);
        output.Line($"{result.Model}: reward = {result.Scale.Gain:G5} · raw {(result.Scale.Bias < 0 ? '−' : '+')} {Math.Abs(result.Scale.Bias):G5}, from {result.References} answers of the reference policy");
    }

    private static TextTable Figures(string title, IReadOnlyList<AccuracyFigure> rows)
    {
        var table = new TextTable(title, "", "share", "95 % interval", "pairs", "prompts");
        foreach (var row in rows)
        {
            if (row.Pairs == 0)
                table.Row(row.Name, "", "not recorded", "0", "0");
            else
                table.Row(row.Name, $"{row.Share:0.000}", $"{row.Lower:0.000} to {row.Upper:0.000}", $"{row.Pairs}", $"{row.Prompts}");
        }

        return table;
    }
}
