using Attune.Cli.Tests;
using Attune.Runs;
using Attune.Storage.Tests.Testing;
using Attune.Torch;

namespace Attune.Storage.Tests;

public sealed class DatabaseTests
{
    [Theory, OnSqlite, OnPostgres]
    public async Task A_new_database_gets_the_schema_once_and_keeps_its_rows(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(1);
        await test.Database.DisposeAsync();

        var again = await test.Again(test.Url);

        Assert.Equal((0, Schema.Migrations.Newest), (test.Database.Schema.From, test.Database.Schema.To));
        Assert.Equal((Schema.Migrations.Newest, Schema.Migrations.Newest), (again.Schema.From, again.Schema.To));
        var found = (await again.Projects.FindAsync(project.Id))!;
        Assert.Equal((project.Name, project.Seed, project.CreatedAt, project.Settings.ToJson()), (found.Name, found.Seed, found.CreatedAt, found.Settings.ToJson()));
        Assert.Equal(people[0], await again.People.FindAsync(people[0].Id));
        Assert.Equal(["project.create", "instruction.add", "person.create", "member.set"], (await again.Audit.ListAsync(null, new())).Items.Select(entry => entry.Act));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_newer_schema_is_refused(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        await test.Database.WriteAsync(transaction => transaction.ExecuteAsync("INSERT INTO schema_versions (version, name, applied_at) VALUES (99, 'from the future', 0)"));
        await test.Database.DisposeAsync();

        var message = (await Assert.ThrowsAsync<InputException>(() => test.Again(test.Url))).Message;

        Assert.Contains($"has schema 99, made by a newer program, expected at most {Schema.Migrations.Newest}; update this program", message);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_change_that_fails_is_undone_alone(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        Task Insert(string name, bool fails) => test.Database.WriteAsync(async transaction =>
        {
            await transaction.ExecuteAsync("INSERT INTO secrets (name, value) VALUES (@name, 'x')", new { name });
            if (fails)
                throw new InvalidOperationException(name);
        });

        var all = Enumerable.Range(0, 60).Select(i => (Name: $"s{i:d2}", Task: Insert($"s{i:d2}", fails: i % 3 == 0))).ToList();
        foreach (var (name, task) in all)
        {
            if (int.Parse(name[1..]) % 3 == 0)
                Assert.Equal(name, (await Assert.ThrowsAsync<InvalidOperationException>(() => task)).Message);
            else
                await task;
        }

        var kept = await test.Database.ReadAsync(transaction => transaction.QueryAsync<string>("SELECT name FROM secrets ORDER BY name"));
        Assert.Equal(all.Select(one => one.Name).Where(name => int.Parse(name[1..]) % 3 != 0), kept);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task The_logs_cannot_be_changed_and_the_overlap_cannot_be_passed(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, people) = await test.Project(1);
        await test.Database.Tasks.AddAsync(project.Id, [TestDatabase.Pair()], null);
        await Leases.LeaseTests.NextAndSubmit(test, project, people[0]);

        foreach (var sql in (string[])["DELETE FROM judgments", "UPDATE judgments SET content = '{}'", "UPDATE judgments SET outcome = 'tie', redacted_at = 1", "DELETE FROM audit", "UPDATE audit SET act = 'x'", "UPDATE tasks SET accepted = 3"])
            await Assert.ThrowsAnyAsync<System.Data.Common.DbException>(() => test.Database.WriteAsync(transaction => transaction.ExecuteAsync(sql)));
    }

    [Fact]
    public async Task A_second_writer_of_a_file_is_refused_and_a_reader_is_not()
    {
        await using var test = await TestDatabase.Open(DatabaseKind.Sqlite);
        await test.Project(1);

        var message = (await Assert.ThrowsAsync<InputException>(() => Database.OpenAsync(test.Url))).Message;
        await using var reader = await Database.OpenAsync("sqlite:" + test.Url, new() { ReadOnly = true });

        Assert.Contains("is in use by another process, expected a database for this one alone", message);
        Assert.Single((await reader.People.ListAsync(new())).Items);
        await Assert.ThrowsAsync<InvalidOperationException>(() => reader.WriteAsync(transaction => transaction.ExecuteAsync("DELETE FROM people")));
    }

    [Fact]
    public async Task Readers_do_not_wait_for_a_writer_and_see_nothing_of_it_before_it_is_done()
    {
        await using var test = await TestDatabase.Open(DatabaseKind.Sqlite);
        var (inside, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        var writing = test.Database.WriteAsync(async transaction =>
        {
            await transaction.ExecuteAsync("INSERT INTO secrets (name, value) VALUES ('a', 'b')");
            inside.SetResult();
            await goOn.Task;
        });
        await inside.Task;

        Assert.Equal(0, await test.Database.ReadAsync(transaction => transaction.CountAsync("SELECT COUNT(*) FROM secrets")));
        goOn.SetResult();
        await writing;
        Assert.Equal(1, await test.Database.ReadAsync(transaction => transaction.CountAsync("SELECT COUNT(*) FROM secrets")));
    }

    [Fact]
    public async Task The_systems_sqlite_is_used_where_it_is_newer()
    {
        await using var test = await TestDatabase.Open(DatabaseKind.Sqlite);

        var version = await test.Database.ReadAsync(transaction => transaction.FirstAsync<string>("SELECT sqlite_version()"));

        if (File.Exists("/usr/lib/x86_64-linux-gnu/libsqlite3.so.0"))
            Assert.True(Version.Parse(version!) > new Version(3, 35, 5), version);
        Assert.Equal(("wal", 2L), await test.Database.WriteAsync(async transaction => ((await transaction.FirstAsync<string>("PRAGMA journal_mode"))!, await transaction.CountAsync("PRAGMA synchronous"))));
    }

    [Fact]
    public async Task A_file_that_is_no_database_of_ours_is_refused_and_left_alone()
    {
        var folder = Directory.CreateTempSubdirectory("attune-not-");
        var (text, empty) = (Path.Combine(folder.FullName, "text.db"), Path.Combine(folder.FullName, "none.db"));
        await File.WriteAllTextAsync(text, new string('x', 5_000));

        Assert.Contains("is no SQLite database", (await Assert.ThrowsAsync<InputException>(() => Database.OpenAsync(text))).Message);
        Assert.Contains("is not there", (await Assert.ThrowsAsync<InputException>(() => Database.OpenAsync(empty, new() { ReadOnly = true }))).Message);
        Assert.Equal(new string('x', 5_000), await File.ReadAllTextAsync(text));
        folder.Delete(recursive: true);
    }

    [SmallDiskFact]
    public async Task A_full_disk_is_told_of_and_nothing_half_written_stays()
    {
        using var disk = new SmallDisk("2m");
        var told = 0;
        var database = await Database.OpenAsync(Path.Combine(disk.Folder, "attune.db"));
        var project = await database.Projects.CreateAsync("Full", new(), null);
        var added = 0;
        try
        {
            for (; added < 200; added++)
                await database.Tasks.AddAsync(project.Id, Enumerable.Range(0, 5).Select(_ => TestDatabase.Pair() with { Payload = $"\"{new string('x', 3_000)}\"" }).ToArray(), null);
        }
        catch (StorageException e)
        {
            told++;
            Assert.Equal(StorageFault.DiskFull, e.Fault);
            Assert.Contains("expected", e.Message);
        }
        Assert.Equal(1, told);
        Assert.Equal(5 * added, await database.ReadAsync(transaction => transaction.CountAsync("SELECT COUNT(*) FROM tasks"))); // whole calls, and readable
        await database.DisposeAsync();
        await using (var again = await Database.OpenAsync(Path.Combine(disk.Folder, "attune.db")))
            Assert.Equal("ok", await again.ReadAsync(transaction => transaction.FirstAsync<string>("PRAGMA integrity_check")));
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_told_of_without_the_password()
    {
        var error = await Assert.ThrowsAsync<StorageException>(() => Database.OpenAsync("postgres://me:geheim@127.0.0.1:1/attune"));

        Assert.Equal(StorageFault.Unavailable, error.Fault);
        Assert.StartsWith("postgres://me@127.0.0.1:1/attune does not answer", error.Message);
        Assert.DoesNotContain("geheim", error.Message);
    }

    [Fact]
    public void Ids_ascend_within_a_millisecond_and_repeat_from_a_seed()
    {
        var (now, one, same, other) = (DateTimeOffset.UnixEpoch.AddDays(1), IdSource.Of(new Seed(1)), IdSource.Of(new Seed(1)), IdSource.Random());
        var ids = Enumerable.Range(0, 10_000).Select(_ => one.Next(now)).ToList();

        Assert.Equal(ids, ids.Order(StringComparer.Ordinal));
        Assert.Equal(ids, Enumerable.Range(0, 10_000).Select(_ => same.Next(now)));
        Assert.All(ids.Append(other.Next(now)), id => Assert.Equal(7, Guid.Parse(id).Version));
        Assert.Equal(86_400_000, Convert.ToInt64(ids[0][..8] + ids[0][9..13], 16));
    }
}
