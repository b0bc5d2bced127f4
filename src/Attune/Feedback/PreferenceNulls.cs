using Attune.Torch;

namespace Attune.Feedback;

/// <summary>Two texts of which judges prefer the first: all that the baselines need of a preference.</summary>
/// <param name="Chosen">The preferred text.</param>
/// <param name="Rejected">The other.</param>
/// <param name="PChosen">The share of judges who prefer it.</param>
/// <param name="ChosenShownFirst">The share of judges who were shown it first, or null where that was not recorded.</param>
public readonly record struct TextPair(string Chosen, string Rejected, double PChosen = 1, double? ChosenShownFirst = null)
{
    /// <summary>What the baselines need of a preference.</summary>
    public static TextPair Of(Preference preference)
    {
        ArgumentNullException.ThrowIfNull(preference);
        return new(preference.Chosen, preference.Rejected, preference.PChosen, preference.ChosenShownFirst);
    }
}

/// <summary>How often a baseline is right.</summary>
/// <param name="Name">Which.</param>
/// <param name="Correct">Pairs where it picks the chosen text; undecided counts half.</param>
/// <param name="Outcomes">The same for each pair: 1, ½, 0 or a share of judges; NaN where nothing is known, which does not count.</param>
public sealed record NullAccuracy(string Name, Proportion Correct, IReadOnlyList<double> Outcomes);

/// <summary>Baselines that any reward model's accuracy is to be read beside: whoever is not above them has learned nothing about quality.</summary>
public static class PreferenceNulls
{
    /// <summary>
    /// The accuracy of "longer" (characters; equal lengths count half), "first shown" (the share of judges who saw the chosen text first;
    /// pairs without a record are left out), "random" (a coin from the seed), and "bag of words" where there is something to learn from.
    /// </summary>
    /// <param name="test">Pairs to be right about.</param>
    /// <param name="train">Pairs the bag of words learns from; none leaves it out. Never the same prompts as <paramref name="test"/>.</param>
    /// <param name="seed">Decides the coin.</param>
    public static IReadOnlyList<NullAccuracy> Of(IReadOnlyList<TextPair> test, IReadOnlyList<TextPair> train, Seed seed)
    {
        ArgumentNullException.ThrowIfNull(test);
        ArgumentNullException.ThrowIfNull(train);
        var coin = seed.For("random null");
        var nulls = new List<NullAccuracy>
        {
            Right("longer", test, (pair, _) => pair.Chosen.Length - pair.Rejected.Length),
            Counted("first shown", [.. test.Select(pair => pair.ChosenShownFirst ?? double.NaN)]),
            Right("random", test, (_, i) => coin.Below(2, row: i) - 0.5),
        };
        if (train.Count > 0)
        {
            var words = BagOfWords.Fit(train);
            nulls.Add(Right("bag of words", test, (pair, _) => words.LogOdds(pair.Chosen, pair.Rejected)));
        }
        return nulls;
    }

    /// <summary>Counts the pairs that a preference for the chosen text (above 0) gets right; 0 is half right.</summary>
    private static NullAccuracy Right(string name, IReadOnlyList<TextPair> pairs, Func<TextPair, int, double> preference) =>
        Counted(name, [.. pairs.Select((pair, i) => (1 + Math.Sign(preference(pair, i))) / 2.0)]);

    private static NullAccuracy Counted(string name, double[] outcomes)
    {
        var known = outcomes.Where(outcome => !double.IsNaN(outcome)).ToArray();
        return new(name, new(known.Sum(), known.Length), outcomes);
    }
}
