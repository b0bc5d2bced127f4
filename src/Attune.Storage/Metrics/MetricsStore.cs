using System.Collections.Concurrent;
using Attune.Feedback;
using Attune.Feedback.Aggregation;
using Attune.Storage.Judgments;
using Attune.Storage.Work;

namespace Attune.Storage.Metrics;

/// <summary>
/// How projects go. The database counts; of the log only the days whose agreement has changed are read, each at most <see cref="DayAgreement.MostAnswers"/>
/// answers long, and the agreement of a day is kept while its answers are the same.
/// </summary>
public sealed class MetricsStore
{
    /// <summary>The longest window, in days.</summary>
    public const int MostDays = 90;

    /// <summary>The usual window, in days.</summary>
    public const int UsualDays = 14;

    private const int HoursShown = 48, Resamples = 200;
    private const long Hour = 3_600_000_000, Day = 24 * Hour; // microseconds
    private const string Counted = "j.purpose IN ('normal', 'calibration')";

    // Ids that are made here ascend with time and begin with 0 until the year 2527; those of files that were brought in do not ascend and would hide them.
    private const string MadeHere = "id < '1'";

    private static readonly string InForce = new JudgmentFilter(InForce: true).Sql;

    private readonly Database _database;
    private readonly ConcurrentDictionary<(string Project, long Day), (DayStamp Stamp, IReadOnlyList<DayAgreement> Agreement)> _agreement = [];

    internal MetricsStore(Database database) => _database = database;

    /// <summary>How a project goes.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="days">Days of the window, today included; from 1 to <see cref="MostDays"/>, outside of that the nearest.</param>
    /// <param name="stop">Gives up.</param>
    public async Task<ProjectMetrics> ReadAsync(string projectId, int days = UsualDays, CancellationToken stop = default)
    {
        var window = Math.Clamp(days, 1, MostDays);
        var (metrics, stamps) = await _database.ReadAsync(transaction => CountAsync(transaction, projectId, window), stop).ConfigureAwait(false);
        var agreement = new List<DayAgreement>();
        foreach (var stamp in stamps)
            agreement.AddRange(await AgreementAsync(projectId, stamp, stop).ConfigureAwait(false));
        return metrics with { Agreement = agreement };
    }

    /// <summary>What changes with every answer, lease and step of a batch, and with data that is brought in; the same while nothing happened. For whoever waits for news.</summary>
    public Task<string> StampAsync(string projectId, CancellationToken stop = default) => _database.ReadAsync(
        async transaction =>
        {
            var newest = await NewestAsync(transaction, projectId).ConfigureAwait(false);
            var lease = await transaction.FirstAsync<string>("SELECT MAX(l.id) FROM leases l WHERE l.project_id = @projectId AND l.state = 'active'", new { projectId }).ConfigureAwait(false);
            var act = await transaction.FirstAsync<string>("SELECT MAX(a.id) FROM audit a WHERE a.project_id = @projectId", new { projectId }).ConfigureAwait(false);
            return $"{newest}.{lease}.{act}";
        }, stop);

    private static Task<string?> NewestAsync(Transaction transaction, string projectId) => transaction.FirstAsync<string>($"SELECT MAX(id) FROM judgments WHERE project_id = @projectId AND {MadeHere}", new { projectId });

    private static async Task<(ProjectMetrics Metrics, IReadOnlyList<DayStamp> Stamps)> CountAsync(Transaction transaction, string projectId, int days)
    {
        var now = Microseconds.From(transaction.Now);
        var (firstHour, firstDay) = (now / Hour - HoursShown + 1, now / Day - days + 1);
        var progress = await TaskStore.ProgressAsync(transaction, projectId, null).ConfigureAwait(false);
        var hours = await BucketsAsync(transaction, projectId, Hour, firstHour).ConfigureAwait(false);
        var ofDays = await BucketsAsync(transaction, projectId, Day, firstDay).ConfigureAwait(false);
        var before = await transaction.CountAsync($"SELECT COUNT(*) FROM judgments j WHERE j.project_id = @projectId AND j.at < @First AND {Counted}{InForce}", new { projectId, First = firstDay * Day }).ConfigureAwait(false);
        var stamps = new List<DayStamp>();
        foreach (var day in ofDays)
            stamps.Add(new(day.Number, before += day.Count, day.Newest));
        var perHour = await PerHourAsync(transaction, projectId, now).ConfigureAwait(false);
        var missing = progress.Wanted - progress.Accepted;
        return (new()
        {
            At = transaction.Now,
            LastJudgmentId = await NewestAsync(transaction, projectId).ConfigureAwait(false),
            Progress = progress,
            PerHour = perHour,
            ExpectedEnd = missing > 0 && perHour > 0 && missing / perHour < TimeSpan.FromDays(3650).TotalHours ? transaction.Now.AddHours(missing / perHour) : null,
            Hours = Filled(hours, Hour, firstHour, HoursShown),
            Days = Filled(ofDays, Day, firstDay, days),
            Agreement = [],
            Annotators = await AnnotatorsAsync(transaction, projectId, now).ConfigureAwait(false),
            Batches = await BatchesAsync(transaction, projectId).ConfigureAwait(false),
        }, stamps);
    }

    private static Task<IReadOnlyList<Bucket>> BucketsAsync(Transaction transaction, string projectId, long size, long first) => transaction.QueryAsync<Bucket>(
        $"""
        SELECT j.at / {size} AS number, COUNT(*) AS count, COALESCE(MAX(CASE WHEN j.{MadeHere} THEN j.id END), '') AS newest FROM judgments j
        WHERE j.project_id = @projectId AND j.at >= @First AND {Counted}{InForce} GROUP BY j.at / {size} ORDER BY 1
        """, new { projectId, First = first * size });

    private static Throughput[] Filled(IReadOnlyList<Bucket> buckets, long size, long first, int count)
    {
        var counts = buckets.ToDictionary(bucket => bucket.Number, bucket => bucket.Count);
        return [.. Enumerable.Range(0, count).Select(i => new Throughput(Microseconds.At((first + i) * size), (int)counts.GetValueOrDefault(first + i)))];
    }

    private static async Task<double> PerHourAsync(Transaction transaction, string projectId, long now)
    {
        var row = (await transaction.FirstAsync<DayRow>(
            $"SELECT COUNT(*) AS count, COALESCE(MIN(j.at), 0) AS first FROM judgments j WHERE j.project_id = @projectId AND j.at > @Since AND j.at <= @now AND {Counted}{InForce}",
            new { projectId, now, Since = now - Day }).ConfigureAwait(false))!;
        return row.Count == 0 ? 0 : row.Count / Math.Max(1, (now - row.First) / (double)Hour);
    }

    private static async Task<IReadOnlyList<AnnotatorTotals>> AnnotatorsAsync(Transaction transaction, string projectId, long now) => await transaction.QueryAsync<AnnotatorTotals>(
        $"""
        SELECT p.pseudonym AS annotator_id, t.answers, t.last_day, t.active_seconds, t.last_at FROM (
            SELECT j.person_id, COUNT(*) AS answers, SUM(CASE WHEN j.at > @Since THEN 1 ELSE 0 END) AS last_day, SUM(COALESCE(j.active_seconds, j.seconds)) AS active_seconds, MAX(j.at) AS last_at
            FROM judgments j WHERE j.project_id = @projectId{InForce} GROUP BY j.person_id) t
        JOIN people p ON p.id = t.person_id ORDER BY t.answers DESC, p.pseudonym
        """, new { projectId, Since = now - Day }).ConfigureAwait(false);

    private static async Task<IReadOnlyList<BatchTotals>> BatchesAsync(Transaction transaction, string projectId)
    {
        var totals = new List<BatchTotals>();
        foreach (var batch in await transaction.QueryAsync<Batch>("SELECT * FROM batches WHERE project_id = @projectId ORDER BY number", new { projectId }).ConfigureAwait(false))
            totals.Add(new(batch.Id, batch.Number, batch.Name, batch.State, await TaskStore.ProgressAsync(transaction, projectId, batch.Id).ConfigureAwait(false)));
        return totals;
    }

    private async Task<IReadOnlyList<DayAgreement>> AgreementAsync(string projectId, DayStamp stamp, CancellationToken stop)
    {
        if (_agreement.TryGetValue((projectId, stamp.Day), out var known) && known.Stamp == stamp)
            return known.Agreement;
        var contents = await _database.ReadAsync(
            transaction => transaction.QueryAsync<string>(
                $"""
                SELECT j.content FROM judgments j WHERE j.project_id = @projectId AND j.at < @End AND {Counted}{InForce}
                    AND j.task_id IN (SELECT d.task_id FROM judgments d WHERE d.project_id = @projectId AND d.at >= @Begin AND d.at < @End)
                ORDER BY j.id DESC LIMIT {DayAgreement.MostAnswers}
                """, new { projectId, Begin = stamp.Day * Day, End = (stamp.Day + 1) * Day }), stop).ConfigureAwait(false);
        var agreement = Measure(Microseconds.At(stamp.Day * Day), [.. contents.Select(Judgment.FromJson)]);
        if (_agreement.Count > 10_000)
            _agreement.Clear(); // of projects that nobody looks at any more
        _agreement[(projectId, stamp.Day)] = (stamp, agreement);
        return agreement;
    }

    /// <summary>Each axis, label and question by itself: on one of them people may agree, and on another not.</summary>
    private static IReadOnlyList<DayAgreement> Measure(DateTimeOffset day, IReadOnlyList<Judgment> judgments) =>
        [.. judgments.SelectMany((judgment, number) => AgreementUnit.Of(judgment).Select(unit => (Judgment: number, Unit: unit)))
            .GroupBy(row => (row.Unit.Part, row.Unit.IsScale)).Select(part => Measure(day, part.Key.Part, part.Key.IsScale, [.. part])).OfType<DayAgreement>()];

    private static DayAgreement? Measure(DateTimeOffset day, string? part, bool isScale, IReadOnlyList<(int Judgment, AgreementUnit Unit)> rows)
    {
        var shared = rows.GroupBy(row => row.Unit.Comparison).Count(task => task.CountBy(row => row.Unit.Row.Task).Any(unit => unit.Value >= 2));
        if (shared == 0)
            return null;
        var labels = LabelSet.Of(rows.Select(row => row.Unit.Row));
        var alpha = LabelAgreement.Of(labels, new() { Distance = isScale ? LabelDistance.Ordinal : LabelDistance.Nominal, Rounds = Resamples }).Alpha.Values.Single();
        var isKnown = !double.IsNaN(alpha.Value);
        return new(day, part, shared, rows.Select(row => row.Judgment).Distinct().Count(), isKnown ? alpha.Value : null, isKnown ? alpha.Interval : null);
    }

    private sealed record Bucket
    {
        public required long Number { get; init; }

        public required long Count { get; init; }

        public required string Newest { get; init; }
    }

    private sealed record DayRow
    {
        public required long Count { get; init; }

        public required long First { get; init; }
    }

    /// <summary>Answers up to a day's end, and its newest: while both are the same, so is its agreement.</summary>
    private sealed record DayStamp(long Day, long Answers, string Newest);
}
