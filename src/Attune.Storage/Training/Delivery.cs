using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Attune.Feedback;
using Attune.Feedback.Exchange;
using Attune.Runs;
using Attune.Storage.Work;

namespace Attune.Storage.Training;

/// <summary>A file of a delivery.</summary>
/// <param name="File">Its name.</param>
/// <param name="Rows">Lines in it.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">SHA-256 of its bytes, in hexadecimal digits.</param>
public sealed record DeliveredFile(string File, long Rows, long Bytes, string Sha256);

/// <summary>A task that lacks answers.</summary>
/// <param name="Task">Its id.</param>
/// <param name="Comparison">What is judged in it.</param>
/// <param name="Ordered">Answers wanted.</param>
/// <param name="Delivered">Answers that count.</param>
public sealed record MissingRows(string Task, string Comparison, long Ordered, long Delivered);

/// <summary>What a delivery says of itself, as <c>manifest.json</c>.</summary>
public sealed record DeliveryManifest
{
    /// <summary>Always "attune-delivery".</summary>
    public required string Format { get; init; }

    /// <summary>The project's name.</summary>
    public required string Project { get; init; }

    /// <summary>The batch's number and name; null for a whole project.</summary>
    public required string? Batch { get; init; }

    /// <summary>What the batch says of where its answers come from.</summary>
    public required JsonElement? BatchDetails { get; init; }

    /// <summary>Judgments ordered: the overlap of all tasks that were not withdrawn.</summary>
    public required long RowsOrdered { get; init; }

    /// <summary>Judgments delivered that count towards them.</summary>
    public required long RowsDelivered { get; init; }

    /// <summary>Tasks that lack answers.</summary>
    public required IReadOnlyList<MissingRows> Missing { get; init; }

    /// <summary>Pseudonyms of annotators of the project who delivered nothing.</summary>
    public required IReadOnlyList<string> MissingAnnotators { get; init; }

    /// <summary>Versions of the instructions that judges had read, with the judgments of each.</summary>
    public required IReadOnlyDictionary<string, int> InstructionVersions { get; init; }

    /// <summary>Judgments by kind of judge.</summary>
    public required IReadOnlyDictionary<string, int> Sources { get; init; }

    /// <summary>Terms of each part.</summary>
    public required IReadOnlyList<TermsOfPart> Terms { get; init; }

    /// <summary>The files, but this one.</summary>
    public required IReadOnlyList<DeliveredFile> Files { get; init; }
}

/// <summary>
/// Hands a batch over as a folder, or as a <c>.zip</c> by that ending: <c>preferences.jsonl</c>, <c>judgments.jsonl</c>, <c>comparisons.jsonl</c>, the card and
/// a manifest with checksums. The same judgments give the same bytes. Who gets it can verify it with nothing else in hand.
/// </summary>
public static class Delivery
{
    internal const string ManifestName = "manifest.json", FormatName = "attune-delivery";

    private const string ComparisonsName = "comparisons.jsonl", JudgmentsName = "judgments.jsonl";

    private static readonly DateTimeOffset NoTime = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero); // the first that a zip can hold: bytes follow from the content alone

    private static readonly JsonSerializerOptions Json = new(StorageJson.Options) { WriteIndented = true, DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.Never, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes a delivery, whole or not at all.</summary>
    /// <param name="database">The database.</param>
    /// <param name="project">The project.</param>
    /// <param name="batchId">The batch; null for the whole project.</param>
    /// <param name="path">A new folder, or a new file that ends in .zip.</param>
    /// <param name="uses">What it is for; the terms have to allow all of it.</param>
    /// <param name="stop">Gives up.</param>
    /// <exception cref="InputException">The terms forbid it, or something is there already.</exception>
    public static async Task<DeliveryManifest> WriteAsync(Database database, Project project, string? batchId, string path, IReadOnlyList<DataUse> uses, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(project);
        if (File.Exists(path) || (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any()))
            throw InputException.One(path, "is there already", "a new folder or .zip", "name another or remove it");
        var (manifest, files) = await MakeAsync(database, project, batchId, uses, stop).ConfigureAwait(false);
        if (IsZip(path))
            AtomicFile.Write(path, to => Zip(to, files));
        else
        {
            AtomicFolder.Write(path, to =>
            {
                foreach (var (name, bytes) in files)
                    File.WriteAllBytes(Path.Combine(to, name), bytes);
            });
        }
        return manifest;
    }

    /// <summary>A delivery as the bytes of a <c>.zip</c>; the same judgments give the same bytes.</summary>
    /// <param name="database">The database.</param>
    /// <param name="project">The project.</param>
    /// <param name="batchId">The batch; null for the whole project.</param>
    /// <param name="uses">What it is for; the terms have to allow all of it.</param>
    /// <param name="stop">Gives up.</param>
    /// <exception cref="InputException">The terms forbid it.</exception>
    public static async Task<byte[]> ZipAsync(Database database, Project project, string? batchId, IReadOnlyList<DataUse> uses, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(project);
        var (_, files) = await MakeAsync(database, project, batchId, uses, stop).ConfigureAwait(false);
        using var zip = new MemoryStream();
        Zip(zip, files);
        return zip.ToArray();
    }

    /// <summary>Holds a delivery against its manifest.</summary>
    /// <param name="path">The folder or .zip.</param>
    /// <exception cref="InputException">Everything that is missing, changed, too much, or named so that it would lie elsewhere.</exception>
    public static DeliveryManifest Verify(string path)
    {
        var files = Read(path);
        if (!files.TryGetValue(ManifestName, out var text))
            throw InputException.One(path, $"holds no {ManifestName}", "a delivery", "check the path, or ask for it again");
        DeliveryManifest manifest;
        try
        {
            manifest = JsonSerializer.Deserialize<DeliveryManifest>(text, Json) ?? throw new JsonException("is null");
        }
        catch (JsonException e)
        {
            throw InputException.One(path, $"has a {ManifestName} that does not read ({e.Message.TrimEnd('.')})", "what 'attune feedback deliver' wrote", "ask for it again");
        }
        var problems = new List<Problem>();
        if (manifest.Format != FormatName)
            problems.Add(Problem.Of("format", $"is {manifest.Format}", FormatName, "name a delivery"));
        foreach (var file in manifest.Files)
            problems.AddRange(Faults(file, files));
        foreach (var more in files.Keys.Where(name => name != ManifestName && manifest.Files.All(file => file.File != name)))
            problems.Add(Problem.Of(more, "is not in the manifest", "the files that it names alone", "remove it, or ask for the delivery again"));
        return problems.Count == 0 ? manifest : throw new InputException(path, problems);
    }

    /// <summary>The rows of a delivery: its comparisons, and its judgments with what they are about.</summary>
    /// <param name="path">The folder or .zip.</param>
    /// <exception cref="InputException">It is none, or its files do not read; names the lines.</exception>
    public static IReadOnlyList<DeliveredRow> Rows(string path)
    {
        var files = Read(path);
        byte[] Of(string name) => files.TryGetValue(name, out var bytes) ? bytes : throw InputException.One(path, $"holds no {name}", "a delivery", "check the path, or ask for it again");
        var problems = new List<Problem>();
        var comparisons = Parsed(ComparisonsName, Of(ComparisonsName), Comparison.FromJson, problems);
        var judgments = Parsed(JudgmentsName, Of(JudgmentsName), Judgment.FromJson, problems);
        if (problems.Count > 0)
            throw new InputException(path, problems);
        var byId = comparisons.GroupBy(one => one.Row.Id, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.First().Row, StringComparer.Ordinal);
        return
        [
            .. comparisons.Select(one => new DeliveredRow(one.Place, one.Row, [])),
            .. judgments.Select(one => new DeliveredRow(one.Place, byId.TryGetValue(one.Row.ComparisonId, out var known) ? known
                : new() { Id = one.Row.ComparisonId, Prompt = "", Answers = [], Order = [] }, [one.Row.AnnotatorId])),
        ];
    }

    private static List<(string Place, T Row)> Parsed<T>(string name, byte[] content, Func<string, T> read, List<Problem> problems)
    {
        var rows = new List<(string, T)>();
        foreach (var (number, line) in Encoding.UTF8.GetString(content).Split('\n').Index().Where(line => !string.IsNullOrWhiteSpace(line.Item)))
        {
            try
            {
                rows.Add(($"{name} line {number + 1}", read(line)));
            }
            catch (JsonException e)
            {
                problems.Add(Problem.Of($"{name} line {number + 1}", $"does not read ({e.Message.TrimEnd('.')})", "a row as it was delivered", "ask for the delivery again"));
            }
        }
        return rows;
    }

    private static IEnumerable<Problem> Faults(DeliveredFile file, SortedDictionary<string, byte[]> files)
    {
        if (!IsPlain(file.File))
            yield return Problem.Of(file.File, "is no name of a file beside the manifest", "a name without folders", "do not use this delivery; ask for it again");
        else if (!files.TryGetValue(file.File, out var bytes))
            yield return Problem.Of(file.File, "is missing", $"{file.Bytes} bytes", "ask for the delivery again");
        else if (Hash(bytes) != file.Sha256)
            yield return Problem.Of(file.File, $"has the checksum {Hash(bytes)[..12]}…", $"{(file.Sha256.Length > 12 ? file.Sha256[..12] : file.Sha256)}…", "it was changed; ask for the delivery again");
        else if (Rows(bytes) != file.Rows || bytes.Length != file.Bytes)
            yield return Problem.Of(file.File, $"has {Rows(bytes)} rows in {bytes.Length} bytes", $"{file.Rows} in {file.Bytes}", "the manifest was changed; ask for the delivery again");
    }

    private static async Task<(DeliveryManifest, SortedDictionary<string, byte[]>)> MakeAsync(Database database, Project project, string? batchId, IReadOnlyList<DataUse> uses, CancellationToken stop)
    {
        var batch = batchId is null ? null : await database.Batches.FindAsync(batchId, stop).ConfigureAwait(false);
        if (batchId is not null && batch?.ProjectId != project.Id)
            throw InputException.One($"Batch {batchId}", "is not there", $"one of project {project.Name}", "check the id");
        var data = await DataExport.MakeAsync(database, project, new() { BatchId = batchId, Uses = uses }, stop).ConfigureAwait(false);
        var tasks = await database.ReadAsync(
            transaction => transaction.QueryAsync<AnnotationTask>(
                $"SELECT * FROM tasks WHERE project_id = @Id AND state <> 'withdrawn' AND purpose IN ('normal', 'calibration'){(batchId is null ? "" : " AND batch_id = @batchId")} ORDER BY id", new { project.Id, batchId }), stop).ConfigureAwait(false);
        var silent = await database.ReadAsync(
            transaction => transaction.QueryAsync<string>(
                $"""
                SELECT p.pseudonym FROM memberships m JOIN people p ON p.id = m.person_id WHERE m.project_id = @Id AND m.role = 'annotator' AND m.state = 'active' AND p.state = 'active'
                    AND NOT EXISTS (SELECT 1 FROM judgments j WHERE j.person_id = p.id AND j.project_id = @Id{(batchId is null ? "" : " AND j.batch_id = @batchId")})
                """, new { project.Id, batchId }), stop).ConfigureAwait(false);
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal)
        {
            ["preferences.jsonl"] = data.Bytes(),
            [JudgmentsName] = Lines(data.Feedback.Judgments.Select(judgment => (judgment with { Source = data.Feedback.SourceOf(judgment) }).ToJson())),
            [ComparisonsName] = Lines(data.Feedback.Comparisons.Concat(data.Feedback.Turns.Select(turn => turn.Judged)).Select(judged => judged.Comparison.ToJson())),
            [DataCard.FileName] = Encoding.UTF8.GetBytes(data.Card),
        };
        var manifest = new DeliveryManifest
        {
            Format = FormatName,
            Project = project.Name,
            Batch = batch is null ? null : $"{batch.Number} {batch.Name}",
            BatchDetails = batch is null ? null : JsonSerializer.Deserialize<JsonElement>(batch.Details),
            RowsOrdered = tasks.Sum(task => (long)task.Overlap),
            RowsDelivered = tasks.Sum(task => (long)task.Accepted),
            Missing = [.. tasks.Where(task => task.Accepted < task.Overlap).Select(task => new MissingRows(task.Id, task.SubjectId, task.Overlap, task.Accepted))],
            MissingAnnotators = [.. silent.Order(StringComparer.Ordinal)],
            InstructionVersions = Counts(data.Feedback.Judgments.Select(judgment => judgment.InstructionVersion)),
            Sources = Counts(data.Feedback.Judgments.Select(judgment => data.Feedback.SourceOf(judgment)?.ToString().ToLowerInvariant() ?? "unknown")),
            Terms = data.Parts,
            Files = [.. files.Select(file => new DeliveredFile(file.Key, Rows(file.Value), file.Value.Length, Hash(file.Value)))],
        };
        files[ManifestName] = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(manifest, Json) + "\n");
        return (manifest, files);
    }

    private static void Zip(Stream to, SortedDictionary<string, byte[]> files)
    {
        using var zip = new ZipArchive(to, ZipArchiveMode.Create, leaveOpen: true);
        foreach (var (name, bytes) in files)
        {
            var entry = zip.CreateEntry(name, CompressionLevel.Optimal);
            entry.LastWriteTime = NoTime;
            using var content = entry.Open();
            content.Write(bytes);
        }
    }

    /// <summary>Everything in a delivery, by name; nothing is unpacked to the disk, so no name can lead elsewhere.</summary>
    private static SortedDictionary<string, byte[]> Read(string path)
    {
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        if (!File.Exists(path) && !Directory.Exists(path))
            throw InputException.One(path, "is not there", "a delivery's folder or .zip", "check the path");
        if (Directory.Exists(path))
        {
            foreach (var file in Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories))
                files[Path.GetRelativePath(path, file)] = File.ReadAllBytes(file);
            return files;
        }
        try
        {
            using var zip = ZipFile.OpenRead(path);
            foreach (var entry in zip.Entries)
            {
                using var content = entry.Open();
                using var bytes = new MemoryStream();
                content.CopyTo(bytes);
                if (!files.TryAdd(entry.FullName, bytes.ToArray()))
                    throw InputException.One(path, $"holds {entry.FullName} twice", "each file once", "ask for the delivery again");
            }
        }
        catch (InvalidDataException e)
        {
            throw InputException.One(path, $"is no zip ({e.Message.TrimEnd('.')})", "a delivery", "ask for it again");
        }
        return files;
    }

    private static SortedDictionary<string, int> Counts(IEnumerable<string> words) => new(words.CountBy(word => word, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal), StringComparer.Ordinal);

    private static bool IsPlain(string name) => name.Length > 0 && name is not ("." or "..") && name.IndexOfAny(['/', '\\', '\0', ':']) < 0;

    private static bool IsZip(string path) => path.EndsWith(".zip", StringComparison.OrdinalIgnoreCase);

    private static byte[] Lines(IEnumerable<string> lines) => Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => line + "\n")));

    private static long Rows(byte[] bytes) => bytes.Count(b => b == '\n');

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
