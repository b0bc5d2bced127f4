namespace Attune.Feedback;

/// <summary>
/// Answers to units as counts of labels, from which agreement on the whole is computed. Each unit may count several times or not at all, which is how
/// units are resampled. Labels are numbers from 0. Pure functions; nothing here knows who answered.
/// </summary>
internal sealed class AnswerCounts
{
    private readonly int _labels;
    private readonly int[] _start;   // of each unit in the arrays below; one more than there are units
    private readonly int[] _label;
    private readonly double[] _count;
    private readonly double[] _size; // [unit]: answers

    private AnswerCounts(int labels, List<int> start, List<int> label, List<double> count)
    {
        (_labels, _start, _label, _count) = (labels, [.. start], [.. label], [.. count]);
        _size = [.. Enumerable.Range(0, Units).Select(unit => _count[_start[unit].._start[unit + 1]].Sum())];
    }

    /// <summary>How many units there are.</summary>
    public int Units => _start.Length - 1;

    /// <summary>How many answers every unit has, or null where they differ or there are none.</summary>
    public int? AnswersEach => Units > 0 && Array.TrueForAll(_size, size => size == _size[0]) ? (int)_size[0] : null;

    /// <summary>Counts the answers of each unit.</summary>
    /// <param name="labels">How many labels there are.</param>
    /// <param name="units">The answers to each unit.</param>
    public static AnswerCounts Of(int labels, IEnumerable<IEnumerable<int>> units)
    {
        List<int> start = [0];
        var (label, count) = (new List<int>(), new List<double>());
        foreach (var unit in units)
        {
            foreach (var (own, times) in unit.CountBy(l => l))
            {
                label.Add(own);
                count.Add(times);
            }
            start.Add(label.Count);
        }
        return new(labels, start, label, count);
    }

    /// <summary>Of all pairs of answers to the same unit, those that are equal, and all.</summary>
    /// <param name="times">How often each unit counts; once without.</param>
    public (double Equal, double All) Pairs(int[]? times = null)
    {
        var (equal, all) = (0.0, 0.0);
        for (var unit = 0; unit < Units; unit++)
        {
            var weight = times?[unit] ?? 1;
            equal += weight * EqualPairs(unit);
            all += weight * _size[unit] * (_size[unit] - 1) / 2;
        }
        return (equal, all);
    }

    /// <summary>Fleiss' kappa; every unit has <see cref="AnswersEach"/> answers, at least 2.</summary>
    /// <param name="times">How often each unit counts; once without.</param>
    public double Fleiss(int[]? times = null)
    {
        var totals = Totals(times);
        var (equal, all) = Pairs(times); // as every unit has as many pairs, their mean share is the share of all
        var answers = totals.Sum();
        var expected = totals.Sum(total => total / answers * (total / answers));
        return expected == 1 ? 1 : (equal / all - expected) / (1 - expected);
    }

    /// <summary>
    /// Krippendorff's alpha, 1 − Dₒ/Dₑ, over units with at least two answers. With D(n) = Σ over ordered pairs of answers of δ², Dₒ = Σ over units of
    /// D(unit)/(answers − 1) and Dₑ = D(all)/(all − 1). One single label throughout: 1. No unit with two answers: NaN.
    /// </summary>
    /// <param name="distance">δ.</param>
    /// <param name="values">The number that each label stands for, where the distance needs one; the order of labels is that of their numbers.</param>
    /// <param name="times">How often each unit counts; once without.</param>
    public double Alpha(LabelDistance distance, IReadOnlyList<double>? values = null, int[]? times = null)
    {
        var totals = Totals(times, least: 2);
        var all = totals.Sum();
        if (all == 0)
            return double.NaN;
        // the ordinal δ is the difference of mid-ranks: as many answers as lie between two labels, with half of each label's own
        var places = distance switch
        {
            LabelDistance.Ordinal => MidRanks(totals),
            LabelDistance.Nominal => [],
            _ => values ?? throw new ArgumentNullException(nameof(values)),
        };
        var labels = Enumerable.Range(0, _labels).ToArray();
        var expected = Spread(distance, places, labels, totals) / (all - 1);
        if (expected == 0)
            return 1;
        var observed = 0.0;
        for (var unit = 0; unit < Units; unit++)
        {
            var weight = times?[unit] ?? 1;
            if (weight > 0 && _size[unit] >= 2)
                observed += weight * Spread(distance, places, _label.AsSpan(_start[unit].._start[unit + 1]), _count.AsSpan(_start[unit].._start[unit + 1])) / (_size[unit] - 1);
        }
        return 1 - observed / expected;
    }

    /// <summary>Σ over ordered pairs of answers of δ².</summary>
    private static double Spread(LabelDistance distance, IReadOnlyList<double> places, ReadOnlySpan<int> labels, ReadOnlySpan<double> counts)
    {
        var (all, squares, mean, sum) = (0.0, 0.0, 0.0, 0.0);
        foreach (var count in counts)
            (all, squares) = (all + count, squares + count * count);
        switch (distance)
        {
            case LabelDistance.Nominal:
                return all * all - squares;
            case LabelDistance.Ratio:
                for (var a = 0; a < labels.Length; a++)
                {
                    for (var b = 0; b < a; b++)
                    {
                        var (one, other) = (places[labels[a]], places[labels[b]]);
                        sum += one == other ? 0 : 2 * counts[a] * counts[b] * Square((one - other) / (one + other));
                    }
                }
                return sum;
            default: // Σ over pairs of (v − w)² = 2 · answers · Σ (v − mean)²
                for (var a = 0; a < labels.Length; a++)
                    mean += counts[a] * places[labels[a]] / all;
                for (var a = 0; a < labels.Length; a++)
                    sum += counts[a] * Square(places[labels[a]] - mean);
                return 2 * all * sum;
        }
    }

    private static double[] MidRanks(double[] totals)
    {
        var (ranks, before) = (new double[totals.Length], 0.0);
        for (var label = 0; label < totals.Length; label++)
        {
            ranks[label] = before + totals[label] / 2;
            before += totals[label];
        }
        return ranks;
    }

    private double[] Totals(int[]? times, int least = 1)
    {
        var totals = new double[_labels];
        for (var unit = 0; unit < Units; unit++)
        {
            for (var at = _start[unit]; _size[unit] >= least && at < _start[unit + 1]; at++)
                totals[_label[at]] += (times?[unit] ?? 1) * _count[at];
        }
        return totals;
    }

    private double EqualPairs(int unit)
    {
        var equal = 0.0;
        for (var at = _start[unit]; at < _start[unit + 1]; at++)
            equal += _count[at] * (_count[at] - 1) / 2;
        return equal;
    }

    private static double Square(double x) => x * x;
}
