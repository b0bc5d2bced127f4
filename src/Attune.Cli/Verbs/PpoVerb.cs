using System.CommandLine;
using System.Globalization;
using Attune.Cli.Output;
using Attune.Updates;

namespace Attune.Cli.Verbs;

/// <summary><c>attune ppo</c>.</summary>
internal static class PpoVerb
{
    public static Command Create(ConsoleOutput output) => TrainingVerb.Create<PpoRecipe, PpoResult>(output,
        ("ppo", "Improve a policy against a reward with PPO.", "attune ppo recipes/reviews-ppo.yaml --out runs/reviews-ppo"),
        recipe => recipe.Run, PpoTraining.Run, result => Show(output, result));

    private static void Show(ConsoleOutput output, PpoResult result)
    {
        string Number(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);
        var table = new TextTable($"{result.Steps} steps, {result.Answers} answers", "", "first steps", "last steps")
            .Row("score", Number(result.First.Score), Number(result.Last.Score))
            .Row("distance from the reference, nats an answer", Number(result.First.Kl), Number(result.Last.Kl))
            .Row("tokens an answer", Number(result.First.Length), Number(result.Last.Length))
            .Row("answers that ended", Number(result.First.EndRate), Number(result.Last.EndRate))
            .Row("entropy, nats a token", Number(result.First.Entropy), Number(result.Last.Entropy));
        foreach (var name in result.HeldOutFirst.Keys.Where(k => !k.EndsWith("_deviation", StringComparison.Ordinal)))
            table.Row(name, Number(result.HeldOutFirst[name]), Number(result.HeldOutLast[name]));
        output.Table(table);
        foreach (var alarm in result.Alarms)
            output.Line(alarm);
    }
}
