using Attune.Runs;
using Attune.Storage.Tests.Leases;
using Attune.Storage.Tests.Testing;
using Attune.Storage.Transfer;

namespace Attune.Storage.Tests.Transfer;

public sealed class TransferTests
{
    [Theory, OnSqlite, OnPostgres]
    public async Task What_was_backed_up_is_restored_and_nothing_is_overwritten_unasked(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        await Fill(test);
        var (backup, url) = (test.PathOf("backup"), test.NewUrl());

        var made = await Backup.WriteAsync(test.Url, backup); // the database is open and in use
        await ExportFolder.WriteAsync(test.Database, test.PathOf("before"));
        await test.Database.People.CreateAsync(new() { DisplayName = "Afterwards" }, null);
        await Assert.ThrowsAsync<InputException>(() => Backup.WriteAsync(test.Url, backup));
        var restored = await Backup.RestoreAsync(backup, url, force: false);
        Assert.Contains(kind == DatabaseKind.Sqlite ? "is there already" : "has rows in", (await Assert.ThrowsAsync<InputException>(() => Backup.RestoreAsync(backup, url, force: false))).Message);

        Assert.Equal(made.Rows, restored.Rows);
        Assert.Equal((4, 2), (made.Rows["judgments"], made.Rows["people"]));
        await ExportFolder.WriteAsync(await test.Again(url), test.PathOf("after"));
        AssertSame(test.PathOf("before"), test.PathOf("after"));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Restoring_by_force_replaces_what_is_there(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        await Fill(test);
        await Backup.WriteAsync(test.Url, test.PathOf("backup"));
        await ExportFolder.WriteAsync(test.Database, test.PathOf("before"));
        await test.Database.People.CreateAsync(new() { DisplayName = "Afterwards" }, null);
        if (kind == DatabaseKind.Sqlite)
            Assert.Contains("is in use", (await Assert.ThrowsAsync<InputException>(() => Backup.RestoreAsync(test.PathOf("backup"), test.Url, force: true))).Message);
        await test.Database.DisposeAsync();

        await Backup.RestoreAsync(test.PathOf("backup"), test.Url, force: true);

        await ExportFolder.WriteAsync(await test.Again(test.Url), test.PathOf("after"));
        AssertSame(test.PathOf("before"), test.PathOf("after"));
    }

    [PostgresFact]
    public async Task From_sqlite_to_postgres_and_back_the_exports_are_equal()
    {
        await using var sqlite = await TestDatabase.Open(DatabaseKind.Sqlite);
        await using var postgres = await TestDatabase.Open(DatabaseKind.Postgres);
        await Fill(sqlite);
        await ExportFolder.WriteAsync(sqlite.Database, sqlite.PathOf("first"));
        await ImportFolder.ReadAsync(postgres.Database, sqlite.PathOf("first"));
        await ExportFolder.WriteAsync(postgres.Database, sqlite.PathOf("second"));
        await Backup.RestoreAsync(sqlite.PathOf("second"), sqlite.PathOf("back.db"), force: false);
        var back = await sqlite.Again(sqlite.PathOf("back.db"));
        await ExportFolder.WriteAsync(back, sqlite.PathOf("third"));

        AssertSame(sqlite.PathOf("first"), sqlite.PathOf("second"));
        AssertSame(sqlite.PathOf("first"), sqlite.PathOf("third"));
        var project = (await postgres.Database.Projects.FindByNameAsync("Tests"))!;
        Assert.Equal(4, (await postgres.Database.Judgments.ReadAsync(project.Id, new())).Count);
    }

    [Theory]
    [InlineData("judgments.jsonl", "\"outcome\":\"choice\"", "\"outcome\":7", "judgments.jsonl line 1", "has outcome 7, expected a text")]
    [InlineData("judgments.jsonl", "{\"id\"", "{\"colour\":1,\"id\"", "judgments.jsonl line 1", "has the unknown key colour")]
    [InlineData("judgments.jsonl", "\\\"ranks\\\":[1,2]", "\\\"ranks\\\":[1,1]", "judgments.jsonl line 1", "which is no Choice")]
    [InlineData("tasks.jsonl", "\"choices\":2,", "", "tasks.jsonl line 1", "has no choices, expected a value")]
    [InlineData("tasks.jsonl", "\"accepted\":2", "\"accepted\":9", "tasks.jsonl line ", "breaks a rule of the schema")]
    [InlineData("people.jsonl", "\"state\":\"active\"", "\"state\":\"asleep\"", "people.jsonl line 1", "breaks a rule of the schema")]
    [InlineData("leases.jsonl", "\n{", "\nx{", "leases.jsonl line 2", "is no JSON")]
    public async Task A_bad_line_is_named_and_nothing_is_changed(string file, string good, string bad, string where, string why)
    {
        foreach (var kind in PostgresServer.WhyNot is null ? new[] { DatabaseKind.Sqlite, DatabaseKind.Postgres } : [DatabaseKind.Sqlite])
        {
            await using var test = await TestDatabase.Open(kind);
            await Fill(test);
            await ExportFolder.WriteAsync(test.Database, test.PathOf("export"));
            var path = Path.Combine(test.PathOf("export"), file);
            var text = await File.ReadAllTextAsync(path);
            Assert.Contains(good, text);
            var at = text.IndexOf(good, StringComparison.Ordinal);
            await File.WriteAllTextAsync(path, text[..at] + bad + text[(at + good.Length)..]);
            var empty = await test.Again(test.NewUrl());

            Assert.Contains($"{file}  was changed", (await Assert.ThrowsAsync<InputException>(() => ImportFolder.ReadAsync(empty, test.PathOf("export")))).Message);
            CorrectManifest(test.PathOf("export"), file);
            var message = (await Assert.ThrowsAsync<InputException>(() => ImportFolder.ReadAsync(empty, test.PathOf("export")))).Message;

            Assert.Contains(where, message);
            Assert.Contains(why, message);
            Assert.Empty((await empty.People.ListAsync(new())).Items);
        }
    }

    [Fact]
    public async Task A_backup_of_an_older_schema_is_restored_to_this_ones()
    {
        await using var test = await TestDatabase.Open(DatabaseKind.Sqlite);
        await Fill(test);
        await Backup.WriteAsync(test.Url, test.PathOf("backup"));
        using (var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={test.PathOf("backup")};Pooling=False"))
        {
            connection.Open();
            using var older = connection.CreateCommand();
            // As it was before consents had a table of their own.
            older.CommandText = """
                DROP TABLE consents; ALTER TABLE identities ADD COLUMN consent_version TEXT; ALTER TABLE identities ADD COLUMN consent_at BIGINT;
                UPDATE identities SET consent_version = (SELECT id FROM projects LIMIT 1) || ':3', consent_at = 1893585600000000 WHERE email = 'person1@example.org';
                ALTER TABLE tasks DROP COLUMN held_at; ALTER TABLE tasks DROP COLUMN reports_seen_at;
                DELETE FROM schema_versions WHERE version >= 9;
                """;
            older.ExecuteNonQuery();
        }

        var restored = await Backup.RestoreAsync(test.PathOf("backup"), test.PathOf("new.db"), force: false);

        Assert.Equal((4, 1), (restored.Rows["judgments"], restored.Rows["consents"]));
        var database = await test.Again(test.PathOf("new.db"));
        Assert.Equal((Schema.Migrations.Newest, "3"), (database.Schema.To, await database.ReadAsync(transaction => transaction.FirstAsync<string>("SELECT version FROM consents"))));
    }

    [Fact]
    public async Task A_damaged_backup_is_refused()
    {
        await using var test = await TestDatabase.Open(DatabaseKind.Sqlite);
        await Fill(test);
        await Backup.WriteAsync(test.Url, test.PathOf("backup"));
        var bytes = await File.ReadAllBytesAsync(test.PathOf("backup"));
        Array.Fill(bytes, (byte)0xFF, bytes.Length / 2, 4096);
        await File.WriteAllBytesAsync(test.PathOf("backup"), bytes);

        var error = await Assert.ThrowsAsync<InputException>(() => Backup.RestoreAsync(test.PathOf("backup"), test.PathOf("new.db"), force: false));

        Assert.StartsWith($"{test.PathOf("backup")} has 1 problem\n  is damaged", error.Message); // the backup, not its copy
        Assert.False(File.Exists(test.PathOf("new.db")));
    }

    private static async Task Fill(TestDatabase test)
    {
        var (project, people) = await test.Project(2);
        await test.Database.Tasks.AddAsync(project.Id, TestDatabase.Pairs(3), null);
        await test.Database.People.SetSkillAsync(people[0].Id, "médecine", 1.0 / 3, people[1].Id);
        for (var i = 0; i < 2; i++)
            foreach (var person in people)
                await LeaseTests.NextAndSubmit(test, project, person);
        await LeaseTests.Next(test, project, people[0]);
    }

    private static void CorrectManifest(string folder, string file)
    {
        var manifest = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "manifest.json")))!;
        var entry = manifest["tables"]!.AsArray().Single(table => (string)table!["file"]! == file)!;
        var bytes = File.ReadAllBytes(Path.Combine(folder, file));
        entry["bytes"] = bytes.Length;
        entry["sha256"] = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes));
        File.WriteAllText(Path.Combine(folder, "manifest.json"), manifest.ToJsonString());
    }

    private static void AssertSame(string first, string second)
    {
        var files = Directory.GetFiles(first).Select(Path.GetFileName).Order().ToList();
        Assert.Equal(Schema.Migrations.Tables.Count + 1, files.Count); // and the manifest
        Assert.Equal(files, Directory.GetFiles(second).Select(Path.GetFileName).Order());
        Assert.All(files, file => Assert.Equal(File.ReadAllText(Path.Combine(first, file!)), File.ReadAllText(Path.Combine(second, file!))));
    }
}
