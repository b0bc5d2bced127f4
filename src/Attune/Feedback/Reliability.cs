namespace Attune.Feedback;

/// <summary>One row of a reliability table: predictions that fell into a range, and how often they came true.</summary>
/// <param name="From">Lower end of the range.</param>
/// <param name="To">Upper end; it belongs to the next row, except in the last.</param>
/// <param name="Count">Predictions in the range.</param>
/// <param name="Predicted">Their mean; NaN without any.</param>
/// <param name="Observed">The mean outcome; NaN without any.</param>
public readonly record struct ReliabilityRow(double From, double To, int Count, double Predicted, double Observed);

/// <summary>
/// Whether predicted probabilities mean what they say. Expected calibration error as in Guo et al. 2017, eq. 3, with bins of equal width;
/// it depends on the bins, which the table shows. Outcomes may be shares (p(chosen) of several judges) instead of 0 and 1.
/// </summary>
/// <param name="Rows">All bins in order, the empty ones too.</param>
/// <param name="ExpectedCalibrationError">Σ count/total · |predicted − observed|, in [0, 1].</param>
/// <param name="Brier">Mean squared difference of prediction and outcome, in [0, 1].</param>
public sealed record Reliability(IReadOnlyList<ReliabilityRow> Rows, double ExpectedCalibrationError, double Brier)
{
    /// <summary>The table of probabilities against outcomes.</summary>
    /// <param name="predicted">Probabilities in [0, 1].</param>
    /// <param name="observed">What happened, in [0, 1], in the same order.</param>
    /// <param name="bins">How many bins share [0, 1].</param>
    public static Reliability Of(IReadOnlyList<double> predicted, IReadOnlyList<double> observed, int bins = 10) => Over(0, predicted, observed, bins);

    /// <summary>
    /// The table for pairs, where "chosen" is whichever answer won and so every outcome is at least ½: each pair is turned round so that the
    /// predicted side is the one favoured by the prediction, and the bins share [½, 1].
    /// </summary>
    /// <param name="predicted">Predicted probability that the chosen answer is preferred.</param>
    /// <param name="observed">Share of judges who preferred it (1 where there was one judge).</param>
    /// <param name="bins">How many bins share [½, 1].</param>
    public static Reliability OfPairs(IReadOnlyList<double> predicted, IReadOnlyList<double> observed, int bins = 10)
    {
        ArgumentNullException.ThrowIfNull(predicted);
        ArgumentNullException.ThrowIfNull(observed);
        var favoured = predicted.Select(p => Math.Max(p, 1 - p)).ToArray();
        var outcome = observed.Select((o, i) => i < predicted.Count && predicted[i] < 0.5 ? 1 - o : o).ToArray();
        return Over(0.5, favoured, outcome, bins);
    }

    private static Reliability Over(double from, IReadOnlyList<double> predicted, IReadOnlyList<double> observed, int bins)
    {
        ArgumentNullException.ThrowIfNull(predicted);
        ArgumentNullException.ThrowIfNull(observed);
        ArgumentOutOfRangeException.ThrowIfLessThan(bins, 1);
        if (predicted.Count != observed.Count)
            throw new ArgumentException($"There are {predicted.Count} predictions and {observed.Count} outcomes; expected one outcome for each.");

        var width = (1 - from) / bins;
        var (count, predictedSum, observedSum) = (new int[bins], new double[bins], new double[bins]);
        var squares = 0.0;
        for (var i = 0; i < predicted.Count; i++)
        {
            if (!(predicted[i] is >= 0 and <= 1 && observed[i] is >= 0 and <= 1))
                throw new ArgumentException($"Pair {i} has prediction {predicted[i]} and outcome {observed[i]}; expected both from 0 to 1.");
            var bin = Math.Min((int)((predicted[i] - from) / width), bins - 1);
            count[bin]++;
            predictedSum[bin] += predicted[i];
            observedSum[bin] += observed[i];
            squares += (predicted[i] - observed[i]) * (predicted[i] - observed[i]);
        }

        var rows = Enumerable.Range(0, bins)
            .Select(b => new ReliabilityRow(from + b * width, from + (b + 1) * width, count[b], predictedSum[b] / count[b], observedSum[b] / count[b]))
            .ToArray();
        var error = Enumerable.Range(0, bins).Sum(b => Math.Abs(predictedSum[b] - observedSum[b])) / predicted.Count;
        return new(rows, error, squares / predicted.Count);
    }
}
