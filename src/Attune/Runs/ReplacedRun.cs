namespace Attune.Runs;

/// <summary>
/// A run that <c>--force</c> takes the place of. It is only moved aside within its folder until the new run has something to keep, and comes back
/// where the new recipe turns out to be unusable.
/// </summary>
internal sealed class ReplacedRun
{
    /// <summary>All that belongs to a run; the recipe, which makes it one, goes first and comes back last.</summary>
    private static readonly string[] Parts =
    [
        "recipe.yaml", "metrics.jsonl", ResultFile.Name, "evaluation.jsonl", "samples.jsonl", "rollouts", "checkpoints", "model", "tokenizer",
        "report.json", "report.html", "inputs.json", "answers.jsonl", "comparisons.jsonl", "judgments.jsonl",
    ];

    private readonly string _folder;
    private readonly string _aside;

    private ReplacedRun(string folder, string aside) => (_folder, _aside) = (folder, aside);

    public static ReplacedRun MoveAway(string folder)
    {
        var aside = AtomicFile.TemporaryFor(Path.Combine(folder, "replaced"));
        Directory.CreateDirectory(aside);
        foreach (var part in Parts)
            Move(Path.Combine(folder, part), Path.Combine(aside, part));
        return new(folder, aside);
    }

    /// <summary>Deletes a run's files, and nothing else of its folder.</summary>
    public static void Erase(string folder)
    {
        foreach (var part in Parts)
            AtomicFile.Discard(Path.Combine(folder, part));
    }

    public void Restore()
    {
        foreach (var part in Parts.Reverse())
            Move(Path.Combine(_aside, part), Path.Combine(_folder, part));
        Discard();
    }

    public void Discard() => AtomicFile.Discard(_aside);

    private static void Move(string from, string to)
    {
        if (Directory.Exists(from))
            Directory.Move(from, to);
        else if (File.Exists(from))
            File.Move(from, to);
    }
}
