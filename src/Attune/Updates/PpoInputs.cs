using Attune.Models;
using Attune.Rewards;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>
/// All that a recipe of PPO names, opened and checked before the first step; what cannot be used is reported at once. Owns the models.
/// </summary>
internal sealed class PpoInputs : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    private PpoInputs()
    {
    }

    /// <summary>The policy, changed in place, and its tokenizer.</summary>
    public required TextModel Policy { get; init; }

    /// <summary>Policy, reference and critic.</summary>
    public PpoModels Models { get; private set; } = null!;

    /// <summary>Who judges.</summary>
    public RewardParts Reward { get; private set; } = null!;

    /// <summary>The held-out judge, where there is one.</summary>
    public RewardParts? Judge { get; private set; }

    /// <summary>What is asked.</summary>
    public required PpoPrompts Prompts { get; init; }

    /// <summary>Text for PPO-ptx, where there is some.</summary>
    public PretrainingSource? Pretraining { get; private set; }

    /// <summary>How answers are drawn.</summary>
    public SamplingOptions Sampling { get; private set; } = null!;

    /// <summary>Memory that training takes, bytes; an estimate on the safe side.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Opens everything. Weights are read last, and only where the shapes in the configs say that they fit.</summary>
    /// <exception cref="InputException">Something cannot be used; names all of it.</exception>
    public static PpoInputs Open(PpoRecipe recipe, Seed seed, MemoryBudget memory)
    {
        var compute = recipe.Compute.Open();
        var problems = new InputProblems("The recipe");
        problems.Add(recipe.Ppo.Check().Select(p => p with { Key = "ppo." + p.Key })); // a recipe made in code has not been checked
        var start = problems.Try("from", () => ModelDescription.Read(recipe.From, TokenizerUse.Needed));
        var prompts = start is null ? null : problems.Try("prompts", () => PpoPrompts.Read(recipe, start.Tokenizer!, seed));
        if (start is not null && recipe.Ppo.PretrainingCoefficient > 0 && recipe.Pretraining.Length > start.Config.MaximumPositions)
        {
            problems.Add(Problem.Of("pretraining.length", $"is {recipe.Pretraining.Length}", $"at most the {start.Config.MaximumPositions} tokens that the policy reads",
                "lower it; longer documents are cut into several pieces"));
        }

        problems.Add(start is null ? [] : recipe.Adapter?.CheckFor(start.Config) ?? []);
        var fits = problems.AreNone;
        var bytes = start is null ? 0 : Memory(start.Config, recipe, compute.DType, prompts);
        var tooMuch = memory.Check("memory", bytes, recipe.Ppo.MicroBatch > 1 ? $"lower ppo.microBatch (now {recipe.Ppo.MicroBatch}), or take a smaller model" : "take a smaller model");
        if (tooMuch is not null)
            problems.Add(tooMuch);
        if (start is null || tooMuch is not null || problems.Try("from", () => new TextModel(start.Load(compute, recipe.Adapter), start.Tokenizer!, recipe.From) { Usual = start.Usual }.Adapted(fits ? recipe.Adapter : null, seed)) is not { } policy)
        {
            LookAt(recipe, problems, withPrompts: start is null);
            problems.ThrowIfAny();
            throw new InvalidOperationException("a policy that was not read has a problem");
        }

        policy.Model.UsesCheckpointing = recipe.Ppo.Checkpointing;
        var inputs = new PpoInputs { Policy = policy, Prompts = prompts!, MemoryBytes = bytes };
        try
        {
            inputs.Read(recipe, problems);
            problems.ThrowIfAny();
            return inputs;
        }
        catch
        {
            inputs.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var owned in Enumerable.Reverse(_owned))
            owned.Dispose();
        Policy.Dispose();
    }

    private void Read(PpoRecipe recipe, InputProblems problems)
    {
        var (config, ppo) = (Policy.Model.Config, recipe.Ppo);
        var longest = recipe.Prompts.MaximumTokens + ppo.MaximumLength;
        if (longest > config.MaximumPositions)
        {
            problems.Add(Problem.Of("ppo.maximumLength", $"is {ppo.MaximumLength} after prompts of up to {recipe.Prompts.MaximumTokens} tokens",
                $"at most the {config.MaximumPositions} tokens together that the policy reads", "lower it, or prompts.maximumTokens"));
        }

        Sampling = recipe.Draws(Policy.EndIds);
        Pretraining = problems.Try("pretraining", () => new Ref<PretrainingSource?>(PpoPrompts.Pretraining(recipe.Pretraining, Policy.Tokenizer)))?.Value;
        var reference = recipe.Reference is { } folder ? problems.Try("reference", () => LoadReference(folder)) : null;
        if (problems.Try("rewards", () => Own(RewardParts.Open(recipe.Rewards, "rewards", Policy, longest, ppo.MicroBatch))) is { } reward)
            Reward = reward;
        if (recipe.HeldOut is { } heldOut)
            Judge = problems.Try("heldOut", () => Own(RewardParts.Open(heldOut.Rewards, "heldOut.rewards", Policy, longest, ppo.MicroBatch)));
        var critic = recipe.Critic is { } criticFolder ? problems.Try("critic", () => Own(RewardParts.LoadFor(criticFolder, Policy, longest))) : Reward?.Models.FirstOrDefault();
        if (recipe.Adapter is not null && ppo.ValueStart == ValueStart.RewardModel && critic is { Trunk: var trunk } && trunk.Base != Policy.Model.Base)
        {
            problems.Add(Problem.Of("ppo.valueStart", "is reward-model, whose weights are another copy than the policy's", "a reward model that is an adapter on the same base, as adapter is set",
                $"train one with adapter and from: {recipe.From}, or set ppo.valueStart to zero"));
        }

        if (!problems.AreNone)
            return;
        Models = Own(ModelsOf(ppo, reference, critic));
        reference?.Dispose(); // it was copied
    }

    private PpoModels ModelsOf(PpoConfig ppo, CausalLm? reference, RewardModel? critic) => ppo switch
    {
        { Critic: CriticKind.Shared } => PpoModels.Shared(Policy.Model, reference),
        { ValueStart: ValueStart.RewardModel } => PpoModels.WithCritic(Policy.Model, critic!.Trunk, critic.Head, reference),
        _ => PpoModels.WithCritic(Policy.Model, Policy.Model, criticHead: null, reference),
    };

    private CausalLm LoadReference(string folder)
    {
        if (!ModelDescription.TokenizerOf(folder).IsSameAs(Policy.Tokenizer))
            throw InputException.One(folder, "has another tokenizer than the policy", "the same one, as answers are scored by their token ids", "name the model that the policy was trained from");
        return CausalLm.Load(folder, Policy.Model.Compute);
    }

    /// <summary>What a whole recipe takes: <see cref="Memory(TransformerConfig, PpoConfig, DType, long, long, AdapterSettings?)"/>, or more where a pass over pretraining text or the held-out look does, bytes.</summary>
    internal static long Memory(TransformerConfig config, PpoRecipe recipe, DType dtype, PpoPrompts? prompts)
    {
        var (ppo, judges) = (recipe.Ppo, JudgeBytes(recipe, dtype));
        var longest = prompts is null ? 1 : prompts.Training.Concat(prompts.HeldOut).Max(p => p.Length);
        var sampled = ppo with { PromptsPerStep = Math.Max(ppo.RolloutsPerStep, prompts?.HeldOut.Count ?? 0), SamplesPerPrompt = 1 }; // a look samples all of its prompts
        var step = Memory(config, sampled, dtype, longest, judges, recipe.Adapter);
        if (ppo.PretrainingCoefficient <= 0)
            return step;
        long rows = Math.Min(ppo.MicroBatch, recipe.Pretraining.Rows), length = recipe.Pretraining.Length;
        return Math.Max(step, Kept(config, ppo, dtype, judges, recipe.Adapter) + MemoryEstimate.TrainingPass(config, Pass(ppo, rows, length, rows * length, recipe.Adapter), dtype));
    }

    /// <summary>What is trained, what is read, and the larger of a pass of the update and the cache of the sampler, bytes.</summary>
    /// <param name="config">The policy's shape, and the critic's.</param>
    /// <param name="ppo">The method.</param>
    /// <param name="dtype">Element type of weights and activations.</param>
    /// <param name="prompt">Tokens of the longest prompt.</param>
    /// <param name="judges">Bytes of the reward models' weights.</param>
    /// <param name="adapter">What learns; null for the weights.</param>
    internal static long Memory(TransformerConfig config, PpoConfig ppo, DType dtype, long prompt, long judges, AdapterSettings? adapter = null)
    {
        var minibatch = ((long)ppo.RolloutsPerStep + ppo.Minibatches - 1) / ppo.Minibatches;
        long rows = Math.Min(ppo.MicroBatch, minibatch), width = prompt + ppo.MaximumLength;
        var pass = Pass(ppo, rows, width, rows * ppo.MaximumLength, adapter) with { HasSeveral = minibatch > rows };
        var passes = MemoryEstimate.TrainingPass(config, pass, dtype);
        if (ppo.Critic == CriticKind.Separate)
            passes += MemoryEstimate.TrainingPass(config, pass with { LogitTokens = 0, Places = pass.LogitTokens }, dtype);
        var sampled = Math.Min(ppo.RolloutsPerStep, Sampler.UsualBatch);
        var sampling = MemoryEstimate.Cache(config, sampled, Sampler.Columns(width, ppo.RolloutsPerStep), dtype) + MemoryEstimate.ForwardPass(config, sampled, prompt, sampled, dtype);
        return Kept(config, ppo, dtype, judges, adapter) + Math.Max(passes, sampling);
    }

    private static TrainingShape Pass(PpoConfig ppo, long rows, long width, long logitTokens, AdapterSettings? adapter) =>
        new(rows, width, logitTokens) { Checkpointing = ppo.Checkpointing, Adapter = adapter };

    /// <summary>Policy, critic, reference and judges with the moments of what learns, bytes: of an adapted model one copy of the weights for all but judges of their own.</summary>
    private static long Kept(TransformerConfig config, PpoConfig ppo, DType dtype, long judges, AdapterSettings? adapter)
    {
        var learning = ppo.Critic == CriticKind.Separate ? 2 : 1;
        var copies = adapter is null ? learning + 1 : 1;
        return MemoryEstimate.Process + MemoryEstimate.Products(adapter) + (copies * MemoryEstimate.Weights(config, dtype, adapter)) + (learning * MemoryEstimate.Moments(config, dtype, adapter)) + judges;
    }

    /// <summary>
    /// Bytes of the weights of reward models and of a critic to begin from; of one that shares the policy's base, its adapter's. Those whose config cannot be read
    /// are told of when they are opened.
    /// </summary>
    private static long JudgeBytes(PpoRecipe recipe, DType dtype)
    {
        var unread = new InputProblems("The recipe");
        return new[] { recipe.Rewards, recipe.HeldOut?.Rewards ?? [] }.SelectMany(parts => parts.Select(part => part.Model).OfType<string>().Distinct())
            .Concat(recipe.Critic is { } critic ? [critic] : []).Sum(folder => unread.Try(() => new Ref<long>(Bytes(folder)))?.Value ?? 0);

        long Bytes(string folder)
        {
            var config = HuggingFaceFolder.ReadConfig(folder);
            var isShared = recipe.Adapter is not null && AdapterFolder.IsOn(folder, recipe.From);
            return isShared ? MemoryEstimate.Learned(config, dtype, AdapterConfig.Read(folder, [AdapterSettings.AllLinear]).Settings) : MemoryEstimate.Weights(config, dtype);
        }
    }

    /// <summary>Without a policy: whether what else is named is there at all.</summary>
    private static void LookAt(PpoRecipe recipe, InputProblems problems, bool withPrompts)
    {
        if (recipe.Reference is { } reference)
            problems.Try("reference", () => HuggingFaceFolder.ReadConfig(reference));
        if (recipe.Critic is { } critic)
            problems.Try("critic", () => HuggingFaceFolder.ReadConfig(critic));
        foreach (var (parts, key) in new[] { (recipe.Rewards, "rewards"), (recipe.HeldOut?.Rewards ?? [], "heldOut.rewards") })
        {
            for (var i = 0; i < parts.Count; i++)
            {
                if (parts[i].Model is { } folder)
                    problems.Try($"{key}[{i}].model", () => HuggingFaceFolder.ReadConfig(folder));
            }
        }

        if (withPrompts)
            problems.Try("prompts", () => Text.DataSource.CheckAll(recipe.Prompts.Data.SelectMany(source => source.Prompts())));
        problems.Try("pretraining", () => Text.DataSource.CheckAll(recipe.Pretraining.Data.SelectMany(source => source.Documents())));
    }

    private T Own<T>(T owned)
        where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    /// <summary>Something that may be missing without a problem.</summary>
    private sealed record Ref<T>(T Value);
}
