using System.CommandLine;
using Attune.Models;
using Attune.Runs;

namespace Attune.Cli;

/// <summary>How the weights of a model that answers or scores stand in memory.</summary>
internal static class WeightOptions
{
    public static Option<WeightForm> Form { get; } = new("--weights")
    {
        Description = "How weights stand in memory: as they are, or rounded to 8 or 4 bits, which is smaller and answers faster; full without it",
        HelpName = "full|int8|nf4",
    };

    /// <summary>The form, with what contradicts it.</summary>
    public static WeightForm Read(ParseResult parsed, ComputeSettings settings, List<Problem> problems)
    {
        var form = parsed.GetValue(Form);
        if (form != WeightForm.Full && settings.Precision != Precision.Float32)
            problems.Add(Problem.Of(Form.Name, $"is {NameOf(form)} beside {ComputeOptions.Type.Name} {settings.Precision.ToString().ToLowerInvariant()}", "float32, which rounded weights are computed in", "leave one of the two out"));
        return form;
    }

    public static string NameOf(WeightForm form) => form.ToString().ToLowerInvariant();
}
