using Attune.Models;
using Attune.Rewards;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;
using Attune.Updates;

namespace Attune.Evaluation;

/// <summary>A model to be evaluated: in memory, or in a folder that is read when its turn comes and closed after it.</summary>
/// <param name="Name">What tables call it.</param>
/// <param name="Description">What it is, in plain words.</param>
public sealed record Contender(string Name, string Description = "")
{
    /// <summary>The model, which stays its owner's; null where <see cref="Folder"/> is given.</summary>
    public CausalLm? Model { get; init; }

    /// <summary>Its Hugging Face folder.</summary>
    public string? Folder { get; init; }

    /// <summary>Where the report says that it is; <see cref="Folder"/> where not set. Relative to the report, a moved or repeated run says the same.</summary>
    public string? Place { get; init; }
}

/// <summary>How much is sampled. Cost grows with the product of prompts, models and answers.</summary>
public sealed record EvaluationBudget : IChecked
{
    /// <summary>Most prompts; where there are more, the seed draws which.</summary>
    public int Prompts { get; init; } = 200;

    /// <summary>The N of best-of-N, rising; empty for none. They cost max(N) + 1 answers for each prompt of <see cref="BestOfPrompts"/>.</summary>
    public IReadOnlyList<int> BestOf { get; init; } = [1, 4, 16, 64];

    /// <summary>Prompts of best-of-N and of the frontier: the first of the evaluation's.</summary>
    public int BestOfPrompts { get; init; } = 32;

    /// <summary>Answers of each checkpoint, and of each model, to each prompt of the frontier.</summary>
    public int FrontierSamples { get; init; } = 4;

    /// <summary>Most checkpoints of a run on the frontier; of more, evenly many are left out.</summary>
    public int FrontierPoints { get; init; } = 6;

    /// <summary>Prompts shown with all answers side by side.</summary>
    public int SampleRows { get; init; } = 20;

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Prompts < 1)
            yield return new("prompts", $"is {Prompts}, expected at least 1; 200 is usual");
        if (BestOf.Any(n => n < 1) || !BestOf.SequenceEqual(BestOf.Distinct().Order()))
            yield return new("bestOf", $"is [{string.Join(", ", BestOf)}], expected rising numbers from 1; [1, 4, 16, 64] is usual, [] leaves it out");
        if (BestOfPrompts < 1)
            yield return new("bestOfPrompts", $"is {BestOfPrompts}, expected at least 1; 32 is usual");
        if (FrontierSamples < 1)
            yield return new("frontierSamples", $"is {FrontierSamples}, expected at least 1; 4 is usual");
        if (FrontierPoints < 1)
            yield return new("frontierPoints", $"is {FrontierPoints}, expected at least 1; 6 is usual");
        if (SampleRows < 0)
            yield return new("sampleRows", $"is {SampleRows}, expected 0 or more; 20 is usual");
    }
}

/// <summary>What the report says was asked of the first model; null asks nothing.</summary>
public sealed record EvaluationRequirements : IChecked
{
    /// <summary>Least win rate over the reference, by the first judges.</summary>
    public double? WinRate { get; init; }

    /// <summary>Least lower end of the 95 % interval of that win rate.</summary>
    public double? WinRateLowerBound { get; init; }

    /// <summary>Least distinct-2 as a share of the reference's.</summary>
    public double? Distinct2OfReference { get; init; }

    /// <summary>Most repetition (<see cref="TextMetrics.Repetition"/>, mean over answers); not met where no answer is long enough to count.</summary>
    public double? RepetitionAtMost { get; init; }

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (WinRate is not (null or (>= 0 and <= 1)))
            yield return new("winRate", $"is {WinRate}, expected 0 to 1; 0.5 is no difference");
        if (WinRateLowerBound is not (null or (>= 0 and <= 1)))
            yield return new("winRateLowerBound", $"is {WinRateLowerBound}, expected 0 to 1; 0.5 is no difference");
        if (Distinct2OfReference is not (null or >= 0))
            yield return new("distinct2OfReference", $"is {Distinct2OfReference}, expected 0 or more; 0.7 is usual");
        if (RepetitionAtMost is not (null or (>= 0 and <= 1)))
            yield return new("repetitionAtMost", $"is {RepetitionAtMost}, expected 0 to 1; 0.1 is usual");
    }
}

/// <summary>The base model with examples in its prompt: what a user gets without any training.</summary>
/// <param name="Demonstrations">The examples, all of them in every prompt.</param>
/// <param name="Template">How an example is written: text with <c>{prompt}</c> and, after it, <c>{response}</c>. What follows the response ends an answer.</param>
public sealed record FewShot(IReadOnlyList<PromptResponse> Demonstrations, string Template)
{
    /// <summary>A blank line after each answer.</summary>
    public const string UsualTemplate = "{prompt}{response}\n\n";

    private const string PromptMark = "{prompt}", ResponseMark = "{response}";

    /// <summary>What is wrong with the template, or null.</summary>
    internal static string? Fault(string template)
    {
        var (prompt, response) = (template.IndexOf(PromptMark, StringComparison.Ordinal), template.IndexOf(ResponseMark, StringComparison.Ordinal));
        return prompt >= 0 && response > prompt ? null : $"is '{template.ReplaceLineEndings("\\n")}', expected {PromptMark} and after it {ResponseMark}; {{prompt}}{{response}}\\n\\n is usual";
    }

    /// <summary>What follows an answer.</summary>
    internal string Stop => Template[(Template.IndexOf(ResponseMark, StringComparison.Ordinal) + ResponseMark.Length)..];

    /// <summary>The examples, then the prompt up to where its answer begins.</summary>
    internal string PromptFor(string prompt) => string.Concat(Demonstrations.Select(shot => Opened(shot.Prompt) + shot.Response + Stop)) + Opened(prompt);

    private string Opened(string prompt) =>
        Template[..Template.IndexOf(ResponseMark, StringComparison.Ordinal)].Replace(PromptMark, prompt, StringComparison.Ordinal);
}

/// <summary>What an evaluation takes: models, prompts, judges, budgets. The same record serves recipes and programs.</summary>
public sealed record EvaluationInput
{
    /// <summary>Heading of the report.</summary>
    public string Title { get; init; } = "Evaluation";

    /// <summary>What was trained for what, in plain words.</summary>
    public string Summary { get; init; } = "";

    /// <summary>The models, at least two of different names. The headline is the first against <see cref="Reference"/>.</summary>
    public required IReadOnlyList<Contender> Models { get; init; }

    /// <summary>
    /// Name of the model among them that the others are set against: distance is measured from it and best-of-N drawn from it. Usually the
    /// fine-tuned one that training began with.
    /// </summary>
    public required string Reference { get; init; }

    /// <summary>The untrained model, for the zero-shot and few-shot rows, perplexity and fluency; null leaves them out.</summary>
    public Contender? Base { get; init; }

    /// <summary>The few-shot row; null leaves it out.</summary>
    public FewShot? FewShot { get; init; }

    /// <summary>The tokenizer that all of them share.</summary>
    public required Tokenizer Tokenizer { get; init; }

    /// <summary>Tokens that end an answer.</summary>
    public required IReadOnlyList<int> EndIds { get; init; }

    /// <summary>Held-out prompts, none of which training saw. Equal ones count once.</summary>
    public required IReadOnlyList<string> Prompts { get; init; }

    /// <summary>Text around each prompt, with <c>{prompt}</c> in it once; added tokens may stand here. Examples have a template of their own.</summary>
    public string Template { get; init; } = PpoPromptSettings.Hole;

    /// <summary>Whether who calls knows that training saw none of them: then the report says so.</summary>
    public bool PromptsAreHeldOut { get; init; }

    /// <summary>Whether a prompt is a text to work on, as in summaries: then the copy rate is reported.</summary>
    public bool PromptIsText { get; init; }

    /// <summary>Who judges, the headline's judges first; names differ.</summary>
    public required IReadOnlyList<JudgePanel> Judges { get; init; }

    /// <summary>The reward that was trained against; null leaves out rewards, best-of-N and the frontier.</summary>
    public IReward? Reward { get; init; }

    /// <summary>Checkpoints of the policy, in order of training, for the frontier.</summary>
    public IReadOnlyList<Contender> Checkpoints { get; init; } = [];

    /// <summary>How answers are drawn. End tokens are <see cref="EndIds"/> where none are given.</summary>
    public SamplingOptions Sampling { get; init; } = new() { MaximumNewTokens = 48 };

    /// <summary>
    /// Files and model folders, by name, that rewards and judges were read from, and models in memory: where one has changed, an evaluation is not
    /// gone on with. Folders of <see cref="Models"/> need not stand here.
    /// </summary>
    public IReadOnlyDictionary<string, string> ReadFrom { get; init; } = new Dictionary<string, string>();

    /// <summary>How much is sampled.</summary>
    public EvaluationBudget Budget { get; init; } = new();

    /// <summary>What is asked of the first model.</summary>
    public EvaluationRequirements Requirements { get; init; } = new();

    /// <summary>Where models in folders are computed.</summary>
    public Compute Compute { get; init; } = Compute.Cpu;

    /// <summary>Decides prompts, answers, sides and bootstraps. Crowds have seeds of their own.</summary>
    public Seed Seed { get; init; } = new(1);

    /// <summary>The number of this round, from 1.</summary>
    public int Round { get; init; } = 1;

    /// <summary>Reports of the rounds before, oldest first, to be shown with this one.</summary>
    public IReadOnlyList<EarlierRound> Earlier { get; init; } = [];

    /// <summary>How the reward model did, to be shown.</summary>
    public RewardModelReport? RewardModel { get; init; }

    /// <summary>Who gave the judgments that were collected, to be shown.</summary>
    public IReadOnlyList<AnnotatorRow> Annotators { get; init; } = [];

    /// <summary>Metrics over training, to be shown.</summary>
    public IReadOnlyList<TrainingCurve> Curves { get; init; } = [];

    /// <summary>Facts to add to the report's own: command, machine, time.</summary>
    public IReadOnlyList<Fact> Facts { get; init; } = [];

    /// <summary>Warnings of earlier stages, to be shown.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>The sources that <see cref="RewardModel"/>, <see cref="Annotators"/> and <see cref="Curves"/> name, files relative to the report.</summary>
    public IReadOnlyList<Source> Sources { get; init; } = [];
}

/// <summary>Where an evaluation writes, and to whom it tells how far it is.</summary>
public sealed record EvaluationOutput
{
    /// <summary>The folder; made if it is not there.</summary>
    public required string Folder { get; init; }

    /// <summary>Go on with what a stopped evaluation of the same input left in the folder; else that is deleted first.</summary>
    public bool Resume { get; init; }

    /// <summary>Where progress goes.</summary>
    public IProgressSink Progress { get; init; } = SilentProgress.Instance;

    /// <summary>The clock of the progress.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
