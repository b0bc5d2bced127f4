using System.CommandLine;

namespace Attune.Cli;

/// <summary>Options and arguments that mean the same for every verb that has them.</summary>
internal static class CommonOptions
{
    public static Option<string> Out { get; } = new("--out") { Description = "Folder to write to", HelpName = "DIR" };

    public static Option<bool> Resume { get; } = new("--resume") { Description = "Continue the run in --out after its last checkpoint" };

    public static Option<bool> Force { get; } = new("--force") { Description = "Delete the run in --out and begin anew" };

    public static Option<bool> Json { get; } = new("--json") { Description = "Print the result as one JSON document" };

    /// <summary>The recipe of a training verb. Such a verb sets <c>TreatUnmatchedTokensAsErrors</c> to false: what is left over overrides keys.</summary>
    public static Argument<string> Recipe { get; } = new("recipe") { Description = "Recipe file; flags after it override its keys, as in --ppo.steps 50" };
}
