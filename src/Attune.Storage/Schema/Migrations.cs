using System.Reflection;
using System.Text.RegularExpressions;
using Attune.Runs;
using Attune.Storage.Engines;

namespace Attune.Storage.Schema;

/// <summary>The schema's version before and after opening a database; 0 for a new one.</summary>
public sealed record SchemaChange(int From, int To);

/// <summary>
/// Brings a database to the newest schema: the numbered <c>.sql</c> files of this folder, <c>NNNN-name.sql</c> for both engines or
/// <c>NNNN-name.sqlite.sql</c> and <c>NNNN-name.postgres.sql</c> where they differ, all that are missing in one transaction. Not here: a way back.
/// </summary>
internal static partial class Migrations
{
    /// <summary>The newest version that this program knows.</summary>
    public static int Newest { get; } = For(DatabaseKind.Sqlite).Max(migration => migration.Number);

    /// <summary>The tables, those that others refer to first.</summary>
    public static IReadOnlyList<string> Tables { get; } =
    [
        "secrets", "people", "identities", "person_languages", "person_skills", "projects", "memberships", "instructions", "batches", "tasks", "task_authors", "leases",
        "drafts", "chat_turns", "judgments", "message_trees", "messages", "invitations", "password_resets", "api_keys", "sessions", "sign_in_failures", "audit",
        "rule_sets", "rule_firings", "notices", "bans", "rejections", "standings", "qualifications", "feedback_seen", "repeats", "pair_choices", "batch_decisions", "pay_plans", "skill_changes",
        "data_sets", "data_set_tasks",
        "arena_voters", "arena_talks", "arena_turns", "arena_votes", "arena_prompts", "arena_shingles",
        "webhooks", "webhook_deliveries",
        "consents",
    ];

    public static async Task<SchemaChange> ApplyAsync(Engine engine, string name, CancellationToken stop)
    {
        var present = await engine.ReadAsync(transaction => VersionAsync(engine, transaction), stop).ConfigureAwait(false);
        if (present > Newest)
            throw InputException.One(name, $"has schema {present}, made by a newer program", $"at most {Newest}", "update this program");
        if (present == Newest)
            return new(present, present);
        if (!engine.Options.Migrate || engine.Options.ReadOnly)
            throw InputException.One(name, $"has schema {present}", $"{Newest}", "run 'attune db migrate' while no other program uses it");
        return await engine.WriteAsync(transaction => ApplyAsync(engine, transaction), stop).ConfigureAwait(false);
    }

    internal static IReadOnlyList<Migration> For(DatabaseKind kind)
    {
        var other = kind == DatabaseKind.Sqlite ? ".postgres.sql" : ".sqlite.sql";
        var assembly = Assembly.GetExecutingAssembly();
        return assembly.GetManifestResourceNames()
            .Where(name => MigrationName().IsMatch(name) && !name.EndsWith(other, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name =>
            {
                using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
                return new Migration(int.Parse(name[..4]), name, reader.ReadToEnd());
            })
            .ToList();
    }

    private static async Task<SchemaChange> ApplyAsync(Engine engine, Transaction transaction)
    {
        await engine.LockSchemaAsync(transaction).ConfigureAwait(false);
        var present = await VersionAsync(engine, transaction).ConfigureAwait(false); // another program may have been first
        await transaction.ExecuteAsync("CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)").ConfigureAwait(false);
        foreach (var migration in For(engine.Kind).Where(migration => migration.Number > present))
        {
            await transaction.ExecuteAsync(migration.Sql).ConfigureAwait(false);
            await transaction.ExecuteAsync(
                "INSERT INTO schema_versions (version, name, applied_at) VALUES (@Number, @Name, @Now)", new { migration.Number, migration.Name, transaction.Now }).ConfigureAwait(false);
        }
        return new(present, Newest);
    }

    private static async Task<int> VersionAsync(Engine engine, Transaction transaction) =>
        await engine.HasTableAsync(transaction, "schema_versions").ConfigureAwait(false)
            ? (int)await transaction.CountAsync("SELECT COALESCE(MAX(version), 0) FROM schema_versions").ConfigureAwait(false) : 0;

    [GeneratedRegex(@"^\d{4}-[a-z-]+(\.sqlite|\.postgres)?\.sql$")]
    private static partial Regex MigrationName();
}

/// <summary>One numbered file of the schema.</summary>
internal sealed record Migration(int Number, string Name, string Sql);
