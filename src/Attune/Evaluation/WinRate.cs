using Attune.Feedback;
using Attune.Torch;

namespace Attune.Evaluation;

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
        return new WinRate
        {
            Prompts = points.Length,
            Wins = results.Count(r => r.Majority == PairOutcome.Win),
            Ties = results.Count(r => r.Majority == PairOutcome.Tie),
            Losses = results.Count(r => r.Majority == PairOutcome.Loss),
            Votes = votes.Count,
            Rate = points.Average(),
            Wilson = new Proportion(points.Sum(), points.Length).Wilson(),
            Bootstrap = ClusterBootstrap.OfMean([.. points.Select(p => new[] { p })], seed, BootstrapDraws),
            FirstShownShare = decisive.Count == 0
                ? null
                : (double)decisive.Count(v => (v.Outcome == PairOutcome.Win) == v.ShownFirst) / decisive.Count,
            ModelShownFirst = (double)votes.Count(v => v.ShownFirst) / votes.Count,
        };
    }
}
