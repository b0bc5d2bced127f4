using System.Globalization;
using Attune.Torch;

namespace Attune.Feedback.Aggregation;

/// <summary>
/// Krippendorff's alpha of judgments that say several things: the mean of the alphas of their parts (axes, labels, questions), ordinal of scales and nominal of
/// others. All parts in one table would agree on which part they are about: axes that are rated high and axes that are rated low lie far apart, so that alpha came
/// to 0.65 where on each axis people were at opposite ends. A part on which everybody always says the same tells nothing and is left out, unless all are so: 1.
/// </summary>
public static class PartsAlpha
{
    /// <summary>The mean, with the middle 95 % of means on resampled comparisons; null where nobody shares a unit.</summary>
    /// <param name="units">What people can agree on; of each answer of a comparison one.</param>
    /// <param name="rounds">Resamples; 0 for no interval.</param>
    /// <param name="seed">Decides the draws.</param>
    public static Measured? Of(IEnumerable<AgreementUnit> units, int rounds = 1_000, ulong seed = 1)
    {
        ArgumentNullException.ThrowIfNull(units);
        var shared = units.GroupBy(unit => (unit.Part, unit.IsScale)).Select(part => (part.Key.IsScale, Units: part.GroupBy(unit => unit.Row.Task, StringComparer.Ordinal).Where(unit => unit.Count() >= 2).ToList()))
            .Where(part => part.Units.Count > 0).ToList();
        if (shared.Count == 0)
            return null;
        var clusters = new Dictionary<string, int>(StringComparer.Ordinal);
        int ClusterOf(string comparison) => clusters.TryGetValue(comparison, out var known) ? known : clusters[comparison] = clusters.Count;
        var parts = shared.Select(part => Part.Of(part.IsScale, part.Units, ClusterOf)).OfType<Part>().ToList();
        if (parts.Count == 0)
            return new(1, rounds == 0 ? null : new(1, 1));

        double Mean(int[]? times) => parts.Select(part => part.Alpha(times)).Where(alpha => !double.IsNaN(alpha)).DefaultIfEmpty(double.NaN).Average();
        var draws = new double[rounds];
        var drawn = new Seed(seed).For("alpha of parts");
        for (var round = 0; round < rounds; round++)
        {
            var times = new int[clusters.Count];
            for (var i = 0; i < times.Length; i++)
                times[drawn.Below(times.Length, round, i)]++;
            draws[round] = Mean(times);
        }
        return new(Mean(null), ClusterBootstrap.MiddleOf(draws));
    }

    /// <param name="Counts">The answers to its units.</param>
    /// <param name="Distance">How far labels lie apart.</param>
    /// <param name="Clusters">The comparison of each unit.</param>
    private sealed record Part(AnswerCounts Counts, LabelDistance Distance, int[] Clusters)
    {
        public static Part? Of(bool isScale, IReadOnlyList<IGrouping<string, AgreementUnit>> units, Func<string, int> clusterOf)
        {
            var labels = units.SelectMany(unit => unit).Select(unit => unit.Row.Label).Distinct(StringComparer.Ordinal).ToList();
            if (labels.Count < 2)
                return null;
            if (isScale)
                labels = [.. labels.OrderBy(label => int.Parse(label, CultureInfo.InvariantCulture))];
            var place = labels.Select((label, i) => (label, i)).ToDictionary(StringComparer.Ordinal);
            return new(
                AnswerCounts.Of(labels.Count, units.Select(unit => unit.Select(one => place[one.Row.Label]))), isScale ? LabelDistance.Ordinal : LabelDistance.Nominal,
                [.. units.Select(unit => clusterOf(unit.First().Comparison))]);
        }

        public double Alpha(int[]? times) => Counts.Alpha(Distance, times: times is null ? null : [.. Clusters.Select(cluster => times[cluster])]);
    }
}
