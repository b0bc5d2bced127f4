using Attune.Runs;

namespace Attune.Feedback.Aggregation;

/// <summary>Settings of <see cref="BradleyTerry"/> and <see cref="PlackettLuce"/>.</summary>
public sealed record StrengthOptions
{
    /// <summary>In <see cref="AggregationMode.Compatible"/> any tolerance above 0 ends Bradley–Terry after two iterations, as in the library.</summary>
    public AggregationMode Mode { get; init; }

    /// <summary>The most iterations.</summary>
    public int Iterations { get; init; } = 10_000;

    /// <summary>Stops when Σ |change of a strength| is smaller; null never does.</summary>
    public double? Tolerance { get; init; } = 1e-12;
}

/// <summary>
/// Strengths of items from comparisons (Zermelo 1929; Bradley and Terry 1952): p(i beats j) = p_i/(p_i + p_j), Σ p = 1, by minorisation–maximisation
/// (Hunter 2004): p_i ← W_i / Σ_j n_ij/(p_i + p_j), then normalised, from equal strengths. A tie is half a win for each. It stops when the strengths move
/// less than the tolerance in sum; the objective is that move. An item that never wins goes to 0. With two groups that never met, or of which one always
/// beats the other, there is no answer between them: strengths then depend on where it stopped.
/// <see cref="AggregationMode.Compatible"/> takes no ties and, with any tolerance above 0, stops after two iterations: the library compares the new
/// strengths with themselves. For a ≻ b and b ≻ c twice each, a ≻ c and c ≻ a once each, the answer is 0.592, 0.278, 0.130.
/// A strength of ties of its own, side and length as covariates: <see cref="CovariateBradleyTerry"/>.
/// </summary>
public static class BradleyTerry
{
    /// <summary>Fits strengths.</summary>
    /// <exception cref="InputException">There are ties in compatible mode.</exception>
    public static PairResult Run(ComparisonSet data, StrengthOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        options ??= new();
        var isCompatible = options.Mode == AggregationMode.Compatible;
        if (isCompatible && data.Result.Contains(Winner.Tie))
            throw InputException.One("The comparisons", "hold ties", "a winner each, in compatible mode", "take the correct mode, where a tie is half a win for each");
        var (wins, n) = (data.Wins(), data.Items.Count);
        var (strengths, next) = (new double[n], new double[n]);
        Array.Fill(strengths, 1.0 / n);
        var moves = new List<double>();
        var stopped = StopReason.IterationLimit;
        while (moves.Count < options.Iterations)
        {
            for (var i = 0; i < n; i++)
                next[i] = Update(wins, strengths, n, i);
            moves.Add(PlackettLuce.Replace(strengths, next));
            if (isCompatible ? options.Tolerance > 0 && moves.Count == 2 : moves[^1] < options.Tolerance)
            {
                stopped = StopReason.Converged;
                break;
            }
        }
        return new() { Items = data.Items, Scores = strengths, Iterations = moves.Count, Objective = moves, Stopped = stopped };
    }

    private static double Update(double[] wins, double[] strengths, int n, int i)
    {
        var (won, expected) = (0.0, 0.0);
        for (var j = 0; j < n; j++)
        {
            var games = wins[i * n + j] + wins[j * n + i];
            won += wins[i * n + j];
            if (games > 0 && strengths[i] + strengths[j] > 0)
                expected += games / (strengths[i] + strengths[j]);
        }
        return expected > 0 ? won / expected : 0;
    }
}

/// <summary>
/// Strengths of items from rankings (Luce 1959; Plackett 1975): a ranking is a row of choices of the best among those left, each by p_i / Σ p of those left.
/// Minorisation–maximisation (Hunter 2004): p_i ← (rankings in which i is not last) / Σ over choices with i among those left of 1/Σ p, then normalised;
/// start, stopping and objective as in <see cref="BradleyTerry"/>, which it is for rankings of two. Rankings may leave items out.
/// Not here: ties within a ranking.
/// </summary>
public static class PlackettLuce
{
    /// <summary>Fits strengths.</summary>
    /// <param name="rankings">Each ranking's items, the best first.</param>
    /// <param name="options">When to stop.</param>
    /// <exception cref="InputException">A ranking names an item twice.</exception>
    public static PairResult Run(IEnumerable<IReadOnlyList<string>> rankings, StrengthOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(rankings);
        options ??= new();
        var all = rankings.ToList();
        var items = all.SelectMany(ranking => ranking).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToArray();
        var rows = all.ConvertAll(ranking => ranking.Select(item => Array.BinarySearch(items, item, StringComparer.Ordinal)).ToArray());
        if (rows.FindIndex(row => row.Distinct().Count() != row.Length) is var twice and >= 0)
            throw InputException.One($"Ranking {twice + 1}", $"is {string.Join(" > ", all[twice])}, which names an item twice", "each item once", "correct or remove it");
        var chosen = new double[items.Length];
        foreach (var row in rows)
        {
            foreach (var item in row.SkipLast(1))
                chosen[item]++;
        }
        var (strengths, next) = (new double[items.Length], new double[items.Length]);
        Array.Fill(strengths, 1.0 / items.Length);
        var moves = new List<double>();
        var stopped = StopReason.IterationLimit;
        while (moves.Count < options.Iterations)
        {
            Array.Clear(next);
            foreach (var row in rows)
                AddExpected(row, strengths, next);
            for (var i = 0; i < next.Length; i++)
                next[i] = chosen[i] == 0 ? 0 : chosen[i] / next[i];
            moves.Add(Replace(strengths, next));
            if (moves[^1] < options.Tolerance)
            {
                stopped = StopReason.Converged;
                break;
            }
        }
        return new() { Items = items, Scores = strengths, Iterations = moves.Count, Objective = moves, Stopped = stopped };
    }

    /// <summary>Normalises the new strengths into the place of the old; how far they moved in sum.</summary>
    internal static double Replace(double[] strengths, double[] next)
    {
        var (total, move) = (next.Sum(), 0.0);
        for (var i = 0; i < strengths.Length; i++)
        {
            move += Math.Abs(next[i] / total - strengths[i]);
            strengths[i] = next[i] / total;
        }
        return move;
    }

    private static void AddExpected(int[] row, double[] strengths, double[] expected)
    {
        var left = 0.0;
        var sums = new double[row.Length];
        for (var place = row.Length - 1; place >= 0; place--)
            sums[place] = left += strengths[row[place]];
        var inverses = 0.0;
        for (var place = 0; place < row.Length; place++)
        {
            if (place < row.Length - 1 && sums[place] > 0)
                inverses += 1 / sums[place];
            expected[row[place]] += inverses;
        }
    }
}
