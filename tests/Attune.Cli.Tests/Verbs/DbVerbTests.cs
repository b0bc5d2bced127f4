using System.Text.Json;
using Attune.Storage;

namespace Attune.Cli.Tests.Verbs;

public sealed class DbVerbTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("attune-dbverb-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string At(string name) => Path.Combine(_folder, name);

    [Fact]
    public async Task A_database_is_made_filled_copied_moved_and_put_back()
    {
        int newest;
        await using (var other = await Database.OpenAsync(At("newest.db")))
            newest = other.Schema.To;
        Assert.Equal(new Printed(0, $"{At("a.db")} went from schema 0 to {newest}\n", ""), await Printed.By("db", "migrate", "--db", At("a.db")));
        Assert.Equal(new Printed(0, $"{At("a.db")} has schema {newest} already\n", ""), await Printed.By("db", "migrate", "--db", At("a.db")));
        await using (var database = await Database.OpenAsync(At("a.db")))
        {
            await database.People.CreateAsync(new() { DisplayName = "Anna" }, null);
            Assert.Equal(new Printed(0, $"backed up to {At("b.db")}: 0 projects, 1 people, 0 tasks, 0 judgments\n", ""), await Printed.By("db", "backup", At("b.db"), "--db", At("a.db"))); // in use
            var locked = await Printed.By("db", "restore", At("b.db"), "--db", At("a.db"), "--force");
            Assert.Equal(2, locked.ExitCode);
            Assert.Contains("is in use by another process", locked.Log);
        }
        Assert.Equal(0, (await Printed.By("db", "export", At("all"), "--db", At("b.db"))).ExitCode);
        Assert.Equal(0, (await Printed.By("db", "import", At("all"), "--db", At("c.db"))).ExitCode);
        var restored = await Printed.By("db", "restore", At("all"), "--db", At("a.db"), "--force", "--json");

        Assert.Equal(0, restored.ExitCode);
        Assert.Equal(1, JsonDocument.Parse(restored.Result).RootElement.GetProperty("rows").GetProperty("people").GetInt32());
        await using var copy = await Database.OpenAsync(At("c.db"));
        Assert.Single((await copy.People.ListAsync(new())).Items);
    }

    [Fact]
    public async Task What_is_there_is_not_overwritten_and_what_is_bad_changes_nothing()
    {
        await Printed.By("db", "migrate", "--db", At("a.db"));
        await Printed.By("db", "backup", At("b.db"), "--db", At("a.db"));
        Directory.CreateDirectory(At("empty"));

        var again = await Printed.By("db", "restore", At("b.db"), "--db", At("a.db"));
        var import = await Printed.By("db", "import", At("empty"), "--db", At("new.db"));
        var scheme = await Printed.By("db", "migrate", "--db", "mysql://me:geheim@host/name");

        Assert.Equal((2, $"{At("a.db")} has 1 problem\n  is there already, expected a new file; add --force to replace it, or name another\n"), (again.ExitCode, again.Log));
        Assert.Equal((2, $"{At("empty")} has 1 problem\n  has no manifest.json, expected a folder that 'attune db export' wrote; name another\n"), (import.ExitCode, import.Log));
        Assert.False(File.Exists(At("new.db")));
        Assert.Equal(2, scheme.ExitCode);
        Assert.DoesNotContain("geheim", scheme.Log);
    }
}
