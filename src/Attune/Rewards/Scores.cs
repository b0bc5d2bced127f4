using Attune.Rollouts;
using Attune.Runs;

namespace Attune.Rewards;

/// <summary>How good answers are, higher is better, in the reward's own unit. Either one number an answer or one a token.</summary>
public sealed record Scores
{
    private Scores(double[] totals, double[][]? perToken) => (Totals, PerToken) = (totals, perToken);

    /// <summary>One number an answer <c>[B]</c>; the sum where the reward speaks of tokens.</summary>
    public double[] Totals { get; }

    /// <summary>One number a response token, <c>[B][T of that row]</c>; null where the reward judges whole answers.</summary>
    public double[][]? PerToken { get; }

    /// <summary>What a mixture is made of, by name, before weights, <c>[B]</c> each; for metrics only.</summary>
    public IReadOnlyDictionary<string, double[]> Parts { get; init; } = new Dictionary<string, double[]>();

    /// <summary>Scores of whole answers.</summary>
    public static Scores OfSequences(double[] totals) => new(totals, null);

    /// <summary>Scores of each response token.</summary>
    public static Scores OfTokens(double[][] perToken) => new([.. perToken.Select(row => row.Sum())], perToken);

    /// <summary>Refuses scores that do not fit the rollouts, or are not finite.</summary>
    /// <exception cref="RunFailedException">A number is missing, surplus, infinite or not a number.</exception>
    public Scores CheckedFor(IReadOnlyList<Rollout> rollouts)
    {
        if (Totals.Length != rollouts.Count)
            throw new RunFailedException($"the reward gave {Totals.Length} scores for {rollouts.Count} answers, expected one an answer; correct the reward");
        for (var row = 0; row < Totals.Length; row++)
        {
            if (!double.IsFinite(Totals[row]))
                throw new RunFailedException($"the reward of answer {row} is {Totals[row]}, expected a finite number; look at that answer and at the reward's weights");
            if (PerToken is { } tokens && tokens[row].Length != rollouts[row].Response.Length)
                throw new RunFailedException($"the reward gave {tokens[row].Length} scores for the {rollouts[row].Response.Length} tokens of answer {row}, expected one a token; correct the reward");
        }

        return this;
    }
}
