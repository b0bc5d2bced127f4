using Attune.Loop;

namespace Attune.Tests.Loop;

public sealed class RecipeFilesTests
{
    private const int Least = 6; // raise it with each recipe that is added

    public static TheoryData<string> Files => [.. Directory.GetFiles(Repository.PathOf("recipes"), "*.yaml", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(path => Path.GetFileName(path)!)];

    [Theory]
    [MemberData(nameof(Files))]
    public void A_recipe_loads_and_its_comment_names_the_command_that_runs_it(string file)
    {
        using var folder = new TemporaryFolder();
        var text = File.ReadAllText(Repository.PathOf($"recipes/{file}"));
        var path = folder.Write(file, text.Replace("${" + Fixtures.Variable + "}", folder.Path)); // data need not be there to read a recipe

        Doctor.Load(path, []);

        Assert.Contains($"#   attune {Doctor.StageOf(path, [])} recipes/{file} --out runs/", text);
    }

    [Fact]
    public void All_recipes_are_found()
    {
        Assert.InRange(Files.Count, Least, int.MaxValue);
        Assert.DoesNotContain(Directory.EnumerateFiles(Repository.PathOf("recipes"), "*", SearchOption.AllDirectories), file => !file.EndsWith(".yaml", StringComparison.Ordinal));
    }
}
