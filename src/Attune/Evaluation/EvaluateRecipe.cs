using Attune.Rewards;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Text;
using Attune.Updates;

namespace Attune.Evaluation;

/// <summary>The recipe of <c>attune evaluate</c>.</summary>
public sealed record EvaluateRecipe
{
    /// <summary>Decides prompts, answers, sides and bootstraps.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Where to compute.</summary>
    public ComputeSettings Compute { get; init; } = new();

    /// <summary>Checkpoints; an evaluation saves itself after each model instead.</summary>
    [ResultNeutral]
    public RunSettings Run { get; init; } = new();

    /// <summary>What to evaluate, and how.</summary>
    public required EvaluateSettings Evaluate { get; init; }
}

/// <summary>The <c>evaluate</c> section of a recipe; what its keys mean stands in docs/algorithms/evaluation.md.</summary>
public sealed record EvaluateSettings : IChecked
{
    /// <summary>Heading of the report.</summary>
    public string Title { get; init; } = "Evaluation";

    /// <summary>What was trained for what, in plain words.</summary>
    public string Summary { get; init; } = "";

    /// <summary>Model folders by name, at least two; the headline is the first that is not the reference.</summary>
    public required IReadOnlyDictionary<string, string> Models { get; init; }

    /// <summary>Which of them the others are set against; the last where nothing is said.</summary>
    public string? Reference { get; init; }

    /// <summary>Folder of the untrained model; nothing leaves out perplexity and its rows.</summary>
    public string? Base { get; init; }

    /// <summary>Held-out prompts: plain text with a prompt a line, documents, or the prompts of rows that have answers too.</summary>
    public required IReadOnlyList<DataSource> Prompts { get; init; }

    /// <summary>Text around each prompt, as <c>prompts.template</c> of the recipe of ppo; examples have a template of their own.</summary>
    public string Template { get; init; } = PpoPromptSettings.Hole;

    /// <summary>Whether a prompt is a text to work on: then the copy rate is reported.</summary>
    public bool PromptIsText { get; init; }

    /// <summary>Examples for the base model; nothing leaves the row out.</summary>
    public FewShotSettings? FewShot { get; init; }

    /// <summary>The reward that was trained against, as <c>rewards</c> of the recipe of ppo; none leaves out rewards, best-of-N and the frontier.</summary>
    public IReadOnlyList<RewardPart> Rewards { get; init; } = [];

    /// <summary>Run folder of ppo: its checkpoints that are kept are the frontier, its metrics are shown.</summary>
    public string? PpoRun { get; init; }

    /// <summary>Model folders of other checkpoints by label, in order of training, for the frontier.</summary>
    public IReadOnlyDictionary<string, string> Checkpoints { get; init; } = new Dictionary<string, string>();

    /// <summary>Run folder of reward: what it measured of the reward model is shown, and its metrics.</summary>
    public string? RewardRun { get; init; }

    /// <summary>Log of the judgments that were collected: who gave them is shown, and how far they agree.</summary>
    public string? Judgments { get; init; }

    /// <summary>Who judges, by the name in tables; the headline's judges first.</summary>
    public required IReadOnlyDictionary<string, JudgeSettings> Judges { get; init; }

    /// <summary>How answers are drawn.</summary>
    public SamplingOptions Sampling { get; init; } = new() { MaximumNewTokens = 48 };

    /// <summary>How much is sampled.</summary>
    public EvaluationBudget Budget { get; init; } = new();

    /// <summary>What the report says was asked of the first model.</summary>
    public EvaluationRequirements Requirements { get; init; } = new();

    /// <summary>Further run folders whose <c>metrics.jsonl</c> is shown, by stage: <c>sft: runs/sft</c>.</summary>
    public IReadOnlyDictionary<string, string> Curves { get; init; } = new Dictionary<string, string>();

    /// <summary>Folders of the evaluations of earlier rounds, oldest first.</summary>
    public IReadOnlyList<string> Earlier { get; init; } = [];

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Models.Count < 2)
            yield return Problem.Of("models", Models.Count == 0 ? "is empty" : $"has {Models.Keys.First()} alone", "at least two to compare", "add what it is to be compared with");
        if (Reference is { } name && !Models.ContainsKey(name))
            yield return Problem.Of("reference", $"is {name}", $"one of {string.Join(", ", Models.Keys)}", "name the model that the others are set against");
        if (Prompts.Count == 0)
            yield return Problem.Of("prompts", "is empty", "at least one source", "name a file of held-out prompts");
        foreach (var problem in DataSource.CheckFormats(Prompts, "prompts", DataFormat.Text, DataFormat.Documents, DataFormat.Prompts, DataFormat.Preferences))
            yield return problem;
        foreach (var problem in new PpoPromptSettings { Template = Template }.Check())
            yield return problem;
        if (Judges.Count == 0)
            yield return Problem.Of("judges", "is empty", "at least one", "name a crowd, a reward model or a lexicon");
        foreach (var (key, problem) in Judges.SelectMany(judge => judge.Value.Check().Select(problem => (judge.Key, problem)))) // the binder checks no dictionaries
            yield return problem with { Key = $"judges.{key}.{problem.Key}".TrimEnd('.') };
        foreach (var (key, problem) in Sampling.Problems())
            yield return new($"sampling.{key}", problem);
        if (FewShot is not null && Base is null)
            yield return Problem.Of("base", "is missing", "the model that few-shot examples are shown to", "name its folder, or leave fewShot out");
        foreach (var problem in RewardPart.CheckNames(Rewards, "rewards"))
            yield return problem;
        if (Checkpoints.Count > 0 && Rewards.Count == 0)
            yield return Problem.Of("checkpoints", $"has {Checkpoints.Count}", "a reward to draw the frontier by", "name it under rewards, or leave checkpoints out");
    }
}

/// <summary>Examples put before each prompt of the base model.</summary>
public sealed record FewShotSettings : IChecked
{
    /// <summary>A prompt/response file.</summary>
    public required DataSource Demonstrations { get; init; }

    /// <summary>How many of its rows, drawn by the seed.</summary>
    public int Count { get; init; } = 3;

    /// <summary>How an example is written; see <see cref="Evaluation.FewShot.Template"/>.</summary>
    public string Template { get; init; } = Evaluation.FewShot.UsualTemplate;

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Demonstrations.Format != DataFormat.Prompts)
            yield return Problem.Of("demonstrations.format", $"is {Demonstrations.Format.ToString().ToLowerInvariant()}", "prompts", "set it");
        if (Count < 1)
            yield return new("count", $"is {Count}, expected at least 1; 3 is usual");
        if (Evaluation.FewShot.Fault(Template) is { } fault)
            yield return new("template", fault);
    }
}
