using Attune.Feedback.Aggregation;

namespace Attune.Feedback.Arena;

/// <summary>A model's place.</summary>
public sealed record ArenaStanding
{
    /// <summary>The model.</summary>
    public required string Model { get; init; }

    /// <summary>Bradley–Terry's strength as a rating: 400 · log10 of it, the mean of all rated models at 1000. Null for one that cannot be rated.</summary>
    public double? Rating { get; init; }

    /// <summary>The middle 95 % of the ratings of votes drawn with replacement; null where they give none.</summary>
    public Interval? Interval { get; init; }

    /// <summary>Elo's rating, in the order of the votes.</summary>
    public double Elo { get; init; }

    /// <summary>Battles.</summary>
    public int Battles { get; init; }

    /// <summary>Battles won.</summary>
    public int Wins { get; init; }

    /// <summary>Battles lost.</summary>
    public int Losses { get; init; }

    /// <summary>Battles that ended level, with both good or both bad.</summary>
    public int Ties { get; init; }

    /// <summary>Of the ties, those in which both were bad.</summary>
    public int BothBad { get; init; }
}

/// <summary>
/// Who is ahead, from votes: Bradley–Terry (a tie is half a win for each) as 400 · log10(strength) with the mean at 1000, with bootstrap intervals; Elo with
/// K 4, base 10, scale 400 from 1000 (Zheng et al. 2023, Chiang et al. 2024); counts; the share of each model against each. Ratings compare models that
/// are joined by wins both ways, directly or through others: of several such groups the largest is rated, the others are not, because no finite number
/// would be right.
/// </summary>
public sealed record ArenaLeaderboard
{
    /// <summary>Rounds of the bootstrap.</summary>
    public const int Rounds = 100;

    private const double Scale = 400, Mean = 1000;

    /// <summary>The models, best first; those without a rating last, by Elo.</summary>
    public required IReadOnlyList<ArenaStanding> Standings { get; init; }

    /// <summary>The share of the row's model against the column's, a tie as half, in the order of <see cref="Standings"/>; null where they never met.</summary>
    public required IReadOnlyList<IReadOnlyList<double?>> WinRates { get; init; }

    /// <summary>Battles of the row's model with the column's.</summary>
    public required IReadOnlyList<IReadOnlyList<int>> Battles { get; init; }

    /// <summary>Votes that were counted.</summary>
    public int Votes { get; init; }

    /// <summary>Computes it.</summary>
    /// <param name="votes">The votes that count, in the order in which they were given.</param>
    /// <param name="models">Models to list even where nobody voted on them.</param>
    /// <param name="seed">Decides the bootstrap's draws.</param>
    public static ArenaLeaderboard Of(IReadOnlyList<ArenaVote> votes, IEnumerable<string>? models = null, ulong seed = 1)
    {
        ArgumentNullException.ThrowIfNull(votes);
        var data = ComparisonSet.Of(votes.Select(vote => new PairRow(vote.ModelA, vote.ModelB, vote.Choice switch { ArenaChoice.A => Winner.Left, ArenaChoice.B => Winner.Right, _ => Winner.Tie }, vote.Voter)));
        var ratings = Ratings(data);
        var intervals = votes.Count > 0 ? ScoreIntervals.Of(data, Ratings, Rounds, seed) : [];
        var elo = PairScores.Elo(data).Scores;
        var listed = data.Items.Union(models ?? [], StringComparer.Ordinal).ToArray();
        var standings = listed.Select(model => (Model: model, Number: data.ItemNumber(model))).Select(item => Standing(votes, item.Model, item.Number < 0 ? null : new(ratings[item.Number], intervals[item.Number], elo[item.Number])))
            .OrderByDescending(standing => standing.Rating.HasValue).ThenByDescending(standing => standing.Rating).ThenByDescending(standing => standing.Elo).ThenBy(standing => standing.Model, StringComparer.Ordinal).ToArray();
        var (wins, n) = (data.Wins(), data.Items.Count);
        var numbers = standings.Select(standing => data.ItemNumber(standing.Model)).ToArray();
        double Games(int i, int j) => i < 0 || j < 0 ? 0 : wins[i * n + j] + wins[j * n + i];
        return new()
        {
            Standings = standings,
            Battles = [.. numbers.Select(i => numbers.Select(j => (int)Math.Round(Games(i, j))).ToArray())],
            WinRates = [.. numbers.Select(i => numbers.Select(j => Games(i, j) > 0 ? wins[i * n + j] / Games(i, j) : (double?)null).ToArray())],
            Votes = votes.Count,
        };
    }

    private sealed record Scores(double Rating, Interval? Interval, double Elo);

    private static ArenaStanding Standing(IReadOnlyList<ArenaVote> votes, string model, Scores? scores)
    {
        var own = votes.Where(vote => vote.ModelA == model || vote.ModelB == model).ToArray();
        int Count(ArenaChoice asA, ArenaChoice asB) => own.Count(vote => vote.Choice == (vote.ModelA == model ? asA : asB));
        return new()
        {
            Model = model,
            Rating = scores is { Rating: var rating } && double.IsFinite(rating) ? rating : null,
            Interval = scores is { Rating: var point } && double.IsFinite(point) ? scores.Interval : null,
            Elo = scores?.Elo ?? new EloOptions().Start,
            Battles = own.Length,
            Wins = Count(ArenaChoice.A, ArenaChoice.B),
            Losses = Count(ArenaChoice.B, ArenaChoice.A),
            Ties = own.Count(vote => vote.Choice is ArenaChoice.Tie or ArenaChoice.BothBad),
            BothBad = own.Count(vote => vote.Choice == ArenaChoice.BothBad),
        };
    }

    // NaN for an item outside of the group that is rated.
    private static double[] Ratings(ComparisonSet data)
    {
        var (wins, n) = (data.Wins(), data.Items.Count);
        var ratings = new double[n];
        Array.Fill(ratings, double.NaN);
        var group = LargestGroup(wins, n);
        if (group.Length < 2)
            return ratings;
        var inGroup = new HashSet<int>(group);
        var strengths = BradleyTerry.Run(data.Take(Enumerable.Range(0, data.Count).Where(row => inGroup.Contains(data.Left[row]) && inGroup.Contains(data.Right[row])))).Scores;
        var centre = group.Average(item => Math.Log10(strengths[item]));
        foreach (var item in group)
            ratings[item] = Mean + Scale * (Math.Log10(strengths[item]) - centre);
        return ratings;
    }

    // The largest set in which everyone is reached from everyone by wins; of equal ones the first by name.
    private static int[] LargestGroup(double[] wins, int n)
    {
        var reaches = new bool[n, n];
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++)
                reaches[i, j] = i == j || wins[i * n + j] > 0;
        }
        for (var k = 0; k < n; k++)
        {
            for (var i = 0; i < n; i++)
            {
                for (var j = 0; j < n; j++)
                    reaches[i, j] |= reaches[i, k] && reaches[k, j];
            }
        }
        return Enumerable.Range(0, n).Select(i => Enumerable.Range(0, n).Where(j => reaches[i, j] && reaches[j, i]).ToArray()).OrderByDescending(group => group.Length).FirstOrDefault() ?? [];
    }
}
