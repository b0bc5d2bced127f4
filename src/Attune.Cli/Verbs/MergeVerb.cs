using System.CommandLine;
using Attune.Cli.Output;
using Attune.Models;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Cli.Verbs;

/// <summary><c>attune merge</c>: an adapter and the model that it stands beside, as one model.</summary>
internal static class MergeVerb
{
    private static readonly Argument<string> Adapter = new("adapter") { Description = "Folder of the adapter, with adapter_config.json" };

    private static readonly Option<Precision?> Type = new("--dtype")
    {
        Description = "Element type of the weights written; the base model's without it",
        HelpName = "float32|bfloat16|float64",
    };

    public static Verb Create(ConsoleOutput output)
    {
        var verb = new Verb("merge", "Write an adapter and its base as one model.", "attune merge runs/sft/model --out models/merged") { Adapter, CommonOptions.Out, Type, CommonOptions.Json };
        return verb.Does(output, (parsed, _) =>
        {
            var (adapter, target) = (parsed.GetRequiredValue(Adapter), parsed.GetValue(CommonOptions.Out));
            if (target is null)
                throw InputException.One("attune merge", "has no --out", "the folder of the merged model", "name one");
            AdapterMerge.Write(adapter, target, parsed.GetValue(Type) switch
            {
                Precision.Float32 => DType.Float32,
                Precision.BFloat16 => DType.BFloat16,
                Precision.Float64 => DType.Float64,
                _ => null,
            });
            if (parsed.GetValue(CommonOptions.Json))
                output.Json(new { adapter, folder = target });
            else
                output.Line($"{target} holds {adapter} merged into its base.");
        });
    }
}
