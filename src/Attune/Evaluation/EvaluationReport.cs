using Attune.Feedback;

namespace Attune.Evaluation;

/// <summary>
/// Everything an evaluation found, as plain data: what <c>report.json</c> holds and <c>report.html</c> shows. It holds finished numbers, not
/// the means to recompute them; those are in the files its <see cref="Sources"/> name.
/// </summary>
/// <remarks>
/// In every record a missing measurement is null; NaN means measured on nothing. Rates are fractions in [0, 1], distances are in nats per
/// answer, and every <c>Source</c> property holds the id of an entry of <see cref="Sources"/>.
/// </remarks>
public sealed record EvaluationReport
{
    /// <summary>Name and version of the JSON form; the number rises when a reader of the old form would misread the new one.</summary>
    public const string SchemaName = "attune.report/1";

    /// <summary>The form this report was written in.</summary>
    public string Schema { get; init; } = SchemaName;

    /// <summary>Heading, for instance "Friendly film reviews".</summary>
    public required string Title { get; init; }

    /// <summary>One or two sentences on what was trained for what, in plain words.</summary>
    public string Summary { get; init; } = "";

    /// <summary>When the report was made, UTC; null where output must be equal from run to run.</summary>
    public DateTimeOffset? Created { get; init; }

    /// <summary>The comparison whose win rate is the headline; must be in the last round's win table.</summary>
    public required Headline Headline { get; init; }

    /// <summary>What was asked of the run and whether it held.</summary>
    public IReadOnlyList<ReportCheck> Checks { get; init; } = [];

    /// <summary>Alarms raised during training or evaluation, a sentence each.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Facts of the run: seed, machine, time, budget, commands.</summary>
    public IReadOnlyList<Fact> Facts { get; init; } = [];

    /// <summary>The models compared, in the order of the tables.</summary>
    public IReadOnlyList<ModelFacts> Models { get; init; } = [];

    /// <summary>The rounds of collecting feedback and learning from it, first to last; at least one.</summary>
    public required IReadOnlyList<RoundReport> Rounds { get; init; }

    /// <summary>Where every number comes from.</summary>
    public IReadOnlyList<Source> Sources { get; init; } = [];
}

/// <summary>The comparison that answers "did it get better?".</summary>
/// <param name="Model">The trained model.</param>
/// <param name="Opponent">What it is measured against.</param>
public sealed record Headline(string Model, string Opponent);

/// <summary>A requirement and how it went.</summary>
/// <param name="Name">What is required, for instance "Preferred over SFT on at least 75 % of prompts".</param>
/// <param name="Value">What was found, formatted.</param>
/// <param name="Passed">Whether it held.</param>
/// <param name="Source">Where the value comes from.</param>
public sealed record ReportCheck(string Name, string Value, bool Passed, string? Source = null);

/// <summary>A labelled fact.</summary>
/// <param name="Name">The label.</param>
/// <param name="Value">The value, formatted.</param>
public sealed record Fact(string Name, string Value);

/// <summary>A model of the report.</summary>
/// <param name="Name">Short name that the tables use, for instance "PPO".</param>
/// <param name="Description">What it is, in plain words.</param>
/// <param name="Path">Its folder, relative to the report.</param>
public sealed record ModelFacts(string Name, string Description, string? Path = null);

/// <summary>The findings of one round.</summary>
public sealed record RoundReport
{
    /// <summary>1 for the first round.</summary>
    public int Number { get; init; } = 1;

    /// <summary>The pairwise comparisons, each pair of models and group of judges once.</summary>
    public IReadOnlyList<WinTableRow> Wins { get; init; } = [];

    /// <summary>Trained models beside untrained and search-based baselines.</summary>
    public IReadOnlyList<BaselineRow> Baselines { get; init; } = [];

    /// <summary>Surface measures of each model's answers.</summary>
    public IReadOnlyList<TextMetricsRow> TextMetrics { get; init; } = [];

    /// <summary>Which form of distinct-n <see cref="TextMetrics"/> holds.</summary>
    public DistinctVariant DistinctVariant { get; init; }

    /// <summary>Reward against distance for best-of-N and for the policy's checkpoints.</summary>
    public Frontier? Frontier { get; init; }

    /// <summary>How the reward model did, or null when the reward is a function.</summary>
    public RewardModelReport? RewardModel { get; init; }

    /// <summary>Who gave the judgments that were collected.</summary>
    public IReadOnlyList<AnnotatorRow> Annotators { get; init; } = [];

    /// <summary>Metrics over training steps.</summary>
    public IReadOnlyList<TrainingCurve> Curves { get; init; } = [];

    /// <summary>Answers of the models to the same prompts, side by side: the first prompts in order, never a selection (the page says so).</summary>
    public IReadOnlyList<SampleRow> Samples { get; init; } = [];
}

/// <summary>One model against another.</summary>
public sealed record WinTableRow
{
    /// <summary>The model whose wins are counted.</summary>
    public required string Model { get; init; }

    /// <summary>What it was compared with.</summary>
    public required string Opponent { get; init; }

    /// <summary>The group that judged, for instance "held-out crowd".</summary>
    public string Judges { get; init; } = "";

    /// <summary>The counts and the rate.</summary>
    public required WinRate Result { get; init; }

    /// <summary>The judgments behind it.</summary>
    public string? Source { get; init; }
}

/// <summary>A model or search procedure with what it scores and what it costs in distance.</summary>
public sealed record BaselineRow
{
    /// <summary>Name, for instance "best of 16 (SFT)".</summary>
    public required string Model { get; init; }

    /// <summary>Mean score of the reward that was trained against.</summary>
    public double? Reward { get; init; }

    /// <summary>Standard error of <see cref="Reward"/> over prompts.</summary>
    public double? RewardStandardError { get; init; }

    /// <summary>Mean score by judges that training never saw.</summary>
    public double? HeldOut { get; init; }

    /// <summary>Share of prompts on which it is preferred over the headline's opponent.</summary>
    public double? WinRate { get; init; }

    /// <summary>Distance from the reference model, nats per answer.</summary>
    public double? Kl { get; init; }

    /// <summary>Share of its n-grams taken from the prompt.</summary>
    public double? CopyRate { get; init; }

    /// <summary>Where the numbers come from.</summary>
    public string? Source { get; init; }
}

/// <summary>Surface measures of one model's answers; see <see cref="Attune.Evaluation.TextMetrics"/>.</summary>
public sealed record TextMetricsRow
{
    /// <summary>Name of the model.</summary>
    public required string Model { get; init; }

    /// <summary>Number of answers measured.</summary>
    public int Texts { get; init; }

    /// <summary>Share of distinct words.</summary>
    public double? Distinct1 { get; init; }

    /// <summary>Share of distinct pairs of words.</summary>
    public double? Distinct2 { get; init; }

    /// <summary>Share of distinct triples of words.</summary>
    public double? Distinct3 { get; init; }

    /// <summary>Share of four-word sequences already used in the same answer, mean over answers.</summary>
    public double? Repetition { get; init; }

    /// <summary>Share of three-word sequences taken from the prompt, mean over answers.</summary>
    public double? CopyRate { get; init; }

    /// <summary>Mean words per answer.</summary>
    public double? MeanWords { get; init; }

    /// <summary>Mean tokens per answer.</summary>
    public double? MeanTokens { get; init; }

    /// <summary>Perplexity of the answers under the base model, by token over all answers.</summary>
    public double? Perplexity { get; init; }

    /// <summary>Where the texts are.</summary>
    public string? Source { get; init; }
}

/// <summary>Reward against distance from the reference model.</summary>
/// <param name="BestOfN">The yardstick, by rising N.</param>
/// <param name="Policy">Checkpoints of the trained policy, in order of training.</param>
public sealed record Frontier(IReadOnlyList<FrontierPoint> BestOfN, IReadOnlyList<FrontierPoint> Policy);

/// <summary>One point of a frontier.</summary>
public sealed record FrontierPoint
{
    /// <summary>What it is, for instance "best of 16" or "step 40".</summary>
    public required string Label { get; init; }

    /// <summary>Distance from the reference model, nats per answer.</summary>
    public required double Kl { get; init; }

    /// <summary>Mean reward.</summary>
    public required double Reward { get; init; }

    /// <summary>Standard error of <see cref="Reward"/> over prompts.</summary>
    public double? RewardStandardError { get; init; }

    /// <summary>Mean score by judges that training never saw.</summary>
    public double? HeldOut { get; init; }

    /// <summary>Where the numbers come from.</summary>
    public string? Source { get; init; }
}

/// <summary>A metric over training.</summary>
public sealed record TrainingCurve
{
    /// <summary>The stage that logged it, for instance "reward" or "ppo"; curves of one stage stand together.</summary>
    public required string Stage { get; init; }

    /// <summary>The metric's name in <c>metrics.jsonl</c>.</summary>
    public required string Metric { get; init; }

    /// <summary>What it means, for the plot's caption.</summary>
    public string Explanation { get; init; } = "";

    /// <summary>Unit of the values, for instance "nats".</summary>
    public string Unit { get; init; } = "";

    /// <summary>The values, by rising step.</summary>
    public required IReadOnlyList<CurvePoint> Points { get; init; }

    /// <summary>Where they were logged.</summary>
    public string? Source { get; init; }
}

/// <summary>A value at a step.</summary>
/// <param name="Step">Training step.</param>
/// <param name="Value">The metric there.</param>
public readonly record struct CurvePoint(long Step, double Value);

/// <summary>How well a reward model predicts preferences that it was not trained on.</summary>
public sealed record RewardModelReport
{
    /// <summary>Accuracy on all held-out pairs.</summary>
    public required AccuracyRow Overall { get; init; }

    /// <summary>Accuracy by margin of human agreement.</summary>
    public IReadOnlyList<AccuracyRow> ByMargin { get; init; } = [];

    /// <summary>Accuracy on annotators whose judgments trained it, and on those whose did not.</summary>
    public IReadOnlyList<AccuracyRow> ByGroup { get; init; } = [];

    /// <summary>What rules without understanding score on the same pairs: longer, first shown, random, bag of words.</summary>
    public IReadOnlyList<AccuracyRow> Nulls { get; init; } = [];

    /// <summary>Predicted against observed preference, by bin of the prediction.</summary>
    public IReadOnlyList<ReliabilityRow> Reliability { get; init; } = [];

    /// <summary>Expected calibration error: mean gap of the bins, weighted by their counts.</summary>
    public double? CalibrationError { get; init; }
}

/// <summary>Accuracy on a set of pairs.</summary>
public sealed record AccuracyRow
{
    /// <summary>The set or the rule.</summary>
    public required string Name { get; init; }

    /// <summary>Pairs in it.</summary>
    public required long Pairs { get; init; }

    /// <summary>Share predicted rightly; an equal score counts half.</summary>
    public required double Accuracy { get; init; }

    /// <summary>95 % interval of the accuracy.</summary>
    public Interval? Interval { get; init; }

    /// <summary>The judgments behind it.</summary>
    public string? Source { get; init; }
}

/// <summary>One bin of the reliability table.</summary>
/// <param name="Lower">Lowest predicted probability of the bin.</param>
/// <param name="Upper">Highest predicted probability of the bin.</param>
/// <param name="Pairs">Pairs in it.</param>
/// <param name="Predicted">Mean predicted probability.</param>
/// <param name="Observed">Share that was really preferred.</param>
public sealed record ReliabilityRow(double Lower, double Upper, long Pairs, double Predicted, double Observed);

/// <summary>What the log shows about one annotator, see <see cref="Feedback.AnnotatorStatistics"/>.</summary>
public sealed record AnnotatorRow
{
    /// <summary>Pseudonym.</summary>
    public required string Annotator { get; init; }

    /// <summary>"training" or "held-out"; null where nobody was held out.</summary>
    public string? Group { get; init; }

    /// <summary>Judgments given; a corrected one counts once.</summary>
    public required int Judgments { get; init; }

    /// <summary>Share of pairs on which they agree with the majority of the others; null where there is no such majority.</summary>
    public double? Agreement { get; init; }

    /// <summary>Its 95 % interval (Wilson).</summary>
    public Interval? AgreementInterval { get; init; }

    /// <summary>Share of judgments whose best answer was the one shown first; null where none had a best one.</summary>
    public double? FirstShown { get; init; }

    /// <summary>The same for someone blind to sides.</summary>
    public double? FirstShownByChance { get; init; }

    /// <summary>Half of their judgments took less, in seconds.</summary>
    public double? MedianSeconds { get; init; }

    /// <summary>Id of the source.</summary>
    public string? Source { get; init; }
}

/// <summary>One prompt with the models' answers.</summary>
public sealed record SampleRow
{
    /// <summary>The prompt.</summary>
    public required string Prompt { get; init; }

    /// <summary>The answers, in the order of the models.</summary>
    public required IReadOnlyList<SampleAnswer> Answers { get; init; }

    /// <summary>How the judges decided, for instance "PPO preferred, 4 of 5 votes".</summary>
    public string? Verdict { get; init; }

    /// <summary>The judgments of this prompt.</summary>
    public string? Source { get; init; }
}

/// <summary>An answer in a sample row.</summary>
/// <param name="Model">Who answered.</param>
/// <param name="Text">The answer.</param>
/// <param name="Reward">Its score by the reward trained against.</param>
/// <param name="HeldOut">Its score by judges that training never saw.</param>
public sealed record SampleAnswer(string Model, string Text, double? Reward = null, double? HeldOut = null);

/// <summary>The origin of one or more numbers: a file, and which rows of it.</summary>
public sealed record Source
{
    /// <summary>The id that numbers refer to: letters, digits, '-', '_' and '.'.</summary>
    public required string Id { get; init; }

    /// <summary>What was counted or averaged, in plain words.</summary>
    public required string About { get; init; }

    /// <summary>The file, relative to the report, for instance "judgments.jsonl".</summary>
    public required string File { get; init; }

    /// <summary>Which lines, where they form a range or all are used, for instance "1–640".</summary>
    public string? Lines { get; init; }

    /// <summary>The rows of the judgment log, where the numbers are made of votes.</summary>
    public IReadOnlyList<SourceRow> Rows { get; init; } = [];
}

/// <summary>One row of the judgment log.</summary>
/// <param name="Line">Line number in the file, from 1.</param>
/// <param name="Comparison">Id of the comparison that was judged.</param>
/// <param name="Judgment">Id of the judgment.</param>
public sealed record SourceRow(long Line, string Comparison, string Judgment);
