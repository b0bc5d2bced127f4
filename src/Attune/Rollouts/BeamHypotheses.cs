namespace Attune.Rollouts;

/// <summary>A response that a beam search found.</summary>
/// <param name="Response">Token ids, the end token included.</param>
/// <param name="LogProbs">Log-prob of each under the full temperature-scaled distribution, in nats.</param>
/// <param name="Score">Σ log-prob after penalties and bans, divided by tokens^(length penalty).</param>
/// <param name="Finish">Why it ended.</param>
public sealed record Hypothesis(int[] Response, float[] LogProbs, double Score, FinishReason Finish);

/// <summary>The best finished hypotheses of a search, never more than beams.</summary>
/// <param name="options">Beams, penalty, when to end.</param>
/// <param name="mostTokens">Most tokens that a hypothesis may have.</param>
internal sealed class BeamHypotheses(BeamOptions options, int mostTokens)
{
    private readonly List<Hypothesis> _finished = [];

    /// <summary>All of them, best first; of equals the one that came last.</summary>
    public IEnumerable<Hypothesis> BestFirst => Enumerable.Reverse(_finished).OrderByDescending(h => h.Score);

    /// <summary>The score of the worst of them.</summary>
    public double Worst => _finished.Count == 0 ? double.PositiveInfinity : _finished.Min(h => h.Score);

    /// <summary>The score of so many tokens with this sum of log-probs.</summary>
    public double Score(double sum, int tokens) => sum / Math.Pow(tokens, options.LengthPenalty);

    /// <summary>Takes a hypothesis in, and the worst one out where there are too many.</summary>
    public void Add(int[] response, float[] logProbs, double sum, FinishReason finish)
    {
        var score = Score(sum, response.Length);
        if (_finished.Count == options.Beams)
        {
            if (score <= Worst)
                return;
            _finished.Remove(_finished.MinBy(h => h.Score)!);
        }

        _finished.Add(new(response, logProbs, score, finish));
    }

    /// <summary>Whether the search is over.</summary>
    /// <param name="bestSum">The best sum of log-probs among the candidates of this step.</param>
    /// <param name="tokens">Their length.</param>
    public bool IsDone(double bestSum, int tokens)
    {
        if (_finished.Count < options.Beams)
            return false;
        // Sums only fall, so a positive penalty lets a hypothesis score best at the greatest length.
        return options.EarlyStopping switch
        {
            EarlyStopping.Yes => true,
            EarlyStopping.No => Worst >= Score(bestSum, tokens),
            _ => Worst >= Score(bestSum, options.LengthPenalty > 0 ? mostTokens : tokens),
        };
    }
}
