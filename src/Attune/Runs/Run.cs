using Attune.Torch;

namespace Attune.Runs;

/// <summary>Where a run lives and how it starts.</summary>
public sealed record RunOptions
{
    /// <summary>The run folder; made if it is not there.</summary>
    public required string Folder { get; init; }

    /// <summary>Continue the run in that folder after its newest checkpoint.</summary>
    public bool Resume { get; init; }

    /// <summary>Delete the run in that folder and begin anew.</summary>
    public bool Force { get; init; }

    /// <summary>How often to save.</summary>
    public RunSettings Settings { get; init; } = new();

    /// <summary>Where warnings go.</summary>
    public IProgressSink Progress { get; init; } = SilentProgress.Instance;
}

/// <summary>
/// One run and its folder: <c>recipe.yaml</c> (resolved), <c>metrics.jsonl</c>, <c>checkpoints/step-000123/</c>. A run killed at any moment can be
/// resumed: metrics are cut back to the checkpoint, so that each step stands there once. What a checkpoint holds is up to the trainer, which
/// writes it into the folder it is given. Not here: stages, seeds (a seed is a recipe key).
/// </summary>
public sealed class Run : IDisposable
{
    private readonly RunLock _lock;
    private readonly MetricsLog _metrics;
    private readonly Checkpoints _checkpoints;
    private ReplacedRun? _replaced; // what --force took the place of, until there is something new to keep
    private bool _isUntouched;
    private int _recorded = -1, _saved = -1; // by this process

    private Run(RunOptions options, RunLock held, Checkpoint? from)
    {
        _lock = held;
        Folder = options.Folder;
        Progress = options.Progress;
        ResumedFrom = from;
        _checkpoints = new(options.Folder, options.Settings);
        _metrics = new(MetricsPath(options.Folder), NextStep);
    }

    /// <summary>The run folder.</summary>
    public string Folder { get; }

    /// <summary>Where the finished model goes: a whole Hugging Face folder.</summary>
    public string ModelFolder => ModelFolderOf(Folder);

    /// <summary>Where progress and warnings go.</summary>
    public IProgressSink Progress { get; }

    /// <summary>The checkpoint to load before the first step, or null for a run that begins.</summary>
    public Checkpoint? ResumedFrom { get; }

    /// <summary>The first step to do, counted from 0.</summary>
    public int NextStep => ResumedFrom?.Step ?? 0;

    /// <summary>Opens a run folder for a new run, or to go on with one.</summary>
    /// <param name="recipe">The resolved recipe, stored in the folder.</param>
    /// <param name="options">Where, and whether to resume.</param>
    /// <exception cref="InputException">
    /// The folder cannot be written, is in use, holds a run already, or holds one whose recipe would give other results.
    /// </exception>
    public static Run Open<T>(T recipe, RunOptions options)
        where T : class
    {
        Refuse(options); // before anything is written
        AtomicFile.RequireWritable(options.Folder);
        var held = RunLock.Take(options.Folder);
        try
        {
            Refuse(options); // another process may have begun meanwhile
            AtomicFile.Sweep(options.Folder);
            AtomicFile.Sweep(Path.Combine(options.Folder, "checkpoints"));
            if (options.Resume)
                return new(options, held, Continue(recipe, options.Folder));
            var replaced = ExistsIn(options.Folder) ? ReplacedRun.MoveAway(options.Folder) : null;
            AtomicFile.WriteText(RecipePath(options.Folder), Recipe.ToYaml(recipe));
            return new(options, held, from: null) { _replaced = replaced, _isUntouched = true };
        }
        catch (Exception e)
        {
            held.Dispose();
            if (WriteFailure.In(e) is { } cause)
                throw WriteFailure.BeforeStarting(options.Folder, cause);
            throw;
        }
    }

    /// <summary>
    /// Opens a run, lets a stage work in it, and closes it. Where the stage finds its input unusable, or libtorch missing, before a first
    /// checkpoint, a folder that this call began is left as it was found.
    /// </summary>
    /// <param name="recipe">The resolved recipe, stored in the folder.</param>
    /// <param name="options">Where, and whether to resume.</param>
    /// <param name="stage">Checks its input, then trains.</param>
    /// <exception cref="InputException">As <see cref="Open"/>, or the stage's.</exception>
    public static TResult Within<TRecipe, TResult>(TRecipe recipe, RunOptions options, Func<Run, TResult> stage)
        where TRecipe : class
    {
        var made = AtomicFile.FirstMissing(options.Folder);
        using var run = Open(recipe, options);
        try
        {
            return stage(run);
        }
        catch (Exception e) when (run._isUntouched && (e is InputException || TorchUnavailableException.In(e) is not null))
        {
            run.Dispose();
            ReplacedRun.Erase(options.Folder);
            run._replaced?.Restore();
            if (made is not null)
                AtomicFile.Discard(options.Folder);
            AtomicFile.DiscardEmpty(options.Folder, made);
            throw;
        }
        catch (RunFailedException e) when (WriteFailure.In(e) is null) // a full disk says nothing against what was saved
        {
            run.DropUnproven();
            throw;
        }
    }

    /// <summary>Whether a folder holds a run that could be resumed.</summary>
    public static bool ExistsIn(string folder) => File.Exists(RecipePath(folder));

    /// <summary>The metrics file of a run folder.</summary>
    public static string MetricsPath(string folder) => Path.Combine(folder, "metrics.jsonl");

    /// <summary>The resolved recipe of a run folder.</summary>
    public static string RecipePath(string folder) => Path.Combine(folder, "recipe.yaml");

    /// <summary>Where the finished model of a run folder is.</summary>
    public static string ModelFolderOf(string folder) => Path.Combine(folder, "model");

    /// <summary>Appends a step's metrics. Numbers that are not finite are stored as null and warned about.</summary>
    /// <param name="step">The step, counted from 0; each once.</param>
    /// <param name="metrics">Metric by name, as <c>docs/metrics.md</c> defines them.</param>
    public void Record(int step, IReadOnlyDictionary<string, double> metrics)
    {
        Touch();
        _metrics.Append(step, metrics);
        _recorded = step;
        if (step == _saved)
            _checkpoints.Prune(); // not before: until a step succeeds from the newest, the one before it is the last that is known to be good
        foreach (var (name, value) in metrics.Where(m => !double.IsFinite(m.Value)))
            Progress.Warn($"step {step}: {name} is {value}, expected a finite number; stored as null");
    }

    /// <summary>Saves after a step where the settings say so.</summary>
    /// <param name="step">The step just done, counted from 0.</param>
    /// <param name="save">Writes all state into the folder it is given.</param>
    /// <returns>Whether it was due.</returns>
    public bool CheckpointIfDue(int step, Action<string> save)
    {
        if (!_checkpoints.IsDue(step + 1))
            return false;
        Save(step + 1, save);
        return true;
    }

    /// <summary>Saves before a step that will not be done now: on Ctrl-C, and at the end with the number of steps.</summary>
    /// <param name="nextStep">The first step not done.</param>
    /// <param name="save">Writes all state into the folder it is given.</param>
    public void SaveForResume(int nextStep, Action<string> save) => Save(nextStep, save);

    /// <summary>Closes the metrics and lets go of the folder.</summary>
    public void Dispose()
    {
        if (_saved >= 0)
            _checkpoints.Prune();
        _metrics.Dispose();
        _lock.Dispose();
    }

    private void Touch()
    {
        _replaced?.Discard();
        (_replaced, _isUntouched) = (null, false);
    }

    private void Save(int done, Action<string> save)
    {
        Touch();
        _metrics.FlushToDisk(); // a checkpoint never knows of steps that the metrics lack
        _checkpoints.Save(done, save);
        _saved = done;
    }

    /// <summary>A checkpoint that the very next step failed from may hold what made it fail; the one before, which a step succeeded from, stays.</summary>
    private void DropUnproven()
    {
        if (_saved > _recorded && Checkpoints.Of(Folder) is [_, .., var newest] && newest.Step == _saved)
            AtomicFile.Discard(newest.Folder);
    }

    private static void Refuse(RunOptions options)
    {
        var folder = options.Folder;
        if (options.Resume && !ExistsIn(folder))
            throw InputException.One(folder, "holds no run", "a folder with recipe.yaml", "leave out --resume to begin one there");
        if (options.Resume || (options.Force && ExistsIn(folder)))
            return;
        if (ExistsIn(folder))
        {
            var found = Checkpoints.Latest(folder) is { } latest ? $"holds a run, saved after {latest.Step} steps" : "holds a run that was never saved";
            throw InputException.One(folder, found, "an empty folder", "continue it with --resume, or choose another --out");
        }
        if (ReadFailure.HoldsAny(folder, name => !name.StartsWith('.')))
            throw InputException.One(folder, "holds files that are not a run's", "an empty folder", "choose another --out");
    }

    private static Checkpoint? Continue<T>(T recipe, string folder)
        where T : class
    {
        var differences = Recipe.Differences(File.ReadAllText(RecipePath(folder)), recipe);
        if (differences.Count > 0)
            throw new InputException(RecipePath(folder), differences);
        AtomicFile.WriteText(RecipePath(folder), Recipe.ToYaml(recipe)); // neutral keys may have changed
        return Checkpoints.Latest(folder);
    }
}
