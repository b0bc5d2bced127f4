using System.Globalization;
using System.Text;
using Attune.Models;
using Attune.Runs;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>Means over some steps, as docs/metrics.md defines them.</summary>
/// <param name="Score">Of the answers, as the reward gave it.</param>
/// <param name="Kl">Distance from the reference, nats an answer.</param>
/// <param name="Length">Tokens an answer.</param>
/// <param name="EndRate">Share of answers that ended by themselves.</param>
/// <param name="Entropy">Of the next-token distribution, nats a token.</param>
public sealed record PpoSummary(double Score, double Kl, double Length, double EndRate, double Entropy);

/// <summary>What a run of PPO came to; stored as <c>result.json</c>.</summary>
public sealed record PpoResult
{
    /// <summary>Steps of the whole run.</summary>
    public int Steps { get; init; }

    /// <summary>Answers sampled in all of them.</summary>
    public long Answers { get; init; }

    /// <summary>Prompts to learn from.</summary>
    public int Prompts { get; init; }

    /// <summary>Parameters of the policy.</summary>
    public long Parameters { get; init; }

    /// <summary>The first steps, at most ten.</summary>
    public required PpoSummary First { get; init; }

    /// <summary>The last steps, at most ten.</summary>
    public required PpoSummary Last { get; init; }

    /// <summary>Price per nat at the end.</summary>
    public double KlCoefficient { get; init; }

    /// <summary>The held-out judge's metrics before the first step; empty without one.</summary>
    public IReadOnlyDictionary<string, double> HeldOutFirst { get; init; } = new Dictionary<string, double>();

    /// <summary>The held-out judge's metrics after the last step; empty without one.</summary>
    public IReadOnlyDictionary<string, double> HeldOutLast { get; init; } = new Dictionary<string, double>();

    /// <summary>Metrics that left their healthy range, as they were told.</summary>
    public IReadOnlyList<string> Alarms { get; init; } = [];
}

/// <summary>
/// The PPO stage: a policy, rewards and prompts in, a better policy out. The method is <see cref="PpoTrainer"/>'s; here it is given its inputs,
/// watched, saved and resumed. A checkpoint is taken between steps, where the buffer of rollouts is empty: each step samples its own.
/// Not here: choosing the best of several checkpoints, several machines.
/// </summary>
public static class PpoTraining
{
    /// <summary>The file of a run folder with answers to look at.</summary>
    public const string SamplesName = "samples.jsonl";

    private const string PolicyName = "policy";
    private const int SummarySteps = 10;

    /// <summary>Runs the stage, or the rest of it.</summary>
    /// <param name="recipe">What to do.</param>
    /// <param name="run">Where; the finished policy is in its <see cref="Run.ModelFolder"/>.</param>
    /// <param name="stop">Asks to stop in good order; a step that has not begun to learn is given up.</param>
    /// <returns>What came of it; null where it was stopped.</returns>
    /// <exception cref="InputException">Something that the recipe names cannot be used; nothing was started.</exception>
    /// <exception cref="RunFailedException">The loss is not a number, or the disk is full; checkpoints are whole.</exception>
    public static PpoResult? Run(PpoRecipe recipe, Run run, CancellationToken stop) => Run(recipe, run, recipe.Compute.Memory(run.Progress), stop);

    /// <summary>The policy of a checkpoint as a model folder: what a point of the KL–reward frontier is evaluated with.</summary>
    /// <param name="checkpoint">A folder of <c>checkpoints/</c>, for instance one of <see cref="Checkpoints.Of"/>.</param>
    public static string PolicyAt(string checkpoint) => Path.Combine(checkpoint, PolicyName);

    internal static PpoResult? Run(PpoRecipe recipe, Run run, MemoryBudget memory, CancellationToken stop)
    {
        if (ResultFile.Read<PpoResult>(run.Folder) is { } finished)
        {
            run.Progress.Say($"{run.Folder} is finished; nothing is left to do");
            return finished;
        }

        var seed = new Seed((ulong)recipe.Seed).For("ppo");
        using var inputs = PpoInputs.Open(recipe, seed, memory);
        Announce(recipe, inputs, run.Progress);
        var setup = new PpoSetup(inputs.Models, inputs.Sampling, step => inputs.Prompts.Of(step, recipe.Ppo.PromptsPerStep, recipe.Ppo.SamplesPerPrompt), inputs.Reward, seed)
        {
            Pretraining = inputs.Pretraining,
            DataHash = TrainerState.HashOf([.. inputs.Prompts.Training, [], .. inputs.Prompts.HeldOut, [], .. inputs.Pretraining?.Invoke(seed) ?? []]), // of text for PPO-ptx, what one draw gives
        };
        using var trainer = new PpoTrainer(recipe.Ppo, setup);
        var heldOut = inputs.Judge is { } judge ? new PpoHeldOut(inputs.Policy.Model, inputs.Sampling, inputs.Prompts.HeldOut, inputs.Reward, judge, seed) : null;
        var watch = new PpoWatch(recipe.Ppo);
        if (run.ResumedFrom is { } checkpoint)
        {
            trainer.LoadState(checkpoint.Folder);
            foreach (var row in MetricsLog.Read(Runs.Run.MetricsPath(run.Folder)))
                Replay(row, watch, heldOut);
        }

        return new PpoStage(recipe, run, inputs, trainer, heldOut, watch).Run(stop);
    }

    /// <summary>Writes the policy with the precision it was trained in, whatever its folder held before: small changes survive.</summary>
    internal static void SavePolicy(TextModel policy, string folder) =>
        HuggingFaceFolder.Write(folder, policy.Model.Config with { StoredDType = policy.Model.Compute.DType }, policy.Model, new() { Generation = policy.Usual, AddFiles = policy.Tokenizer.Save });

    internal static PpoSummary Summary(IReadOnlyList<MetricsRow> rows)
    {
        double Mean(string name) => rows.Select(row => row.Values[name]).DefaultIfEmpty(double.NaN).Average();
        return new(Mean("objective/score"), Mean("objective/kl"), Mean("response/length"), Mean("response/end_rate"), Mean("policy/entropy"));
    }

    internal static (PpoSummary First, PpoSummary Last) Summaries(string runFolder)
    {
        var rows = MetricsLog.Read(Runs.Run.MetricsPath(runFolder));
        return (Summary([.. rows.Take(SummarySteps)]), Summary([.. rows.TakeLast(SummarySteps)]));
    }

    private static void Replay(MetricsRow row, PpoWatch watch, PpoHeldOut? heldOut)
    {
        watch.See(row.Step, row.Values);
        if (heldOut is { First: null } && row.Values.ContainsKey("heldout/score"))
            heldOut.Resume(row.Values.Where(m => m.Key.StartsWith("heldout/", StringComparison.Ordinal)).ToDictionary());
    }

    /// <summary>Says what was found, and warns of what may not be meant.</summary>
    internal static void Announce(PpoRecipe recipe, PpoInputs inputs, IProgressSink progress)
    {
        var (ppo, prompts) = (recipe.Ppo, inputs.Prompts);
        if (recipe.Sampling is not null && inputs.Sampling.IsTruncated)
            progress.Warn(PpoConfig.TruncationWarning("sampling"));
        foreach (var warning in ppo.Warnings())
            progress.Warn(warning);
        if (ppo.ScheduleTo(ppo.LearningRate).Doubt("ppo") is { } doubt)
            progress.Warn(doubt);
        if (inputs.Policy.EndIds.Count == 0)
            progress.Warn("the policy has no end token, so every answer runs to ppo.maximumLength; name one in generation_config.json or tokenizer_config.json");
        if (prompts.Shortened + prompts.Dropped > 0)
            progress.Warn($"{prompts.Shortened} prompts lost their beginning and {prompts.Dropped} were left out: prompts.maximumTokens is {recipe.Prompts.MaximumTokens}");
        if (prompts.Training.Count < ppo.PromptsPerStep)
            progress.Warn($"there are {prompts.Training.Count} prompts for ppo.promptsPerStep of {ppo.PromptsPerStep}: some are asked several times a step");
        if (prompts.Shared > 0)
            progress.Warn($"{prompts.Shared} of the {prompts.HeldOut.Count} prompts of the held-out judge are learned from as well: its figures look better than they are; give heldOut.data prompts of its own");
        progress.Say(string.Create(CultureInfo.InvariantCulture,
            $"{inputs.Policy.Model.Config.ParameterCount:N0} parameters, {prompts.Training.Count:N0} prompts, {ppo.RolloutsPerStep} answers a step, {ppo.Epochs * ppo.Minibatches} optimiser steps each"));
    }
}

/// <summary>The loop of the PPO stage.</summary>
internal sealed class PpoStage(PpoRecipe recipe, Run run, PpoInputs inputs, PpoTrainer trainer, PpoHeldOut? heldOut, PpoWatch watch)
{
    public PpoResult? Run(CancellationToken stop)
    {
        using var samples = new StepLog(Path.Combine(run.Folder, PpoTraining.SamplesName), trainer.NextStep);
        var meter = new ProgressMeter(run.Progress, "ppo", recipe.Ppo.Steps, "steps", TimeProvider.System) { Start = trainer.NextStep };
        try
        {
            for (var step = trainer.NextStep; step < recipe.Ppo.Steps; step++)
            {
                stop.ThrowIfCancellationRequested();
                var judged = heldOut is not null && step % recipe.HeldOut!.Every == 0 ? heldOut.Look(stop) : null;
                var metrics = trainer.Step(step, stop);
                Record(step, judged is null ? metrics : metrics.Concat(judged).ToDictionary(), samples);
                run.CheckpointIfDue(step, folder => Save(folder, samples));
                meter.Advance(step + 1, Detail(metrics));
            }

            run.SaveForResume(trainer.NextStep, folder => Save(folder, samples));
            return Finish(stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            run.SaveForResume(trainer.NextStep, folder => Save(folder, samples)); // the step that was given up changed nothing
            return null;
        }
    }

    private void Record(int step, IReadOnlyDictionary<string, double> metrics, StepLog samples)
    {
        if (recipe.Samples.Every > 0 && step % recipe.Samples.Every == 0)
            WriteSamples(step, samples);
        if (recipe.Rollouts.Every > 0 && step % recipe.Rollouts.Every == 0)
            RolloutRecords.Write(run.Folder, step, Records(step), recipe.Rollouts.Keep);
        run.Record(step, metrics);
        foreach (var alarm in watch.See(step, metrics))
            run.Progress.Warn(alarm);
    }

    private void WriteSamples(int step, StepLog samples)
    {
        var (answers, tokenizer) = (trainer.LastAnswers!, inputs.Policy.Tokenizer);
        for (var row = 0; row < Math.Min(recipe.Samples.Count, answers.Rollouts.Count); row++)
        {
            var rollout = answers.Rollouts[row];
            samples.Append(step, Encoding.UTF8.GetBytes(ResultFile.Json(new
            {
                step,
                prompt = tokenizer.Decode(rollout.Prompt),
                answer = rollout.TextBy(tokenizer),
                score = answers.Scores[row],
                kl = answers.LogRatios[row],
                tokens = rollout.Response.Length,
                finish = rollout.Finish,
            })));
        }
    }

    private IEnumerable<RolloutRecord> Records(int step)
    {
        var (answers, tokenizer) = (trainer.LastAnswers!, inputs.Policy.Tokenizer);
        foreach (var row in RolloutRecords.Choose([.. answers.Rollouts.Select(rollout => rollout.Prompt)], recipe.Rollouts.Count))
        {
            var (rollout, details) = (answers.Rollouts[row], answers.Batch!.DetailsOf(row));
            yield return new()
            {
                Step = step,
                Row = row,
                Prompt = tokenizer.Decode(rollout.Prompt),
                Answer = rollout.TextBy(tokenizer),
                Score = answers.Scores[row],
                Finish = ResultFile.Json(rollout.Finish).Trim('"'),
                Tokens = [.. rollout.Response.Select(token => tokenizer.Decode([token]))],
                LogProbs = details.LogProbs,
                Kl = details.Kl,
                Values = details.Values,
                Rewards = details.Rewards,
                Advantages = details.Advantages,
            };
        }
    }

    private void Save(string folder, StepLog samples)
    {
        samples.FlushToDisk();
        trainer.SaveState(folder);
        PpoTraining.SavePolicy(inputs.Policy, PpoTraining.PolicyAt(folder));
    }

    private PpoResult Finish(CancellationToken stop)
    {
        var (first, last) = PpoTraining.Summaries(run.Folder);
        var result = new PpoResult
        {
            Steps = recipe.Ppo.Steps,
            Answers = (long)recipe.Ppo.Steps * recipe.Ppo.RolloutsPerStep,
            Prompts = inputs.Prompts.Training.Count,
            Parameters = inputs.Policy.Model.Config.ParameterCount,
            First = first,
            Last = last,
            KlCoefficient = trainer.KlCoefficient,
            HeldOutFirst = heldOut?.First ?? new Dictionary<string, double>(),
            HeldOutLast = heldOut?.Look(stop) ?? new Dictionary<string, double>(),
            Alarms = watch.Told,
        };
        PpoTraining.SavePolicy(inputs.Policy, run.ModelFolder);
        ResultFile.Write(run.Folder, result); // last: its presence says that the run is finished
        return result;
    }

    private static string Detail(IReadOnlyDictionary<string, double> metrics) =>
        string.Create(CultureInfo.InvariantCulture, $"score {metrics["objective/score"]:0.000}  kl {metrics["objective/kl"]:0.00}  length {metrics["response/length"]:0.0}");
}
