using Attune.Torch;

namespace Attune.Evaluation;

/// <summary>A 95 % interval.</summary>
/// <param name="Lower">2.5 % end.</param>
/// <param name="Upper">97.5 % end.</param>
public readonly record struct Interval(double Lower, double Upper);

/// <summary>How often one model's answers were preferred, counted by prompt.</summary>
/// <remarks>
/// The unit is the prompt: several results on one prompt (several samples) are averaged first, so a prompt is worth one point however
/// often it was judged. <see cref="Rate"/> is the mean of the prompts' points, ties counting half.
/// Two intervals: Wilson's score interval on that mean with n = prompts, as if each prompt were a coin (cautious, since a tie varies less
/// than a coin does); and a bootstrap that draws whole prompts, which sees how much they really vary but is too narrow for few prompts
/// or a rate near 1. Judges are treated as fixed: neither interval says what another crowd would vote.
/// </remarks>
public sealed record WinRate
{
    /// <summary>Draws of the bootstrap.</summary>
    public const int BootstrapDraws = 2_000;

    /// <summary>Prompts judged: the n of the intervals.</summary>
    public required int Prompts { get; init; }

    /// <summary>Results won by majority.</summary>
    public required int Wins { get; init; }

    /// <summary>Results without a majority.</summary>
    public required int Ties { get; init; }

    /// <summary>Results lost by majority.</summary>
    public required int Losses { get; init; }

    /// <summary>Votes cast.</summary>
    public required int Votes { get; init; }

    /// <summary>Mean points of the prompts, in [0, 1].</summary>
    public required double Rate { get; init; }

    /// <summary>Wilson's 95 % score interval.</summary>
    public required Interval Wilson { get; init; }

    /// <summary>95 % percentile interval of the bootstrap over prompts.</summary>
    public required Interval Bootstrap { get; init; }

    /// <summary>
    /// Share of decisive votes that went to the answer shown first, both models together; null without decisive votes. Near ½ when judges
    /// look at the answers rather than the side.
    /// </summary>
    public double? FirstShownShare { get; init; }

    /// <summary>Share of the votes in which the judge saw this model first; ½ when both orders were shown equally.</summary>
    public double ModelShownFirst { get; init; }

    /// <summary>The bound to hold a claim against: the lower of the two intervals' lower ends.</summary>
    public double LowerBound => Math.Min(Wilson.Lower, Bootstrap.Lower);

    /// <summary>Counts results that are all of the same two models in the same direction.</summary>
    /// <param name="results">At least one result.</param>
    /// <param name="seed">Seed of the bootstrap; the same seed gives the same interval.</param>
    public static WinRate Of(IReadOnlyList<PairResult> results, Seed seed)
    {
        if (results.Count == 0)
            throw new ArgumentException("0 results, expected at least one judged pair; judge some prompts first.", nameof(results));
        var first = results[0];
        if (results.FirstOrDefault(r => r.Model != first.Model || r.Opponent != first.Opponent) is { } other)
            throw new ArgumentException(
                $"Results of {other.Model} / {other.Opponent} among those of {first.Model} / {first.Opponent}; count each pair of models apart.",
                nameof(results));

        var points = results.GroupBy(r => r.Prompt, StringComparer.Ordinal).Select(g => g.Average(r => r.Points)).ToArray();
        var votes = results.SelectMany(r => r.Votes).ToList();
        var decisive = votes.Where(v => v.Outcome != PairOutcome.Tie).ToList();
        var rate = points.Average();
        return new WinRate
        {
            Prompts = points.Length,
            Wins = results.Count(r => r.Majority == PairOutcome.Win),
            Ties = results.Count(r => r.Majority == PairOutcome.Tie),
            Losses = results.Count(r => r.Majority == PairOutcome.Loss),
            Votes = votes.Count,
            Rate = rate,
            Wilson = WilsonOf(rate, points.Length),
            Bootstrap = BootstrapOf(points, seed),
            FirstShownShare = decisive.Count == 0
                ? null
                : (double)decisive.Count(v => (v.Outcome == PairOutcome.Win) == v.ShownFirst) / decisive.Count,
            ModelShownFirst = (double)votes.Count(v => v.ShownFirst) / votes.Count,
        };
    }

    private static Interval WilsonOf(double rate, int n)
    {
        const double z = 1.959963984540054; // 97.5 % quantile of the normal distribution
        var centre = (rate + z * z / (2 * n)) / (1 + z * z / n);
        var half = z / (1 + z * z / n) * Math.Sqrt(rate * (1 - rate) / n + z * z / (4.0 * n * n));
        return new(Math.Max(0, centre - half), Math.Min(1, centre + half));
    }

    private static Interval BootstrapOf(double[] points, Seed seed)
    {
        var draws = seed.For("win-rate bootstrap");
        var means = new double[BootstrapDraws];
        for (var draw = 0; draw < means.Length; draw++)
        {
            double sum = 0;
            for (var place = 0; place < points.Length; place++)
                sum += points[draws.Below(points.Length, draw, place)];
            means[draw] = sum / points.Length;
        }

        Array.Sort(means);
        return new(Quantile(means, 0.025), Quantile(means, 0.975));
    }

    // Linear between order statistics, as numpy's default.
    private static double Quantile(double[] ascending, double share)
    {
        var place = share * (ascending.Length - 1);
        var below = (int)place;
        var above = Math.Min(below + 1, ascending.Length - 1);
        return ascending[below] + (place - below) * (ascending[above] - ascending[below]);
    }
}
