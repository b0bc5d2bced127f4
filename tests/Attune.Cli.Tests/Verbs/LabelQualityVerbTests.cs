using System.Text.Json;
using Attune.Tests;
using Attune.Tests.Loop;

namespace Attune.Cli.Tests.Verbs;

public sealed class LabelQualityVerbTests(SmallQuickstart small) : IClassFixture<SmallQuickstart>
{
    [Fact]
    public async Task The_recipe_compares_all_methods_with_all_seeds_and_goes_on_where_it_was()
    {
        var recipe = Path.Combine(small.Home, "label-quality.yaml");
        await File.WriteAllTextAsync(recipe, (await File.ReadAllTextAsync(Repository.PathOf("recipes/label-quality.yaml")))
            .Replace("runs/quickstart", small.Straight, StringComparison.Ordinal).Replace("words: data", $"words: {Path.Combine(small.Home, "data")}", StringComparison.Ordinal));

        var printed = await small.Run("labels", recipe, "--out", small.At("labels"), "--compute.threads", "1");
        Assert.True(printed.ExitCode == 0, printed.Log);
        File.Delete(Path.Combine(small.At("labels"), "result.json"));
        Directory.Delete(Path.Combine(small.At("labels"), "dawid-skene/seed-2"), recursive: true);
        var again = await small.Run("labels", recipe, "--out", small.At("labels"), "--compute.threads", "1", "--resume", "--json");

        Assert.True(again.ExitCode == 0, again.Log);
        using var result = JsonDocument.Parse(again.Result);
        var rows = result.RootElement.GetProperty("rows").EnumerateArray().ToArray();
        Assert.Equal(["raw", "majority-vote", "dawid-skene", "noisy-bradley-terry"], rows.Select(row => row.GetProperty("method").GetString()));
        Assert.All(rows, row => Assert.Equal(3, row.GetProperty("each").GetArrayLength()));
        Assert.All(rows, row => Assert.InRange(row.GetProperty("mean").GetDouble(), 0, 1));
        foreach (var row in rows)
            Assert.Contains($"{row.GetProperty("mean").GetDouble():0.000}", printed.Result); // the same from half of it as from all
        double Right(int row) => rows[row].GetProperty("agreed").GetDouble();
        Assert.True(Right(0) < Right(2), "Dawid–Skene's labels are no better than single votes");
        Assert.DoesNotContain("The model is in", printed.Log);
    }
}
