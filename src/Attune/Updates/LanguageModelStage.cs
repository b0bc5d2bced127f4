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

/// <summary>What the loop needs besides its settings.</summary>
/// <param name="Name">The stage's name for people: "pretraining".</param>
/// <param name="Text">The model, changed in place, and its tokenizer.</param>
/// <param name="Rows">Training rows.</param>
/// <param name="Validation">Validation rows; may be none.</param>
/// <param name="Seed">Decides the order of rows.</param>
internal sealed record LanguageModelWork(string Name, TextModel Text, TokenBatch Rows, TokenBatch Validation, Seed Seed);

/// <summary>The loop that pretraining and supervised fine-tuning share: steps, validation, checkpoints, the finished model.</summary>
internal static class LanguageModelStage
{
    private const string StateFile = "trainer.safetensors";

    /// <summary>Trains to the end and writes the model; null where it was asked to stop before.</summary>
    public static LanguageModelResult? Run(LanguageModelWork work, LanguageModelConfig config, Run run, CancellationToken stop)
    {
        using var trainer = new LanguageModelTrainer(work.Text.Model, work.Rows, config, work.Seed);
        if (run.ResumedFrom is { } checkpoint)
            trainer.LoadState(Path.Combine(checkpoint.Folder, StateFile));
        void Save(string folder) => trainer.SaveState(Path.Combine(folder, StateFile));

        var meter = new ProgressMeter(run.Progress, work.Name, trainer.Steps, "steps", TimeProvider.System) { Start = run.NextStep };
        var sample = work.Validation.Slice(0, Math.Min(config.ValidationRows, work.Validation.Rows));
        var last = new LanguageModelStep(double.NaN, 0, 0, 0);
        for (var step = run.NextStep; step < trainer.Steps; step++)
        {
            if (stop.IsCancellationRequested)
            {
                run.SaveForResume(step, Save);
                return null;
            }
            last = trainer.Step(step);
            var metrics = Metrics(last, work);
            if (sample.Rows > 0 && ((step + 1) % config.ValidateEvery == 0 || step + 1 == trainer.Steps))
                AddValidation(metrics, trainer, sample, work.Text.Tokenizer, run.Progress, step + 1);
            run.Record(step, metrics);
            run.CheckpointIfDue(step, Save);
            meter.Advance(step + 1, string.Create(CultureInfo.InvariantCulture, $"loss {last.Loss:0.000}"));
        }
        return Finish(work, trainer, last, run);
    }

    private static Dictionary<string, double> Metrics(LanguageModelStep step, LanguageModelWork work) => new()
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

    private static LanguageModelResult Finish(LanguageModelWork work, LanguageModelTrainer trainer, LanguageModelStep last, Run run)
    {
        var result = new LanguageModelResult
        {
            Steps = trainer.Steps,
            Parameters = work.Text.Model.Config.ParameterCount,
            Rows = work.Rows.Rows,
            Tokens = LanguageModelLoss.CountTokens(work.Rows),
            TrainingLoss = last.Loss,
        };
        if (work.Validation.Rows > 0)
        {
            var (loss, tokens) = trainer.Evaluate(work.Validation);
            var bytes = LanguageModelLoss.CountBytes(work.Validation, work.Text.Tokenizer);
            result = result with { ValidationLoss = loss, ValidationTokens = tokens, ValidationBitsPerByte = LanguageModelTrainer.BitsPerByte(loss * tokens, bytes) };
        }
        run.SaveForResume(trainer.Steps, folder => trainer.SaveState(Path.Combine(folder, StateFile)));
        work.Text.Save(run.ModelFolder);
        ResultFile.Write(run.Folder, result);
        return result;
    }
}
