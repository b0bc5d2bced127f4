using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>What a run of reward training works on, read and checked before its first step.</summary>
internal sealed record RewardInputs
{
    /// <summary>The shape of the folder that is started from.</summary>
    public required TransformerConfig Config { get; init; }

    /// <summary>Its tokenizer.</summary>
    public required Tokenizer Tokenizer { get; init; }

    /// <summary>Comparisons.</summary>
    public required RewardData Data { get; init; }

    /// <summary>What sets the scale.</summary>
    public required RewardReferences References { get; init; }

    /// <summary>Memory that the run takes, bytes; an estimate on the safe side.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Reads every file to its end, compares sizes and estimates memory.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="seed">The run's.</param>
    /// <param name="available">Memory that may be taken.</param>
    /// <param name="progress">Told what was found.</param>
    /// <param name="stop">Asks to stop; nothing is kept.</param>
    /// <exception cref="InputException">Everything that is wrong.</exception>
    public static RewardInputs Read(RewardRecipe recipe, Seed seed, MemoryBudget available, IProgressSink progress, CancellationToken stop)
    {
        var problems = new InputProblems("The input");
        foreach (var section in new[] { recipe.Check(), recipe.Reward.Check(), recipe.Data.Check(), recipe.Normalise.Check() })
        {
            foreach (var problem in section) // a recipe made in code was not checked by its reader
                problems.Add(problem);
        }

        problems.ThrowIfAny();
        problems.Try(() => RewardSeeds.Require(recipe));
        var folder = (recipe.Continue ?? recipe.From)!;
        var config = problems.Try(() => Shape(folder, recipe.Continue is not null ? HeadKind.Score : HeadKind.NextToken));
        var tokenizer = problems.Try(() => ModelDescription.TokenizerOf(folder));
        if (config is not null && tokenizer is not null)
            problems.Try(() => config.CheckTokenizer(tokenizer.VocabularySize, Path.Combine(folder, "tokenizer.json")));
        if (recipe.Data.AddEnd && tokenizer is { EndId: null })
            problems.Add(Problem.Of("data.addEnd", "is true, and the tokenizer names no end token", "one to end answers with", "name it in tokenizer_config.json, or set data.addEnd to false"));
        if (config is not null && recipe.Data.Longest > config.MaximumPositions)
            problems.Add(Problem.Of("data.longest", $"is {recipe.Data.Longest}", $"at most the {config.MaximumPositions} tokens that the model takes", "lower it, or leave it out"));
        problems.Add(config is null ? [] : recipe.Adapter?.CheckFor(config) ?? []);
        var settings = recipe.Data with { Longest = recipe.Data.Longest ?? config?.MaximumPositions };
        var references = RewardReferences.Read(recipe, settings.Longest, tokenizer, problems);
        var texts = RewardTexts.Read(recipe, problems);
        problems.ThrowIfAny();

        var data = RewardData.Of(texts, tokenizer!, settings, seed.For("data"), stop);
        if (data.Training.Count == 0)
            problems.Add(Problem.Of("preferences", "leave 0 comparisons to learn from", "at least one", $"look at why they are left out: {Reasons(data)}"));
        if (data.Test.Count == 0)
            problems.Add(Problem.Of("preferences", "leave 0 comparisons to report on", "at least one", "name more files, or others under evaluation"));
        problems.ThrowIfAny();
        references = references with { Fallback = data.TrainingPrompts };
        var (training, scale) = (Memory(config!, recipe, data), ScaleMemory(config!, recipe, references, tokenizer!));
        if (available.Check("reward.microBatchSequences", training, $"lower it (now {recipe.Reward.MicroBatchSequences}), or data.longest (now {settings.Longest})") is { } tooMuch)
            problems.Add(tooMuch);
        if (available.Check("normalise.samples", scale, $"lower it (now {recipe.Normalise.Samples}), or normalise.newTokens (now {recipe.Normalise.NewTokens})") is { } tooMany)
            problems.Add(tooMany);
        problems.ThrowIfAny();
        Tell(texts, data, progress);
        if (recipe.Reward.ScheduleFor(data.Training.Count).Doubt("reward") is { } doubt)
            progress.Warn(doubt);
        return new() { Config = config!, Tokenizer = tokenizer!, Data = data, References = references, MemoryBytes = Math.Max(training, scale) };
    }

    /// <summary>
    /// Bytes that setting the scale takes: the reward model, the policy that answers, unless it is the reward model's frozen base, and the policy's cache.
    /// The optimiser is gone by then, or not there yet.
    /// </summary>
    private static long ScaleMemory(TransformerConfig config, RewardRecipe recipe, RewardReferences references, Tokenizer tokenizer)
    {
        if (references.Policy is not { } folder)
            return 0;
        var (dtype, settings) = (recipe.Compute.DType, recipe.Normalise);
        var isShared = recipe is { Adapter: not null, From: { } from } && AdapterFolder.AreSame(from, folder);
        var policy = isShared ? config : HuggingFaceFolder.ReadConfig(folder);
        long rows = Math.Min(settings.Samples, Sampler.UsualBatch), prompt = references.LongestPrompt(tokenizer, recipe.Data.Longest ?? config.MaximumPositions);
        return MemoryEstimate.Process + MemoryEstimate.Weights(config, dtype, recipe.Adapter) + (recipe.Adapter is null ? 0 : MemoryEstimate.Learned(config, dtype, recipe.Adapter)) +
            (isShared ? 0 : MemoryEstimate.Weights(policy, dtype)) + MemoryEstimate.Products(recipe.Adapter) +
            MemoryEstimate.Cache(policy, rows, Sampler.Columns(prompt + settings.NewTokens, settings.Samples), dtype) + MemoryEstimate.ForwardPass(policy, rows, prompt, rows, dtype);
    }

    /// <summary>Bytes that training takes at its largest.</summary>
    internal static long Memory(TransformerConfig config, RewardRecipe recipe, RewardData data)
    {
        var dtype = recipe.Compute.DType;
        var batch = (long)recipe.Reward.BatchSize * data.Training.Max(e => e.Sequences.Count);
        var rows = Math.Max(data.Training.Max(e => e.Sequences.Count), Math.Min(batch, recipe.Reward.MicroBatchSequences));
        rows = Math.Min(rows, data.Training.Sum(e => (long)e.Sequences.Count));
        return StageMemory.Bytes(config, dtype, new(rows, data.LongestSequence, LogitTokens: 0) { Checkpointing = recipe.Reward.Checkpointing, HasSeveral = batch > rows, Adapter = recipe.Adapter });
    }

    /// <summary>A folder's shape, after a look at whether its weights are whole.</summary>
    internal static TransformerConfig Shape(string folder, HeadKind head)
    {
        using var files = HuggingFaceFolder.Open(folder);
        return files.Config.Head == head ? files.Config
            : head == HeadKind.Score ? throw InputException.One(folder, "holds a model that predicts tokens", "a reward model", "name it under from instead of continue")
            : throw InputException.One(folder, "holds a reward model", "a model that predicts tokens", "to train a reward model on, name it under continue instead of from");
    }

    private static void Tell(RewardTexts texts, RewardData data, IProgressSink progress)
    {
        progress.Say($"{data.Training.Count:N0} comparisons to learn from, {data.Validation.Count:N0} to watch, {data.Test.Count:N0} pairs to report on; {data.TrainingTokens:N0} tokens an epoch");
        if (data.Dropped.Count > 0)
            progress.Say($"left out: {Reasons(data)}");
        if (texts.SharedPrompts is > 0 and var shared)
            progress.Warn($"{shared:N0} prompts are both learnt from and reported on, expected none; accuracy on them flatters the model");
    }

    private static string Reasons(RewardData data) => string.Join(", ", data.Dropped.Select(reason => $"{reason.Value:N0} {reason.Key}"));
}
