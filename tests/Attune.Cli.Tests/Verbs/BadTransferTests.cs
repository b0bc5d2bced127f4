using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Attune.Cli.Tests.Verbs;

/// <summary>Files that <c>db import</c>, <c>db restore</c> and <c>feedback import</c> refuse: file, line and reason are named, the exit code is 2, and nothing is made or changed.</summary>
public sealed class BadTransferTests : IDisposable
{
    private const string Row = """{"prompt":"p","chosen":"a","rejected":"b"}""";

    private readonly string _root = Directory.CreateTempSubdirectory("attune-transfer-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private string In(string name) => Path.Combine(_root, name);

    // What is done to a table's file, whose manifest is corrected afterwards, and what is said.
    private static readonly (string File, Func<byte[], byte[]> Do, string[] Says)[] BadTables =
    [
        ("people.jsonl", bytes => bytes[..^20], ["people.jsonl line 1", "is no JSON", "expected"]),
        ("people.jsonl", bytes => [.. bytes, .. bytes], ["people.jsonl line 2", "breaks a rule of the schema"]), // the same id again
        ("people.jsonl", bytes => Replace(bytes, "\"role\"", "\"rule\""), ["people.jsonl line 1", "has the unknown key rule"]),
        ("people.jsonl", bytes => Replace(bytes, "\"role\":\"annotator\"", "\"role\":\"king\""), ["people.jsonl line 1", "breaks a rule"]),
        ("people.jsonl", bytes => Replace(bytes, "{\"id\"", "{\"id\":\"x\",\"id\""), ["people.jsonl line 1", "is no JSON"]),
        ("people.jsonl", bytes => Encoding.Unicode.GetBytes(Encoding.UTF8.GetString(bytes)), ["people.jsonl line 1", "expected"]),
        ("people.jsonl", _ => Encoding.UTF8.GetBytes(new string('[', 100_000)), ["people.jsonl line 1", "is no JSON"]),
        ("people.jsonl", _ => Encoding.UTF8.GetBytes("{\"id\":\"" + new string('x', 30_000_000)), ["people.jsonl line 1", "is no JSON"]),
        ("identities.jsonl", bytes => Replace(bytes, "Anna", "An\\ud800na"), ["identities.jsonl line 1", "half a character"]),
        ("identities.jsonl", bytes => Replace(bytes, "Anna", "An\\u0000na"), ["identities.jsonl line 1", "has display_name"]),
        ("identities.jsonl", bytes => Latin(bytes, "Anna"), ["identities.jsonl line 1", "is no UTF-8 from its byte"]),
        ("identities.jsonl", bytes => Replace(bytes, "\"display_name\":\"Anna\"", "\"display_name\":7"), ["identities.jsonl line 1", "has display_name 7, expected a text"]),
        ("tasks.jsonl", bytes => Replace(bytes, "\"payload\":\"{", "\"payload\":\"{{"), ["tasks.jsonl line 1", "has a payload that is no JSON"]),
        ("tasks.jsonl", bytes => Replace(bytes, "\"kind\":\"pair\"", "\"kind\":\"paint\""), ["tasks.jsonl line 1", "has kind paint, expected pair"]),
        ("tasks.jsonl", bytes => Replace(bytes, "\"required_level\":0", "\"required_level\":1e999"), ["tasks.jsonl line 1", "has required_level 1e999, expected a number"]),
        ("tasks.jsonl", bytes => Replace(bytes, "\"choices\":2", "\"choices\":99999999999999999999"), ["tasks.jsonl line 1", "expected a whole number"]),
        ("projects.jsonl", bytes => Replace(bytes, "\\\"overlap\\\":", "\\\"overlop\\\":"), ["projects.jsonl line 1", "has settings that cannot be read"]),
        ("judgments.jsonl", bytes => Replace(bytes, "\"person_id\":\"", "\"person_id\":\"0"), ["judgments.jsonl line 1", "breaks a rule"]),
    ];

    private static readonly (Func<string, string> Do, string[] Says)[] BadManifests =
    [
        (text => text[..^30], ["manifest.json", "cannot be read", "expected"]),
        (_ => "null", ["manifest.json", "It is null"]),
        (_ => "[]", ["manifest.json", "cannot be read"]),
        (text => text.Replace("people.jsonl", "../../people.jsonl", StringComparison.Ordinal), ["manifest.json", "lists ../../people.jsonl", "files in their order"]),
        (text => text.Replace("people.jsonl", "/etc/passwd", StringComparison.Ordinal), ["manifest.json", "lists /etc/passwd"]),
        (text => System.Text.RegularExpressions.Regex.Replace(text, "\"schema\": \\d+", "\"schema\": 999"), ["manifest.json", "schema 999", "expected"]),
        (text => text.Replace("attune-export", "other-export", StringComparison.Ordinal), ["manifest.json", "is of format other-export"]),
        (text => "{\"format\":\"attune-export\",\"schema\":1,\"tables\":[null]}", ["manifest.json", "It holds a null"]),
        (text => text.Replace("\"format\"", "\"colour\": 1, \"format\"", StringComparison.Ordinal), ["manifest.json", "colour"]),
        (text => text + new string(' ', 2 << 20), ["manifest.json", "expected at most"]),
    ];

    [Fact]
    public async Task A_bad_export_is_named_by_file_and_line_and_makes_no_database()
    {
        await Export();
        var faults = new List<string>();
        foreach (var (file, spoil, says) in BadTables)
        {
            var folder = Copy();
            var path = Path.Combine(folder, file);
            var (good, bad) = (await File.ReadAllBytesAsync(path), spoil(await File.ReadAllBytesAsync(path)));
            Assert.NotEqual(good, bad);
            await File.WriteAllBytesAsync(path, bad);
            await Refuses(["db", "import", folder, "--db", In("new.db")], [$"{file}  was changed"], faults, file);
            CorrectManifest(folder, file);
            await Refuses(["db", "import", folder, "--db", In("new.db")], says, faults, $"{file}: {says[^1]}");
            await Refuses(["db", "restore", folder, "--db", In("new.db")], says, faults, $"restore {file}: {says[^1]}");
        }
        foreach (var (spoil, says) in BadManifests)
        {
            var folder = Copy();
            await File.WriteAllTextAsync(Path.Combine(folder, "manifest.json"), spoil(await File.ReadAllTextAsync(Path.Combine(folder, "manifest.json"))));
            await Refuses(["db", "import", folder, "--db", In("new.db")], says, faults, $"manifest: {says[^1]}");
            await Refuses(["db", "restore", folder, "--db", In("new.db")], says, faults, $"restore manifest: {says[^1]}");
        }
        var lost = Copy();
        File.Delete(Path.Combine(lost, "people.jsonl"));
        await Refuses(["db", "import", lost, "--db", In("new.db")], ["people.jsonl", "is missing"], faults, "a file that is not there");
        await Refuses(["db", "import", In("a.db"), "--db", In("new.db")], ["is a file", "expected a folder"], faults, "a file for a folder");
        Assert.True(faults.Count == 0, string.Join('\n', faults));
    }

    [Fact]
    public async Task A_bad_backup_is_named_and_what_is_there_stays()
    {
        await Export();
        Assert.Equal(0, (await Printed.By("db", "backup", In("good.db"), "--db", In("a.db"))).ExitCode);
        var (good, before) = (await File.ReadAllBytesAsync(In("good.db")), await File.ReadAllBytesAsync(In("a.db")));
        var other = (byte[])good.Clone();
        other.AsSpan(68, 4).Clear(); // whose it is
        var middle = (byte[])good.Clone();
        Array.Fill(middle, (byte)0xFF, good.Length / 2, 4096);
        await File.WriteAllTextAsync(In("schema.db"), "");
        await Sqlite("schema.db", "PRAGMA application_id = 1098151029; CREATE TABLE schema_versions (version BIGINT); INSERT INTO schema_versions VALUES (999)");
        await Sqlite("tables.db", "PRAGMA application_id = 1098151029; CREATE TABLE schema_versions (version BIGINT, name TEXT, applied_at BIGINT); INSERT INTO schema_versions VALUES (9, '', 0)");
        var cases = new (string Name, byte[] Bytes, string Says)[]
        {
            ("empty.db", [], "is empty"), ("text.db", Encoding.UTF8.GetBytes(new string('x', 5000)), "is no SQLite database"), ("cut.db", good[..(good.Length / 3)], "is damaged"),
            ("middle.db", middle, "is damaged"), ("other.db", other, "is a database of another program"), ("schema.db", await File.ReadAllBytesAsync(In("schema.db")), "has schema 999"),
            ("tables.db", await File.ReadAllBytesAsync(In("tables.db")), "is damaged"),
        };
        var faults = new List<string>();
        foreach (var (name, bytes, says) in cases)
        {
            await File.WriteAllBytesAsync(In(name), bytes);
            await Refuses(["db", "restore", In(name), "--db", In("a.db"), "--force"], [In(name), says, "expected"], faults, name);
            await Refuses(["db", "restore", In(name), "--db", In("new.db")], [In(name), says, "expected"], faults, name);
            Assert.Equal(before, await File.ReadAllBytesAsync(In("a.db")));
        }
        await Refuses(["db", "restore", In("nowhere"), "--db", In("new.db")], ["is not there"], faults, "nowhere");
        Assert.True(faults.Count == 0, string.Join('\n', faults));
    }

    // The second line of a file of others, and what is said of it.
    private static readonly (string Name, byte[] Line, string Says)[] BadRows =
    [
        ("cut off", """{"prompt":"p","chosen":"a" """u8.ToArray(), "line 2  is no JSON"),
        ("no object", "[1]"u8.ToArray(), "line 2  is an array"),
        ("a long text", Encoding.UTF8.GetBytes("\"" + new string('x', 1_000_000) + "\""), "line 2  is a text"),
        ("a missing field", """{"prompt":"p","chosen":"a"}"""u8.ToArray(), "line 2  has no rejected"),
        ("a number for a text", """{"prompt":"p","chosen":7,"rejected":"b"}"""u8.ToArray(), "line 2  has chosen 7, expected a text"),
        ("a key twice", """{"prompt":"p","prompt":"q","chosen":"a","rejected":"b"}"""u8.ToArray(), "line 2  is no JSON"),
        ("half a pair of units", """{"prompt":"\ud800","chosen":"a","rejected":"b"}"""u8.ToArray(), "line 2  holds half a character"),
        ("half a pair in a key", """{"prompt":"p","chosen":"a","rejected":"b","\ud800":1}"""u8.ToArray(), "line 2  "),
        ("a NUL", """{"prompt":"a\u0000","chosen":"a","rejected":"b"}"""u8.ToArray(), "line 2  has a NUL in prompt"),
        ("another encoding", [.. "{\"prompt\":\"caf"u8, 0xE9, .. "\",\"chosen\":\"a\",\"rejected\":\"b\"}"u8], "line 2  "),
        ("deep", Encoding.UTF8.GetBytes(new string('[', 100_000)), "line 2  is no JSON"),
        ("a huge line that does not end", Encoding.UTF8.GetBytes("{\"prompt\":\"" + new string('x', 20_000_000)), "line 2  is no JSON"),
    ];

    [Fact]
    public async Task A_bad_row_of_others_is_named_by_file_and_line_and_makes_no_database()
    {
        var faults = new List<string>();
        foreach (var (name, line, says) in BadRows)
        {
            byte[] bytes = [.. Encoding.UTF8.GetBytes(Row), (byte)'\n', .. line, (byte)'\n', .. Encoding.UTF8.GetBytes(Row)];
            await File.WriteAllBytesAsync(In("rows.jsonl"), bytes);
            await Refuses(Import("rows.jsonl"), [In("rows.jsonl"), says, "expected"], faults, name);
            await using (var gzip = new GZipStream(File.Create(In("rows.jsonl.gz")), CompressionLevel.Fastest))
                await gzip.WriteAsync(bytes);
            await Refuses(Import("rows.jsonl.gz"), [In("rows.jsonl.gz"), says, "expected"], faults, $"{name}, gzip");
        }
        await File.WriteAllBytesAsync(In("cut.gz"), (await File.ReadAllBytesAsync(In("rows.jsonl.gz")))[..200]);
        await File.WriteAllBytesAsync(In("wide.jsonl"), Encoding.Unicode.GetBytes(Row + "\n" + Row));
        await File.WriteAllTextAsync(In("empty.jsonl"), "\n \n");
        await Refuses(Import("cut.gz"), [In("cut.gz"), "expected"], faults, "cut gzip");
        await Refuses(Import("wide.jsonl"), [In("wide.jsonl"), "expected"], faults, "UTF-16");
        await Refuses(Import("empty.jsonl"), [In("empty.jsonl"), "has no rows"], faults, "empty");
        await Refuses(Import("nowhere.jsonl"), [In("nowhere.jsonl"), "expected"], faults, "nowhere");
        await Refuses(Import("."), [_root, "expected"], faults, "a folder");
        Assert.True(faults.Count == 0, string.Join('\n', faults));
    }

    private string[] Import(string file) => ["feedback", "import", In(file), "--shape", "trl", "--project", "P", "--db", In("new.db"), "--terms", "unknown"];

    private async Task Refuses(string[] command, string[] says, List<string> faults, string name)
    {
        var printed = await Printed.By(command);
        if (printed.ExitCode != 2 || says.Any(part => !printed.Log.Contains(part, StringComparison.Ordinal)) || printed.Log.Length > 5_000 || printed.Result.Length > 0)
            faults.Add($"{name}: {printed.ExitCode}, expected [{string.Join(" | ", says)}] {printed.Log[..Math.Min(printed.Log.Length, 400)]}");
        if (Directory.GetFileSystemEntries(_root, "new.db*").Where(file => !file.EndsWith(".lock", StringComparison.Ordinal)).ToList() is { Count: > 0 } made)
        {
            faults.Add($"{name}: made {string.Join(", ", made)}");
            made.ForEach(File.Delete);
        }
    }

    // A project with two judgments of one person, exported.
    private async Task Export()
    {
        await File.WriteAllTextAsync(In("good.jsonl"), Row + "\n" + Row.Replace("\"p\"", "\"q\"", StringComparison.Ordinal));
        var imported = await Printed.By("feedback", "import", In("good.jsonl"), "--shape", "trl", "--project", "P", "--db", In("a.db"), "--terms", "unknown", "--annotator", "Anna");
        Assert.True(imported.ExitCode == 0, imported.Log);
        Assert.Equal(0, (await Printed.By("db", "export", In("export"), "--db", In("a.db"))).ExitCode);
    }

    private string Copy()
    {
        var folder = Directory.CreateDirectory(In($"copy-{Guid.NewGuid():n}")).FullName;
        foreach (var file in Directory.GetFiles(In("export")))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        return folder;
    }

    private async Task Sqlite(string name, string sql)
    {
        File.Delete(In(name));
        await using var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={In(name)};Pooling=False");
        connection.Open();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static byte[] Replace(byte[] bytes, string good, string bad)
    {
        var text = Encoding.UTF8.GetString(bytes);
        var at = text.IndexOf(good, StringComparison.Ordinal);
        Assert.True(at >= 0, $"{good} is not in {text[..Math.Min(text.Length, 600)]}");
        return Encoding.UTF8.GetBytes(text[..at] + bad + text[(at + good.Length)..]);
    }

    private static byte[] Latin(byte[] bytes, string after)
    {
        var at = bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(after)) + after.Length;
        return [.. bytes[..at], 0xE9, .. bytes[at..]];
    }

    private static void CorrectManifest(string folder, string file)
    {
        var path = Path.Combine(folder, "manifest.json");
        var manifest = JsonNode.Parse(File.ReadAllText(path))!;
        var entry = manifest["tables"]!.AsArray().Single(table => (string)table!["file"]! == file)!;
        var bytes = File.ReadAllBytes(Path.Combine(folder, file));
        entry["bytes"] = bytes.Length;
        entry["sha256"] = Convert.ToHexStringLower(SHA256.HashData(bytes));
        File.WriteAllText(path, manifest.ToJsonString());
    }
}
