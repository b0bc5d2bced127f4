using System.CommandLine;
using System.Globalization;
using Attune.Cli.Output;
using Attune.Runs;
using Attune.Text;

namespace Attune.Cli.Verbs;

/// <summary><c>attune data pairs</c>.</summary>
internal static class DataVerb
{
    public static Command Create(ConsoleOutput output) => new("data", "Make data for training out of other data.") { Pairs(output) };

    private static Verb Pairs(ConsoleOutput output)
    {
        var better = new Option<string>("--better") { Description = "Texts that people called good, a line each", HelpName = "FILE", Required = true };
        var worse = new Option<string>("--worse") { Description = "Texts that people called bad, a line each", HelpName = "FILE", Required = true };
        var words = new Option<int>("--prompt-words") { Description = "Words of each text that become a prompt", HelpName = "N", DefaultValueFactory = _ => 4 };
        var verb = new Verb("pairs", "Make comparisons and prompts out of texts that people called good or bad.",
            "attune data pairs --better good.txt --worse bad.txt --out data/mine")
        {
            better, worse, words, CommonOptions.Out, CommonOptions.Json,
        };
        return verb.Does(output, (parsed, _) =>
        {
            var folder = parsed.GetValue(CommonOptions.Out) ?? throw InputException.One("attune data pairs", "has no --out", "a folder for the files", "add --out DIR");
            AtomicFile.RequireWritable(folder);
            var parts = LabelledTexts.Write(parsed.GetRequiredValue(better), parsed.GetRequiredValue(worse), parsed.GetValue(words), folder);
            if (parsed.GetValue(CommonOptions.Json))
            {
                output.Json(new { folder, parts });
                return;
            }

            string Number(int value) => value.ToString("N0", CultureInfo.InvariantCulture);
            var table = new TextTable(folder, "part", "texts", "pairs", "left out");
            foreach (var part in parts)
                table.Row(part.Part.ToString().ToLowerInvariant(), Number(part.Texts), Number(part.Pairs), Number(part.LeftOut));
            output.Table(table);
        });
    }
}
