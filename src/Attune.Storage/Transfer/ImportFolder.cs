using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Attune.Feedback;
using Attune.Runs;
using Attune.Storage.Engines;
using Attune.Storage.Schema;
using Attune.Storage.Work;

namespace Attune.Storage.Transfer;

/// <summary>Reads what <see cref="ExportFolder"/> wrote into an empty database, all of it or nothing.</summary>
public static class ImportFolder
{
    private const int MostProblems = 20;
    private const int LongestManifest = 1 << 20;
    private const int LongestLine = 256 << 20; // bytes; several times what a request may hold

    // Neither a half character nor one of another encoding is passed over: it would be another text.
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Checks every file and line, then adds all rows in one change.</summary>
    /// <exception cref="InputException">The folder is not whole or a line is bad, with file, line and reason; or the database holds something. Nothing is changed.</exception>
    public static Task<ExportManifest> ReadAsync(Database database, string folder, CancellationToken stop = default) => ReadAsync(database, folder, replace: false, stop);

    /// <summary>The same; of PostgreSQL, what is there may be replaced.</summary>
    internal static async Task<ExportManifest> ReadAsync(Database database, string folder, bool replace, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(database);
        var manifest = Verify(folder);
        await database.WriteAsync(
            async transaction =>
            {
                if (replace)
                    await transaction.ExecuteAsync($"TRUNCATE {string.Join(", ", Migrations.Tables)}").ConfigureAwait(false);
                await FillAsync(transaction, database, folder, manifest).ConfigureAwait(false);
            }, stop).ConfigureAwait(false);
        return manifest;
    }

    /// <summary>The manifest of a folder whose files are as it says.</summary>
    /// <exception cref="InputException">They are not; lists every file that differs.</exception>
    public static ExportManifest Verify(string folder)
    {
        if (File.Exists(folder))
            throw InputException.One(folder, "is a file", "a folder that 'attune db export' wrote", "name its folder; a backup goes back with 'attune db restore'");
        var path = Path.Combine(folder, ExportFolder.Manifest);
        if (!File.Exists(path))
            throw InputException.One(folder, $"has no {ExportFolder.Manifest}", "a folder that 'attune db export' wrote", "name another");
        ExportManifest manifest;
        try
        {
            using var file = File.OpenRead(path);
            if (file.Length > LongestManifest)
                throw InputException.One(path, $"has {file.Length} bytes", $"at most {LongestManifest}, as 'attune db export' writes it", "export again");
            manifest = JsonSerializer.Deserialize<ExportManifest>(file, ExportFolder.Json) ?? throw new JsonException("It is null");
            if (manifest.Tables.Contains(null!))
                throw new JsonException("It holds a null");
        }
        catch (JsonException e)
        {
            throw InputException.One(path, $"cannot be read ({StorageJson.Why(e)})", "what 'attune db export' wrote", "export again");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw InputException.One(path, $"cannot be opened ({e.Message.TrimEnd('.')})", "a file that this user may read", "change its permissions");
        }
        if (manifest.Format != ExportFolder.Format || manifest.Schema != Migrations.Newest)
            throw InputException.One(path, $"is of format {manifest.Format}, schema {manifest.Schema}", $"{ExportFolder.Format}, schema {Migrations.Newest}", "export again with this program");
        var expected = Migrations.Tables.Select(table => $"{table}.jsonl").ToList();
        if (!manifest.Tables.Select(table => table.File).SequenceEqual(expected))
            throw InputException.One(path, $"lists {string.Join(", ", manifest.Tables.Select(table => table.File).Except(expected).DefaultIfEmpty("too few files"))}", $"{expected.Count} files in their order", "export again");
        var problems = manifest.Tables.SelectMany(table => Differences(folder, table)).ToList();
        return problems.Count == 0 ? manifest : throw new InputException(folder, problems);
    }

    private static IEnumerable<Problem> Differences(string folder, ExportedTable table)
    {
        var file = Path.Combine(folder, table.File);
        if (!File.Exists(file))
        {
            yield return Problem.Of(table.File, "is missing", "every file of the manifest", "export again");
            yield break;
        }
        using var stream = File.OpenRead(file);
        if (stream.Length != table.Bytes || Convert.ToHexStringLower(SHA256.HashData(stream)) != table.Sha256)
            yield return Problem.Of(table.File, $"was changed ({stream.Length} bytes)", $"{table.Bytes} bytes with the manifest's checksum", "export again, or copy it again");
    }

    private static async Task FillAsync(Transaction transaction, Database database, string folder, ExportManifest manifest)
    {
        foreach (var table in Migrations.Tables)
        {
            if (await transaction.CountAsync($"SELECT COUNT(*) FROM {table}").ConfigureAwait(false) > 0)
                throw InputException.One(database.Url.ToString(), $"has rows in {table}", "an empty database", "name a new one");
        }
        var problems = new List<Problem>();
        foreach (var table in manifest.Tables)
            await FillTableAsync(transaction, Path.GetFileNameWithoutExtension(table.File), Path.Combine(folder, table.File), problems).ConfigureAwait(false);
        if (problems.Count > 0)
            throw new InputException(folder, problems);
        await RequireReferencesAsync(transaction, folder).ConfigureAwait(false);
    }

    private static async Task FillTableAsync(Transaction transaction, string table, string path, List<Problem> problems)
    {
        var columns = await transaction.Engine.ColumnsAsync(transaction, table).ConfigureAwait(false);
        using var insert = transaction.Prepared(
            $"INSERT INTO {table} ({string.Join(", ", columns.Select(column => column.Name))}) VALUES ({string.Join(", ", columns.Select((_, i) => $"@p{i}"))})");
        foreach (var (column, i) in columns.Select((column, i) => (column, i)))
        {
            var parameter = insert.CreateParameter();
            parameter.ParameterName = $"p{i}";
            parameter.DbType = column.Kind switch { ColumnKind.Text => System.Data.DbType.String, ColumnKind.Whole => System.Data.DbType.Int64, _ => System.Data.DbType.Double };
            insert.Parameters.Add(parameter);
        }
        var number = 0;
        foreach (var (line, unread) in Lines(path))
        {
            number++;
            if (problems.Count >= MostProblems)
                return;
            if ((unread ?? Bind(table, line, columns, insert)) is { } fault)
                problems.Add(new($"{Path.GetFileName(path)} line {number}", fault));
            else if (problems.Count == 0) // once something is wrong the rest is only read
                await InsertAsync(insert, path, number, problems).ConfigureAwait(false);
        }
    }

    /// <summary>The lines of a file, or what keeps one from being a text; its bytes are read once, a line at a time.</summary>
    private static IEnumerable<(string Line, string? Fault)> Lines(string path)
    {
        using var file = new BufferedStream(File.OpenRead(path), 1 << 16);
        using var line = new MemoryStream();
        var isLong = false;
        while (true)
        {
            var next = file.ReadByte();
            if (next is '\n' or -1)
            {
                if (next == -1 && line.Length == 0 && !isLong)
                    yield break;
                yield return isLong ? ("", $"has more than {LongestLine} bytes, expected one row; correct or remove the line") : Text(line.GetBuffer().AsSpan(0, (int)line.Length));
                line.SetLength(0);
                isLong = false;
            }
            else if (line.Length < LongestLine)
            {
                line.WriteByte((byte)next);
            }
            else
            {
                isLong = true;
            }
        }
    }

    private static (string, string?) Text(ReadOnlySpan<byte> line)
    {
        try
        {
            return (Strict.GetString(line), null);
        }
        catch (DecoderFallbackException e)
        {
            return ("", $"is no UTF-8 from its byte {e.Index + 1} on, expected text as 'attune db export' writes it; export again");
        }
    }

    private static async Task InsertAsync(DbCommand insert, string path, int number, List<Problem> problems)
    {
        try
        {
            await insert.ExecuteNonQueryAsync().ConfigureAwait(false);
        }
        catch (DbException e) when (e is Microsoft.Data.Sqlite.SqliteException { SqliteErrorCode: SQLitePCL.raw.SQLITE_CONSTRAINT } or Npgsql.PostgresException { SqlState: ['2', '3', ..] })
        {
            // PostgreSQL takes no more statements in this change, so this one ends the list.
            problems.Add(Problem.Of($"{Path.GetFileName(path)} line {number}", $"breaks a rule of the schema ({e.Message.Split('\n')[0].TrimEnd('.')})", "what 'attune db export' wrote", "correct it, and the manifest with it"));
            throw new InputException(Path.GetDirectoryName(path)!, problems);
        }
    }

    /// <summary>Sets the parameters from a line; gives what is wrong with it, or null.</summary>
    private static string? Bind(string table, string line, IReadOnlyList<Column> columns, DbCommand insert)
    {
        try
        {
            using var document = JsonDocument.Parse(line, new() { AllowDuplicateProperties = false });
            var row = document.RootElement;
            if (row.ValueKind != JsonValueKind.Object)
                return "is no JSON object, expected one row; correct or remove the line";
            foreach (var field in row.EnumerateObject())
            {
                if (!columns.Any(column => column.Name == field.Name))
                    return $"has the unknown key {field.Name}, expected {string.Join(", ", columns.Select(column => column.Name))}; remove it";
            }
            for (var i = 0; i < columns.Count; i++)
            {
                if (Value(row, columns[i], out var value) is { } fault)
                    return fault;
                insert.Parameters[i].Value = value;
            }
            return table switch
            {
                "judgments" => FaultOfJudgment(row),
                "tasks" => FaultOfTask(row),
                "projects" => FaultOfSettings(row),
                _ => null,
            };
        }
        catch (InvalidOperationException) // half a pair of units, which JSON can write and text cannot be
        {
            return "has an escape that is half a character, expected whole ones; correct the line";
        }
        catch (JsonException e)
        {
            return $"is no JSON ({e.Message.TrimEnd('.')}), expected one row as an object; correct or remove the line";
        }
    }

    private static string? Value(JsonElement row, Column column, out object value)
    {
        value = DBNull.Value;
        if (!row.TryGetProperty(column.Name, out var field) || field.ValueKind == JsonValueKind.Null)
            return column.IsRequired ? $"has no {column.Name}, expected a value; add it" : null;
        var fits = column.Kind switch
        {
            ColumnKind.Text => field.ValueKind == JsonValueKind.String && !field.GetString()!.Contains('\0'),
            ColumnKind.Whole => field.ValueKind == JsonValueKind.Number && field.TryGetInt64(out _),
            _ => field.ValueKind == JsonValueKind.Number && field.TryGetDouble(out var real) && double.IsFinite(real),
        };
        if (!fits)
            return $"has {column.Name} {Short(field.GetRawText())}, expected {column.Kind switch { ColumnKind.Text => "a text", ColumnKind.Whole => "a whole number", _ => "a number" }}; correct it";
        value = column.Kind switch { ColumnKind.Text => field.GetString()!, ColumnKind.Whole => field.GetInt64(), _ => field.GetDouble() };
        return null;
    }

    // What pages read of a row later has to be readable now.
    private static string? FaultOfTask(JsonElement row)
    {
        var (kind, payload) = (row.GetProperty("kind").GetString()!, row.GetProperty("payload").GetString()!);
        if (!Enum.TryParse<TaskKind>(kind, ignoreCase: true, out var known) || !Enum.IsDefined(known) || int.TryParse(kind, out _))
            return $"has kind {Short(kind)}, expected {string.Join(", ", Enum.GetNames<TaskKind>()).ToLowerInvariant()}; correct the line";
        try
        {
            using var document = JsonDocument.Parse(payload);
            return document.RootElement.ValueKind == JsonValueKind.Object ? null : "has a payload that is no JSON object, expected one; correct the line";
        }
        catch (JsonException e)
        {
            return $"has a payload that is no JSON ({e.Message.TrimEnd('.')}), expected an object; correct the line";
        }
    }

    private static string? FaultOfSettings(JsonElement row)
    {
        try
        {
            _ = ProjectSettings.FromJson(row.GetProperty("settings").GetString()!);
            return null;
        }
        catch (InputException e)
        {
            return $"has settings that cannot be read: {e.Problems[0]}";
        }
    }

    private static string? FaultOfJudgment(JsonElement row)
    {
        var judgment = Judgment.FromJson(row.GetProperty("content").GetString()!);
        var fault = judgment.Fault() ?? (judgment.Id == row.GetProperty("id").GetString() ? null : $"has the id {judgment.Id} in its content, expected the row's");
        return fault is null ? null : $"{fault}; correct the line";
    }

    /// <summary>What the database would find out only at the commit, without saying where.</summary>
    private static async Task RequireReferencesAsync(Transaction transaction, string folder)
    {
        foreach (var (table, column) in ((string, string)[])[("tasks", "depends_on"), ("judgments", "supersedes")])
        {
            if (await transaction.FirstAsync<string>($"SELECT id FROM {table} r WHERE {column} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {table} o WHERE o.id = r.{column})").ConfigureAwait(false) is { } lost)
                throw new InputException(folder, [Problem.Of($"{table}.jsonl", $"has {lost}, whose {column} is not there", "the row that it refers to", "add it")]);
        }
    }

    private static string Short(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
