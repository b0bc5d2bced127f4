using System.Text.Encodings.Web;
using System.Text.Json;
using Attune.Evaluation;
using Attune.Models;
using Attune.Runs;
using Attune.Text;

namespace Attune.Loop;

/// <summary>
/// Makes a project of the user's own: recipes of the whole way, small examples of every kind of data it takes, and a README with the commands in
/// order. The examples come from the files of the quick start and are there to be replaced. Not here: running anything.
/// </summary>
public static class Init
{
    private const int TrainedDemonstrations = 48, HeldOutDemonstrations = 12, TrainingPrompts = 64, HeldOutPrompts = 16;
    private const int LongestRow = 256, MostExamples = 3;

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the project.</summary>
    /// <param name="folder">Where: a folder that is not there, or empty.</param>
    /// <param name="files">What comes with Attune.</param>
    /// <param name="baseModel">The model to start from; Attune's own where not set.</param>
    /// <returns>The files, relative to the folder, in the order in which they are used.</returns>
    /// <exception cref="InputException">The folder holds something, or the model cannot be used.</exception>
    public static IReadOnlyList<string> Write(string folder, ShippedFiles files, string? baseModel = null)
    {
        if (File.Exists(folder) || ReadFailure.HoldsAny(folder))
            throw InputException.One(folder, File.Exists(folder) ? "is a file" : "is not empty", "a folder that is not there, or empty", "choose another, or remove what is in it");
        var model = Path.GetFullPath(baseModel ?? files.BaseModel);
        var description = ModelDescription.Read(model, TokenizerUse.Needed);
        var contents = Contents(files, description).ToArray();
        AtomicFile.RequireWritable(folder);
        AtomicFolder.Add(folder, whole =>
        {
            foreach (var (name, text) in contents)
                AtomicFile.WriteText(Path.Combine(whole, name), text);
        });
        return [.. contents.Select(file => file.Name)];
    }

    private static IEnumerable<(string Name, string Text)> Contents(ShippedFiles files, ModelDescription model)
    {
        var longest = Math.Min(LongestRow, model.Config.MaximumPositions);
        var shown = Readers.PromptResponses(files.Demonstrations, new()).Take(TrainedDemonstrations + HeldOutDemonstrations).ToArray();
        var (trained, heldOut) = (shown[..^HeldOutDemonstrations], shown[^HeldOutDemonstrations..]);
        var prompts = Lines(files.TrainingPrompts, TrainingPrompts).ToArray();
        var asked = Lines(files.HeldOutPrompts, HeldOutPrompts).ToArray();
        yield return ("README.md", ProjectReadme.Text(prompts[0]));
        yield return ("recipes/sft.yaml", ProjectRecipes.Sft(model.Folder, longest));
        yield return ("recipes/reward.yaml", ProjectRecipes.Reward(longest));
        yield return ("recipes/ppo.yaml", ProjectRecipes.Ppo(longest));
        yield return ("recipes/evaluate.yaml", ProjectRecipes.Evaluate(model.Folder, files.Words, Examples(model, trained, asked)));
        yield return ("demonstrations.jsonl", Rows(trained.Select(row => new { row.Prompt, row.Response })));
        yield return ("demonstrations-heldout.jsonl", Rows(heldOut.Select(row => new { row.Prompt, row.Response })));
        yield return ("preferences.jsonl", Rows(Preferences(trained)));
        yield return ("preferences-heldout.jsonl", Rows(Preferences(heldOut)));
        yield return ("prompts.txt", Joined(prompts));
        yield return ("prompts-heldout.txt", Joined(asked));
        yield return (".gitignore", "runs/\n");
    }

    /// <summary>Examples that fit before any of the prompts, whichever the evaluation draws; 0 where the model reads too little at once.</summary>
    private static int Examples(ModelDescription model, PromptResponse[] rows, string[] prompts)
    {
        int Tokens(string text) => model.Tokenizer!.Encode(text).Length;
        var longest = rows.Select(row => Tokens(FewShot.UsualTemplate.Replace("{prompt}", row.Prompt).Replace("{response}", row.Response)) + 1).OrderDescending().ToArray();
        var room = model.Config.MaximumPositions - ProjectRecipes.AnswerTokens - prompts.Max(Tokens);
        return Enumerable.Range(0, MostExamples + 1).Last(count => longest.Take(count).Sum() <= room || count == 0);
    }

    /// <summary>Examples of preferences: what was written for a prompt is better there than what was written for another.</summary>
    private static IEnumerable<object> Preferences(PromptResponse[] rows) =>
        rows.Select((row, i) => new { row.Prompt, Chosen = row.Response, Rejected = rows[(i + (rows.Length / 2)) % rows.Length].Response });

    private static IEnumerable<string> Lines(string path, int most) =>
        Readers.PlainText(path, new() { LinePerDocument = true }).Take(most).Select(document => document.Text);

    private static string Rows(IEnumerable<object> rows) => Joined(rows.Select(row => JsonSerializer.Serialize(row, Json)));

    private static string Joined(IEnumerable<string> lines) => string.Concat(lines.Select(line => line + "\n"));
}
