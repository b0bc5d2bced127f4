using Attune.Feedback;
using Attune.Models;
using Attune.Rewards;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;
using Attune.Updates;

namespace Attune.Evaluation;

/// <summary>
/// From a recipe to an <see cref="EvaluationInput"/>: opens every file that the recipe names and reports all that is wrong with them at once.
/// Owns the reference model and the reward models it loads.
/// </summary>
internal sealed class EvaluationSetup : IDisposable
{
    private const int MicroBatch = 32;

    private readonly EvaluateSettings _settings;
    private readonly string _folder;
    private readonly Compute _compute;
    private readonly MemoryBudget _memory;
    private readonly Seed _seed;
    private readonly InputProblems _problems = new("The recipe");
    private readonly List<IDisposable> _opened = [];

    /// <summary>Opens what a recipe names.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="folder">Where the report goes.</param>
    /// <param name="progress">Where warnings go.</param>
    /// <param name="memory">The memory there is; null asks the machine.</param>
    /// <exception cref="InputException">Something cannot be used; lists every problem.</exception>
    public EvaluationSetup(EvaluateRecipe recipe, string folder, IProgressSink progress, MemoryBudget? memory = null)
    {
        _settings = recipe.Evaluate;
        (_folder, _compute, _seed) = (folder, recipe.Compute.Open(), new Seed((ulong)recipe.Seed));
        _memory = memory ?? recipe.Compute.Memory(progress);
        try
        {
            Input = Open();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public EvaluationInput Input { get; }

    /// <summary>Memory that the evaluation takes, bytes; an estimate on the safe side.</summary>
    public long MemoryBytes { get; private set; }

    private string ReferenceName => _settings.Reference ?? _settings.Models.Keys.Last();

    public void Dispose() => _opened.ForEach(model => model.Dispose());

    private EvaluationInput Open()
    {
        var checkpoints = CheckpointFolders();
        var prompts = _problems.Try("evaluate.prompts", () => DataSource.PromptTexts(_settings.Prompts)) ?? [];
        var shots = _settings.FewShot is { } fewShot ? _problems.Try("evaluate.fewShot.demonstrations", () => Shots(fewShot)) : null;
        var curves = CurveFolders().Select(stage => _problems.Try(stage.Key, () => TrainingCurves.Read(stage.Stage, stage.Folder, _folder))).OfType<StageCurves>().ToList();
        var rewardModel = _settings.RewardRun is { } run ? _problems.Try("evaluate.rewardRun", () => RewardModelReports.Read(run, _folder)) : null;
        var annotators = _settings.Judgments is { } log ? _problems.Try("evaluate.judgments", () => AnnotatorReports.Read(log, annotators: null, _folder)) : null;
        var earlier = _settings.Earlier.Select((folder, k) => _problems.Try($"evaluate.earlier[{k}]", () => Earlier(folder))).OfType<EarlierRound>().ToList();
        var asked = _settings.PpoRun is { } ppo && File.Exists(Run.RecipePath(ppo)) ? _problems.Try("evaluate.ppoRun", () => Recipe.Load<PpoRecipe>(Run.RecipePath(ppo), []))?.Prompts.Template : null;
        var reference = Models(checkpoints);
        // The lists are made before the problems are thrown, so that all are found.
        var reward = reference is null || _settings.Rewards.Count == 0 ? null : _problems.Try("evaluate.rewards", () => Reward(_settings.Rewards, "evaluate.rewards", reference, prompts));
        var judges = _settings.Judges.Where(entry => reference is not null || entry.Value.Reward is null).Select(entry => _problems.Try($"evaluate.judges.{entry.Key}", () => Panel(entry.Key, entry.Value, reference, prompts))).OfType<JudgePanel>().ToList();
        _problems.ThrowIfAny();
        return new EvaluationInput
        {
            Title = _settings.Title,
            Summary = _settings.Summary,
            Models = [.. _settings.Models.Select(model => model.Key == ReferenceName ? new Contender(model.Key, model.Value) { Model = reference!.Model } : new Contender(model.Key) { Folder = model.Value })],
            Reference = ReferenceName,
            Base = _settings.Base is { } folder ? new Contender("base", "before any fine-tuning") { Folder = folder } : null,
            FewShot = shots,
            Tokenizer = reference!.Tokenizer,
            EndIds = reference.EndIds,
            Prompts = prompts,
            PromptIsText = _settings.PromptIsText,
            Judges = judges,
            Reward = reward,
            Checkpoints = reward is null ? [] : [.. checkpoints.Select(checkpoint => new Contender(checkpoint.Key) { Folder = checkpoint.Value })],
            ReadFrom = new Dictionary<string, string>(ReadFrom()),
            Sampling = _settings.Sampling,
            Budget = _settings.Budget,
            Requirements = _settings.Requirements,
            Compute = _compute,
            Seed = _seed,
            Round = earlier.Count + 1,
            Earlier = earlier,
            RewardModel = rewardModel?.Report,
            Template = _settings.Template,
            Warnings = [.. LeftOut(), .. asked is null || asked == _settings.Template ? [] : new[] { OtherTemplate(asked) }],
            Annotators = annotators?.Rows ?? [],
            Curves = [.. curves.SelectMany(c => c.Curves)],
            Sources = [.. curves.Select(c => c.Source), .. new[] { rewardModel?.Source, annotators?.Source }.OfType<Source>()],
        };
    }

    /// <summary>Without what needs no training, nobody sees whether training was worth it.</summary>
    private IEnumerable<string> LeftOut()
    {
        string Without(string baseline, string key) => $"Nothing is compared with {baseline} (expected: all simple baselines); the key {key} adds it.";
        if (_settings.Base is null)
            yield return Without("the untrained model", "evaluate.base");
        if (_settings.FewShot is null)
            yield return Without("the untrained model with examples in its prompt", "evaluate.fewShot");
        if (_settings.Rewards.Count == 0)
            yield return Without("best-of-N", "evaluate.rewards");
        else if (!_settings.Budget.BestOf.Any(n => n > 1))
            yield return Without("best-of-N", "evaluate.budget.bestOf");
    }

    private IEnumerable<KeyValuePair<string, string>> ReadFrom()
    {
        yield return new($"model {ReferenceName}", _settings.Models[ReferenceName]);
        foreach (var (k, part) in _settings.Rewards.Index().Where(entry => entry.Item.Model is not null))
            yield return new($"rewards[{k}]", part.Model!);
        foreach (var (name, judge) in _settings.Judges)
        {
            if ((judge.Crowd?.Path ?? judge.Reward?.Model) is { } path)
                yield return new($"judge {name}", path);
        }
    }

    private string OtherTemplate(string asked)
    {
        static string Line(string template) => template.ReplaceLineEndings("\\n");
        return $"Prompts are asked as '{Line(_settings.Template)}' (expected: '{Line(asked)}', as in {_settings.PpoRun}); the key evaluate.template changes it.";
    }

    /// <summary>Those the recipe names and the ones that the ppo run keeps, thinned to the budget with the last kept; not the finished policy where it is one of the models.</summary>
    private List<KeyValuePair<string, string>> CheckpointFolders()
    {
        var named = _settings.Checkpoints.ToList();
        if (_settings.PpoRun is not { } run)
            return named;
        var kept = Checkpoints.Of(run);
        static string Full(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (_settings.Models.Values.Any(model => Full(model) == Full(Run.ModelFolderOf(run))) && _problems.Try("evaluate.ppoRun", () => ResultFile.Read<PpoResult>(run)!) is { } finished)
            kept = [.. kept.Where(checkpoint => checkpoint.Step != finished.Steps)]; // that policy is a point already
        var points = Math.Min(kept.Count, _settings.Budget.FrontierPoints);
        named.AddRange(Enumerable.Range(1, points).Select(k => kept[(k * kept.Count / points) - 1])
            .Select(checkpoint => KeyValuePair.Create($"step {checkpoint.Step}", PpoTraining.PolicyAt(checkpoint.Folder))));
        return named;
    }

    private IEnumerable<(string Key, string Stage, string Folder)> CurveFolders()
    {
        foreach (var (stage, folder) in _settings.Curves)
            yield return ($"evaluate.curves.{stage}", stage, folder);
        if (_settings.RewardRun is { } reward)
            yield return ("evaluate.rewardRun", "reward", reward);
        if (_settings.PpoRun is { } ppo)
            yield return ("evaluate.ppoRun", "ppo", ppo);
    }

    /// <summary>Checks every model folder and loads the reference, whose tokenizer all others must have.</summary>
    private TextModel? Models(List<KeyValuePair<string, string>> checkpoints)
    {
        var folders = _settings.Models.Select(m => (Key: $"evaluate.models.{m.Key}", Folder: m.Value))
            .Concat(checkpoints.Select(c => (Key: $"evaluate.checkpoints.{c.Key}", Folder: c.Value)))
            .Concat(_settings.Base is { } untrained ? [(Key: "evaluate.base", Folder: untrained)] : []).ToList();
        var configs = folders.Select(entry => _problems.Try(entry.Key, () => EvaluationCheck.Checked(entry.Folder))).ToList();
        if (!HasRoomFor([.. configs.OfType<TransformerConfig>()]))
            return null; // reading weights would take the memory that is not there
        var at = folders.FindIndex(entry => entry.Key == $"evaluate.models.{ReferenceName}");
        if (configs[at] is null || _problems.Try(folders[at].Key, () => TextModel.Load(folders[at].Folder, _compute)) is not { } reference)
            return null;
        _opened.Add(reference);
        foreach (var (key, folder) in folders.Where((_, k) => k != at && configs[k] is not null))
        {
            if (_problems.Try(key, () => ModelDescription.TokenizerOf(folder)) is { } tokenizer && !tokenizer.IsSameAs(reference.Tokenizer))
                _problems.Add(Problem.Of(key, $"{folder} has another tokenizer than {ReferenceName}", "the same one, as answers are measured by their token ids", "compare models of one family"));
        }

        return reference;
    }

    private FewShot Shots(FewShotSettings settings)
    {
        DataSource.CheckAll(settings.Demonstrations.PromptResponses());
        var rows = settings.Demonstrations.PromptResponses().SelectMany(file => file).ToArray();
        if (rows.Length < settings.Count)
            throw InputException.One(settings.Demonstrations.Path, $"has {rows.Length} rows", $"at least fewShot.count ({settings.Count})", "lower the count, or add rows");
        return new([.. _seed.For("demonstrations").Permutation(rows.Length).Take(settings.Count).Select(k => rows[k])], settings.Template);
    }

    private RewardParts Reward(IReadOnlyList<RewardPart> parts, string key, TextModel reference, string[] prompts)
    {
        var longest = prompts.Select(PpoPrompts.Encoder(_settings.Template, reference.Tokenizer)).Select(ids => ids.Length).DefaultIfEmpty(0).Max() + _settings.Sampling.MaximumNewTokens;
        var opened = RewardParts.Open(parts, key, reference, longest, MicroBatch);
        _opened.Add(opened);
        return opened;
    }

    private JudgePanel Panel(string name, JudgeSettings settings, TextModel? reference, string[] prompts)
    {
        if (settings.Reward is { } part)
            return JudgePanel.OfReward(name, Reward([part], $"evaluate.judges.{name}.reward", reference!, prompts), settings.TieWithin);
        var crowd = SimulatedCrowd.Load(settings.Crowd!.Path, Valence.Load(settings.Crowd.Words));
        var members = crowd.Of(settings.Crowd.Group).Count;
        return settings.Crowd.Votes <= members ? JudgePanel.OfCrowd(crowd, settings.Crowd.Group, settings.Crowd.Votes, name)
            : throw InputException.One(settings.Crowd.Path, $"has {members} annotators in the group", $"at least {settings.Crowd.Votes}, one for each vote", "lower votes, or take another crowd");
    }

    private EarlierRound Earlier(string folder)
    {
        var path = Path.Combine(folder, Evaluating.ReportName);
        if (!File.Exists(path))
            throw InputException.One(path, "is not there", "the report of an earlier round", "name the folder of a finished evaluation");
        return new(ReportFile.Read(path), Path.GetRelativePath(_folder, folder));
    }

    /// <summary>Whether there is memory for all of them; where not, it is a problem. Base and reference stay in memory beside the model that is sampled from, and every reward model.</summary>
    private bool HasRoomFor(List<TransformerConfig> models)
    {
        if (models.Count == 0)
            return true;
        var rewards = _settings.Rewards.Concat(_settings.Judges.Values.Select(judge => judge.Reward).OfType<RewardPart>()).Count(part => part.Model is not null);
        var largest = models.MaxBy(config => config.WeightBytes(_compute.DType))!;
        var bytes = MemoryEstimate.Process + (3 + rewards) * largest.WeightBytes(_compute.DType)
            + MemoryEstimate.Cache(largest, Sampler.UsualBatch, Sampler.Columns(largest.MaximumPositions, long.MaxValue), _compute.DType)
            + MemoryEstimate.ForwardPass(largest, MicroBatch, largest.MaximumPositions, (long)MicroBatch * _settings.Sampling.MaximumNewTokens, _compute.DType);
        MemoryBytes = bytes;
        if (_memory.Check("evaluate.models", bytes, "compare smaller models") is not { } problem)
            return true;
        _problems.Add(problem);
        return false;
    }
}
