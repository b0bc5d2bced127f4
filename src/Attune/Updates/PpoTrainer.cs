using Attune.Rewards;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>Prompts of a step as token ids; a pure function of the step, so that a resumed run asks the same.</summary>
public delegate IReadOnlyList<int[]> PromptSource(int step);

/// <summary>A batch of pretraining text as token ids, at least two a row, for PPO-ptx; a pure function of the seed.</summary>
public delegate IReadOnlyList<int[]> PretrainingSource(Seed seed);

/// <summary>What PPO works with besides its choices.</summary>
/// <param name="Models">Who learns, and from where.</param>
/// <param name="Sampling">How answers are drawn; the update scores them at the same temperature.</param>
/// <param name="Prompts">What is asked.</param>
/// <param name="Reward">Who judges.</param>
/// <param name="Seed">Every draw comes from it.</param>
public sealed record PpoSetup(PpoModels Models, SamplingOptions Sampling, PromptSource Prompts, IReward Reward, Seed Seed)
{
    /// <summary>Text for PPO-ptx; needed where its coefficient is not 0.</summary>
    public PretrainingSource? Pretraining { get; init; }

    /// <summary>Stands for the prompts and texts: a state that was saved with another number is refused. 0 for data that no file can change.</summary>
    public double DataHash { get; init; }

    /// <summary>Bytes of a token; needed for stop texts only.</summary>
    public Func<int, byte[]>? BytesOf { get; init; }
}

/// <summary>A step's answers and how they were judged.</summary>
/// <param name="Rollouts">The answers.</param>
/// <param name="Scores">Their scores <c>[B]</c>, as the reward gave them.</param>
/// <param name="LogRatios">Their distance from the reference <c>[B]</c>, nats.</param>
public sealed record PpoAnswers(IReadOnlyList<Rollout> Rollouts, double[] Scores, double[] LogRatios)
{
    internal PpoBatch? Batch { get; init; }
}

/// <summary>
/// PPO for language models (Schulman 2017; Ziegler 2019; Ouyang 2022): sample, judge, estimate advantages, improve. A run killed after
/// <see cref="SaveState"/> and continued after <see cref="LoadState"/> ends bit-identical to one that was never stopped.
/// </summary>
/// <remarks>
/// Not here: prompts, logging and checkpoints (PpoTraining's loop), formulas (one file each beside this one), several machines.
/// </remarks>
public sealed class PpoTrainer : IDisposable
{
    private const string StateFile = "ppo.safetensors";

    private readonly PpoConfig _config;
    private readonly PpoSetup _setup;
    private readonly Sampler _sampler;
    private readonly PpoUpdate _update;

    /// <summary>Creates the trainer at step 0.</summary>
    /// <exception cref="InputException">Values of the configuration make no sense, alone or together.</exception>
    public PpoTrainer(PpoConfig config, PpoSetup setup)
    {
        Problem[] problems = [.. config.Check(), .. Conflicts(config, setup)];
        if (problems.Length > 0)
            throw new InputException("ppo", problems);
        (_config, _setup, KlCoefficient) = (config, setup, config.KlCoefficient);
        var values = setup.Models.ValueHead;
        _sampler = new Sampler(setup.Models.Policy, setup.Sampling, setup.BytesOf)
        {
            ValueHead = setup.Models.Critic is null && config.ScorePlace == ScorePlace.LastToken ? values.Forward : null,
        };
        _update = new PpoUpdate(config, setup);
    }

    /// <summary>The step that comes next, from 0.</summary>
    public int NextStep { get; private set; }

    /// <summary>Current price per nat of distance from the reference.</summary>
    public double KlCoefficient { get; private set; }

    /// <summary>Where the last step's time went.</summary>
    public PpoTimings Timings { get; private set; }

    /// <summary>What the last step asked, got and paid; null before the first.</summary>
    public PpoAnswers? LastAnswers { get; private set; }

    /// <summary>One whole step: answers to new prompts, then what is learned from them.</summary>
    /// <returns>Metrics by name, defined in docs/metrics.md.</returns>
    /// <exception cref="RunFailedException">The loss is not a number, or the first ratio is not 1. Weights are those before the failed update.</exception>
    public IReadOnlyDictionary<string, double> Step(int step, CancellationToken stop = default)
    {
        var clock = PpoClock.Start();
        var rollouts = Sample(step, stop);
        clock.Lap();
        return Learn(step, rollouts, clock);
    }

    /// <summary>The first half of a step: answers with the log-probs and values they were drawn with.</summary>
    public Rollout[] Sample(int step, CancellationToken stop = default)
    {
        var requests = _setup.Prompts(step).Select((prompt, row) => new SampleRequest(prompt, row)).ToArray();
        try
        {
            return _sampler.Sample(requests, _setup.Seed.For("answers").For(step), finished: null, stop);
        }
        catch (RunFailedException e)
        {
            throw new RunFailedException($"step {step}: {e.Message} (from: …/checkpoints/step-…/policy), and begin a new run from it with a lower ppo.learningRate", e);
        }
    }

    /// <summary>The second half: scores, advantages and the update, from answers that this policy has just given.</summary>
    public IReadOnlyDictionary<string, double> Learn(int step, IReadOnlyList<Rollout> rollouts) => Learn(step, rollouts, PpoClock.Start());

    private Dictionary<string, double> Learn(int step, IReadOnlyList<Rollout> rollouts, PpoClock clock)
    {
        using var scope = TensorScope.Begin();
        var batch = new PpoBatch(rollouts, _config.ScorePlace == ScorePlace.EndSlot ? _setup.Sampling.MaximumNewTokens : null);
        batch.RefLogProbs = _update.ReferenceLogProbs(batch);
        batch.Values ??= _update.Values(batch); // a shared trunk gave them while sampling, unless one is needed behind the last token
        var scores = _setup.Reward.Score(rollouts).CheckedFor(rollouts);
        var rewards = PpoRewards.Pay(batch, scores, _config, KlCoefficient);
        var advantages = PpoAdvantages.Estimate(batch, batch.AllRows, _config);
        clock.Lap();

        var metrics = new Dictionary<string, double> { ["kl/coefficient"] = KlCoefficient, ["learning_rate"] = _update.LearningRate(step) };
        PpoStats.Write(metrics, batch, rewards, advantages); // before minibatches may estimate anew
        var stats = _update.Run(step, batch, KlCoefficient);
        clock.Lap();

        stats.Write(metrics);
        metrics["tensors_live"] = TorchRuntime.LiveTensors;
        KlCoefficient = _config.NextKlCoefficient(KlCoefficient, metrics["objective/kl"]);
        NextStep = step + 1;
        Timings = clock.Timings;
        LastAnswers = new(rollouts, scores.Totals, rewards.LogRatios) { Batch = batch };
        return metrics;
    }

    /// <summary>Writes all that the next step depends on, besides prompts and the reference model: weights, optimiser moments, the KL coefficient, the step.</summary>
    /// <exception cref="RunFailedException">The last update broke a weight; nothing was written.</exception>
    public void SaveState(string folder)
    {
        if (_update.FirstBroken() is { } broken)
        {
            throw new RunFailedException(
                $"step {NextStep - 1}: its update left {broken} with a value whose square is not finite, expected finite numbers; it was not saved: "
                + "begin a new run with a lower ppo.learningRate, from the policy of the last checkpoint (from: …/checkpoints/step-…/policy) if it was good");
        }

        Directory.CreateDirectory(folder);
        var numbers = new Dictionary<string, double>(Identity())
        {
            ["step"] = NextStep,
            ["klCoefficient"] = KlCoefficient,
            ["optimiser.steps"] = _update.OptimiserSteps,
        };
        TrainerState.Write(Path.Combine(folder, StateFile), _update.State(), numbers);
    }

    /// <summary>Reads what <see cref="SaveState"/> wrote into models of the same shape, asked the same prompts.</summary>
    /// <exception cref="InputException">The file is damaged, of another model or of other prompts.</exception>
    public void LoadState(string folder)
    {
        var numbers = TrainerState.ReadInto(Path.Combine(folder, StateFile), _update.State(), Identity());
        NextStep = (int)numbers["step"];
        KlCoefficient = numbers["klCoefficient"];
        _update.OptimiserSteps = (long)numbers["optimiser.steps"];
    }

    /// <inheritdoc/>
    public void Dispose() => _update.Dispose();

    /// <summary>Prompts, and the weights that no checkpoint holds: an adapter's base and the reference, which are read anew when a run goes on.</summary>
    private Dictionary<string, double> Identity() =>
        new(TrainerState.HashOf(TrainerState.Base, _setup.Models.Policy.Base).Concat(TrainerState.HashOf(TrainerState.Reference, _setup.Models.Reference))) { ["data"] = _setup.DataHash };

    private static IEnumerable<Problem> Conflicts(PpoConfig config, PpoSetup setup)
    {
        if (config.PretrainingCoefficient > 0 && setup.Pretraining is null)
            yield return new("pretrainingCoefficient", $"is {config.PretrainingCoefficient}, but there is no pretraining text; name some, or set it to 0");
        foreach (var (key, problem) in setup.Sampling.Problems(vocabularySize: setup.Models.Policy.Config.VocabularySize))
            yield return new("sampling." + key, problem);
    }
}
