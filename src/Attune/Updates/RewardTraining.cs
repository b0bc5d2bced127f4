using Attune.Models;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>
/// The reward stage: comparisons in, a reward model and what it is worth out. Everything is checked, then learnt, then given a scale, then held
/// against comparisons that were kept apart. Not here: how comparisons come about (Feedback), the loss (<see cref="RewardLoss"/>).
/// </summary>
public static class RewardTraining
{
    /// <summary>The file of a run folder that lists what was reported on.</summary>
    public const string EvaluationName = "evaluation.jsonl";

    /// <summary>Runs the stage, or the rest of it.</summary>
    /// <param name="recipe">What to do.</param>
    /// <param name="run">Where; the finished model is in its <see cref="Run.ModelFolder"/>.</param>
    /// <param name="stop">Asks to stop in good order.</param>
    /// <returns>What was measured; null where it was stopped.</returns>
    /// <exception cref="InputException">Something that the recipe names cannot be used; nothing was started.</exception>
    /// <exception cref="RunFailedException">The loss is not a number, or the disk is full; checkpoints are whole.</exception>
    public static RewardResult? Run(RewardRecipe recipe, Run run, CancellationToken stop) => Run(recipe, run, recipe.Compute.Memory(run.Progress), stop);

    internal static RewardResult? Run(RewardRecipe recipe, Run run, MemoryBudget available, CancellationToken stop)
    {
        if (ResultFile.Read<RewardResult>(run.Folder) is { } finished)
        {
            run.Progress.Say($"{run.Folder} is finished; nothing is left to train");
            return WithSeeds(finished, recipe, run);
        }

        try
        {
            var compute = recipe.Compute.Open();
            var seed = new Seed((ulong)recipe.Seed).For("reward");
            var inputs = RewardInputs.Read(recipe, seed, available, run.Progress, stop);
            using var model = Start(recipe, compute, seed);
            if (recipe.Normalise.When == NormaliseTime.Both && run.ResumedFrom is null)
                Scale(model, inputs, recipe, run, seed.For("references before"), stop); // training sees these scores: they are no part of the model's scale
            return Train(model, inputs.Data, recipe, run, seed, stop) is { } steps ? Finish(model, inputs, recipe, run, steps, seed, stop) : null;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return null; // before the first step, or after the checkpoint behind the last
        }
    }

    /// <summary>A policy's transformer with a fresh head, or an earlier reward model with the scale taken off that its training never saw.</summary>
    private static RewardModel Start(RewardRecipe recipe, Compute compute, Seed seed)
    {
        var model = recipe.Adapter is { } adapter ? Adapted(recipe, adapter, compute, seed) : Whole(recipe, compute, seed);
        model.Trunk.UsesCheckpointing = recipe.Reward.Checkpointing;
        return model;
    }

    /// <summary>The same with the transformer frozen, and an adapter beside it that learns.</summary>
    private static RewardModel Adapted(RewardRecipe recipe, AdapterSettings settings, Compute compute, Seed seed)
    {
        if (recipe.Continue is not null)
        {
            var earlier = Whole(recipe, compute, seed);
            if (settings.BaseForm is { } form)
                earlier.Trunk.Pack(form);
            return earlier.Adapted(LoraAdapter.Create(earlier.Trunk.Config, settings, seed.For("adapter"), compute));
        }

        var trunk = CausalLm.Load(recipe.From!, compute, settings);
        var head = ScalarHead.ForReward(trunk.Config.Width, seed.For("score"), compute, recipe.Reward.HeadStart);
        return RewardModel.On(trunk, LoraAdapter.Create(trunk.Config, settings, seed.For("adapter"), compute), head, takesTrunk: true);
    }

    private static RewardModel Whole(RewardRecipe recipe, Compute compute, Seed seed)
    {
        if (recipe.Continue is { } earlier)
        {
            var model = RewardModel.Load(earlier, compute);
            if (RewardScaleFile.Read(earlier) is { } scale)
                model.Head.Rescale(1 / scale.Gain, -scale.Bias / scale.Gain);
            return model;
        }

        using var policy = CausalLm.Load(recipe.From!, compute);
        return RewardModel.Create(policy, seed, recipe.Reward.HeadStart);
    }

    /// <summary>Sets the scale by answers of the reference policy; says how many there were.</summary>
    private static (RewardScale Scale, int References) Scale(RewardModel model, RewardInputs inputs, RewardRecipe recipe, Run run, Seed seed, CancellationToken stop)
    {
        var data = recipe.Data with { Longest = recipe.Data.Longest ?? inputs.Config.MaximumPositions };
        run.Progress.Say("setting the scale by the reference policy's answers");
        var references = inputs.References.Sequences(inputs.Tokenizer, data, model.Trunk, seed, stop);
        var scale = references.Count > 0 ? RewardTrainer.Normalise(model, references, recipe.Reward.MicroBatchSequences, recipe.Normalise.ShiftOnly) : RewardScale.Identity;
        return (scale, references.Count);
    }

    /// <returns>Steps of the whole training; null where it was stopped before its end.</returns>
    private static int? Train(RewardModel model, RewardData data, RewardRecipe recipe, Run run, Seed seed, CancellationToken stop)
    {
        using var trainer = new RewardTrainer(model, data.Training, recipe.Reward, seed);
        if (run.ResumedFrom is { } checkpoint)
            trainer.LoadState(checkpoint.Folder);
        var meter = new ProgressMeter(run.Progress, "reward model", trainer.Steps, "steps", TimeProvider.System) { Start = trainer.NextStep };
        var isOver = trainer.Run(data.Validation, (step, metrics) =>
        {
            run.Record(step, metrics);
            run.CheckpointIfDue(step, trainer.SaveState);
            meter.Advance(step + 1, $"loss {metrics["reward/loss"]:0.000}  accuracy {metrics["reward/accuracy"]:0.00}");
        }, stop);
        run.SaveForResume(trainer.NextStep, trainer.SaveState);
        return isOver ? trainer.Steps : null;
    }

    private static RewardResult Finish(RewardModel model, RewardInputs inputs, RewardRecipe recipe, Run run, int steps, Seed seed, CancellationToken stop)
    {
        var (scale, references) = Scale(model, inputs, recipe, run, seed.For("references"), stop);
        run.Progress.Say("scoring the comparisons that were kept apart");
        var report = new RewardReport(model, scale, inputs.Data, recipe.Reward.MicroBatchSequences);
        stop.ThrowIfCancellationRequested();

        var stored = model.Trunk.Config with { StoredDType = model.Compute.DType }; // the scores that were measured, to the bit
        HuggingFaceFolder.Write(run.ModelFolder, stored, model, new()
        {
            AddFiles = folder =>
            {
                inputs.Tokenizer.Save(folder);
                RewardScaleFile.Write(folder, scale);
            },
        });
        report.Write(Path.Combine(run.Folder, EvaluationName));
        var result = report.AddTo(new()
        {
            Seed = recipe.Seed,
            Steps = steps,
            Comparisons = inputs.Data.Training.Count,
            Watched = inputs.Data.Validation.Count,
            LeftOut = inputs.Data.Dropped,
            Shortened = inputs.Data.Shortened,
            Scale = scale,
            References = references,
        });
        ResultFile.Write(run.Folder, result); // last: its presence says that the run is finished
        return WithSeeds(result, recipe, run);
    }

    private static RewardResult WithSeeds(RewardResult result, RewardRecipe recipe, Run run)
    {
        if (recipe.Beside.Count == 0)
            return result;
        result = result with { Seeds = RewardSeeds.Of(recipe, run.Folder) };
        ResultFile.Write(run.Folder, result);
        return result;
    }
}
