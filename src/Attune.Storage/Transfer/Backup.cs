using Attune.Runs;
using Attune.Storage.Engines;
using Attune.Storage.Schema;
using Microsoft.Data.Sqlite;

namespace Attune.Storage.Transfer;

/// <summary>What a backup holds.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Rows">Rows by table.</param>
public sealed record BackupReport(string Path, IReadOnlyDictionary<string, long> Rows);

/// <summary>
/// Copies a database while others use it, and puts a copy back. Of SQLite the copy is a SQLite file; of PostgreSQL a folder as
/// <see cref="ExportFolder"/> writes it. Both are complete or not there, and verified before they are called done.
/// </summary>
public static class Backup
{
    /// <summary>Makes a backup.</summary>
    /// <exception cref="InputException">The place is taken, the database is not there.</exception>
    /// <exception cref="RunFailedException">The disk is full, or the copy is not sound.</exception>
    public static async Task<BackupReport> WriteAsync(string url, string path, CancellationToken stop = default)
    {
        await using var database = await Database.OpenAsync(url, new() { ReadOnly = true }, stop).ConfigureAwait(false);
        if (database.Url.Kind == DatabaseKind.Postgres)
            return new(path, Rows(await ExportFolder.WriteAsync(database, path, stop).ConfigureAwait(false)));
        if (Path.Exists(path))
            throw InputException.One(path, "is there already", "a new file", "name another or remove it");
        AtomicFile.RequireWritable(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var temporary = $"{Path.GetFullPath(path)}.part-{Environment.ProcessId}";
        try
        {
            var before = await CountsAsync(database, stop).ConfigureAwait(false);
            CopyTo(database.Url, temporary);
            var copied = await VerifyAsync(temporary, stop).ConfigureAwait(false);
            foreach (var table in (string[])["judgments", "audit"]) // these only grow
            {
                if (copied[table] < before[table])
                    throw new RunFailedException($"The backup of {database.Url} has {copied[table]} rows in {table}, expected at least {before[table]}; check the disk and try again");
            }
            File.Move(temporary, path);
            return new(path, copied);
        }
        finally
        {
            Discard(temporary);
        }
    }

    /// <summary>Puts a backup in place of a database, or into a new one. An export's folder goes into either engine.</summary>
    /// <param name="path">What <see cref="WriteAsync"/> or an export made.</param>
    /// <param name="url">Where to.</param>
    /// <param name="force">Whether what is there may be replaced.</param>
    /// <param name="stop">Gives up.</param>
    /// <exception cref="InputException">The backup is not sound, the database is in use, or it is there and may not be replaced. Nothing is changed.</exception>
    public static async Task<BackupReport> RestoreAsync(string path, string url, bool force, CancellationToken stop = default)
    {
        var target = DatabaseUrl.Parse(url);
        if (!Path.Exists(path))
            throw InputException.One(path, "is not there", "a backup", "check the path");
        if (target.Kind == DatabaseKind.Postgres)
            return await RestorePostgresAsync(path, url, force, stop).ConfigureAwait(false);
        if (File.Exists(target.Target) && !force)
            throw InputException.One(target.ToString(), "is there already", "a new file", "add --force to replace it, or name another");
        if (Directory.Exists(path))
            ImportFolder.Verify(path); // before anything is made
        var temporary = $"{target.Target}.part-{Environment.ProcessId}";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(temporary)!);
            var rows = Directory.Exists(path) ? await FilledAsync(path, temporary, stop).ConfigureAwait(false) : await CopiedAsync(path, temporary, stop).ConfigureAwait(false);
            SqliteEngine.Replace(target, temporary);
            return new(target.ToString(), rows);
        }
        catch (IOException e)
        {
            throw new RunFailedException($"{target} could not be written: {e.Message.TrimEnd('.')}, expected more free space; free some, then restore again", e);
        }
        finally
        {
            Discard(temporary);
        }
    }

    /// <summary>Reads an export into an empty database of either engine. One that is not there yet is made with all of it, or not at all.</summary>
    /// <exception cref="InputException">The folder is not whole, a line is bad, or the database holds something. Nothing is made or changed.</exception>
    public static async Task<BackupReport> ImportAsync(string folder, string url, CancellationToken stop = default)
    {
        ImportFolder.Verify(folder);
        var target = DatabaseUrl.Parse(url);
        if (target.Kind == DatabaseKind.Sqlite && !File.Exists(target.Target))
            return await RestoreAsync(folder, url, force: false, stop).ConfigureAwait(false);
        await using var database = await Database.OpenAsync(url, null, stop).ConfigureAwait(false);
        return new(database.Url.ToString(), Rows(await ImportFolder.ReadAsync(database, folder, stop).ConfigureAwait(false)));
    }

    private static async Task<IReadOnlyDictionary<string, long>> FilledAsync(string folder, string to, CancellationToken stop)
    {
        await using (var filled = await Database.OpenAsync(to, null, stop).ConfigureAwait(false))
            await ImportFolder.ReadAsync(filled, folder, stop).ConfigureAwait(false);
        return await VerifyAsync(to, stop).ConfigureAwait(false);
    }

    // A backup of an older program is brought to this one's schema. What is wrong is told of the backup, not of its copy.
    private static async Task<IReadOnlyDictionary<string, long>> CopiedAsync(string backup, string to, CancellationToken stop)
    {
        try
        {
            File.Copy(backup, to);
            await SqliteEngine.Open(DatabaseUrl.Parse(to), new() { ReadOnly = true }).DisposeAsync().ConfigureAwait(false); // what is none of ours is not made one
            await (await Database.OpenAsync(to, null, stop).ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
            return await VerifyAsync(to, stop).ConfigureAwait(false);
        }
        catch (InputException e)
        {
            throw new InputException(backup, [.. e.Problems]);
        }
        catch (UnauthorizedAccessException)
        {
            throw InputException.One(backup, "cannot be opened", "a file that this user may read", "change its permissions");
        }
        catch (Exception e) when (e is SqliteException or StorageException { Fault: StorageFault.Damaged })
        {
            throw InputException.One(backup, $"is damaged ({((e as SqliteException ?? e.InnerException)?.Message ?? e.Message).TrimEnd('.')})", "a sound database", "use another backup");
        }
    }

    private static async Task<BackupReport> RestorePostgresAsync(string path, string url, bool force, CancellationToken stop)
    {
        if (!Directory.Exists(path))
            throw InputException.One(path, "is a SQLite file", "a folder that 'attune db export' wrote, for PostgreSQL", "restore it to a file, export that, and restore the folder");
        ImportFolder.Verify(path);
        await using var database = await Database.OpenAsync(url, null, stop).ConfigureAwait(false);
        return new(database.Url.ToString(), Rows(await ImportFolder.ReadAsync(database, path, force, stop).ConfigureAwait(false)));
    }

    private static Dictionary<string, long> Rows(ExportManifest manifest) =>
        manifest.Tables.ToDictionary(table => Path.GetFileNameWithoutExtension(table.File), table => table.Rows);

    private static void CopyTo(DatabaseUrl from, string to)
    {
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = from.Target, Pooling = false }.ConnectionString);
        try
        {
            connection.Open();
            using var copy = connection.CreateCommand();
            copy.CommandText = "VACUUM INTO @to"; // one consistent view; writers go on
            copy.Parameters.AddWithValue("to", to);
            copy.CommandTimeout = 0;
            copy.ExecuteNonQuery();
        }
        catch (SqliteException e)
        {
            throw new RunFailedException($"{to} could not be written ({e.Message}), expected room for the whole database; free some or choose another place", e);
        }
        using var handle = File.OpenHandle(to, FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.FlushToDisk(handle); // VACUUM INTO does not
    }

    /// <summary>The rows by table of a file that is sound and whose schema this program knows.</summary>
    private static async Task<IReadOnlyDictionary<string, long>> VerifyAsync(string path, CancellationToken stop)
    {
        await using var copy = await Database.OpenAsync(path, new() { ReadOnly = true }, stop).ConfigureAwait(false);
        var findings = await copy.ReadAsync(
            async transaction => (await transaction.QueryAsync<string>("PRAGMA integrity_check").ConfigureAwait(false), await transaction.CountAsync("SELECT COUNT(*) FROM pragma_foreign_key_check").ConfigureAwait(false)),
            stop).ConfigureAwait(false);
        if (findings is not (["ok"], 0))
            throw InputException.One(path, $"is damaged ({findings.Item1[0]}; {findings.Item2} broken references)", "a sound database", "use another backup");
        return await CountsAsync(copy, stop).ConfigureAwait(false);
    }

    private static Task<Dictionary<string, long>> CountsAsync(Database database, CancellationToken stop) => database.ReadAsync(
        async transaction =>
        {
            var counts = new Dictionary<string, long>();
            foreach (var table in Migrations.Tables)
                counts[table] = await transaction.CountAsync($"SELECT COUNT(*) FROM {table}").ConfigureAwait(false);
            return counts;
        }, stop);

    private static void Discard(string temporary)
    {
        foreach (var ending in (string[])["", "-wal", "-shm", "-journal", ".lock"])
            File.Delete(temporary + ending);
    }
}
