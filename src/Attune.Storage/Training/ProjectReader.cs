using Attune.Feedback;
using Attune.Runs;
using Attune.Storage.Work;

namespace Attune.Storage.Training;

/// <summary>Reads what a project's judges said, for training and exports: work and calibration, never golden or training tasks; judgments that count alone.</summary>
public static class ProjectReader
{
    /// <summary>Lets recipes name databases; called once, as a program starts.</summary>
    public static void Register() => FeedbackDatabases.Reader = Read;

    /// <summary>A project's feedback, from one view that does not move.</summary>
    /// <param name="database">The database.</param>
    /// <param name="projectId">The project.</param>
    /// <param name="batchId">Of this batch alone; null for all.</param>
    /// <param name="stop">Gives up.</param>
    public static Task<ProjectFeedback> ReadAsync(Database database, string projectId, string? batchId = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        return database.ReadAsync(transaction => ReadAsync(transaction, projectId, batchId), stop);
    }

    internal static async Task<ProjectFeedback> ReadAsync(Transaction transaction, string projectId, string? batchId)
    {
        var ofBatch = batchId is null ? "" : " AND batch_id = @batchId";
        var batches = (await transaction.QueryAsync<Batch>("SELECT * FROM batches WHERE project_id = @projectId", new { projectId }).ConfigureAwait(false)).ToDictionary(batch => batch.Id, StringComparer.Ordinal);
        var tasks = await transaction.QueryAsync<Row>(
            $"SELECT subject_id, payload, batch_id FROM tasks WHERE project_id = @projectId AND kind IN ('pair', 'rank', 'best', 'rate') AND purpose IN ('normal', 'calibration'){ofBatch} ORDER BY id",
            new { projectId, batchId }).ConfigureAwait(false);
        var judgments = await transaction.QueryAsync<(string Content, string? BatchId)>(
            $"""
            SELECT content, batch_id FROM judgments j WHERE project_id = @projectId AND purpose IN ('normal', 'calibration') AND late = 0 AND outcome <> 'withdrawn'{ofBatch}
                AND NOT EXISTS (SELECT 1 FROM judgments s WHERE s.supersedes = j.id)
                AND NOT EXISTS (SELECT 1 FROM rejections r WHERE r.judgment_id = j.id AND r.lifted_at IS NULL) ORDER BY id
            """, new { projectId, batchId }).ConfigureAwait(false);
        var people = await transaction.QueryAsync<Judge>(
            "SELECT pseudonym, source FROM people WHERE id IN (SELECT person_id FROM judgments WHERE project_id = @projectId)", new { projectId }).ConfigureAwait(false);
        var read = judgments.Select(row => (Judgment: Judgment.FromJson(row.Content), Batch: row.BatchId is null ? null : batches[row.BatchId])).ToList();
        return new(
            [.. tasks.DistinctBy(row => row.SubjectId, StringComparer.Ordinal).Select(row => Of(row, row.BatchId is null ? null : batches[row.BatchId]))],
            [.. read.Select(row => row.Judgment)],
            people.ToDictionary(person => person.Pseudonym, person => person.Source, StringComparer.Ordinal))
        {
            Turns = [.. read.SelectMany(row => TurnsOf(row.Judgment, row.Batch))],
        };
    }

    private static IEnumerable<ChosenTurn> TurnsOf(Judgment judgment, Batch? batch)
    {
        var details = BatchDetails.Of(batch?.Details ?? "{}");
        return ChosenTurns.Of(judgment, batch?.Name, details.PolicyCheckpoint, details.Sampling);
    }

    private static JudgedComparison Of(Row row, Batch? batch)
    {
        var comparison = Comparison.FromJson(row.Payload);
        var details = BatchDetails.Of(batch?.Details ?? "{}");
        return new(
            comparison with { Id = row.SubjectId, Answers = [.. comparison.Answers.Select((answer, i) => !string.IsNullOrEmpty(answer.Id) ? answer : answer with { Id = $"{row.SubjectId}.{i}" })] },
            batch?.Name, details.PolicyCheckpoint, details.Sampling);
    }

    private static ProjectFeedback Read(string url, string project)
    {
        try
        {
            return Task.Run(async () =>
            {
                if (DatabaseUrl.Parse(url) is { Kind: DatabaseKind.Sqlite } file && !File.Exists(file.Target))
                    throw InputException.One(url, "is not there", "a database of Attune's", "check the path");
                await using var database = await Database.OpenAsync(url, new() { ReadOnly = true }).ConfigureAwait(false);
                var found = await database.Projects.FindByNameAsync(project).ConfigureAwait(false)
                    ?? throw InputException.One($"{database.Url}", $"has no project {project}", "one of its projects' names", "check the name");
                return await ReadAsync(database, found.Id).ConfigureAwait(false);
            }).GetAwaiter().GetResult();
        }
        catch (StorageException e)
        {
            throw new RunFailedException(e.Message, e);
        }
    }

    private sealed record Row
    {
        public required string SubjectId { get; init; }

        public required string Payload { get; init; }

        public string? BatchId { get; init; }
    }

    private sealed record Judge
    {
        public required string Pseudonym { get; init; }

        public required JudgmentSource Source { get; init; }
    }
}
