using System.Text.Json;
using Attune.Feedback;
using Attune.Feedback.Exchange;
using Attune.Runs;
using Attune.Storage.People;
using Attune.Storage.Work;

namespace Attune.Storage.Training;

/// <summary>Data of a project that came from elsewhere.</summary>
/// <param name="Id">The identifier.</param>
/// <param name="Name">The file's name.</param>
/// <param name="Shape">The shape it had.</param>
/// <param name="Sha256">SHA-256 of its bytes.</param>
/// <param name="Comparisons">Comparisons in it.</param>
/// <param name="Judgments">Judgments in it.</param>
/// <param name="Terms">What was stated of it.</param>
/// <param name="CreatedAt">When it was brought.</param>
public sealed record DataSet(string Id, string Name, string Shape, string Sha256, long Comparisons, long Judgments, DataTerms Terms, DateTimeOffset CreatedAt);

/// <summary>What an import did.</summary>
/// <param name="Rows">Rows of the file.</param>
/// <param name="Comparisons">Comparisons in it.</param>
/// <param name="Added">Of these, those that were not there before.</param>
/// <param name="Judgments">Judgments that were not there before.</param>
/// <param name="Repeated">Judgments whose place a later row took.</param>
public sealed record ImportReport(int Rows, int Comparisons, int Added, int Judgments, int Repeated);

/// <summary>A file to take in.</summary>
/// <param name="Name">Its name, for problems and cards.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Content">Its bytes.</param>
/// <param name="Options">What the shape leaves open.</param>
/// <param name="Terms">What is stated of the data.</param>
public sealed record DataSetFile(string Name, ExchangeShape Shape, byte[] Content, ImportOptions Options, DataTerms Terms);

/// <summary>
/// Takes data in from elsewhere: comparisons become tasks, those who judged become people without a way to sign in, judgments go into the log with their
/// source. All of it or nothing; the same file again adds nothing. What has no judgment is left to be judged here.
/// </summary>
public static class DataSets
{
    /// <summary>Reads a file and adds it to a project.</summary>
    /// <exception cref="InputException">The file has bad rows, the terms contradict themselves, or a pseudonym belongs to somebody here; nothing was changed.</exception>
    public static async Task<ImportReport> ImportAsync(Database database, Project project, DataSetFile file, string? actorId, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(project);
        ArgumentNullException.ThrowIfNull(file);
        var problems = new InputProblems(file.Name);
        problems.Add(file.Terms.Check());
        var read = problems.Try(() => ExchangeReader.Parse(file.Shape, file.Name, file.Content, file.Options));
        if (!problems.AreNone)
            throw new InputException(file.Name, [.. problems.All.Select(problem => problem with { Key = problem.Key.StartsWith(file.Name, StringComparison.Ordinal) ? problem.Key[file.Name.Length..].Trim() : problem.Key })]);
        var hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(file.Content));
        return await database.WriteAsync(transaction => ImportAsync(database, transaction, project, file, read!, hash, actorId), stop).ConfigureAwait(false);
    }

    /// <summary>A project's data sets, in the order in which they came.</summary>
    public static async Task<IReadOnlyList<DataSet>> ListAsync(Database database, string projectId, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        var rows = await database.ReadAsync(transaction => transaction.QueryAsync<Row>("SELECT * FROM data_sets WHERE project_id = @projectId ORDER BY id", new { projectId }), stop).ConfigureAwait(false);
        return [.. rows.Select(row => row.DataSet())];
    }

    /// <summary>The parts of an export with their terms: what came from elsewhere, by data set, and what was collected here.</summary>
    /// <param name="transaction">The view.</param>
    /// <param name="project">The project.</param>
    /// <param name="comparisons">Ids of the comparisons that are exported.</param>
    internal static async Task<IReadOnlyList<TermsOfPart>> PartsAsync(Transaction transaction, Project project, IReadOnlySet<string> comparisons)
    {
        var links = (await transaction.QueryAsync<Link>(
            "SELECT d.id AS data_set, t.subject_id AS comparison FROM data_set_tasks l JOIN data_sets d ON d.id = l.data_set_id JOIN tasks t ON t.id = l.task_id WHERE d.project_id = @Id", new { project.Id }).ConfigureAwait(false))
            .Where(link => comparisons.Contains(link.Comparison)).ToList();
        var sets = await transaction.QueryAsync<Row>("SELECT * FROM data_sets WHERE project_id = @Id ORDER BY id", new { project.Id }).ConfigureAwait(false);
        var parts = new List<TermsOfPart>();
        var own = comparisons.Except(links.Select(link => link.Comparison), StringComparer.Ordinal).Count();
        if (own > 0 || links.Count == 0)
            parts.Add(new($"Project {project.Name}", own, project.Settings.Terms ?? DataTerms.OfUnknown));
        foreach (var set in sets)
        {
            var rows = links.Where(link => link.DataSet == set.Id).Select(link => link.Comparison).Distinct(StringComparer.Ordinal).Count();
            if (rows > 0)
                parts.Add(new(set.Name, rows, set.DataSet().Terms));
        }
        return parts;
    }

    private static async Task<ImportReport> ImportAsync(Database database, Transaction transaction, Project project, DataSetFile file, ImportedFeedback read, string hash, string? actorId)
    {
        var batches = await BatchesAsync(transaction, project.Id, read).ConfigureAwait(false);
        var tasks = (await transaction.QueryAsync<Known>("SELECT id, subject_id AS subject FROM tasks WHERE project_id = @Id ORDER BY id DESC", new { project.Id }).ConfigureAwait(false))
            .GroupBy(task => task.Subject).ToDictionary(group => group.Key, group => group.Last().Id, StringComparer.Ordinal);
        var votes = read.Judgments.CountBy(judgment => judgment.ComparisonId, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
        var fresh = read.Comparisons.Where(judged => !tasks.ContainsKey(judged.Comparison.Id)).ToList();
        if (fresh.Count > 0)
        {
            var ids = await database.Tasks.AddAsync(transaction, project.Id, [.. fresh.Select(judged => Task(judged, project, batches, votes))], actorId).ConfigureAwait(false);
            for (var i = 0; i < ids.Count; i++)
                tasks[fresh[i].Comparison.Id] = ids[i];
        }
        await RequirePeopleAsync(database, transaction, project.Id, file.Name, read.Judgments, actorId).ConfigureAwait(false);
        var added = await database.Judgments.AppendAsync(transaction, project.Id, [.. read.Judgments.Select(judgment => Named(judgment, project.Id))], actorId).ConfigureAwait(false);
        if (fresh.Count > 0 || added > 0)
            await RecordAsync(database, transaction, project.Id, file, hash, read, tasks, actorId).ConfigureAwait(false);
        return new(read.Rows, read.Comparisons.Count, fresh.Count, added, read.Repeated);
    }

    private static NewTask Task(JudgedComparison judged, Project project, Dictionary<string, string> batches, Dictionary<string, int> votes) => new()
    {
        Payload = judged.Comparison.ToJson(),
        Choices = judged.Comparison.Answers.Count,
        SubjectId = judged.Comparison.Id,
        BatchId = judged.Batch is null ? null : batches[judged.Batch],
        Kind = judged.Comparison.Answers.Count switch { 1 => TaskKind.Rate, 2 => TaskKind.Pair, _ => TaskKind.Rank },
        Overlap = votes.TryGetValue(judged.Comparison.Id, out var count) ? count : project.Settings.Overlap,
    };

    /// <summary>Batches by name; new ones are closed, as nothing in them is to be judged here.</summary>
    private static async Task<Dictionary<string, string>> BatchesAsync(Transaction transaction, string projectId, ImportedFeedback read)
    {
        await transaction.FirstAsync<string>($"SELECT id FROM projects WHERE id = @projectId{transaction.Engine.ForUpdate}", new { projectId }).ConfigureAwait(false);
        var all = (await transaction.QueryAsync<Batch>("SELECT * FROM batches WHERE project_id = @projectId ORDER BY number DESC", new { projectId }).ConfigureAwait(false)).ToList();
        var batches = all.GroupBy(batch => batch.Name).ToDictionary(group => group.Key, group => group.Last().Id, StringComparer.Ordinal);
        var number = all.Count == 0 ? 0 : all[0].Number;
        foreach (var own in read.Comparisons.Where(judged => judged.Batch is not null && !batches.ContainsKey(judged.Batch)).GroupBy(judged => judged.Batch!))
        {
            var first = own.First();
            var details = JsonSerializer.Serialize(new BatchDetails(first.PolicyCheckpoint, first.Sampling), StorageJson.Options);
            var id = batches[own.Key] = transaction.NewId();
            await transaction.ExecuteAsync(
                "INSERT INTO batches (id, project_id, number, name, state, details, created_at) VALUES (@id, @projectId, @Number, @Key, 'closed', @details, @Now)",
                new { id, projectId, Number = ++number, own.Key, details, transaction.Now }).ConfigureAwait(false);
        }
        return batches;
    }

    /// <summary>A pseudonym of the file is somebody of an earlier import, or new; never somebody who can sign in.</summary>
    private static async Task RequirePeopleAsync(Database database, Transaction transaction, string projectId, string name, IReadOnlyList<Judgment> judgments, string? actorId)
    {
        var problems = new List<Problem>();
        foreach (var judge in judgments.GroupBy(judgment => judgment.AnnotatorId, StringComparer.Ordinal))
        {
            var source = judge.First().Source ?? JudgmentSource.Human;
            var there = await transaction.FirstAsync<Person>("SELECT * FROM people WHERE pseudonym = @Key", new { judge.Key }).ConfigureAwait(false);
            var canSignIn = there is not null && await transaction.CountAsync("SELECT COUNT(*) FROM identities WHERE person_id = @Id AND (email IS NOT NULL OR password_hash IS NOT NULL)", new { there.Id }).ConfigureAwait(false) > 0;
            if (there is not null && (canSignIn || there.State == PersonState.Erased || there.Source != source))
            {
                problems.Add(Problem.Of($"annotator {judge.Key}", "has the pseudonym of somebody who is here", "people of the file alone", "give a prefix for the file's annotators"));
                continue;
            }
            var id = there?.Id ?? (await database.People.CreateAsync(transaction, new() { DisplayName = judge.Key, Pseudonym = judge.Key, Source = source }, actorId).ConfigureAwait(false)).Id;
            if (await transaction.CountAsync("SELECT COUNT(*) FROM memberships WHERE project_id = @projectId AND person_id = @id", new { projectId, id }).ConfigureAwait(false) == 0)
                await database.Projects.SetMemberAsync(transaction, projectId, id, Role.Annotator, actorId).ConfigureAwait(false);
        }
        if (problems.Count > 0)
            throw new InputException(name, problems);
    }

    /// <summary>An id of the judgment's own in this project: other projects of the database may hold the same file.</summary>
    private static Judgment Named(Judgment judgment, string projectId)
    {
        var key = System.Text.Encoding.UTF8.GetBytes($"{projectId}\n{judgment.ComparisonId}\n{judgment.AnnotatorId}\n{judgment.Id}");
        return judgment with { Id = $"import-{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(key))[..32]}" };
    }

    private static async Task RecordAsync(
        Database database, Transaction transaction, string projectId, DataSetFile file, string hash, ImportedFeedback read, Dictionary<string, string> tasks, string? actorId)
    {
        var id = transaction.NewId();
        await transaction.ExecuteAsync(
            "INSERT INTO data_sets (id, project_id, name, shape, sha256, comparisons, judgments, terms, created_at) VALUES (@id, @projectId, @Name, @Shape, @hash, @Comparisons, @Judgments, @Terms, @Now)",
            new
            {
                id,
                projectId,
                file.Name,
                Shape = ExchangeShapes.Word(file.Shape),
                hash,
                Comparisons = (long)read.Comparisons.Count,
                Judgments = (long)read.Judgments.Count,
                Terms = JsonSerializer.Serialize(file.Terms, StorageJson.Options),
                transaction.Now,
            }).ConfigureAwait(false);
        foreach (var judged in read.Comparisons)
            await transaction.ExecuteAsync("INSERT INTO data_set_tasks (data_set_id, task_id) VALUES (@id, @Task) ON CONFLICT DO NOTHING", new { id, Task = tasks[judged.Comparison.Id] }).ConfigureAwait(false);
        await database.Audit.RecordAsync(transaction, actorId, "data.import", id, projectId, new { shape = ExchangeShapes.Word(file.Shape), sha256 = hash, comparisons = read.Comparisons.Count, judgments = read.Judgments.Count }).ConfigureAwait(false);
    }

    private sealed record Known(string Id, string Subject);

    private sealed record Link
    {
        public required string DataSet { get; init; }

        public required string Comparison { get; init; }
    }

    private sealed record Row
    {
        public required string Id { get; init; }

        public required string Name { get; init; }

        public required string Shape { get; init; }

        public required string Sha256 { get; init; }

        public required long Comparisons { get; init; }

        public required long Judgments { get; init; }

        public required string Terms { get; init; }

        public required DateTimeOffset CreatedAt { get; init; }

        public DataSet DataSet() => new(Id, Name, Shape, Sha256, Comparisons, Judgments, JsonSerializer.Deserialize<DataTerms>(Terms, StorageJson.Options)!, CreatedAt);
    }
}

/// <summary>What a batch says of where its answers come from; other keys are others'.</summary>
/// <param name="PolicyCheckpoint">The hash of the policy that wrote them.</param>
/// <param name="Sampling">How they were sampled.</param>
internal sealed record BatchDetails(string? PolicyCheckpoint, JsonElement? Sampling)
{
    public static BatchDetails Of(string json)
    {
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
            return new(null, null);
        return new(
            root.TryGetProperty("policyCheckpoint", out var policy) && policy.ValueKind == JsonValueKind.String ? policy.GetString() : null,
            root.TryGetProperty("sampling", out var sampling) && sampling.ValueKind != JsonValueKind.Null ? sampling.Clone() : null);
    }
}
