using System.Globalization;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Feedback.Aggregation;

/// <summary>A measure with its 95 % interval, tasks drawn at random; no interval where it has none or none was asked for.</summary>
/// <param name="Value">On the data; NaN where there is no answer.</param>
/// <param name="Interval">The middle 95 % of values on resampled tasks; of kappas the value ± 1.96 standard errors of the jackknife, at most 1.</param>
public readonly record struct Measured(double Value, Interval? Interval);

/// <summary>How far two annotators agree on the tasks that both answered.</summary>
/// <param name="First">One of them.</param>
/// <param name="Second">The other.</param>
/// <param name="Tasks">How many tasks they share.</param>
/// <param name="Percent">The share of these on which they agree, from 0 to 1.</param>
/// <param name="Cohen">Cohen's kappa; no interval where they share one task.</param>
/// <param name="Linear">Kappa with linear weights; null where labels have no order.</param>
/// <param name="Quadratic">Kappa with quadratic weights; null where labels have no order.</param>
public sealed record PairAgreement(string First, string Second, int Tasks, double Percent, Measured Cohen, double? Linear, double? Quadratic);

/// <summary>Settings of <see cref="LabelAgreement"/>.</summary>
public sealed record LabelAgreementOptions
{
    /// <summary>The distances to compute alpha with; null for all that the labels allow.</summary>
    public LabelDistance? Distance { get; init; }

    /// <summary>The labels from the least to the largest; without it those that are all numbers have their order, and others none.</summary>
    public IReadOnlyList<string>? Order { get; init; }

    /// <summary>Resamples of the tasks; 0 for no intervals.</summary>
    public int Rounds { get; init; } = 1_000;

    /// <summary>Decides the draws.</summary>
    public ulong Seed { get; init; } = 1;
}

/// <summary>
/// How far the annotators of a table of labels agree: on percent of the pairs of answers to a task, and beyond chance. Means of kappas are over all pairs of
/// annotators who share a task, each pair counting alike (Light 1971). Of someone's repeated answers to a task the last counts between two annotators, and
/// every one elsewhere. Intervals draw whole tasks, of those with at least two answers, with replacement; those of kappas come from leaving out each (<see cref="AnnotatorPairs.Kappas"/>).
/// </summary>
public sealed record LabelAgreement
{
    private const double Normal95 = 1.959963984540054;

    /// <summary>Tasks, those of them with at least two answers, answers, and annotators.</summary>
    public required int Tasks { get; init; }

    /// <summary>Tasks with at least two answers.</summary>
    public required int SharedTasks { get; init; }

    /// <summary>Answers in all.</summary>
    public required int Answers { get; init; }

    /// <summary>Annotators in all.</summary>
    public required int Annotators { get; init; }

    /// <summary>The labels, in their order where they have one.</summary>
    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>Whether the labels have an order.</summary>
    public required bool IsOrdered { get; init; }

    /// <summary>Resamples behind each interval.</summary>
    public required int Rounds { get; init; }

    /// <summary>Of all pairs of answers to the same task the share that are equal, from 0 to 1.</summary>
    public required Measured Percent { get; init; }

    /// <summary>The mean of Cohen's kappas.</summary>
    public required Measured Cohen { get; init; }

    /// <summary>The mean of kappas with linear weights; null where labels have no order.</summary>
    public required Measured? Linear { get; init; }

    /// <summary>The mean of kappas with quadratic weights; null where labels have no order.</summary>
    public required Measured? Quadratic { get; init; }

    /// <summary>Fleiss' kappa; null where tasks have different numbers of answers.</summary>
    public required Measured? Fleiss { get; init; }

    /// <summary>Krippendorff's alpha by the name of its distance.</summary>
    public required IReadOnlyDictionary<string, Measured> Alpha { get; init; }

    /// <summary>Every two annotators who share a task, those with most tasks first.</summary>
    public required IReadOnlyList<PairAgreement> Pairs { get; init; }

    /// <summary>Measures the agreement.</summary>
    /// <exception cref="InputException">Nobody shares a task, or the labels do not allow the distance or the order.</exception>
    public static LabelAgreement Of(LabelSet data, LabelAgreementOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        options ??= new();
        var scale = LabelScale.Of(data.Labels, options);
        var shared = Enumerable.Range(0, data.Tasks.Count).Where(task => data.TaskStart[task + 1] - data.TaskStart[task] >= 2).ToArray();
        if (shared.Length == 0)
            throw InputException.One("The labels", $"have {data.Count} answers to {data.Tasks.Count} tasks, no two to the same one", "at least one task with two answers", "add answers; one alone agrees with nobody");
        var counts = AnswerCounts.Of(data.Labels.Count, shared.Select(task => data.TaskLabel[data.TaskStart[task]..data.TaskStart[task + 1]].Select(label => scale.Place[label])));
        var hasFleiss = shared.Length == data.Tasks.Count && counts.AnswersEach >= 2;
        var pairs = new AnnotatorPairs(data, shared, scale.Place);
        double[] Whole(int[]? times)
        {
            var (equal, all) = counts.Pairs(times);
            return [equal / all, hasFleiss ? counts.Fleiss(times) : double.NaN, .. scale.Distances.Select(distance => counts.Alpha(distance, scale.Values, times))];
        }

        var (whole, kappas) = (Whole(null), pairs.Kappas());
        var draws = Enumerable.Range(0, whole.Length).Select(_ => new double[options.Rounds]).ToArray();
        var seed = new Seed(options.Seed).For("agreement of labels");
        for (var round = 0; round < options.Rounds; round++)
        {
            var times = new int[shared.Length];
            for (var i = 0; i < times.Length; i++)
                times[seed.Below(times.Length, round, i)]++;
            foreach (var (value, measure) in Whole(times).Select((value, measure) => (value, measure)))
                draws[measure][round] = value;
        }

        Interval? Around(double value, double error) => options.Rounds == 0 || double.IsNaN(error) ? null : new(value - Normal95 * error, Math.Min(1, value + Normal95 * error));
        Measured Mean(KappaWeight weight) => new(kappas.Means[(int)weight].Value, Around(kappas.Means[(int)weight].Value, kappas.Means[(int)weight].Error));
        return new()
        {
            Tasks = data.Tasks.Count,
            SharedTasks = shared.Length,
            Answers = data.Count,
            Annotators = data.Workers.Count,
            Labels = scale.Labels,
            IsOrdered = scale.IsOrdered,
            Rounds = options.Rounds,
            Percent = new(whole[0], ClusterBootstrap.MiddleOf(draws[0])),
            Fleiss = hasFleiss ? new(whole[1], ClusterBootstrap.MiddleOf(draws[1])) : null,
            Alpha = scale.Distances.Select((distance, i) => (distance.ToString().ToLowerInvariant(), new Measured(whole[2 + i], ClusterBootstrap.MiddleOf(draws[2 + i])))).ToDictionary(),
            Cohen = Mean(KappaWeight.Equal),
            Linear = scale.IsOrdered ? Mean(KappaWeight.Linear) : null,
            Quadratic = scale.IsOrdered ? Mean(KappaWeight.Quadratic) : null,
            Pairs = [.. kappas.Pairs.Select(own => new PairAgreement(data.Workers[own.First], data.Workers[own.Second], own.Tasks, own.Percent,
                new(own.Cohen, Around(own.Cohen, own.Error)), scale.IsOrdered ? own.Linear : null, scale.IsOrdered ? own.Quadratic : null))],
        };
    }
}

/// <summary>What the labels mean: their order, their numbers, and the distances that these allow.</summary>
/// <param name="Labels">In their order.</param>
/// <param name="Place">The place of each label of the data in that order.</param>
/// <param name="Values">The number of each place, or null where labels are no numbers.</param>
/// <param name="IsOrdered">Whether the order means anything.</param>
/// <param name="Distances">What alpha is computed with.</param>
internal sealed record LabelScale(IReadOnlyList<string> Labels, int[] Place, double[]? Values, bool IsOrdered, IReadOnlyList<LabelDistance> Distances)
{
    public static LabelScale Of(IReadOnlyList<string> labels, LabelAgreementOptions options)
    {
        var numbers = labels.Select(label => double.TryParse(label, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : double.NaN).ToArray();
        var areNumbers = !numbers.Any(double.IsNaN);
        if (options.Order is { } given && (given.Distinct(StringComparer.Ordinal).Count() != given.Count || labels.Except(given).Any()))
            throw InputException.One("--order", $"is {string.Join(",", given)}", $"each label once: {string.Join(",", labels.Take(20))}", "name them from the least to the largest");
        string[] ordered = options.Order is { } order ? [.. order.Where(labels.Contains)] : areNumbers ? [.. labels.Zip(numbers).OrderBy(pair => pair.Second).Select(pair => pair.First)] : [.. labels];
        var values = areNumbers ? ordered.Select(label => numbers[labels.ToList().IndexOf(label)]).ToArray() : null;
        var isOrdered = areNumbers || options.Order is not null;
        var allowed = Enum.GetValues<LabelDistance>().Where(distance => distance switch
        {
            LabelDistance.Nominal => true,
            LabelDistance.Ordinal => isOrdered,
            LabelDistance.Interval => areNumbers,
            _ => areNumbers && numbers.All(number => number >= 0),
        }).ToList();
        if (options.Distance is { } asked && !allowed.Contains(asked))
            throw InputException.One("--distance", $"is {asked.ToString().ToLowerInvariant()}, but the labels are {string.Join(", ", labels.Take(20))}",
                asked == LabelDistance.Ordinal ? "numbers, or --order" : asked == LabelDistance.Interval ? "numbers" : "numbers of at least 0",
                asked == LabelDistance.Ordinal ? "name the labels from the least to the largest: --order low,middle,high" : "take another distance");
        return new(ordered, [.. labels.Select(label => Array.IndexOf(ordered, label))], values, isOrdered, options.Distance is { } one ? [one] : allowed);
    }
}
