using Attune.Runs;
using Attune.Torch;

namespace Attune.Feedback.Quality;

/// <summary>How pairs are chosen.</summary>
public sealed record ActivePairOptions : IChecked
{
    /// <summary>The share of pairs drawn at random, each alike: only those may measure how good the scores are.</summary>
    public double RandomShare { get; init; } = 0.2;

    /// <summary>Ties of every item against an item of score 0 that are taken to have been seen before.</summary>
    public int PriorTies { get; init; } = 1;

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (RandomShare is not (>= 0 and <= 1))
            yield return Problem.Of("randomShare", $"is {RandomShare}", "from 0 to 1", "0.2 is usual; 0 leaves nothing to evaluate with");
        if (PriorTies < 1)
            yield return Problem.Of("priorTies", $"is {PriorTies}", "at least 1", "1 is usual");
    }
}

/// <summary>A pair to be compared next.</summary>
/// <param name="First">The number of an item of the beliefs.</param>
/// <param name="Second">The other's, which is larger.</param>
/// <param name="Information">What the comparison was expected to tell, in nats.</param>
/// <param name="IsRandom">Whether it was drawn, and may be used to evaluate.</param>
public readonly record struct PairChoice(int First, int Second, double Information, bool IsRandom);

/// <summary>
/// Chooses which items to compare next: those whose comparison is expected to tell most of their scores (<see cref="PairBeliefs.InformationOf"/>), and a share drawn at random.
/// Within a batch each choice counts with what the ones before it are expected to tell, so that a batch is not one pair many times.
/// </summary>
public static class ActivePairs
{
    /// <summary>The next pairs.</summary>
    /// <param name="beliefs">What is known of the scores.</param>
    /// <param name="count">How many are wanted.</param>
    /// <param name="options">How they are chosen.</param>
    /// <param name="seed">Decides the draws.</param>
    /// <param name="asked">How many pairs were chosen before: a draw depends on (seed, place) alone.</param>
    /// <param name="mayAsk">Which pairs may be compared, the smaller number first; all without.</param>
    /// <returns>Fewer, and perhaps none, only where no pair may be compared.</returns>
    public static IReadOnlyList<PairChoice> Next(PairBeliefs beliefs, int count, ActivePairOptions options, Seed seed, long asked = 0, Func<int, int, bool>? mayAsk = null)
    {
        ArgumentNullException.ThrowIfNull(beliefs);
        ArgumentNullException.ThrowIfNull(options);
        var n = beliefs.Items.Count;
        var pairs = (from first in Enumerable.Range(0, n) from second in Enumerable.Range(first + 1, n - first - 1) where mayAsk?.Invoke(first, second) ?? true select (first, second)).ToArray();
        var draws = seed.For("active pairs");
        var chosen = new List<PairChoice>();
        while (pairs.Length > 0 && chosen.Count < count)
        {
            var place = asked + chosen.Count;
            var isRandom = draws.Uniform(place, 0) < options.RandomShare;
            var (first, second) = isRandom ? pairs[draws.Below(pairs.Length, place, 1)] : pairs.MaxBy(pair => beliefs.InformationOf(pair.first, pair.second));
            chosen.Add(new(first, second, beliefs.InformationOf(first, second), isRandom));
            beliefs = beliefs.Expecting(first, second);
        }
        return chosen;
    }
}
