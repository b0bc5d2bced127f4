using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Text;

namespace Attune.Updates;

/// <summary>What becomes of how strongly people preferred an answer.</summary>
public enum StrengthUse
{
    /// <summary>Nothing.</summary>
    Ignore,

    /// <summary>The pair counts so many times; against the chosen answer not at all.</summary>
    Weight,

    /// <summary>The better score has to lead by it (Llama 2, eq. 2).</summary>
    Margin,
}

/// <summary>What is learnt from a ranking of more than two answers.</summary>
public enum RankingUse
{
    /// <summary>The mean over all ordered pairs (InstructGPT, eq. 1).</summary>
    AllPairs,

    /// <summary>The best among all (Ziegler 2019, eq. 1); rankings without a single best are left out.</summary>
    BestOf,
}

/// <summary>How comparisons become examples: the <c>data</c> section.</summary>
public sealed record RewardDataSettings : IChecked
{
    /// <summary>Most tokens of a prompt with its answer; what the model takes where not set. The prompt loses its beginning, then the answer its end.</summary>
    public int? Longest { get; init; }

    /// <summary>Most comparisons to learn from, drawn by the seed; all where not set.</summary>
    public int? Most { get; init; }

    /// <summary>Most comparisons to report on, the same for every seed; all where not set.</summary>
    public int? MostEvaluated { get; init; }

    /// <summary>Whether answers end with the end token, as those do that a policy finished.</summary>
    public bool AddEnd { get; init; } = true;

    /// <summary>Whether the share of judges is the label; else the majority is, and pairs without one are left out.</summary>
    public bool SoftLabels { get; init; } = true;

    /// <summary>What becomes of how strongly people preferred an answer.</summary>
    public StrengthUse Strength { get; init; } = StrengthUse.Ignore;

    /// <summary>What a strength is multiplied by.</summary>
    public double StrengthScale { get; init; } = 1;

    /// <summary>What is learnt from a ranking of more than two answers.</summary>
    public RankingUse Rankings { get; init; } = RankingUse.AllPairs;

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Longest < 2)
            yield return Problem.Of("longest", $"is {Longest}", "at least 2", "leave it out for what the model takes");
        foreach (var (key, value) in new[] { ("most", Most), ("mostEvaluated", MostEvaluated) })
        {
            if (value < 1)
                yield return Problem.Of(key, $"is {value}", "at least 1", "leave it out for all");
        }

        foreach (var problem in Problem.Refuse("strengthScale", StrengthScale, StrengthScale > 0, "above 0", "1 is usual"))
            yield return problem;
    }
}

/// <summary>When scores get their scale.</summary>
public enum NormaliseTime
{
    /// <summary>After training.</summary>
    After,

    /// <summary>Before training, so that the loss begins in the same units for every head, and again after it (Ziegler 2019).</summary>
    Both,
}

/// <summary>
/// How scores get their scale after training: the <c>normalise</c> section. Answers of the reference policy, sampled here or given, are to
/// score mean 0 and standard deviation 1 (Ziegler 2019).
/// </summary>
public sealed record RewardScaleSettings : IChecked
{
    /// <summary>Answers to score; 0 leaves the scale as training made it.</summary>
    public int Samples { get; init; } = 256;

    /// <summary>When: after training, or before it as well.</summary>
    public NormaliseTime When { get; init; } = NormaliseTime.After;

    /// <summary>Whether only the bias moves, so that the mean is 0 and the deviation stays as training made it (InstructGPT, whose answers are the labellers').</summary>
    public bool ShiftOnly { get; init; }

    /// <summary>Folder of the policy that samples; the one of <c>from</c> where not set.</summary>
    public string? Reference { get; init; }

    /// <summary>Texts to answer, as those of ppo; the prompts of the comparisons learnt from where there are none.</summary>
    public IReadOnlyList<DataSource> Prompts { get; init; } = [];

    /// <summary>The policy's answers with their prompts; nothing is sampled then.</summary>
    public IReadOnlyList<DataSource> Responses { get; init; } = [];

    /// <summary>Most tokens of a sampled answer.</summary>
    public int NewTokens { get; init; } = 48;

    /// <summary>Of sampling.</summary>
    public double Temperature { get; init; } = 1;

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Samples is < 0 or 1)
            yield return Problem.Of("samples", $"is {Samples}", "at least 2, or 0 for none", "256 is usual");
        if (NewTokens < 1)
            yield return Problem.Of("newTokens", $"is {NewTokens}", "at least 1", "set it to the length of the policy's answers");
        foreach (var problem in Problem.Refuse("temperature", Temperature, Temperature >= SamplingOptions.LeastTemperature, $"at least {SamplingOptions.LeastTemperature}", "1 is usual"))
            yield return problem;
        foreach (var problem in DataSource.CheckFormats(Prompts, "prompts", DataFormat.Text, DataFormat.Documents, DataFormat.Prompts, DataFormat.Preferences))
            yield return problem;
        foreach (var problem in DataSource.CheckFormats(Responses, "responses", DataFormat.Prompts))
            yield return problem;
    }
}

/// <summary>Everything about a run of <c>attune reward</c>.</summary>
public sealed record RewardRecipe : IChecked
{
    /// <summary>Decides the fresh head, the order of comparisons and what is sampled.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Folder of the model to start from, with a fresh head: the policy, or what it was before PPO.</summary>
    public string? From { get; init; }

    /// <summary>Folder of a reward model to train on, instead of <see cref="From"/>.</summary>
    public string? Continue { get; init; }

    /// <summary>An adapter to train, with the head, beside the frozen weights; the whole model is trained where not set.</summary>
    public AdapterSettings? Adapter { get; init; }

    /// <summary>
    /// Comparisons to learn from. Where <see cref="Evaluation"/> names none, a tenth of the prompts is kept for validation and another for
    /// the report (<see cref="HashSplit"/>).
    /// </summary>
    public required IReadOnlyList<PreferenceSource> Preferences { get; init; }

    /// <summary>Comparisons to report on; all of <see cref="Preferences"/> are learnt from then, but those of held-out annotators and prompts.</summary>
    public IReadOnlyList<PreferenceSource> Evaluation { get; init; } = [];

    /// <summary>How comparisons become examples.</summary>
    public RewardDataSettings Data { get; init; } = new();

    /// <summary>How they are learnt.</summary>
    public RewardTrainingConfig Reward { get; init; } = new();

    /// <summary>How scores get their scale.</summary>
    public RewardScaleSettings Normalise { get; init; } = new();

    /// <summary>Where to compute.</summary>
    public ComputeSettings Compute { get; init; } = new();

    /// <summary>Folders of finished runs of the same recipe with other seeds: the result then holds the mean over all of them too.</summary>
    [ResultNeutral]
    public IReadOnlyList<string> Beside { get; init; } = [];

    /// <summary>How often to save.</summary>
    [ResultNeutral]
    public RunSettings Run { get; init; } = new();

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (From is null && Continue is null)
            yield return Problem.Of("from", "is not set", "the folder of a model", "name one, or a reward model under continue");
        if (From is not null && Continue is not null)
            yield return Problem.Of("continue", "is set beside from", "one of them", "leave one out");
        if (Preferences is { Count: 0 }) // null where it could not be read, which has been said already
            yield return Problem.Of("preferences", "is empty", "at least one file of comparisons", "name one");
        if (Continue is not null && Normalise is { Samples: > 0, Reference: null, Responses.Count: 0 })
            yield return Problem.Of("normalise.reference", "is not set", "the policy whose answers set the scale", "name its folder, or set normalise.samples to 0");
    }
}
