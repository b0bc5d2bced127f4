using Attune.Feedback;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Torch.Optimisers;
using Attune.Updates;

namespace Attune.Loop;

/// <summary>How much work a quick start is. It is fixed before it begins: time follows from the machine, never the other way round.</summary>
public enum Budget
{
    /// <summary>To see the loop turn: a minute or two, no result to speak of.</summary>
    Small,

    /// <summary>The one whose result the documentation promises.</summary>
    Standard,

    /// <summary>About three times as much.</summary>
    Large,
}

/// <summary>Everything a quick start does, as numbers: <c>quickstart.yaml</c> in its folder.</summary>
public sealed record QuickstartPlan : IChecked
{
    /// <summary>Decides everything that is drawn.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>How much of everything.</summary>
    public Budget Budget { get; init; } = Budget.Standard;

    /// <summary>Whether the policy is kept near the supervised model; without the leash it finds the reward's loopholes.</summary>
    public bool Leash { get; init; } = true;

    /// <summary>Rounds in all, as <see cref="QuickstartStart.Rounds"/> has it. More may be asked for later: they change nothing of those before.</summary>
    [ResultNeutral]
    public int Rounds { get; init; } = 1;

    /// <summary>Where to compute.</summary>
    public ComputeSettings Compute { get; init; } = new();

    /// <summary>Most tokens of an answer.</summary>
    public int AnswerTokens { get; init; } = 64;

    /// <summary>Of all sampling (0.7 in Ziegler 2019): a small model keeps to what it means only where it is fairly sure.</summary>
    public double Temperature { get; init; } = 0.7;

    /// <summary>Answers to each training prompt.</summary>
    public int AnswersPerPrompt { get; init; } = 6;

    /// <summary>Answers that are ranked together (InstructGPT: 4 to 9): K of them are K(K−1)/2 comparisons for the work of reading K.</summary>
    public int AnswersPerRanking { get; init; } = 6;

    /// <summary>Training prompts; the first of the file.</summary>
    public int Prompts { get; init; } = 430;

    /// <summary>Annotators who rank the same answers.</summary>
    public int Votes { get; init; } = 5;

    /// <summary>
    /// Comparisons of two answers that a person judges in each round, in the place of the training crowd; null where that crowd judges. The held-out crowd
    /// measures in both cases.
    /// </summary>
    public int? OwnComparisons { get; init; }

    /// <summary>Who judges.</summary>
    public CrowdOptions Crowd { get; init; } = new()
    {
        TrainingTaste = new() { Fluency = 1 },
        HeldOutTaste = new() { Positivity = 0.9, Repetition = 0.6, Length = 0.2, Fluency = 1.1 },
    };

    /// <summary>Supervised fine-tuning.</summary>
    public LanguageModelConfig Sft { get; init; } = new();

    /// <summary>The reward model.</summary>
    public RewardTrainingConfig Reward { get; init; } = new() { BatchSize = 8, LearningRate = 5e-4, WarmUpSteps = 8, Epochs = 2 };

    /// <summary>The policy.</summary>
    public PpoConfig Ppo { get; init; } = new();

    /// <summary>Held-out prompts of the evaluation; the first of the file.</summary>
    public int HeldOutPrompts { get; init; } = 200;

    /// <summary>Held-out annotators who judge each pair of answers.</summary>
    public int HeldOutVotes { get; init; } = 5;

    /// <summary>The N of best-of-N.</summary>
    public IReadOnlyList<int> BestOf { get; init; } = [1, 4, 16, 64];

    /// <summary>Prompts of best-of-N.</summary>
    public int BestOfPrompts { get; init; } = 24;

    /// <summary>Rankings of one round.</summary>
    public int Rankings => Prompts * AnswersPerPrompt / AnswersPerRanking;

    /// <summary>Comparisons of two answers that they amount to.</summary>
    public int Comparisons => Rankings * AnswersPerRanking * (AnswersPerRanking - 1) / 2;

    /// <summary>Whether a person takes the training crowd's place.</summary>
    internal bool IsJudgedByPerson => OwnComparisons is not null;

    /// <summary>The same plan with a person in the place of the training crowd: pairs, and enough of them.</summary>
    /// <param name="comparisons">How many they judge in each round.</param>
    public QuickstartPlan JudgedByPerson(int comparisons)
    {
        const double Usable = 0.7; // of the prompts are learnt from four fifths, and some answers are equal
        var each = Math.Max(1, (int)Math.Ceiling(comparisons / (Usable * Prompts)));
        return this with { OwnComparisons = comparisons, AnswersPerRanking = 2, AnswersPerPrompt = (int)Math.Min(2L * each, int.MaxValue - 1), Reward = Reward with { WarmUpSteps = 0 } };
    }

    /// <summary>The plan of a budget.</summary>
    /// <param name="budget">How much.</param>
    /// <param name="seed">Decides everything that is drawn.</param>
    /// <param name="leash">False for a run without a KL penalty, which shows why there is one.</param>
    public static QuickstartPlan Of(Budget budget, int seed = 1, bool leash = true)
    {
        var plan = budget switch
        {
            Budget.Small => new QuickstartPlan
            {
                Prompts = 48,
                AnswersPerPrompt = 4,
                AnswersPerRanking = 4,
                HeldOutPrompts = 24,
                BestOf = [1, 4],
                BestOfPrompts = 8,
                Sft = SftFor(epochs: 0.25),
                Ppo = PpoFor(steps: 4, leash),
            },
            Budget.Large => new QuickstartPlan
            {
                AnswersPerPrompt = 18,
                BestOfPrompts = 64,
                Sft = SftFor(epochs: 2),
                Ppo = PpoFor(steps: 60, leash),
            },
            _ => new QuickstartPlan { Sft = SftFor(epochs: 1), Ppo = PpoFor(steps: 20, leash) },
        };
        return plan with { Budget = budget, Seed = seed, Leash = leash };
    }

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Rounds < 1)
            yield return Problem.Of("rounds", $"is {Rounds}", "at least 1", "2 goes round once more with answers of the improved policy");
        if (Prompts < 1)
            yield return Problem.Of("prompts", $"is {Prompts}", "at least 1", "48 makes a small quick start");
        if (OwnComparisons < 1)
            yield return Problem.Of("ownComparisons", $"is {OwnComparisons}", "at least 1", "50 takes about half an hour");
        if (AnswersPerRanking < 2)
            yield return Problem.Of("answersPerRanking", $"is {AnswersPerRanking}", "at least 2", "4 is usual");
        else if (AnswersPerPrompt < AnswersPerRanking || AnswersPerPrompt % AnswersPerRanking != 0)
            yield return Problem.Of("answersPerPrompt", $"is {AnswersPerPrompt}", $"a multiple of answersPerRanking ({AnswersPerRanking})", "every answer is ranked once");
        if (Prompts > 0 && AnswersPerRanking > 1 && (double)Prompts * AnswersPerPrompt * AnswersPerRanking > int.MaxValue)
            yield return Problem.Of(OwnComparisons is null ? "answersPerPrompt" : "ownComparisons", $"is {OwnComparisons ?? AnswersPerPrompt}, {AnswersPerPrompt} answers to each of {Prompts} prompts", $"comparisons that can be counted, at most {int.MaxValue}", "lower it");
        if (!(Temperature >= SamplingOptions.LeastTemperature) || !double.IsFinite(Temperature))
            yield return Problem.Of("temperature", $"is {Temperature}", $"at least {SamplingOptions.LeastTemperature}", "0.7 is usual");
        if (Votes < 1 || Votes > Math.Min(Crowd.Training, Crowd.HeldOut))
            yield return Problem.Of("votes", $"is {Votes}", $"1 to the {Math.Min(Crowd.Training, Crowd.HeldOut)} annotators of the smaller group", "3 is usual");
        if (HeldOutVotes < 1 || HeldOutVotes > Crowd.HeldOut)
            yield return Problem.Of("heldOutVotes", $"is {HeldOutVotes}", $"1 to the {Crowd.HeldOut} held-out annotators", "an odd number decides every pair");
        if (HeldOutPrompts < 1)
            yield return Problem.Of("heldOutPrompts", $"is {HeldOutPrompts}", "at least 1", "200 gives an interval of 14 points");
        (string Section, IChecked Settings)[] sections = [("compute", Compute), ("crowd", Crowd), ("sft", Sft), ("reward", Reward), ("ppo", Ppo)];
        foreach (var (section, settings) in sections)
        {
            foreach (var problem in settings.Check())
                yield return problem with { Key = $"{section}.{problem.Key}" };
        }
    }

    private static LanguageModelConfig SftFor(double epochs) => new()
    {
        Batch = 16,
        MicroBatch = 8,
        Epochs = epochs,
        LearningRate = 2e-3,
        WarmUpSteps = 5,
        Optimiser = new() { Beta2 = 0.95, WeightDecay = 0.1 },
    };

    private static PpoConfig PpoFor(int steps, bool leash) => new()
    {
        Steps = steps,
        PromptsPerStep = 64,
        Epochs = 2,
        Minibatches = 2,
        MicroBatch = 16,
        LearningRate = 1.5e-4,
        Schedule = ScheduleShape.Linear,
        FinalShare = 0.1,
        WarmUpSteps = 5,
        Critic = CriticKind.Separate,
        ValueStart = ValueStart.RewardModel,
        EntropyCoefficient = leash ? 0.03 : 0, // a little variety is worth a little reward
        KlCoefficient = leash ? 0.15 : 0,
        KlController = leash ? KlController.Adaptive : KlController.Fixed,
        KlTarget = 6,
        KlHorizon = 500,
        ScoreClip = 5,
    };
}
