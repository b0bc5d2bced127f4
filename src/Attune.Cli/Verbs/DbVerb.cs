using System.CommandLine;
using System.Globalization;
using Attune.Cli.Output;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.Transfer;

namespace Attune.Cli.Verbs;

/// <summary><c>attune db</c>: copies, moves and upgrades the database of the annotation app.</summary>
internal static class DbVerb
{
    /// <summary>Names the database where no <c>--db</c> does.</summary>
    public const string Variable = "ATTUNE_DB";

    internal static readonly Option<string> Url = new("--db")
    {
        Description = $"The database: a file's path, or postgres://user:password@host:port/name; {Variable} or attune.db without it",
        HelpName = "URL",
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } url ? url : "attune.db",
    };

    public static Command Create(ConsoleOutput output) => new("db", "Back up, restore, move or upgrade the database of the annotation app.")
    {
        BackUp(output), Restore(output), Migrate(output), Export(output), Import(output),
    };

    private static Verb BackUp(ConsoleOutput output)
    {
        var to = new Argument<string>("file") { Description = "File to write (of PostgreSQL a folder); it must not be there" };
        var verb = new Verb("backup", "Copy a database, also while it is in use; the copy is verified.", "attune db backup backups/monday.db --db attune.db") { to, Url, CommonOptions.Json };
        return verb.Does(output, (parsed, stop) => Report(output, parsed, "backed up to", Run(() => Backup.WriteAsync(parsed.GetValue(Url)!, parsed.GetRequiredValue(to), stop))));
    }

    private static Verb Restore(ConsoleOutput output)
    {
        var from = new Argument<string>("file") { Description = "What 'attune db backup' or 'attune db export' wrote" };
        var force = new Option<bool>("--force") { Description = "Replace the database that is there" };
        var verb = new Verb("restore", "Put a backup in place of a database, or into a new one.", "attune db restore backups/monday.db --db attune.db --force") { from, Url, force, CommonOptions.Json };
        verb.Deleting.Add(force);
        return verb.Does(output, (parsed, stop) =>
            Report(output, parsed, "restored to", Run(() => Backup.RestoreAsync(parsed.GetRequiredValue(from), parsed.GetValue(Url)!, parsed.GetValue(force), stop))));
    }

    private static Verb Migrate(ConsoleOutput output)
    {
        var verb = new Verb("migrate", "Bring a database to this program's schema; make it if there is none.", "attune db migrate --db attune.db") { Url, CommonOptions.Json };
        return verb.Does(output, (parsed, stop) =>
        {
            var schema = Run(async () =>
            {
                await using var database = await Database.OpenAsync(parsed.GetValue(Url)!, null, stop);
                return new { database = $"{database.Url}", database.Schema.From, database.Schema.To };
            });
            if (parsed.GetValue(CommonOptions.Json))
                output.Json(schema);
            else
                output.Line(schema.From == schema.To ? $"{schema.database} has schema {schema.To} already" : $"{schema.database} went from schema {schema.From} to {schema.To}");
        });
    }

    private static Verb Export(ConsoleOutput output)
    {
        var to = new Argument<string>("folder") { Description = "Folder to write; it must not be there" };
        var verb = new Verb("export", "Write everything as JSON Lines with a manifest, the same bytes from either engine.", "attune db export backups/monday --db attune.db") { to, Url, CommonOptions.Json };
        return verb.Does(output, (parsed, stop) => Report(output, parsed, "exported to", Run(async () =>
        {
            await using var database = await Database.OpenAsync(parsed.GetValue(Url)!, new() { ReadOnly = true }, stop);
            return Of(parsed.GetRequiredValue(to), await ExportFolder.WriteAsync(database, parsed.GetRequiredValue(to), stop));
        })));
    }

    private static Verb Import(ConsoleOutput output)
    {
        var from = new Argument<string>("folder") { Description = "What 'attune db export' wrote" };
        var verb = new Verb("import", "Read an export into an empty database, all of it or nothing.", "attune db import backups/monday --db postgres://attune@localhost:5432/attune") { from, Url, CommonOptions.Json };
        return verb.Does(output, (parsed, stop) => Report(output, parsed, "imported to", Run(() => Backup.ImportAsync(parsed.GetRequiredValue(from), parsed.GetValue(Url)!, stop))));
    }

    private static BackupReport Of(string path, ExportManifest manifest) => new(path, manifest.Tables.ToDictionary(table => Path.GetFileNameWithoutExtension(table.File), table => table.Rows));

    private static void Report(ConsoleOutput output, ParseResult parsed, string done, BackupReport report)
    {
        if (parsed.GetValue(CommonOptions.Json))
        {
            output.Json(report);
            return;
        }
        string Count(string table) => report.Rows[table].ToString("N0", CultureInfo.InvariantCulture);
        output.Line($"{done} {report.Path}: {Count("projects")} projects, {Count("people")} people, {Count("tasks")} tasks, {Count("judgments")} judgments");
    }

    /// <summary>A verb runs on the main thread; what fails in the database ends it as any failure does.</summary>
    internal static T Run<T>(Func<Task<T>> work)
    {
        try
        {
            return Task.Run(work).GetAwaiter().GetResult();
        }
        catch (StorageException e)
        {
            throw new RunFailedException(e.Message, e);
        }
    }
}
