using Attune.Runs;

namespace Attune.Feedback.Aggregation;

/// <summary>What can be set beside the mode; no method takes all of it.</summary>
[Flags]
public enum MethodSettingKinds
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The most iterations.</summary>
    Iterations = 1,

    /// <summary>When to stop before.</summary>
    Tolerance = 2,

    /// <summary>Tasks whose truth is known.</summary>
    Gold = 4,

    /// <summary>The seed of random starts.</summary>
    Seed = 8,

    /// <summary>Pseudo-counts of a Dirichlet prior.</summary>
    Prior = 16,

    /// <summary>An earlier result to go on from.</summary>
    Start = 32,

    /// <summary>What ties say.</summary>
    Ties = 64,

    /// <summary>Side and length.</summary>
    Covariates = 128,

    /// <summary>Bootstrap intervals of scores.</summary>
    Intervals = 256,
}

/// <summary>Settings of any method; what is null is the method's own.</summary>
public sealed record MethodSettings
{
    /// <summary>The method of the paper, or the published numbers. Methods without a defect do the same in both.</summary>
    public AggregationMode Mode { get; init; }

    /// <summary>The most iterations, at least 1.</summary>
    public int? Iterations { get; init; }

    /// <summary>When to stop before; 0 does all iterations.</summary>
    public double? Tolerance { get; init; }

    /// <summary>Tasks whose truth is known.</summary>
    public Truth? Gold { get; init; }

    /// <summary>Of random starts, and of the draws of intervals.</summary>
    public uint Seed { get; init; }

    /// <summary>As <see cref="DawidSkeneOptions.PriorRight"/>.</summary>
    public double PriorRight { get; init; }

    /// <summary>As <see cref="DawidSkeneOptions.PriorWrong"/>.</summary>
    public double PriorWrong { get; init; }

    /// <summary>As <see cref="DawidSkeneOptions.PriorTasks"/>.</summary>
    public double PriorTasks { get; init; }

    /// <summary>As <see cref="DawidSkeneOptions.Start"/>.</summary>
    public EarlierFit? Start { get; init; }

    /// <summary>What ties say.</summary>
    public TieModel Ties { get; init; }

    /// <summary>What else moves a choice.</summary>
    public Covariates Covariates { get; init; }

    /// <summary>Resamples behind the interval of each score; 0 for none.</summary>
    public int IntervalRounds { get; init; }

    internal int IterationsOr(int usual) => Iterations ?? usual;

    /// <summary>The tolerance, null where nothing stops the method early.</summary>
    internal double? ToleranceOr(double usual) => Tolerance switch { null => usual, 0 => null, var given => given };
}

/// <summary>A method of aggregation under its name on the command line: it reads labels, or comparisons of two, or rankings.</summary>
/// <param name="Name">In kebab-case.</param>
/// <param name="Takes">What can be set.</param>
public sealed record AggregationMethod(string Name, MethodSettingKinds Takes)
{
    /// <summary>Aggregates labels; null where the method reads something else.</summary>
    public Func<LabelSet, MethodSettings, AggregationResult>? OfLabels { get; init; }

    /// <summary>Scores the items of comparisons; null where the method reads labels.</summary>
    public Func<ComparisonSet, MethodSettings, PairResult>? OfComparisons { get; init; }

    /// <summary>Scores the items of rankings, best first; null where the method reads none.</summary>
    public Func<IReadOnlyList<IReadOnlyList<string>>, MethodSettings, PairResult>? OfRankings { get; init; }

    /// <summary>Whether it cannot do without gold.</summary>
    public bool NeedsGold { get; init; }

    /// <summary>Whether it reads who compared.</summary>
    public bool ReadsWorkers { get; init; }

    /// <summary>Whether the library's numbers can be had.</summary>
    public bool HasCompatibleMode { get; init; } = true;

    /// <summary>The columns that it reads: "task,worker,label".</summary>
    public string Columns => OfLabels is not null ? "task,worker,label" : (ReadsWorkers ? "worker,left,right,winner" : "left,right,winner") + (OfRankings is null ? "" : " or ranking");

    /// <summary>The methods in the order in which they are told of.</summary>
    public static IReadOnlyList<AggregationMethod> All { get; } = [.. LabelMethods(), .. PairMethods()];

    private static IEnumerable<AggregationMethod> LabelMethods()
    {
        const MethodSettingKinds loop = MethodSettingKinds.Iterations | MethodSettingKinds.Tolerance;
        yield return new("majority-vote", MethodSettingKinds.None) { OfLabels = (data, _) => MajorityVote.Run(data) };
        yield return new("wawa", MethodSettingKinds.None) { OfLabels = (data, _) => Wawa.Run(data) };
        yield return new("zero-based-skill", loop)
        {
            OfLabels = (data, s) => ZeroBasedSkill.Run(data, new() { Mode = s.Mode, Iterations = s.IterationsOr(100), Tolerance = s.Tolerance ?? 1e-5 }),
        };
        yield return new("gold-majority", MethodSettingKinds.Gold) { OfLabels = (data, s) => GoldMajorityVote.Run(data, s.Gold!), NeedsGold = true };
        yield return new("dawid-skene", loop | MethodSettingKinds.Gold | MethodSettingKinds.Prior | MethodSettingKinds.Start) { OfLabels = (data, s) => DawidSkene.Run(data, OptionsOf(s)) };
        yield return new("one-coin", loop | MethodSettingKinds.Gold)
        {
            OfLabels = (data, s) => OneCoinDawidSkene.Run(data, new() { Mode = s.Mode, Iterations = s.IterationsOr(100), Tolerance = s.ToleranceOr(1e-5), Gold = s.Gold }),
        };
        yield return new("glad", loop) { OfLabels = (data, s) => Glad.Run(data, new() { Mode = s.Mode, Iterations = s.IterationsOr(100), Tolerance = s.ToleranceOr(1e-5) }) };
        yield return new("kos", MethodSettingKinds.Iterations | MethodSettingKinds.Seed)
        {
            OfLabels = (data, s) => Kos.Run(data, new() { Mode = s.Mode, Iterations = s.IterationsOr(100), Seed = s.Seed }),
        };
        yield return new("mace", MethodSettingKinds.Iterations | MethodSettingKinds.Seed)
        {
            OfLabels = (data, s) => Mace.Run(data, new() { Mode = s.Mode, Iterations = s.IterationsOr(50), Seed = s.Seed }),
        };
        yield return new("m-msr", loop | MethodSettingKinds.Seed)
        {
            OfLabels = (data, s) => Mmsr.Run(data, new() { Mode = s.Mode, Iterations = s.IterationsOr(10_000), Tolerance = s.Tolerance ?? 1e-10, Seed = s.Seed }),
        };
        yield return new("auto", loop) { OfLabels = (data, s) => Auto.Run(data, OptionsOf(s)) };
    }

    private static DawidSkeneOptions OptionsOf(MethodSettings s) => new()
    {
        Mode = s.Mode,
        Iterations = s.IterationsOr(100),
        Tolerance = s.ToleranceOr(1e-5),
        Gold = s.Gold,
        PriorRight = s.PriorRight,
        PriorWrong = s.PriorWrong,
        PriorTasks = s.PriorTasks,
        Start = s.Start,
    };

    private static IEnumerable<AggregationMethod> PairMethods()
    {
        const MethodSettingKinds loop = MethodSettingKinds.Iterations | MethodSettingKinds.Tolerance;
        yield return new("bradley-terry", loop | MethodSettingKinds.Ties | MethodSettingKinds.Covariates | MethodSettingKinds.Intervals | MethodSettingKinds.Seed) { OfComparisons = Strengths };
        yield return new("noisy-bradley-terry", loop)
        {
            OfComparisons = (data, s) => NoisyBradleyTerry.Run(data, new() { Iterations = s.IterationsOr(200), Tolerance = s.Tolerance ?? 1e-7 }),
            ReadsWorkers = true,
            HasCompatibleMode = false,
        };
        yield return new("plackett-luce", loop)
        {
            OfComparisons = (data, s) => PlackettLuce.Run(RankingFile.Of(data), new() { Iterations = s.IterationsOr(10_000), Tolerance = s.ToleranceOr(1e-12) }),
            OfRankings = (rankings, s) => PlackettLuce.Run(rankings, new() { Iterations = s.IterationsOr(10_000), Tolerance = s.ToleranceOr(1e-12) }),
        };
        yield return Scored("elo", data => PairScores.Elo(data));
        yield return Scored("win-rate", PairScores.AverageWinRate);
        yield return Scored("counting", PairScores.Counting);
    }

    private static AggregationMethod Scored(string name, Func<ComparisonSet, PairResult> score) => new(name, MethodSettingKinds.Intervals | MethodSettingKinds.Seed)
    {
        OfComparisons = (data, s) => WithIntervals(score(data), data, s, drawn => score(drawn).Scores),
    };

    private static PairResult Strengths(ComparisonSet data, MethodSettings s)
    {
        const double enough = 1e-6; // for the ends of an interval
        var isPlain = s.Ties == TieModel.HalfWin && s.Covariates == Covariates.None;
        if (isPlain)
        {
            var options = new StrengthOptions { Mode = s.Mode, Iterations = s.IterationsOr(10_000), Tolerance = s.ToleranceOr(1e-12) };
            return WithIntervals(BradleyTerry.Run(data, options), data, s, drawn => BradleyTerry.Run(drawn, s.Mode == AggregationMode.Compatible ? options : options with { Tolerance = enough }).Scores);
        }
        if (s.Mode == AggregationMode.Compatible)
            throw InputException.One("--mode", "is compatible beside --ties or --covariates", "correct: the library has neither", "leave one of them out");
        var model = new CovariateOptions { Ties = s.Ties, Covariates = s.Covariates, Iterations = s.IterationsOr(1_000), Tolerance = s.Tolerance ?? 1e-9 };
        return WithIntervals(CovariateBradleyTerry.Run(data, model), data, s, drawn => CovariateBradleyTerry.Scores(drawn, model with { Tolerance = enough }));
    }

    private static PairResult WithIntervals(PairResult result, ComparisonSet data, MethodSettings s, Func<ComparisonSet, double[]> score) =>
        s.IntervalRounds == 0 ? result : result with { Intervals = ScoreIntervals.Of(data, score, s.IntervalRounds, s.Seed) };
}
