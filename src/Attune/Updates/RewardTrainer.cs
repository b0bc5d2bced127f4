using Attune.Models;
using Attune.Runs;
using Attune.Torch;
using Attune.Torch.Optimisers;

namespace Attune.Updates;

/// <summary>
/// Teaches a reward model to order answers as people did (Christiano 2017; Ziegler 2019; Stiennon 2020; InstructGPT). The loss of a step is
/// that of its whole batch divided by the batch's weight, however it is cut into forward passes.
/// </summary>
/// <remarks>
/// Order of examples, and so everything else, is a function of the seed and the step: a resumed run ends bit-equal to an uninterrupted one.
/// Not here: choosing the best of several checkpoints, reading comparisons, writing checkpoints (the run does).
/// </remarks>
public sealed class RewardTrainer : IDisposable
{
    private const string StateFile = "reward.safetensors";

    private readonly RewardModel _model;
    private readonly IReadOnlyList<RewardExample> _examples;
    private readonly RewardTrainingConfig _config;
    private readonly Seed _seed;
    private readonly AdamW _optimiser;
    private readonly LearningRateSchedule _schedule;
    private readonly int _stepsPerEpoch;
    private readonly Lazy<double> _data;
    private readonly EpochOrder _order;

    /// <summary>A trainer that stands before its first step.</summary>
    /// <param name="model">The model to train; stays its owner's.</param>
    /// <param name="examples">What people said, at least one example.</param>
    /// <param name="config">The settings.</param>
    /// <param name="seed">Decides the order of examples.</param>
    /// <exception cref="InputException">Examples that the model cannot read; all problems at once.</exception>
    public RewardTrainer(RewardModel model, IReadOnlyList<RewardExample> examples, RewardTrainingConfig config, Seed seed)
    {
        RewardExampleCheck.Require(model.Trunk.Config, examples);
        (_model, _examples, _config, _seed) = (model, examples, config, seed);
        _stepsPerEpoch = config.StepsPerEpoch(examples.Count);
        _schedule = config.ScheduleFor(examples.Count);
        _order = new(seed.For("order"), examples.Count);
        _optimiser = new AdamW(model.NamedParameters(), config.Adam);
        _data = new(() => TrainerState.HashOf(examples.SelectMany(e => e.Sequences.Append(e.Label))));
    }

    /// <summary>Steps of the whole run.</summary>
    public int Steps => _schedule.Steps;

    /// <summary>The optimiser, whose moments belong into a checkpoint.</summary>
    public AdamW Optimiser => _optimiser;

    /// <summary>The step that comes next, counted from 0; <see cref="Steps"/> when training is over.</summary>
    public int NextStep { get; private set; }

    /// <summary>Trains to the end, or until asked to stop.</summary>
    /// <param name="validation">Comparisons to look at every now and then; may be empty.</param>
    /// <param name="record">Receives each step's number and metrics, after the step: what it saves continues with the next one.</param>
    /// <param name="stop">Asks to stop between steps.</param>
    /// <returns>Whether training is over.</returns>
    public bool Run(IReadOnlyList<PreferenceExample> validation, Action<int, IReadOnlyDictionary<string, double>> record, CancellationToken stop)
    {
        while (NextStep < Steps && !stop.IsCancellationRequested)
        {
            var step = NextStep;
            var metrics = Improve(step);
            NextStep++;
            if (NextStep == Steps)
                RequireFiniteScores(step); // before anything is recorded or saved
            if (validation.Count > 0 && IsValidationDue())
            {
                var found = RewardEvaluation.Of(_model, validation, RewardScale.Identity, _config.MicroBatchSequences);
                metrics["reward/validation_loss"] = found.Loss;
                metrics["reward/validation_accuracy"] = found.Accuracy.Share;
            }

            record(step, metrics);
        }

        return NextStep == Steps;
    }

    /// <summary>
    /// Sets the scale of scores: samples of the reference policy get mean 0 and standard deviation 1 (Ziegler 2019, §2.1). To be called once
    /// after training; before it, too, where the original is to be followed.
    /// </summary>
    /// <param name="model">The model; its head changes.</param>
    /// <param name="references">Token ids of prompts with answers that the reference policy wrote, 256 in the original.</param>
    /// <param name="microBatch">Sequences in one forward pass.</param>
    /// <param name="shiftOnly">Whether the deviation stays as it is.</param>
    /// <returns>What happened to every score; evaluations need it to speak of probabilities.</returns>
    public static RewardScale Normalise(RewardModel model, IReadOnlyList<int[]> references, int microBatch = 16, bool shiftOnly = false)
    {
        RewardScale scale;
        try
        {
            scale = RewardNormalisation.Solve(model.Score(references, microBatch), shiftOnly: shiftOnly);
        }
        catch (ArgumentException e)
        {
            throw new RunFailedException($"The reward model's scores cannot be normalised: {e.Message}", e);
        }

        model.Head.Rescale(scale.Gain, scale.Bias);
        return scale;
    }

    /// <summary>Writes all that the rest of the run depends on: weights, moments, step.</summary>
    /// <param name="folder">A checkpoint's folder.</param>
    /// <exception cref="RunFailedException">The last step broke a weight; nothing is written.</exception>
    public void SaveState(string folder)
    {
        if (TrainerState.FirstBroken(_model.NamedParameters()) is { } broken)
            throw Broke(NextStep - 1, $"{broken} with a value whose square is");
        var numbers = new Dictionary<string, double>(Identity()) { ["step"] = NextStep, ["optimiser.steps"] = _optimiser.Steps };
        TrainerState.Write(Path.Combine(folder, StateFile), Tensors(), numbers);
    }

    /// <summary>Continues where <see cref="SaveState"/> was called, with the same examples and settings.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <exception cref="InputException">The state is of another run or cut short; nothing was changed.</exception>
    public void LoadState(string folder)
    {
        var numbers = TrainerState.ReadInto(Path.Combine(folder, StateFile), Tensors(), Identity());
        NextStep = (int)numbers["step"];
        _optimiser.Steps = (long)numbers["optimiser.steps"];
    }

    /// <inheritdoc/>
    public void Dispose() => _optimiser.Dispose();

    /// <summary>The examples of a step: each epoch goes through all of them in an order of its own; its last batch may be smaller.</summary>
    internal RewardExample[] Batch(int step)
    {
        var (epoch, place) = Math.DivRem(step, _stepsPerEpoch);
        return [.. _order.Of(epoch).Skip(place * _config.BatchSize).Take(_config.BatchSize).Select(k => _examples[k])];
    }

    private Dictionary<string, double> Improve(int step)
    {
        var batch = Batch(step);
        var weight = batch.Sum(e => e.Weight);
        var divisor = weight > 0 ? weight : 1; // a batch that says nothing has loss 0 and moves nothing but Adam's moments
        var (loss, correct, decided, lead) = (0.0, 0.0, 0.0, 0.0);
        var firsts = FirstSequences(batch);
        var dropout = _seed.For("dropout").For(step);
        foreach (var part in MicroBatches(batch))
        {
            using var scope = TensorScope.Begin();
            int[] numbers = [.. part.SelectMany(e => Enumerable.Range(firsts[e], e.Sequences.Count))];
            var scores = _model.Forward([.. part.SelectMany(e => e.Sequences)], new DropoutDraws(dropout, numbers));
            var sums = RewardBatchLoss.Of(part, scores, _config.Centring);
            (sums.Loss / divisor).Backward();
            loss += sums.Loss.Item() / divisor;
            correct += sums.Correct.Item();
            decided += sums.Decided.Item();
            lead += WeightedLeads(part, scores.ToDoubles()) / divisor;
        }

        var norm = GradientClip.ByGlobalNorm(_model.Parameters, _config.MaximumGradientNorm);
        RequireFinite(step, loss, norm);
        var rate = _schedule.At(step);
        _optimiser.Step(rate);
        return new()
        {
            ["reward/loss"] = loss,
            ["reward/accuracy"] = correct / decided, // NaN where nobody won anything
            ["reward/margin"] = lead,
            ["learning_rate"] = rate,
            ["gradient_norm"] = norm,
            ["tensors_live"] = TorchRuntime.LiveTensors,
        };
    }

    /// <summary>The number in the batch of each example's first sequence.</summary>
    private static Dictionary<RewardExample, int> FirstSequences(RewardExample[] batch)
    {
        var (firsts, next) = (new Dictionary<RewardExample, int>(ReferenceEqualityComparer.Instance), 0);
        foreach (var example in batch)
        {
            firsts[example] = next;
            next += example.Sequences.Count;
        }

        return firsts;
    }

    /// <summary>Whole examples, similar lengths together, as many as fit into a forward pass.</summary>
    private IEnumerable<RewardExample[]> MicroBatches(RewardExample[] batch)
    {
        var part = new List<RewardExample>();
        var sequences = 0;
        foreach (var example in batch.OrderBy(e => e.Sequences.Max(s => s.Length)))
        {
            if (part.Count > 0 && sequences + example.Sequences.Count > _config.MicroBatchSequences)
            {
                yield return [.. part];
                part.Clear();
                sequences = 0;
            }

            part.Add(example);
            sequences += example.Sequences.Count;
        }

        yield return [.. part];
    }

    /// <summary>Σ weight · mean lead of an example's better answers over its worse ones.</summary>
    private static double WeightedLeads(RewardExample[] examples, double[] scores)
    {
        var (sum, start) = (0.0, 0);
        foreach (var example in examples)
        {
            sum += example.Weight * example.MeanLead(scores.AsSpan(start, example.Sequences.Count));
            start += example.Sequences.Count;
        }

        return sum;
    }

    /// <summary>Stops before the optimiser moves: the weights stay those of the last good step.</summary>
    private void RequireFinite(int step, double loss, double norm)
    {
        if (double.IsFinite(loss) && double.IsFinite(norm))
            return;
        _model.ClearGradients();
        throw new RunFailedException(
            $"Reward training stopped at step {step} of {Steps}: the loss is {loss} and the gradient's norm {norm}, expected finite numbers; "
            + $"the weights are those before the step, and the last checkpoint is whole: begin anew with a learningRate below {_config.LearningRate} "
            + "or a lower maximumGradientNorm.");
    }

    /// <summary>Looks at what the last update left: no later loss would show weights that it broke.</summary>
    private void RequireFiniteScores(int step)
    {
        var broken = TrainerState.FirstBroken(_model.NamedParameters());
        var isFine = broken is null && _model.Score([.. Batch(step).SelectMany(e => e.Sequences)], _config.MicroBatchSequences).All(double.IsFinite);
        if (!isFine)
            throw Broke(step, broken is null ? "scores that are" : $"{broken} with a value whose square is");
    }

    private RunFailedException Broke(int step, string what) => new(
        $"Reward training stopped at step {step} of {Steps}: its update left {what} not finite, expected finite numbers; "
        + $"the last checkpoint is kept: begin anew with a learningRate below {_config.LearningRate}.");

    private bool IsValidationDue() =>
        NextStep == Steps || (_config.ValidationInterval > 0 && NextStep % _config.ValidationInterval == 0);

    /// <summary>Which run a state belongs to; a seed above 2⁵³ is rounded, which only makes this check weaker.</summary>
    private Dictionary<string, double> Identity() => new(TrainerState.HashOf(TrainerState.Base, _model.Trunk.Base)) { ["steps"] = Steps, ["examples"] = _examples.Count, ["data"] = _data.Value, ["seed"] = _seed.Value };

    private List<(string Name, Tensor Value)> Tensors() =>
        [.. _model.NamedParameters().Select(p => (p.Name, p.Parameter.Value)), .. _optimiser.State()];
}
