using System.CommandLine;
using Attune.Runs;

namespace Attune.Cli;

/// <summary>Where and how a verb without a recipe computes.</summary>
internal static class ComputeOptions
{
    public static Option<string> Device { get; } = new("--device") { Description = "cpu, or a graphics card: cuda, cuda:1", DefaultValueFactory = _ => "cpu" };

    public static Option<Precision> Type { get; } = new("--dtype")
    {
        Description = "Element type to compute in, whatever the file holds; float32 without it",
        HelpName = "float32|bfloat16|float64",
    };

    /// <summary>The settings, with what is wrong with them under the options' names.</summary>
    public static ComputeSettings Read(ParseResult parsed, List<Problem> problems)
    {
        var settings = new ComputeSettings { Device = parsed.GetValue(Device)!, Precision = parsed.GetValue(Type) };
        problems.AddRange(settings.Check().Select(p => p with { Key = "--" + p.Key }));
        return settings;
    }
}
