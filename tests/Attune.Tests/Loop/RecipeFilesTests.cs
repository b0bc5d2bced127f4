using Attune.Evaluation;
using Attune.Loop;
using Attune.Models;
using Attune.Runs;
using Attune.Text;
using Attune.Torch;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Loop;

public sealed class RecipeFilesTests
{
    private const int Least = 9; // raise it with each recipe that is added

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

    [Fact, NoTensorLeaks]
    public void The_recipes_of_film_reviews_lead_from_labels_to_a_report()
    {
        using var home = new TinyHome(Repository.Root);
        using var folder = new TemporaryFolder();
        string Labelled(string name, string word) =>
            folder.Write(name, string.Join('\n', Enumerable.Range(0, 90).Select(k => $"{word} {k} film was made with {word} care by all of them")));
        LabelledTexts.Write(Labelled("good.txt", "good"), Labelled("bad.txt", "bad"), promptWords: 4, Path.Combine(folder.Path, "runs", "reviews-data"));
        Directory.CreateDirectory(Path.Combine(folder.Path, "data", "vader"));
        Directory.CreateDirectory(Path.Combine(folder.Path, "data", "opinion-lexicon"));
        folder.Write("data/vader/vader_lexicon.txt", "good\t1.9\t0.9\t[2]\nbad\t-2.5\t0.7\t[-2]\n");
        folder.Write("data/opinion-lexicon/positive-words.txt", "; a comment\n\ngood\n");
        folder.Write("data/opinion-lexicon/negative-words.txt", "; a comment\n\nbad\n");

        TResult Run<TRecipe, TResult>(string stage, Func<TRecipe, Run, CancellationToken, TResult?> run, params string[] flags)
            where TRecipe : class
            where TResult : class
        {
            var text = File.ReadAllText(Repository.PathOf($"recipes/reviews-{stage}.yaml")).Replace("${" + Fixtures.Variable + "}", folder.Path)
                .Replace("runs/", $"{folder.Path}/runs/").Replace("models/base", home.Files.BaseModel).Replace(" data/", $" {home.At("data")}/");
            var recipe = Recipe.Load<TRecipe>(folder.Write($"{stage}.yaml", text), ["--compute.threads", "1", .. flags]);
            return Attune.Runs.Run.Within(recipe, new() { Folder = Path.Combine(folder.Path, "runs", $"reviews-{stage}"), Progress = SilentProgress.Instance }, opened => run(recipe, opened, CancellationToken.None))!;
        }

        Run<SftRecipe, LanguageModelResult>("sft", FineTuning.Run, "--sft.steps", "2");
        Run<RewardRecipe, RewardResult>("reward", RewardTraining.Run, "--normalise.samples", "8", "--normalise.newTokens", "8");
        Run<PpoRecipe, PpoResult>("ppo", PpoTraining.Run, "--ppo.steps", "2", "--ppo.promptsPerStep", "4", "--ppo.maximumLength", "8", "--heldOut.prompts", "2");
        var report = Run<EvaluateRecipe, EvaluationReport>("evaluate", Evaluating.Run, "--evaluate.sampling.maximumNewTokens", "8", "--evaluate.budget.prompts", "4",
            "--evaluate.budget.bestOf", "[1, 2]", "--evaluate.budget.bestOfPrompts", "2");

        Assert.Equal(new Headline("ppo", "sft"), report.Headline);
        Assert.Equal(["VADER's words", "Hu and Liu's words"], report.Rounds[0].Wins.Select(w => w.Judges).Distinct());
    }

    [Fact, NoTensorLeaks]
    public void The_recipes_with_adapters_lead_from_the_base_to_a_policy_that_is_an_adapter_on_an_adapter()
    {
        using var home = new TinyHome(Repository.Root);
        using var folder = new TemporaryFolder();

        TResult Run<TRecipe, TResult>(string stage, Func<TRecipe, Run, CancellationToken, TResult?> run, params string[] flags)
            where TRecipe : class
            where TResult : class
        {
            var text = File.ReadAllText(Repository.PathOf($"recipes/adapter-{stage}.yaml"))
                .Replace(" runs/", $" {folder.Path}/runs/").Replace("models/base", home.Files.BaseModel).Replace(" data/", $" {home.At("data")}/");
            var recipe = Recipe.Load<TRecipe>(folder.Write($"{stage}.yaml", text), ["--compute.threads", "1", .. flags]);
            return Attune.Runs.Run.Within(recipe, new() { Folder = Path.Combine(folder.Path, "runs", $"adapter-{stage}"), Progress = SilentProgress.Instance }, opened => run(recipe, opened, CancellationToken.None))!;
        }

        Run<SftRecipe, LanguageModelResult>("sft", FineTuning.Run, "--sft.steps", "2");
        Run<PpoRecipe, PpoResult>("ppo", PpoTraining.Run, "--ppo.steps", "2", "--ppo.promptsPerStep", "4", "--ppo.maximumLength", "8");

        var policy = Path.Combine(folder.Path, "runs/adapter-ppo/model");
        Assert.False(File.Exists(Path.Combine(policy, "model.safetensors")));
        Assert.Equal([policy, Path.Combine(folder.Path, "runs/adapter-sft/model"), home.Files.BaseModel], AdapterFolder.ChainOf(policy));
        TextModel.Load(policy, Compute.Cpu).Dispose();
    }

    [Fact]
    public void All_recipes_are_found()
    {
        Assert.InRange(Files.Count, Least, int.MaxValue);
        Assert.DoesNotContain(Directory.EnumerateFiles(Repository.PathOf("recipes"), "*", SearchOption.AllDirectories), file => !file.EndsWith(".yaml", StringComparison.Ordinal));
    }
}
