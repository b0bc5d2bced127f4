namespace Attune.Evaluation;

/// <summary>The report of an earlier round.</summary>
/// <param name="Report">What <c>report.json</c> held.</param>
/// <param name="Folder">Its folder, relative to the new report's.</param>
public sealed record EarlierRound(EvaluationReport Report, string Folder);

/// <summary>Takes the rounds of earlier reports over into a new one: ids of sources are made distinct, their files relative to the new report.</summary>
internal static class EarlierRounds
{
    /// <summary>The rounds, numbered from 1 in the order given, less those whose report shows them too.</summary>
    public static (IReadOnlyList<RoundReport> Rounds, IReadOnlyList<Source> Sources) Of(IReadOnlyList<EarlierRound> earlier)
    {
        var rounds = new List<RoundReport>();
        var sources = new List<Source>();
        foreach (var (report, folder) in earlier)
        {
            var number = rounds.Count + 1;
            string? Id(string? id) => id is null ? null : $"round{number}.{id}";
            rounds.Add(Renamed(report.Rounds[^1], number, Id)); // a report's last round is its own; those before came from others
            var used = SourcesOf(rounds[^1]).ToHashSet(StringComparer.Ordinal);
            sources.AddRange(report.Sources.Select(source => source with { Id = Id(source.Id)!, File = Path.Combine(folder, source.File).Replace('\\', '/') })
                .Where(source => used.Contains(source.Id)));
        }

        return (rounds, sources);
    }

    private static RoundReport Renamed(RoundReport round, int number, Func<string?, string?> id) => round with
    {
        Number = number,
        Wins = [.. round.Wins.Select(row => row with { Source = id(row.Source) })],
        Baselines = [.. round.Baselines.Select(row => row with { Source = id(row.Source) })],
        TextMetrics = [.. round.TextMetrics.Select(row => row with { Source = id(row.Source) })],
        Frontier = round.Frontier is { } frontier ? new(Points(frontier.BestOfN, id), Points(frontier.Policy, id)) : null,
        RewardModel = round.RewardModel is { } reward ? reward with
        {
            Overall = reward.Overall with { Source = id(reward.Overall.Source) },
            ByMargin = Accuracies(reward.ByMargin, id),
            ByGroup = Accuracies(reward.ByGroup, id),
            Nulls = Accuracies(reward.Nulls, id),
        } : null,
        Annotators = [.. round.Annotators.Select(row => row with { Source = id(row.Source) })],
        Curves = [.. round.Curves.Select(curve => curve with { Source = id(curve.Source) })],
        Samples = [.. round.Samples.Select(row => row with { Source = id(row.Source) })],
    };

    private static IEnumerable<string?> SourcesOf(RoundReport round) =>
    [
        .. round.Wins.Select(row => row.Source), .. round.Baselines.Select(row => row.Source), .. round.TextMetrics.Select(row => row.Source),
        .. (round.Frontier?.BestOfN ?? []).Concat(round.Frontier?.Policy ?? []).Select(point => point.Source),
        .. round.RewardModel is { } reward ? reward.ByMargin.Concat(reward.ByGroup).Concat(reward.Nulls).Append(reward.Overall).Select(row => row.Source) : [],
        .. round.Annotators.Select(row => row.Source), .. round.Curves.Select(curve => curve.Source), .. round.Samples.Select(row => row.Source),
    ];

    private static IReadOnlyList<FrontierPoint> Points(IReadOnlyList<FrontierPoint> points, Func<string?, string?> id) =>
        [.. points.Select(point => point with { Source = id(point.Source) })];

    private static IReadOnlyList<AccuracyRow> Accuracies(IReadOnlyList<AccuracyRow> rows, Func<string?, string?> id) =>
        [.. rows.Select(row => row with { Source = id(row.Source) })];
}
