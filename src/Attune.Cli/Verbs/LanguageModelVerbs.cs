using System.CommandLine;
using System.Globalization;
using Attune.Cli.Output;
using Attune.Updates;

namespace Attune.Cli.Verbs;

/// <summary><c>attune pretrain</c> and <c>attune sft</c>: next-token training on documents, or on responses.</summary>
internal static class LanguageModelVerbs
{
    public static Command Pretrain(ConsoleOutput output) => TrainingVerb.Create<PretrainRecipe, LanguageModelResult>(output,
        ("pretrain", "Train a model on documents, from nothing or from another model.", "attune pretrain recipes/base.yaml --out runs/base"),
        recipe => recipe.Run, Pretraining.Run, result => Show(output, result));

    public static Command Sft(ConsoleOutput output) => TrainingVerb.Create<SftRecipe, LanguageModelResult>(output,
        ("sft", "Teach a model to answer, from demonstrations.", "attune sft recipes/reviews-sft.yaml --out runs/reviews-sft"),
        recipe => recipe.Run, FineTuning.Run, result => Show(output, result));

    private static void Show(ConsoleOutput output, LanguageModelResult result)
    {
        var table = new TextTable("", "", "value")
            .Row("parameters", result.Parameters.ToString("N0", CultureInfo.InvariantCulture))
            .Row("steps", result.Steps.ToString("N0", CultureInfo.InvariantCulture))
            .Row("predicted tokens in the training rows", result.Tokens.ToString("N0", CultureInfo.InvariantCulture))
            .Row("training loss, last batch, nats a token", result.TrainingLoss.ToString("0.0000", CultureInfo.InvariantCulture));
        if (double.IsFinite(result.ValidationLoss))
        {
            table.Row("validation loss, nats a token", result.ValidationLoss.ToString("0.0000", CultureInfo.InvariantCulture))
                .Row("validation, bits a byte", result.ValidationBitsPerByte.ToString("0.0000", CultureInfo.InvariantCulture));
        }
        output.Table(table);
    }
}
