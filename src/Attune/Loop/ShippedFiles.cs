using Attune.Runs;

namespace Attune.Loop;

/// <summary>What comes with the program: the base model, word lists, demonstrations and prompts of the quick start.</summary>
/// <param name="Root">The folder that holds <c>data/</c> and <c>models/</c>.</param>
public sealed record ShippedFiles(string Root)
{
    /// <summary>The environment variable that names the folder; without it the folders above the program are searched.</summary>
    public const string Variable = "ATTUNE_HOME";

    private static readonly string Mark = Path.Combine("data", "valence.tsv");

    /// <summary>The small base model.</summary>
    public string BaseModel => Path.Combine(Root, "models", "base");

    /// <summary>The folder of the word lists.</summary>
    public string Words => Path.Combine(Root, "data");

    /// <summary>Openings of reviews with their continuations.</summary>
    public string Demonstrations => Path.Combine(Root, "data", "quickstart", "demonstrations.jsonl");

    /// <summary>Openings to learn from.</summary>
    public string TrainingPrompts => Path.Combine(Root, "data", "quickstart", "prompts-train.txt");

    /// <summary>Openings that only evaluation sees.</summary>
    public string HeldOutPrompts => Path.Combine(Root, "data", "quickstart", "prompts-heldout.txt");

    /// <summary>Finds the files.</summary>
    /// <exception cref="InputException">They are not where the variable says, or nowhere above the program.</exception>
    public static ShippedFiles Find()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named)
        {
            return File.Exists(Path.Combine(named, Mark)) ? new(Path.GetFullPath(named))
                : throw InputException.One(Variable, $"is {named}, which has no {Mark}", "the folder that holds Attune's data/ and models/", "correct it, or unset it");
        }
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, Mark)))
                return new(folder);
        }
        throw InputException.One("Attune's own files", $"are in no folder above {AppContext.BaseDirectory}", "data/ and models/base beside the program",
            $"name the folder that holds them in {Variable}");
    }

    /// <summary>What is missing of them.</summary>
    public IEnumerable<Problem> Check() =>
        from path in new[] { BaseModel, Path.Combine(Root, Mark), Demonstrations, TrainingPrompts, HeldOutPrompts }
        where !Path.Exists(path)
        select Problem.Of(path, "does not exist", "a file or folder that comes with Attune", "restore it: git checkout, or unpack the program again");
}
