using Attune.Evaluation;
using Attune.Runs;
using Attune.Updates;

namespace Attune.Loop;

/// <summary>
/// Looks at recipes before they run: reads all that they name, counts, estimates, renders, and writes nothing. A recipe's stage is told by the
/// section that has the stage's name. Not here: running anything, the machine (<see cref="MachineReport"/>).
/// </summary>
public static class Doctor
{
    /// <summary>The stages; a new one is a line here.</summary>
    private static readonly Stage[] Stages =
    [
        Stage.Of<PretrainRecipe>("pretrain", LanguageModelDryRun.Of),
        Stage.Of<SftRecipe>("sft", LanguageModelDryRun.Of),
        Stage.Of<RewardRecipe>("reward", RewardDryRun.Of),
        Stage.Of<PpoRecipe>("ppo", PpoDryRun.Of),
        Stage.Of<EvaluateRecipe>("evaluate", EvaluateDryRun.Of),
        Stage.Of<LabelQualityRecipe>("labels", LabelQuality.DryRun),
    ];

    /// <summary>The verb that a recipe is for.</summary>
    /// <param name="path">The recipe.</param>
    /// <param name="overrides">Flags that win over the file.</param>
    /// <exception cref="InputException">The file cannot be read, or has the section of no stage or of several.</exception>
    public static string StageOf(string path, IReadOnlyList<string> overrides) => Find(path, overrides).Section;

    /// <summary>Reads a recipe into its stage's record, whatever stage it is for.</summary>
    /// <exception cref="InputException">Everything that is wrong with its keys and values.</exception>
    public static object Load(string path, IReadOnlyList<string> overrides) => Find(path, overrides).Load(path, overrides);

    /// <summary>What a recipe would do. What is wrong stands in the result.</summary>
    /// <param name="path">The recipe.</param>
    /// <param name="overrides">Flags that win over the file.</param>
    /// <param name="progress">Told of what takes long.</param>
    /// <param name="stop">Asks to stop.</param>
    public static DryRun Try(string path, IReadOnlyList<string> overrides, IProgressSink progress, CancellationToken stop)
    {
        var found = new DryRun { Recipe = path, MemoryAvailable = MemoryBudget.Now().Available };
        try
        {
            var stage = Find(path, overrides);
            found = found with { Stage = stage.Section };
            return stage.Look(stage.Load(path, overrides), progress, stop) with { Recipe = path, Stage = stage.Section, MemoryAvailable = found.MemoryAvailable };
        }
        catch (InputException e)
        {
            return found with { Problems = e.Problems };
        }
    }

    private static Stage Find(string path, IReadOnlyList<string> overrides)
    {
        var named = Recipe.SectionsOf(path, overrides);
        var stages = Stages.Where(stage => named.Contains(stage.Section)).ToArray();
        var all = string.Join(", ", Stages.Select(stage => stage.Section + ":"));
        return stages.Length == 1 ? stages[0]
            : throw InputException.One(path, stages.Length == 0 ? "has no section of a stage" : $"has the sections of {stages.Length} stages ({string.Join(", ", stages.Select(s => s.Section))})",
                $"one of {all}", stages.Length == 0 ? "write the one whose verb is to run the recipe, if only as \"sft: {}\"" : "split the file");
    }

    private sealed record Stage(string Section, Func<string, IReadOnlyList<string>, object> Load, Func<object, IProgressSink, CancellationToken, DryRun> Look)
    {
        public static Stage Of<T>(string section, Func<T, IProgressSink, CancellationToken, DryRun> look)
            where T : class => new(section, Recipe.Load<T>, (recipe, progress, stop) => look((T)recipe, progress, stop));
    }
}
