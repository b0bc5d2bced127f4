using Attune.Cli.Output;
using Attune.Updates;

namespace Attune.Cli.Verbs;

/// <summary><c>attune reward RECIPE --out DIR</c>.</summary>
internal static class RewardVerb
{
    public static Verb Create(ConsoleOutput output) => TrainingVerb.Create<RewardRecipe, RewardResult>(output,
        ("reward", "Teach a reward model what people prefer.", "attune reward recipes/hh-reward.yaml --out runs/hh-reward"),
        recipe => recipe.Run, RewardTraining.Run, result => Show(output, result));

    private static void Show(ConsoleOutput output, RewardResult result)
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
        if (result.Seeds is { } seeds)
            output.Table(Figures($"Mean over {seeds.Seeds.Count} seeds ({string.Join(", ", seeds.Seeds)})", [seeds.Accuracy, .. seeds.Nulls, .. seeds.LeadOverNulls]));
        output.Line($"reward = {result.Scale.Gain:G5} · raw {(result.Scale.Bias < 0 ? '−' : '+')} {Math.Abs(result.Scale.Bias):G5}, from {result.References} answers of the reference policy");
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
