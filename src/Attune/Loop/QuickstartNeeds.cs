using Attune.Feedback;
using Attune.Models;
using Attune.Runs;
using Attune.Text;
using Attune.Torch;
using Attune.Updates;

namespace Attune.Loop;

/// <summary>
/// What a quick start needs, looked at before its first stage, so that it does not fail at its last: whole files, enough prompts, memory, disk.
/// Both estimates are on the safe side. Not here: the stages' own checks, which come again as each begins.
/// </summary>
internal static class QuickstartNeeds
{
    private const int SampledAtOnce = 256; // answers kept beside each other at most, a stage's sampler splits more
    private const long TextFiles = 32L << 20;

    /// <summary>Fails where something is missing.</summary>
    /// <param name="plan">What is going to be done.</param>
    /// <param name="files">What comes with the program.</param>
    /// <param name="folder">Where it goes.</param>
    /// <param name="there">Bytes that are in the folder already.</param>
    /// <param name="memory">Memory that may be taken.</param>
    /// <exception cref="InputException">All that is missing.</exception>
    public static void Require(QuickstartPlan plan, ShippedFiles files, QuickstartFolder folder, long there, MemoryBudget memory)
    {
        var missing = files.Check().ToArray();
        if (missing.Length > 0)
            throw new InputException("Attune's own files", missing);
        var problems = new InputProblems("The quick start");
        foreach (var problem in plan.Check())
            problems.Add(problem);
        problems.Try(() => plan.Compute.Open());
        problems.Try(() => Valence.Load(files.Words));
        problems.Try(() => Readers.PromptResponses(files.Demonstrations, new()).Check().ThrowIfBad());
        var longest = Math.Max(Enough(files.TrainingPrompts, plan.Prompts), Enough(files.HeldOutPrompts, plan.HeldOutPrompts));
        if (LanguageModelPlan.Start(files.BaseModel, problems) is { } start && problems.AreNone)
        {
            if (memory.Check("memory", Memory(plan, start.Config, longest), "end other programs, or free some of the container's") is { } tooMuch)
                problems.Add(tooMuch);
            if (DiskSpace.Check(folder.Root, Math.Max(0, Disk(plan, start.Config) - there), "models and checkpoints") is { } tooLittle)
                problems.Add(tooLittle);
        }
        problems.ThrowIfAny();

        int Enough(string path, int count)
        {
            if (problems.Try(() => Readers.PlainText(path, new() { LinePerDocument = true }).Check().ThrowIfBad()) is not { } read)
                return 0;
            if (read.Rows < count)
                problems.Add(Problem.Of(path, $"has {read.Rows} prompts", $"at least the {count} of this budget", "restore it, or take a smaller --budget"));
            return Readers.PlainText(path, new() { LinePerDocument = true }).Max(line => line.Text.Length);
        }
    }

    /// <summary>Bytes that the hungriest stage takes: training a model, or PPO with policy, critic, reference and reward model.</summary>
    /// <param name="plan">What is going to be done.</param>
    /// <param name="config">The base model.</param>
    /// <param name="longestPrompt">Characters of the longest prompt; a token has at least one.</param>
    internal static long Memory(QuickstartPlan plan, TransformerConfig config, int longestPrompt)
    {
        var dtype = plan.Compute.DType;
        var prompt = Math.Min(longestPrompt, config.MaximumPositions);
        var width = Math.Min(prompt + plan.AnswerTokens, config.MaximumPositions);
        var ppo = plan.Ppo with { MaximumLength = plan.AnswerTokens };
        return new[]
        {
            StageMemory.Bytes(config, dtype, StageMemory.NextToken(plan.Sft, Quickstart.LongestRow, adapter: null)),
            StageMemory.Bytes(config, dtype, new(plan.Reward.MicroBatchSequences, width, LogitTokens: 0)),
            PpoInputs.Memory(config, ppo, dtype, prompt, MemoryEstimate.Weights(config, dtype)),
            MemoryEstimate.Sampling(config, SampledAtOnce, prompt, plan.AnswerTokens, dtype) + 2 * MemoryEstimate.Weights(config, dtype),
        }.Max();
    }

    /// <summary>Bytes that all rounds leave on the disk: each stage's model, and its checkpoints with weights and Adam's moments.</summary>
    internal static long Disk(QuickstartPlan plan, TransformerConfig config)
    {
        var weights = MemoryEstimate.Weights(config, plan.Compute.DType);
        var trained = 3 * weights;
        var sft = weights + 2 * trained; // the new checkpoint is whole before the old one goes
        var reward = weights + 2 * trained;
        var ppo = weights + (Quickstart.FrontierPoints + 2) * (2 * trained + weights); // policy, critic, and the policy as a model folder
        return TextFiles + sft + plan.Rounds * (reward + ppo);
    }
}
