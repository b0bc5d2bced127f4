using Attune.Torch;

namespace Attune.Evaluation;

/// <summary>
/// The table of a pairwise evaluation: every pair of models once, and each model against a baseline.
/// Not here: Elo or Bradley-Terry ratings (with few models the win rates say more), and playing the games.
/// </summary>
public sealed record Tournament
{
    /// <summary>The models, best mean win rate first (the mean over the opponents it met).</summary>
    public required IReadOnlyList<Standing> Standings { get; init; }

    /// <summary>Every pair that was judged, once, the higher standing as <see cref="WinTableRow.Model"/>.</summary>
    public required IReadOnlyList<WinTableRow> Pairs { get; init; }

    /// <summary>Each other model that met the baseline, seen from that model, in the order of the standings.</summary>
    public required IReadOnlyList<WinTableRow> AgainstBaseline { get; init; }

    /// <summary>Builds the table.</summary>
    /// <param name="results">Judged pairs, in either direction.</param>
    /// <param name="baseline">The model to measure the others against.</param>
    /// <param name="judges">Name of the group that judged.</param>
    /// <param name="seed">Seed of the bootstraps; each pair draws its own stream, so adding a model moves no other interval.</param>
    public static Tournament Of(IReadOnlyList<PairResult> results, string baseline, string judges, Seed seed)
    {
        if (!results.Any(r => r.Model == baseline || r.Opponent == baseline))
            throw new ArgumentException($"The baseline {baseline} is in none of the {results.Count} results; name a model that was judged.",
                nameof(baseline));

        // One direction per pair (ordinal order of names), then rates both ways from the same draws.
        var pairs = results.Select(r => string.CompareOrdinal(r.Model, r.Opponent) <= 0 ? r : r.Reversed())
            .GroupBy(r => (r.Model, r.Opponent))
            .ToDictionary(g => g.Key, g => g.ToList());
        WinTableRow Row(string model, string opponent)
        {
            var forward = string.CompareOrdinal(model, opponent) <= 0;
            var judged = pairs[forward ? (model, opponent) : (opponent, model)];
            return new WinTableRow
            {
                Model = model,
                Opponent = opponent,
                Judges = judges,
                Result = WinRate.Of(forward ? judged : [.. judged.Select(r => r.Reversed())], seed.For(SourceId(judges, model, opponent))),
                Source = SourceId(judges, model, opponent),
            };
        }

        var rates = pairs.Keys.SelectMany(k => new[] { Row(k.Model, k.Opponent), Row(k.Opponent, k.Model) }).ToList();
        var standings = rates.GroupBy(r => r.Model, StringComparer.Ordinal)
            .Select(g => new Standing(g.Key, g.Average(r => r.Result.Rate), g.Count()))
            .OrderByDescending(s => s.MeanWinRate).ThenBy(s => s.Model, StringComparer.Ordinal).ToList();
        var rank = standings.Select((s, i) => (s.Model, i)).ToDictionary(p => p.Model, p => p.i, StringComparer.Ordinal);
        return new Tournament
        {
            Standings = standings,
            Pairs = [.. rates.Where(r => rank[r.Model] < rank[r.Opponent]).OrderBy(r => rank[r.Model]).ThenBy(r => rank[r.Opponent])],
            AgainstBaseline = [.. rates.Where(r => r.Opponent == baseline).OrderBy(r => rank[r.Model])],
        };
    }

    /// <summary>The sources of the table's rows: for each pair of models, the judgments that decided it.</summary>
    /// <param name="results">The results the table was built from.</param>
    /// <param name="judges">Name of the group that judged.</param>
    /// <param name="file">The judgment log, relative to the report.</param>
    public static IReadOnlyList<Source> Sources(IReadOnlyList<PairResult> results, string judges, string file) =>
        [.. results.GroupBy(r => SourceId(judges, r.Model, r.Opponent), StringComparer.Ordinal).Select(g => new Source
        {
            Id = g.Key,
            About = $"{string.Join(" against ", Ordered(g.First().Model, g.First().Opponent))}, judged by the {judges}",
            File = file,
            Rows = [.. g.SelectMany(r => r.Votes).Select(v => v.Row).OfType<SourceRow>().OrderBy(r => r.Line)],
        })];

    /// <summary>The id of the source of one pair's judgments, the same in both directions.</summary>
    public static string SourceId(string judges, string model, string opponent) =>
        string.Join('.', new[] { "votes", judges }.Concat(Ordered(model, opponent)).Select(Slug));

    private static string[] Ordered(string model, string opponent) =>
        string.CompareOrdinal(model, opponent) <= 0 ? [model, opponent] : [opponent, model];

    // Blanks become '-'; whatever else an anchor cannot hold becomes its code, so that different names stay different.
    internal static string Slug(string name) =>
        string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c == '_' ? $"{c}" : c == ' ' ? "-" : $"_x{(int)c:x}"));
}

/// <summary>A model's place in the table.</summary>
/// <param name="Model">Its name.</param>
/// <param name="MeanWinRate">Mean of its win rates over the opponents it met.</param>
/// <param name="Opponents">How many it met.</param>
public sealed record Standing(string Model, double MeanWinRate, int Opponents);
