using System.Security.Cryptography;
using System.Text.Json;
using Attune.Runs;
using Attune.Storage.Engines;
using Attune.Storage.Schema;

namespace Attune.Storage.Transfer;

/// <summary>What an export says of itself, as <c>manifest.json</c>.</summary>
public sealed record ExportManifest
{
    /// <summary>Always "attune-export".</summary>
    public required string Format { get; init; }

    /// <summary>The schema that the rows have.</summary>
    public required int Schema { get; init; }

    /// <summary>One file per table, in the order in which they are read.</summary>
    public required IReadOnlyList<ExportedTable> Tables { get; init; }
}

/// <summary>A table's file.</summary>
/// <param name="File">Its name in the folder.</param>
/// <param name="Rows">Lines in it.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">SHA-256 of its bytes, in hexadecimal digits.</param>
public sealed record ExportedTable(string File, long Rows, long Bytes, string Sha256);

/// <summary>
/// Writes everything in a database as a folder of JSON Lines with a manifest: the same rows give the same bytes, whatever engine they came from. It holds
/// password hashes and addresses; keep it as safe as the database.
/// </summary>
public static class ExportFolder
{
    internal const string Manifest = "manifest.json", Format = "attune-export";

    internal static readonly JsonSerializerOptions Json = new(StorageJson.Options) { WriteIndented = true };

    /// <summary>Writes a folder, whole or not at all, from one view of the database; others may go on writing.</summary>
    /// <exception cref="InputException">The folder is there already and holds something.</exception>
    /// <exception cref="RunFailedException">The disk is full.</exception>
    public static async Task<ExportManifest> WriteAsync(Database database, string folder, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        if (File.Exists(folder) || (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any()))
            throw InputException.One(folder, "is there already", "a new folder", "name another or remove it");
        var parent = Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)))!;
        AtomicFile.RequireWritable(parent);
        var staged = Path.Combine(parent, $".{Path.GetFileName(Path.TrimEndingDirectorySeparator(folder))}.export-{Environment.ProcessId}");
        try
        {
            Directory.CreateDirectory(staged);
            var manifest = await database.ReadAsync(transaction => WriteAsync(transaction, staged), stop).ConfigureAwait(false);
            AtomicFolder.Write(folder, target =>
            {
                foreach (var file in Directory.EnumerateFiles(staged))
                    File.Move(file, Path.Combine(target, Path.GetFileName(file)));
            });
            return manifest;
        }
        catch (IOException e)
        {
            throw new RunFailedException($"{folder} could not be written: {e.Message.TrimEnd('.')}, expected more free space; free some or choose another place", e);
        }
        finally
        {
            if (Directory.Exists(staged))
                Directory.Delete(staged, recursive: true);
        }
    }

    private static async Task<ExportManifest> WriteAsync(Transaction transaction, string folder)
    {
        var tables = new List<ExportedTable>();
        foreach (var table in Migrations.Tables)
            tables.Add(await WriteTableAsync(transaction, table, Path.Combine(folder, $"{table}.jsonl")).ConfigureAwait(false));
        var manifest = new ExportManifest { Format = Format, Schema = Migrations.Newest, Tables = tables };
        await File.WriteAllTextAsync(Path.Combine(folder, Manifest), JsonSerializer.Serialize(manifest, Json) + "\n").ConfigureAwait(false);
        return manifest;
    }

    private static async Task<ExportedTable> WriteTableAsync(Transaction transaction, string table, string path)
    {
        var columns = await transaction.Engine.ColumnsAsync(transaction, table).ConfigureAwait(false);
        var rows = 0L;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16);
        using var line = new MemoryStream();
        var order = string.Join(", ", columns.Take(2).Select(column => column.Kind == ColumnKind.Text ? column.Name + transaction.Engine.ByBytes : column.Name)); // every key is among the first two columns
        await using var reader = await transaction.ReaderAsync($"SELECT {string.Join(", ", columns.Select(column => column.Name))} FROM {table} ORDER BY {order}").ConfigureAwait(false);
        while (await reader.ReadAsync().ConfigureAwait(false))
        {
            line.SetLength(0);
            using (var writer = new Utf8JsonWriter(line, new() { Encoder = StorageJson.Options.Encoder }))
                WriteRow(writer, columns, reader);
            line.WriteByte((byte)'\n');
            var bytes = line.GetBuffer().AsMemory(0, (int)line.Length);
            hash.AppendData(bytes.Span);
            await file.WriteAsync(bytes).ConfigureAwait(false);
            rows++;
        }
        await file.FlushAsync().ConfigureAwait(false);
        return new(Path.GetFileName(path), rows, file.Length, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    private static void WriteRow(Utf8JsonWriter writer, IReadOnlyList<Column> columns, System.Data.Common.DbDataReader row)
    {
        writer.WriteStartObject();
        for (var i = 0; i < columns.Count; i++)
        {
            if (row.IsDBNull(i))
                continue;
            if (columns[i].Kind == ColumnKind.Text)
                writer.WriteString(columns[i].Name, row.GetString(i));
            else if (columns[i].Kind == ColumnKind.Whole)
                writer.WriteNumber(columns[i].Name, row.GetInt64(i));
            else
                writer.WriteNumber(columns[i].Name, row.GetDouble(i));
        }
        writer.WriteEndObject();
    }
}
