namespace Attune.Feedback.Aggregation;

/// <summary>What many comparisons say of each item.</summary>
public sealed record PairResult
{
    /// <summary>Names of the items, in ordinal order.</summary>
    public required IReadOnlyList<string> Items { get; init; }

    /// <summary>Each item's score, in the method's own unit.</summary>
    public required double[] Scores { get; init; }

    /// <summary>The 95 % interval of each score, null for an item without any; null where none was asked for.</summary>
    public Interval?[]? Intervals { get; init; }

    /// <summary>For each worker, in ordinal order of their names, the chance to attend; null where the method has none.</summary>
    public double[]? Skills { get; init; }

    /// <summary>For each worker the chance to take the left side when not attending; null where the method has none.</summary>
    public double[]? LeftBiases { get; init; }

    /// <summary>How likely ties are: Davidson's ν, with p(tie) = ν√(p_i p_j)/(p_i + p_j + ν√(p_i p_j)); null where the method has none.</summary>
    public double? TieStrength { get; init; }

    /// <summary>What else moves a choice, in log-odds; empty where the method has no covariates.</summary>
    public IReadOnlyList<Coefficient> Coefficients { get; init; } = [];

    /// <summary>Iterations done.</summary>
    public int Iterations { get; init; }

    /// <summary>The objective after each iteration; what it is, the method says.</summary>
    public IReadOnlyList<double> Objective { get; init; } = [];

    /// <summary>Why it stopped.</summary>
    public StopReason Stopped { get; init; }

    /// <summary>An item's score.</summary>
    public double ScoreOf(string item)
    {
        for (var i = 0; i < Items.Count; i++)
        {
            if (Items[i] == item)
                return Scores[i];
        }
        throw new ArgumentException($"There is no item '{item}'.");
    }
}

/// <summary>An effect beside the items' strengths.</summary>
/// <param name="Name">Of what.</param>
/// <param name="Value">In log-odds of left against right, a unit of the covariate.</param>
/// <param name="StandardError">From the observed information, with the strengths profiled out; NaN where it is not known.</param>
public readonly record struct Coefficient(string Name, double Value, double StandardError);

/// <summary>Settings of <see cref="PairScores.Elo"/>.</summary>
/// <param name="Step">The most that a game moves a rating: K.</param>
/// <param name="Start">Every rating at first.</param>
/// <param name="Base">What the odds are a power of.</param>
/// <param name="Scale">The difference of ratings that multiplies the odds by the base.</param>
public sealed record EloOptions(double Step = 4, double Start = 1000, double Base = 10, double Scale = 400);

/// <summary>Scores of items without a model of the whole: counts, shares, and Elo's ratings. A tie is half a win for each.</summary>
public static class PairScores
{
    /// <summary>Wins of each item.</summary>
    public static PairResult Counting(ComparisonSet data)
    {
        ArgumentNullException.ThrowIfNull(data);
        var (wins, n) = (data.Wins(), data.Items.Count);
        return new() { Items = data.Items, Scores = [.. Enumerable.Range(0, n).Select(i => wins.AsSpan(i * n, n).ToArray().Sum())] };
    }

    /// <summary>The mean over the opponents that an item met of its share of wins against them: an opponent counts alike however often met.</summary>
    public static PairResult AverageWinRate(ComparisonSet data)
    {
        ArgumentNullException.ThrowIfNull(data);
        var (wins, n) = (data.Wins(), data.Items.Count);
        var scores = new double[n];
        for (var i = 0; i < n; i++)
        {
            var met = 0;
            for (var j = 0; j < n; j++)
            {
                var games = wins[i * n + j] + wins[j * n + i];
                met += games > 0 ? 1 : 0;
                scores[i] += games > 0 ? wins[i * n + j] / games : 0;
            }
            scores[i] /= met;
        }
        return new() { Items = data.Items, Scores = scores };
    }

    /// <summary>
    /// Elo's ratings (Elo 1978), game by game in row order: the winner takes Step · (1 − expected share) from the loser, expected share
    /// 1/(1 + Base^((other − own)/Scale)). The order matters, so recent games count more.
    /// </summary>
    public static PairResult Elo(ComparisonSet data, EloOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        options ??= new();
        var ratings = new double[data.Items.Count];
        Array.Fill(ratings, options.Start);
        for (var i = 0; i < data.Count; i++)
        {
            var (left, right) = (data.Left[i], data.Right[i]);
            var expected = 1 / (1 + Math.Pow(options.Base, (ratings[right] - ratings[left]) / options.Scale));
            var share = data.Result[i] switch { Winner.Left => 1, Winner.Right => 0, _ => 0.5 };
            ratings[left] += options.Step * (share - expected);
            ratings[right] -= options.Step * (share - expected);
        }
        return new() { Items = data.Items, Scores = ratings };
    }
}
