using System.Text.Json;

namespace Attune.Cli.Tests.Verbs;

public sealed class DataVerbTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("attune-data-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private string PathOf(string name) => Path.Combine(_root, name);

    [Fact]
    public async Task Pairs_are_told_as_a_table_or_as_one_line_of_JSON()
    {
        await File.WriteAllLinesAsync(PathOf("good.txt"), Enumerable.Range(0, 60).Select(k => $"film {k} is good and fine to see"));
        await File.WriteAllLinesAsync(PathOf("bad.txt"), Enumerable.Range(0, 60).Select(k => $"story {k} is bad and dull to see"));
        string[] line = ["data", "pairs", "--better", PathOf("good.txt"), "--worse", PathOf("bad.txt"), "--prompt-words", "2", "--out"];

        var table = await Printed.By([.. line, PathOf("table")]);
        var json = await Printed.By([.. line, PathOf("json"), "--json"]);

        Assert.Equal((0, ""), (table.ExitCode, table.Log));
        Assert.Equal((0, ""), (json.ExitCode, json.Log));
        Assert.Single(json.Result.TrimEnd('\n').Split('\n'));
        var root = JsonDocument.Parse(json.Result).RootElement;
        Assert.Equal(PathOf("json"), root.GetProperty("folder").GetString());
        var parts = root.GetProperty("parts").EnumerateArray().ToList();
        Assert.Equal(["dev", "test", "train"], parts.Select(part => part.GetProperty("part").GetString()).Order());
        Assert.Equal(120, parts.Sum(part => part.GetProperty("texts").GetInt32() + part.GetProperty("leftOut").GetInt32()));
        foreach (var part in parts)
        {
            var (name, pairs) = (part.GetProperty("part").GetString()!, part.GetProperty("pairs").GetInt32());
            Assert.Equal(pairs, File.ReadAllLines(PathOf($"json/pairs-{name}.jsonl")).Length);
            Assert.Matches($@"{name} +{part.GetProperty("texts").GetInt32()} +{pairs} +{part.GetProperty("leftOut").GetInt32()}", table.Result);
        }
    }
}
