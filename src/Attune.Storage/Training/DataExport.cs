using System.Globalization;
using System.Text;
using Attune.Feedback;
using Attune.Feedback.Aggregation;
using Attune.Feedback.Exchange;
using Attune.Runs;
using Attune.Storage.Work;

namespace Attune.Storage.Training;

/// <summary>What is wanted of a project.</summary>
public sealed record ExportOrder
{
    /// <summary>The shape.</summary>
    public ExchangeShape Shape { get; init; } = ExchangeShape.Attune;

    /// <summary>How votes become one preference; shapes with a row for each judgment pass it over.</summary>
    public PreferenceAggregation Aggregation { get; init; } = PreferenceAggregation.MajorityVote;

    /// <summary>What the export is for; the terms have to allow all of it.</summary>
    public IReadOnlyList<DataUse> Uses { get; init; } = [DataUse.Train];

    /// <summary>A batch of the project; null for all.</summary>
    public string? BatchId { get; init; }
}

/// <summary>An export that its terms allow.</summary>
/// <param name="Rows">Its lines.</param>
/// <param name="Card">Its <c>DATASET.md</c>.</param>
/// <param name="Parts">Its parts with their terms.</param>
/// <param name="Feedback">What it was made of.</param>
public sealed record ExportedData(IReadOnlyList<string> Rows, string Card, IReadOnlyList<TermsOfPart> Parts, ProjectFeedback Feedback)
{
    /// <summary>The file of rows in a folder.</summary>
    public const string FileName = "data.jsonl";

    /// <summary>The rows as bytes.</summary>
    public byte[] Bytes() => Encoding.UTF8.GetBytes(string.Concat(Rows.Select(row => row + "\n")));

    /// <summary>Writes rows and card into a new folder, whole or not at all.</summary>
    /// <exception cref="InputException">The folder is there and holds something.</exception>
    public void Write(string folder)
    {
        if (File.Exists(folder) || (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any()))
            throw InputException.One(folder, "is there already", "a new folder", "name another or remove it");
        AtomicFolder.Write(folder, to =>
        {
            File.WriteAllBytes(Path.Combine(to, FileName), Bytes());
            File.WriteAllText(Path.Combine(to, DataCard.FileName), Card);
        });
    }
}

/// <summary>Exports of a project in any shape, refused where the terms of any part do not allow what they are for.</summary>
public static class DataExport
{
    /// <summary>Makes an export, from one view of the database.</summary>
    /// <exception cref="InputException">A part's terms forbid it; names all parts and uses.</exception>
    public static Task<ExportedData> MakeAsync(Database database, Project project, ExportOrder order, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(project);
        ArgumentNullException.ThrowIfNull(order);
        return database.ReadAsync(
            async transaction =>
            {
                var feedback = await ProjectReader.ReadAsync(transaction, project.Id, order.BatchId).ConfigureAwait(false);
                var judged = feedback.Judgments.Select(judgment => judgment.ComparisonId).ToHashSet(StringComparer.Ordinal);
                var parts = await DataSets.PartsAsync(transaction, project, judged).ConfigureAwait(false);
                return Of(project.Name, feedback, parts, order);
            }, stop);
    }

    /// <summary>The same of feedback that was read.</summary>
    /// <param name="name">What it is called.</param>
    /// <param name="feedback">The feedback.</param>
    /// <param name="parts">Its parts with their terms.</param>
    /// <param name="order">What is wanted of it.</param>
    /// <exception cref="InputException">A part's terms forbid it; names all parts and uses.</exception>
    public static ExportedData Of(string name, ProjectFeedback feedback, IReadOnlyList<TermsOfPart> parts, ExportOrder order)
    {
        ArgumentNullException.ThrowIfNull(feedback);
        ArgumentNullException.ThrowIfNull(order);
        DataCard.Require($"The export of {name}", parts, order.Uses);
        string[] rows = [.. ExchangeWriter.Lines(order.Shape, feedback, feedback.Preferences(order.Aggregation))];
        return new(rows, DataCard.Text($"Feedback of {name}", Facts(order, feedback, rows.Length), parts), parts, feedback);
    }

    /// <summary>Refuses an export of all of a project where the terms of a part of it do not allow what it is for.</summary>
    /// <param name="database">The database.</param>
    /// <param name="project">The project.</param>
    /// <param name="uses">What it is for.</param>
    /// <param name="alsoUnjudged">Whether it holds what nobody has judged, too.</param>
    /// <param name="stop">Gives up.</param>
    /// <exception cref="InputException">A part's terms forbid it; names all parts and uses.</exception>
    public static Task RequireAsync(Database database, Project project, IReadOnlyList<DataUse> uses, bool alsoUnjudged, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(project);
        return database.ReadAsync(
            async transaction =>
            {
                var given = await transaction.QueryAsync<string>(
                    alsoUnjudged ? "SELECT DISTINCT subject_id FROM tasks WHERE project_id = @Id" : "SELECT DISTINCT t.subject_id FROM judgments j JOIN tasks t ON t.id = j.task_id WHERE j.project_id = @Id", new { project.Id }).ConfigureAwait(false);
                DataCard.Require($"The export of {project.Name}", await DataSets.PartsAsync(transaction, project, given.ToHashSet(StringComparer.Ordinal)).ConfigureAwait(false), uses);
                return true;
            }, stop);
    }

    internal static IReadOnlyList<(string, string)> Facts(ExportOrder order, ProjectFeedback feedback, int rows)
    {
        var kinds = feedback.Judgments.CountBy(judgment => feedback.SourceOf(judgment)?.ToString().ToLowerInvariant() ?? "of unknown kind", StringComparer.Ordinal).OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{Number(entry.Value)} {entry.Key}");
        return
        [
            ("Rows", Number(rows)),
            ("Shape", ExchangeShapes.Word(order.Shape)),
            ("Aggregation", AggregatedPreferences.Word(order.Aggregation)),
            ("Comparisons", Number(feedback.Judgments.Select(judgment => judgment.ComparisonId).Distinct(StringComparer.Ordinal).Count())),
            ("Judgments", feedback.Judgments.Count == 0 ? "0" : string.Join(", ", kinds)),
            ("Annotators", Number(feedback.Judgments.Select(judgment => judgment.AnnotatorId).Distinct(StringComparer.Ordinal).Count())),
        ];
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
