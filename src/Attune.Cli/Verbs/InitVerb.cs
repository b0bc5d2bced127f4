using System.CommandLine;
using Attune.Cli.Output;
using Attune.Loop;

namespace Attune.Cli.Verbs;

/// <summary><c>attune init DIR</c>: a project of the user's own.</summary>
internal static class InitVerb
{
    private static readonly Argument<string> Folder = new("folder") { Description = "The new project's folder; not there yet, or empty" };
    private static readonly Option<string> Base = new("--base") { Description = "Model folder to start from; Attune's own base model without it", HelpName = "DIR" };

    public static Verb Create(ConsoleOutput output)
    {
        var verb = new Verb("init", "Make a project of your own: recipes, example data, and the commands in order.", "attune init my-project") { Folder, Base, CommonOptions.Json };
        return verb.Does(output, (parsed, _) =>
        {
            var folder = parsed.GetRequiredValue(Folder);
            var files = Init.Write(folder, ShippedFiles.Find(), parsed.GetValue(Base));
            if (parsed.GetValue(CommonOptions.Json))
                output.Json(new { folder, files });
            else
                output.Line($"{folder} holds {string.Join(", ", files)}. Read {Path.Combine(folder, "README.md")} next.");
        });
    }
}
