namespace Attune.Feedback.Arena;

/// <summary>How far a voter's votes stand from everybody else's.</summary>
/// <param name="Voter">Who.</param>
/// <param name="Votes">Votes that were read, at most <see cref="VoterAnomaly.MostVotes"/>.</param>
/// <param name="Low">The product over votes of 1/(2p), p the share of past votes at or below theirs.</param>
/// <param name="High">The same with the share at or above.</param>
/// <param name="FlaggedAt">The vote, from 1, after which one of the products had passed the threshold; null where none did.</param>
public sealed record VoterTest(string Voter, int Votes, double Low, double High, int? FlaggedAt)
{
    /// <summary>Whether somebody should look at it.</summary>
    public bool IsFlagged => FlaggedAt is not null;
}

/// <summary>
/// The test for voters who vote otherwise than everybody else (Chiang et al. 2024). A vote of a pair of models is 1, ½ or 0 for the first of them by name.
/// For each vote p is the share of the pair's earlier votes, others' only and the vote itself with them, that are at or below it (and at or above it). Over
/// a voter's votes 1/(2p) is multiplied, and who passes 1/α after at least 5 votes is flagged; after 100 votes it stops. Where a voter votes like the others the
/// products shrink on average, so by Ville's inequality each passes 1/α with a chance of about α at most, however often one looks.
/// </summary>
public static class VoterAnomaly
{
    /// <summary>Votes before which nobody is flagged.</summary>
    public const int FewestVotes = 5;

    /// <summary>Votes after which no more are read.</summary>
    public const int MostVotes = 100;

    /// <summary>The level α.</summary>
    public const double Level = 0.05;

    private const int Values = 3; // 0, ½, 1

    /// <summary>Tests every voter, in the order of their first votes.</summary>
    /// <param name="votes">Votes in the order in which they were given.</param>
    public static IReadOnlyList<VoterTest> Of(IEnumerable<ArenaVote> votes)
    {
        ArgumentNullException.ThrowIfNull(votes);
        var all = new Dictionary<(string, string), int[]>();
        var own = new Dictionary<(string, string, string), int[]>();
        var tests = new Dictionary<string, VoterTest>(StringComparer.Ordinal);
        var order = new List<string>();
        foreach (var vote in votes)
        {
            var isSorted = string.CompareOrdinal(vote.ModelA, vote.ModelB) < 0;
            var (first, second) = isSorted ? (vote.ModelA, vote.ModelB) : (vote.ModelB, vote.ModelA);
            var value = (int)(2 * (isSorted ? vote.ShareOfA : 1 - vote.ShareOfA));
            var everybody = At(all, (first, second));
            var theirs = At(own, (vote.Voter, first, second));
            if (!tests.TryGetValue(vote.Voter, out var before))
            {
                order.Add(vote.Voter);
                before = new(vote.Voter, 0, 1, 1, null);
            }
            if (before.Votes < MostVotes)
                tests[vote.Voter] = After(before, everybody, theirs, value);
            everybody[value]++;
            theirs[value]++;
        }
        return order.ConvertAll(voter => tests[voter]);
    }

    private static VoterTest After(VoterTest before, int[] everybody, int[] theirs, int value)
    {
        var (below, above, total) = (1, 1, 1); // the vote itself, so that no share is 0
        for (var other = 0; other < Values; other++)
        {
            var count = everybody[other] - theirs[other];
            total += count;
            below += other <= value ? count : 0;
            above += other >= value ? count : 0;
        }
        var (low, high) = (before.Low * total / (2.0 * below), before.High * total / (2.0 * above));
        var votes = before.Votes + 1;
        var passes = votes >= FewestVotes && Math.Max(low, high) > 1 / Level;
        return before with { Votes = votes, Low = low, High = high, FlaggedAt = before.FlaggedAt ?? (passes ? votes : null) };
    }

    private static int[] At<TKey>(Dictionary<TKey, int[]> counts, TKey key)
        where TKey : notnull
    {
        if (!counts.TryGetValue(key, out var found))
            counts[key] = found = new int[Values];
        return found;
    }
}
