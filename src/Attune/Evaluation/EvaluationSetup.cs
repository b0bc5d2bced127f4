using Attune.Feedback;
using Attune.Models;
using Attune.Rewards;
using Attune.Runs;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Evaluation;

/// <summary>
/// From a recipe to an <see cref="EvaluationInput"/>: opens every file that the recipe names and reports all that is wrong with them at once.
/// Owns the reward models it loads.
/// </summary>
internal sealed class EvaluationSetup : IDisposable
{
    private const int ScoredAtOnce = 64;

    private readonly EvaluateSettings _settings;
    private readonly string _folder;
    private readonly Compute _compute;
    private readonly Seed _seed;
    private readonly List<Problem> _problems = [];
    private readonly List<RewardModel> _opened = [];

    public EvaluationSetup(EvaluateRecipe recipe, string folder)
    {
        _settings = recipe.Evaluate;
        (_folder, _compute, _seed) = (folder, recipe.Compute.Open(), new Seed((ulong)recipe.Seed));
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

    public void Dispose() => _opened.ForEach(model => model.Dispose());

    private EvaluationInput Open()
    {
        var reference = _settings.Reference ?? _settings.Models.Keys.Last();
        var folders = _settings.Models.Concat(_settings.Checkpoints).ToList();
        if (_settings.Base is { } untrained)
            folders.Add(new("base", untrained));
        var configs = folders.Select(entry => Try($"models.{entry.Key}", () => EvaluationCheck.Checked(entry.Value))).OfType<TransformerConfig>().ToList();
        var tokenizer = Try("tokenizer", () => Tokenizer.Load(_settings.Models[reference]));
        var prompts = Try("prompts", Prompts) ?? [];
        var shots = _settings.FewShot is { } fewShot ? Try("fewShot", () => Shots(fewShot)) : null;
        RequireMemory(configs);
        var reward = _settings.Reward is { } scorer ? Try("reward", () => Scorer(scorer, tokenizer)) : null;
        var judges = _settings.Judges.Select(entry => Try($"judges.{entry.Key}", () => Panel(entry.Key, entry.Value, tokenizer))).OfType<JudgePanel>().ToList();
        var curves = _settings.Curves.Select(entry => Try($"curves.{entry.Key}", () => TrainingCurves.Read(entry.Key, entry.Value, _folder))).Where(c => c.Curves is not null).ToList();
        var earlier = _settings.Earlier.Select((folder, k) => Try($"earlier[{k}]", () => Earlier(folder))).OfType<EarlierRound>().ToList();
        if (_problems.Count > 0 || tokenizer is null)
            throw new InputException("The recipe", _problems);
        return new EvaluationInput
        {
            Title = _settings.Title,
            Summary = _settings.Summary,
            Models = [.. _settings.Models.Select(Contender)],
            Reference = reference,
            Base = _settings.Base is { } folder ? new Contender("base", "before any fine-tuning") { Folder = folder } : null,
            FewShot = shots,
            Tokenizer = tokenizer,
            EndIds = configs[_settings.Models.Keys.ToList().IndexOf(reference)].EndIds is { Count: > 0 } ends ? ends : tokenizer.EndId is { } end ? [end] : [],
            Prompts = prompts,
            PromptIsText = _settings.PromptIsText,
            Judges = judges,
            Reward = reward,
            Checkpoints = [.. _settings.Checkpoints.Select(Contender)],
            Sampling = _settings.Sampling,
            Budget = _settings.Budget,
            Requirements = _settings.Requirements,
            Compute = _compute,
            Seed = _seed,
            Round = earlier.Count + 1,
            Earlier = earlier,
            Curves = [.. curves.SelectMany(c => c.Curves)],
            Sources = [.. curves.Select(c => c.Source)],
        };
    }

    private static Contender Contender(KeyValuePair<string, string> model) => new(model.Key) { Folder = model.Value };

    /// <summary>What opens, or null with its problems under the recipe's key.</summary>
    private T? Try<T>(string key, Func<T> open)
    {
        try
        {
            return open();
        }
        catch (InputException e)
        {
            _problems.AddRange(e.Problems.Select(problem => new Problem(key, string.Join(' ', new[] { e.Title, problem.Key, problem.Message }.Where(part => part.Length > 0)))));
            return default;
        }
    }

    private string[] Prompts()
    {
        var prompts = new List<string>();
        foreach (var source in _settings.Prompts)
        {
            if (source.Format == DataFormat.Prompts)
            {
                DataSource.CheckAll(source.PromptResponses());
                prompts.AddRange(source.PromptResponses().SelectMany(file => file).Select(row => row.Prompt));
            }
            else
            {
                DataSource.CheckAll(source.Documents());
                prompts.AddRange(source.Documents().SelectMany(file => file).Select(row => row.Text));
            }
        }

        return [.. prompts];
    }

    private FewShot Shots(FewShotSettings settings)
    {
        DataSource.CheckAll(settings.Demonstrations.PromptResponses());
        var rows = settings.Demonstrations.PromptResponses().SelectMany(file => file).ToArray();
        if (rows.Length < settings.Count)
            throw InputException.One(settings.Demonstrations.Path, $"has {rows.Length} rows", $"at least fewShot.count ({settings.Count})", "lower the count, or add rows");
        return new([.. _seed.For("demonstrations").Permutation(rows.Length).Take(settings.Count).Select(k => rows[k])], settings.Template);
    }

    private IReward Scorer(ScorerSettings settings, Tokenizer? tokenizer)
    {
        if (settings.RewardModel is { } folder)
            return RewardModelOf(folder, tokenizer);
        var valence = settings.Lexicon!.Open();
        var read = tokenizer ?? throw InputException.One(_folder, "has no tokenizer to read answers with", "one beside the reference model", "see to that first");
        return FunctionReward.OfSequence(rollout => valence.Score(read.Decode(rollout.Response, skipSpecial: true)));
    }

    private RewardModelReward RewardModelOf(string folder, Tokenizer? tokenizer)
    {
        using (var files = HuggingFaceFolder.Open(folder))
        {
            if (tokenizer is not null && files.Config.VocabularySize < tokenizer.VocabularySize)
                throw InputException.One(folder, $"knows {files.Config.VocabularySize} pieces", $"at least the models' {tokenizer.VocabularySize}", "name a reward model with their tokenizer");
        }

        _opened.Add(RewardModel.Load(folder, _compute));
        return new(_opened[^1], ScoredAtOnce);
    }

    private JudgePanel Panel(string name, JudgeSettings settings, Tokenizer? tokenizer)
    {
        if (settings.RewardModel is { } folder)
            return JudgePanel.OfReward(name, RewardModelOf(folder, tokenizer), settings.TieWithin);
        if (settings.Lexicon is { } lexicon)
        {
            var valence = lexicon.Open();
            return JudgePanel.OfFunction(name, (_, text) => valence.Score(text), settings.TieWithin);
        }

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
        try
        {
            return new(ReportFile.Parse(File.ReadAllText(path)), Path.GetRelativePath(_folder, folder));
        }
        catch (FormatException e)
        {
            throw InputException.One(path, $"cannot be read: {e.Message}", "a report", "evaluate that round again");
        }
    }

    /// <summary>Base and reference stay in memory beside the model that is sampled from, and every reward model.</summary>
    private void RequireMemory(List<TransformerConfig> models)
    {
        if (models.Count == 0)
            return;
        const int rows = 64;
        var rewards = (_settings.Reward?.RewardModel is null ? 0 : 1) + _settings.Judges.Values.Count(judge => judge.RewardModel is not null);
        var largest = models.MaxBy(config => config.WeightBytes(_compute.DType))!;
        var bytes = MemoryEstimate.Process + (3 + rewards) * largest.WeightBytes(_compute.DType)
            + MemoryEstimate.Cache(largest, rows, largest.MaximumPositions, _compute.DType)
            + MemoryEstimate.ForwardPass(largest, rows / 2, largest.MaximumPositions, rows / 2 * _settings.Sampling.MaximumNewTokens, _compute.DType);
        if (MemoryBudget.Now().Check("models", bytes, "compare smaller models") is { } problem)
            _problems.Add(problem);
    }
}
