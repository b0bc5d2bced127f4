using Attune.Models;
using Attune.Runs;
using Attune.Tokens;
using Attune.Torch;
using Attune.Torch.Optimisers;

namespace Attune.Updates;

/// <summary>
/// Next-token training. Pretraining and supervised fine-tuning differ in their rows alone: whole documents, or prompts whose loss mask
/// names the responses. A step's gradient is that of the whole batch divided once by its predicted tokens, however it is cut into
/// micro-batches (D5). Not here: reading data, evaluation on tasks, several devices.
/// </summary>
public sealed class LanguageModelTrainer : IDisposable
{
    private readonly CausalLm _model;
    private readonly TokenBatch _rows;
    private readonly LanguageModelConfig _config;
    private readonly AdamW _optimiser;
    private readonly LearningRateSchedule _schedule;
    private readonly EpochOrder _order;
    private readonly Seed _dropout;
    private readonly Lazy<double> _data;

    /// <summary>Prepares training of a model on rows of tokens.</summary>
    /// <param name="model">Changed in place.</param>
    /// <param name="rows">All training rows.</param>
    /// <param name="config">Batch, learning rate, optimiser.</param>
    /// <param name="seed">Decides the order of the rows, and what an adapter drops.</param>
    public LanguageModelTrainer(CausalLm model, TokenBatch rows, LanguageModelConfig config, Seed seed)
    {
        (_model, _rows, _config) = (model, rows, config);
        _order = new(seed.For("order"), rows.Rows);
        _dropout = seed.For("dropout");
        Steps = config.StepsFor(rows.Rows);
        _schedule = config.ScheduleFor(rows.Rows);
        _optimiser = new AdamW(model.NamedParameters(), config.Optimiser);
        _data = new(() => TrainerState.HashOf([[rows.Width], rows.Ids, rows.Segments, Array.ConvertAll(rows.LossMask, isPredicted => isPredicted ? 1 : 0)]));
    }

    /// <summary>Steps of the whole training.</summary>
    public int Steps { get; }

    /// <summary>The optimiser; its moments are saved with the weights.</summary>
    internal AdamW Optimiser => _optimiser;

    /// <summary>Writes all that the next step depends on: weights, the optimiser's moments, and a hash of the rows instead of them.</summary>
    /// <exception cref="RunFailedException">The last step broke a weight; nothing is written.</exception>
    public void SaveState(string path)
    {
        if (TrainerState.FirstBroken(_model.NamedParameters()) is { } broken)
            throw Broke((int)_optimiser.Steps - 1, WithBroken(broken));
        TrainerState.Write(path, State(), new Dictionary<string, double>(Identity()) { ["optimiser.steps"] = _optimiser.Steps });
    }

    /// <summary>Reads what <see cref="SaveState"/> wrote into a model of the same shape, trained on the same rows.</summary>
    /// <exception cref="InputException">The file is damaged, of another model or of other rows.</exception>
    public void LoadState(string path) => _optimiser.Steps = (long)TrainerState.ReadInto(path, State(), Identity())["optimiser.steps"];

    /// <summary>Learns from one batch; which rows it has is a function of the step alone, so a resumed training sees the same.</summary>
    /// <param name="step">From 0.</param>
    /// <exception cref="RunFailedException">The loss is not a number; the weights are those of the step before.</exception>
    public LanguageModelStep Step(int step)
    {
        var parts = MicroBatches(_rows, RowsOf(step)).ToArray();
        var tokens = parts.Sum(part => LanguageModelLoss.CountTokens(part.Rows));
        var dropout = _dropout.For(step);
        var loss = 0.0;
        foreach (var part in parts)
        {
            using var scope = TensorScope.Begin();
            var sum = LanguageModelLoss.Of(_model, part.Rows, new DropoutDraws(dropout, part.Numbers));
            if (sum.Tokens == 0)
                continue;
            (sum.Loss / tokens).Backward();
            loss += sum.Loss.Item() / tokens;
        }

        var norm = GradientClip.ByGlobalNorm(_model.TrainedParameters, _config.GradientClip);
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
        {
            _model.ClearGradients();
            throw new RunFailedException($"step {step}: the loss is {loss} and the gradient's length {norm}, expected finite numbers; begin anew with a lower learning rate than {_schedule.At(step):G3} (what was saved before is kept until then)");
        }

        _optimiser.Step(_schedule.At(step));
        return new(loss, tokens, norm, _schedule.At(step));
    }

    /// <summary>Looks at what the last step's update left: no later loss would show weights that it broke.</summary>
    /// <param name="step">The step that was done.</param>
    /// <exception cref="RunFailedException">A weight's square, or the loss of the step's rows after it, is not a finite number.</exception>
    public void RequireFinite(int step)
    {
        var broken = TrainerState.FirstBroken(_model.NamedParameters());
        var loss = broken is null ? Evaluate(_rows.Select(RowsOf(step))).Loss : double.NaN;
        if (!double.IsFinite(loss))
            throw Broke(step, broken is null ? $"a loss of {loss}" : WithBroken(broken));
    }

    private RunFailedException Broke(int step, string left) =>
        new($"step {step}: its update left {left}, expected finite numbers; begin anew with a lower learning rate than {_schedule.At(step):G3} (what was saved before is kept until then)");

    private static string WithBroken(string parameter) => $"{parameter} with a value whose square is not finite";

    /// <summary>The mean loss on other rows, in nats a token, summed over all of them before it is divided.</summary>
    public (double Loss, int Tokens) Evaluate(TokenBatch rows)
    {
        using var frozen = Autograd.NoGrad();
        var (loss, tokens) = (0.0, 0);
        foreach (var part in MicroBatches(rows, Enumerable.Range(0, rows.Rows)))
        {
            using var scope = TensorScope.Begin();
            var sum = LanguageModelLoss.Of(_model, part.Rows);
            loss += sum.Loss.Item();
            tokens += sum.Tokens;
        }

        return (loss / Math.Max(1, tokens), tokens);
    }

    /// <summary>Nats a token as bits a byte of the text: what models with different tokenizers can be compared by.</summary>
    public static double BitsPerByte(double totalNats, long bytes) => totalNats / Math.Log(2) / bytes;

    /// <inheritdoc/>
    public void Dispose() => _optimiser.Dispose();

    private Dictionary<string, double> Identity() => new(TrainerState.HashOf(TrainerState.Base, _model.Base)) { ["rows"] = _rows.Rows, ["data"] = _data.Value };

    private (string Name, Tensor Value)[] State() =>
        [.. _model.NamedParameters().Select(p => (p.Name, p.Parameter.Value)), .. _optimiser.State()];

    /// <summary>
    /// Rows of like length together, so that little is padding, with each row's number in the batch; which are in one pass has no influence but
    /// rounding.
    /// </summary>
    private IEnumerable<(TokenBatch Rows, int[] Numbers)> MicroBatches(TokenBatch from, IEnumerable<int> rows) =>
        rows.Select((row, number) => (Row: row, Number: number)).OrderBy(r => from.EndOf(r.Row)).Chunk(_config.MicroBatch)
            .Select(part => (from.Select([.. part.Select(r => r.Row)]), Array.ConvertAll(part, r => r.Number)));

    /// <summary>The rows of a step: each epoch goes through all rows once, in an order of its own.</summary>
    internal int[] RowsOf(int step)
    {
        var rows = new int[_config.Batch];
        for (var k = 0; k < rows.Length; k++)
        {
            var (epoch, place) = Math.DivRem((long)step * _config.Batch + k, _rows.Rows);
            rows[k] = _order.Of(epoch)[place];
        }

        return rows;
    }
}

/// <summary>What one step did.</summary>
/// <param name="Loss">Mean loss in nats a predicted token, before the update.</param>
/// <param name="Tokens">Predicted tokens.</param>
/// <param name="GradientNorm">Length of the gradient before clipping.</param>
/// <param name="LearningRate">The step's rate.</param>
public readonly record struct LanguageModelStep(double Loss, int Tokens, double GradientNorm, double LearningRate);

/// <summary>Settings of <see cref="LanguageModelTrainer"/>.</summary>
public sealed record LanguageModelConfig : IChecked
{
    /// <summary>Rows a step.</summary>
    public int Batch { get; init; } = 32;

    /// <summary>Rows in one forward pass: memory, never the result.</summary>
    public int MicroBatch { get; init; } = 8;

    /// <summary>Whether layers are computed again in backward instead of keeping their activations: less memory, more time, the same result.</summary>
    public bool Checkpointing { get; init; }

    /// <summary>Passes over the rows; may be a fraction. Used where <see cref="Steps"/> is not set.</summary>
    public double Epochs { get; init; } = 1;

    /// <summary>Steps of the whole training; null follows from the epochs.</summary>
    public int? Steps { get; init; }

    /// <summary>Rate after the warm-up.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>How the rate falls.</summary>
    public ScheduleShape Schedule { get; init; } = ScheduleShape.Cosine;

    /// <summary>Steps of linear rise.</summary>
    public int WarmUpSteps { get; init; } = 100;

    /// <summary>Share of the rate left at the end.</summary>
    public double FinalShare { get; init; } = 0.1;

    /// <summary>Longest gradient; null for no clip.</summary>
    public double? GradientClip { get; init; } = 1;

    /// <summary>Measure on validation rows after so many steps, and at the end.</summary>
    public int ValidateEvery { get; init; } = 200;

    /// <summary>Validation rows to measure on meanwhile; at the end all of them count.</summary>
    public int ValidationRows { get; init; } = 64;

    /// <summary>Decay rates, ε, weight decay and form of Adam.</summary>
    public AdamWOptions Optimiser { get; init; } = new() { Beta2 = 0.95, WeightDecay = 0.1 };

    /// <summary>Steps of a training on so many rows.</summary>
    public int StepsFor(int rows) => Steps ?? (int)Math.Ceiling(rows * Epochs / Batch);

    internal LearningRateSchedule ScheduleFor(int rows) => new(LearningRate, Schedule, StepsFor(rows), WarmUpSteps, FinalShare);

    /// <inheritdoc/>
    public IEnumerable<Problem> Check() =>
    [
        .. Problem.Refuse("batch", Batch, Batch >= 1, "at least 1", "32 is usual"),
        .. Problem.Refuse("microBatch", MicroBatch, MicroBatch >= 1, "at least 1", "8 is usual; lower it only where memory is short"),
        .. Problem.Refuse("epochs", Epochs, Epochs > 0, "above 0", "1 is usual"),
        .. Problem.Refuse("steps", Steps, Steps is not < 1, "at least 1", "leave it out to count epochs"),
        .. Problem.Refuse("learningRate", LearningRate, LearningRate > 0, "above 0", "0.001 is usual for a small model"),
        .. Problem.Refuse("warmUpSteps", WarmUpSteps, WarmUpSteps >= 0, "0 or more", "a hundredth to a tenth of the steps is usual"),
        .. Problem.Refuse("finalShare", FinalShare, FinalShare is >= 0 and <= 1, "between 0 and 1", "0.1 is usual"),
        .. Problem.Refuse("validateEvery", ValidateEvery, ValidateEvery >= 1, "at least 1", "200 is usual"),
        .. Problem.Refuse("validationRows", ValidationRows, ValidationRows >= 1, "at least 1", "64 is usual"),
        .. Problem.Refuse("gradientClip", GradientClip, GradientClip is not <= 0, "above 0", "1 is usual; write null for no clip"),
        .. Problem.Refuse("optimiser.beta1", Optimiser.Beta1, Optimiser.Beta1 is >= 0 and < 1, "at least 0 and below 1", "0.9 is usual"),
        .. Problem.Refuse("optimiser.beta2", Optimiser.Beta2, Optimiser.Beta2 is >= 0 and < 1, "at least 0 and below 1", "0.95 or 0.999 is usual"),
        .. Problem.Refuse("optimiser.epsilon", Optimiser.Epsilon, Optimiser.Epsilon > 0, "above 0", "1e-8 is usual"),
        .. Problem.Refuse("optimiser.weightDecay", Optimiser.WeightDecay, Optimiser.WeightDecay is >= 0 and < 1, "at least 0 and below 1", "0.1 is usual, 0 is off"),
    ];
}
