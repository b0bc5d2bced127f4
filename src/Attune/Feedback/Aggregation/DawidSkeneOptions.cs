using Attune.Runs;

namespace Attune.Feedback.Aggregation;

/// <summary>What given first confusion matrices do.</summary>
public enum InitialErrorUse
{
    /// <summary>They replace the first ones: every worker has one, and its columns sum to 1.</summary>
    Assign,

    /// <summary>They are counts, added to those of the first majority vote.</summary>
    Addition,
}

/// <summary>What an earlier fit of <see cref="DawidSkene"/> learned, to go on from when more labels have come.</summary>
/// <param name="Labels">The labels, in ordinal order.</param>
/// <param name="Priors">How often each is right.</param>
/// <param name="Confusions">Each worker's p(observed | true), <c>[observed, true]</c> in one array.</param>
public sealed record EarlierFit(IReadOnlyList<string> Labels, IReadOnlyList<double> Priors, IReadOnlyDictionary<string, double[]> Confusions)
{
    /// <summary>What a result has learned.</summary>
    /// <exception cref="InputException">It has no confusion matrices.</exception>
    public static EarlierFit Of(AggregationResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (result.Confusions is not { } confusions || result.Priors is not { } priors)
            throw InputException.One("The result to start from", "has no confusion matrices", "a result of Dawid–Skene", "start anew");
        var size = result.Data.Labels.Count * result.Data.Labels.Count;
        return new(result.Data.Labels, priors, result.Data.Workers.Select((worker, w) => (worker, confusions[(w * size)..((w + 1) * size)])).ToDictionary(StringComparer.Ordinal));
    }
}

/// <summary>Settings of <see cref="DawidSkene"/>.</summary>
public sealed record DawidSkeneOptions
{
    /// <summary>In <see cref="AggregationMode.Compatible"/> the objective counts the log prior once an answer instead of once a task: it can fall, which stops the method early.</summary>
    public AggregationMode Mode { get; init; }

    /// <summary>The most iterations.</summary>
    public int Iterations { get; init; } = 100;

    /// <summary>Stops when the objective gains less; null never does.</summary>
    public double? Tolerance { get; init; } = 1e-5;

    /// <summary>Tasks whose truth is known: their probabilities stay at it.</summary>
    public Truth? Gold { get; init; }

    /// <summary>First confusion matrices by worker, <c>[observed, true]</c> with labels in ordinal order; used in the first step only.</summary>
    public IReadOnlyDictionary<string, double[,]>? InitialErrors { get; init; }

    /// <summary>What <see cref="InitialErrors"/> do.</summary>
    public InitialErrorUse InitialErrorUse { get; init; }

    /// <summary>Goes on from an earlier result, whose workers keep their confusion matrices at first; new ones begin as ever.</summary>
    public EarlierFit? Start { get; init; }

    /// <summary>Answers that each worker is taken to have given rightly before, of each label (maximum a posteriori, a Dirichlet prior).</summary>
    public double PriorRight { get; init; }

    /// <summary>Answers that each worker is taken to have given before, of each wrong label for each true one.</summary>
    public double PriorWrong { get; init; }

    /// <summary>Tasks of each label that are taken to have been seen before.</summary>
    public double PriorTasks { get; init; }

    internal bool HasPrior => PriorRight > 0 || PriorWrong > 0 || PriorTasks > 0;
}
