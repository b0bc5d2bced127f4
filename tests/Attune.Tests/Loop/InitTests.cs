using System.Text.RegularExpressions;
using Attune.Evaluation;
using Attune.Loop;
using Attune.Runs;
using Attune.Text;

namespace Attune.Tests.Loop;

public sealed class InitTests : IDisposable
{
    private static readonly ShippedFiles Shipped = new(Repository.Root);
    private readonly TinyText _tiny = new();

    public InitTests() => _tiny.Model(shape: _tiny.Pretrain.Model with { Context = 256 });

    public void Dispose() => _tiny.Dispose();

    private string Project => _tiny.At("project");

    private string At(string name) => Path.Combine(Project, name);

    [Fact]
    public void Every_recipe_of_a_project_loads_as_its_name_says()
    {
        Init.Write(Project, Shipped, _tiny.At("model"));

        var recipes = Directory.GetFiles(At("recipes")).Order().ToArray();
        Assert.Equal(["evaluate", "ppo", "reward", "sft"], recipes.Select(path => Doctor.StageOf(path, [])));
        Assert.All(recipes, path => Doctor.Load(path, []));
        Assert.All(recipes, path => Assert.Contains($"#   attune {Path.GetFileNameWithoutExtension(path)} recipes/{Path.GetFileName(path)} --out runs/", File.ReadAllText(path)));
    }

    [Theory]
    [InlineData(64, 0)]
    [InlineData(4096, 3)]
    public void The_evaluation_has_examples_for_the_base_model_where_it_can_read_them(int context, int examples)
    {
        var model = _tiny.Model("reader", shape: _tiny.Pretrain.Model with { Context = context });

        Init.Write(Project, Shipped, model);

        var recipe = (EvaluateRecipe)Doctor.Load(At("recipes/evaluate.yaml"), []);
        Assert.Equal((examples, examples > 0 ? "demonstrations.jsonl" : null), (recipe.Evaluate.FewShot?.Count ?? 0, recipe.Evaluate.FewShot?.Demonstrations.Path));
    }

    [Fact]
    public void Every_data_file_of_a_project_can_be_read_and_what_is_held_out_is_not_learned_from()
    {
        var files = Init.Write(Project, Shipped, _tiny.At("model"));

        Assert.Equal(files.Order(), Directory.EnumerateFiles(Project, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(Project, file)).Order());
        Assert.Equal((48, 12), (Count("demonstrations"), Count("demonstrations-heldout")));
        foreach (var name in new[] { "preferences.jsonl", "preferences-heldout.jsonl" })
            Assert.Empty(Readers.Preferences(At(name), new()).Check().Problems);
        var (training, heldOut) = (File.ReadAllLines(At("prompts.txt")), File.ReadAllLines(At("prompts-heldout.txt")));
        Assert.Equal((64, 16), (training.Length, heldOut.Length));
        Assert.Empty(training.Intersect(heldOut));

        long Count(string name) => Readers.PromptResponses(At($"{name}.jsonl"), new()).Check().ThrowIfBad().Rows;
    }

    [Fact]
    public void Every_file_that_the_readme_or_a_recipe_names_is_there()
    {
        var files = Init.Write(Project, Shipped, _tiny.At("model"));

        var text = string.Concat(Directory.EnumerateFiles(At("recipes")).Append(At("README.md")).Select(File.ReadAllText));
        var named = Regex.Matches(text, @"(?:recipes/)?[\w-]+\.(?:yaml|jsonl|txt)\b").Select(match => match.Value)
            .Except(["samples.jsonl", "negations.txt"]).Distinct().ToArray();
        Assert.Equal(files.Where(file => Path.GetExtension(file) is ".yaml" or ".jsonl" or ".txt").Order(), named.Where(files.Contains).Order());
        Assert.All(named, name => Assert.Contains(name, files));
    }

    [Fact]
    public void A_folder_that_exists_and_one_that_does_not_hold_nothing_but_the_project()
    {
        Directory.CreateDirectory(_tiny.At("there"));

        foreach (var folder in new[] { Project, _tiny.At("there") })
        {
            var files = Init.Write(folder, Shipped, _tiny.At("model"));
            Assert.Equal(files.Order(), Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file)).Order());
        }
    }

    [Fact]
    public void A_folder_that_holds_something_is_refused_and_left_alone()
    {
        Directory.CreateDirectory(Project);
        File.WriteAllText(At("thesis.tex"), "years");

        var message = Assert.Throws<InputException>(() => Init.Write(Project, Shipped, _tiny.At("model"))).Message;

        Assert.Equal($"{Project} has 1 problem\n  is not empty, expected a folder that is not there, or empty; choose another, or remove what is in it", message);
        Assert.Equal([At("thesis.tex")], Directory.GetFileSystemEntries(Project));
    }

    [Fact]
    public void An_empty_folder_is_used_and_a_model_that_is_none_writes_nothing()
    {
        Directory.CreateDirectory(Project);

        Assert.Throws<InputException>(() => Init.Write(Project, Shipped, _tiny.At("no-model")));
        Assert.Empty(Directory.GetFileSystemEntries(Project));

        Assert.NotEmpty(Init.Write(Project, Shipped, _tiny.At("model")));
    }
}
