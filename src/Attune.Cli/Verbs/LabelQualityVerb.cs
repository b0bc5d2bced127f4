using Attune.Cli.Output;
using Attune.Loop;

namespace Attune.Cli.Verbs;

/// <summary><c>attune labels RECIPE --out DIR</c>: whether better labels make better reward models.</summary>
internal static class LabelQualityVerb
{
    public static Verb Create(ConsoleOutput output) => TrainingVerb.Create<LabelQualityRecipe, LabelQualityResult>(output,
        ("labels", "Aggregate one crowd's votes by several methods and compare the reward models that learn from them.", "attune labels recipes/label-quality.yaml --out runs/label-quality"),
        recipe => recipe.Run, LabelQuality.Run, result => Show(output, result), makesModel: false);

    private static void Show(ConsoleOutput output, LabelQualityResult result)
    {
        var table = new TextTable($"Held-out accuracy over {result.HeldOutPairs} pairs; {result.Judgments} judgments aggregated", ["labels", "pairs", "labels right", "mean", .. result.Seeds.Select(seed => $"seed {seed}")]);
        foreach (var row in result.Rows)
            table.Row([row.Method, $"{row.Pairs}", $"{row.Agreed:0.000}", $"{row.Mean:0.000}", .. row.Each.Select(one => $"{one:0.000}")]);
        output.Table(table);
    }
}
