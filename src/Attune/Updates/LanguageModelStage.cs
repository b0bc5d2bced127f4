using System.Globalization;
using Attune.Models;
using Attune.Runs;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>What pretraining or supervised fine-tuning came to; stored as <c>result.json</c>.</summary>
public sealed record LanguageModelResult
{
    /// <summary>Steps of the whole training.</summary>
    public int Steps { get; init; }

    /// <summary>Parameters of the model.</summary>
    public long Parameters { get; init; }

    /// <summary>Rows that training goes through.</summary>
    public int Rows { get; init; }

    /// <summary>Predicted tokens in those rows.</summary>
    public long Tokens { get; init; }

    /// <summary>Loss on the last training batch, nats a token.</summary>
    public double TrainingLoss { get; init; }

    /// <summary>Mean loss on all validation rows at the end, nats a token; NaN without any.</summary>
    public double ValidationLoss { get; init; } = double.NaN;

    /// <summary>The same in bits a byte of text, comparable between tokenizers; NaN without validation rows.</summary>
    public double ValidationBitsPerByte { get; init; } = double.NaN;

    /// <summary>Predicted tokens in the validation rows.</summary>
    public long ValidationTokens { get; init; }
}

/// <summary>The loop that pretraining and supervised fine-tuning share: steps, validation, checkpoints, the finished model.</summary>
internal static class LanguageModelStage
{
    private const string StateFile = "trainer.safetensors";

    /// <summary>The result of a run that is over, or null. Its file is written last.</summary>
    public static LanguageModelResult? Finished(Run run)
    {
        if (ResultFile.Read<LanguageModelResult>(run.Folder) is not { } finished)
            return null;
        run.Progress.Say($"{run.Folder} is finished; nothing is left to do");
        return finished;
    }

    /// <summary>Trains to the end and writes the model; null where it was asked to stop before.</summary>
    /// <param name="name">The stage's name for people: "pretraining".</param>
    /// <param name="text">The model, changed in place, and its tokenizer.</param>
    /// <param name="plan">Rows and settings.</param>
    /// <param name="seed">Decides the order of rows.</param>
    /// <param name="run">Where to.</param>
    /// <param name="stop">Asks to stop in good order.</param>
    public static LanguageModelResult? Run(string name, TextModel text, LanguageModelPlan plan, Seed seed, Run run, CancellationToken stop)
    {
        foreach (var warning in plan.Warnings)
            run.Progress.Warn(warning);
        var config = plan.Training;
        text.Model.UsesCheckpointing = config.Checkpointing;
        using var trainer = new LanguageModelTrainer(text.Model, plan.Rows, config, seed);
        if (run.ResumedFrom is { } checkpoint)
            trainer.LoadState(Path.Combine(checkpoint.Folder, StateFile));
        void Save(string folder) => trainer.SaveState(Path.Combine(folder, StateFile));

        var meter = new ProgressMeter(run.Progress, name, trainer.Steps, "steps", TimeProvider.System) { Start = run.NextStep };
        var sample = plan.Validation.Select([.. Enumerable.Range(0, Math.Min(config.ValidationRows, plan.Validation.Rows))]);
        for (var step = run.NextStep; step < trainer.Steps; step++)
        {
            if (stop.IsCancellationRequested)
            {
                run.SaveForResume(step, Save);
                return null;
            }
            var done = trainer.Step(step);
            if (step + 1 == trainer.Steps)
                trainer.RequireFinite(step); // before anything is saved
            var metrics = Metrics(done);
            if (sample.Rows > 0 && ((step + 1) % config.ValidateEvery == 0 || step + 1 == trainer.Steps))
                AddValidation(metrics, trainer, sample, text.Tokenizer, run.Progress, step + 1);
            run.Record(step, metrics);
            run.CheckpointIfDue(step, Save);
            meter.Advance(step + 1, string.Create(CultureInfo.InvariantCulture, $"loss {done.Loss:0.000}"));
        }
        run.SaveForResume(trainer.Steps, Save);
        var result = Measure(trainer, plan, run);
        text.Save(run.ModelFolder);
        ResultFile.Write(run.Folder, result); // last: its presence says that the run is finished
        return result;
    }

    private static Dictionary<string, double> Metrics(LanguageModelStep step) => new()
    {
        ["loss"] = step.Loss,
        ["tokens"] = step.Tokens,
        ["gradient_norm"] = step.GradientNorm,
        ["learning_rate"] = step.LearningRate,
        ["tensors_live"] = TorchRuntime.LiveTensors,
    };

    private static void AddValidation(Dictionary<string, double> metrics, LanguageModelTrainer trainer, TokenBatch rows, Tokenizer tokenizer, IProgressSink progress, int step)
    {
        var (loss, tokens) = trainer.Evaluate(rows);
        metrics["validation/loss"] = loss;
        metrics["validation/bits_per_byte"] = LanguageModelTrainer.BitsPerByte(loss * tokens, LanguageModelLoss.CountBytes(rows, tokenizer));
        progress.Say(string.Create(CultureInfo.InvariantCulture,
            $"step {step}: validation loss {loss:0.000} nats a token, {metrics["validation/bits_per_byte"]:0.000} bits a byte"));
    }

    private static LanguageModelResult Measure(LanguageModelTrainer trainer, LanguageModelPlan plan, Run run)
    {
        var result = new LanguageModelResult
        {
            Steps = trainer.Steps,
            Parameters = plan.Config.ParameterCount,
            Rows = plan.Rows.Rows,
            Tokens = LanguageModelLoss.CountTokens(plan.Rows),
            TrainingLoss = MetricsLog.Read(Runs.Run.MetricsPath(run.Folder))[^1].Values["loss"], // this process may have done no step
        };
        if (plan.Validation.Rows == 0)
            return result;
        var (loss, tokens) = trainer.Evaluate(plan.Validation);
        var bytes = LanguageModelLoss.CountBytes(plan.Validation, plan.Tokenizer);
        return result with { ValidationLoss = loss, ValidationTokens = tokens, ValidationBitsPerByte = LanguageModelTrainer.BitsPerByte(loss * tokens, bytes) };
    }
}
