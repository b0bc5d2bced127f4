using Attune.Evaluation;
using Attune.Models;
using Attune.Runs;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Cli.Tests.Verbs;

public sealed class EvaluateVerbTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("attune-evaluate-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private string PathOf(string name) => Path.Combine(_root, name);

    private async Task<string> WriteRecipe()
    {
        var tokenizer = BpeTrainer.Train(["good films and bad films , a good end and a bad one"], new() { VocabularySize = 270 });
        foreach (var (name, seed) in new[] { ("ppo", 1UL), ("sft", 2UL) })
        {
            var config = new ModelShape { Layers = 1, Width = 16, Heads = 2, Context = 64 }.ToConfig(tokenizer.VocabularySize, tokenizer.EndId, tokenizer.PaddingId, DType.Float32);
            using var model = new TextModel(CausalLm.Create(config, new Seed(seed), Compute.Cpu), tokenizer);
            model.Save(PathOf(name));
        }
        await File.WriteAllLinesAsync(PathOf("prompts.txt"), ["a good", "a bad", "the end", "films and"]);
        await File.WriteAllTextAsync(PathOf("words.tsv"), "good\t2\nbad\t-2\n");
        await File.WriteAllTextAsync(PathOf("r.yaml"), $$"""
            evaluate:
              models:
                PPO: {{PathOf("ppo")}}
                SFT: {{PathOf("sft")}}
              prompts:
                - path: {{PathOf("prompts.txt")}}
                  linePerDocument: true
              judges:
                word list:
                  reward:
                    function: lexicon
                    lexicon:
                      words: {{PathOf("words.tsv")}}
              sampling:
                maximumNewTokens: 8
            """);
        return PathOf("r.yaml");
    }

    [Fact]
    public async Task A_recipe_becomes_a_table_and_a_report_and_again_with_resume()
    {
        var recipe = await WriteRecipe();

        var table = await Printed.By("evaluate", recipe, "--out", PathOf("out"));
        var json = await Printed.By("evaluate", recipe, "--out", PathOf("out"), "--resume", "--json");
        var again = await Printed.By("evaluate", recipe, "--out", PathOf("out"));
        var written = await File.ReadAllTextAsync(PathOf("out/report.json"));
        var forced = await Printed.By("evaluate", recipe, "--out", PathOf("out"), "--force", "--seed", "2");

        Assert.Equal(0, table.ExitCode);
        Assert.StartsWith("PPO preferred over SFT on ", table.Result);
        Assert.Contains("distinct-2", table.Result);
        Assert.Contains("judging  8/8 votes  100 %", table.Log);
        Assert.EndsWith($"The report is {PathOf("out/report.html")}.\n", table.Log);
        Assert.Equal(0, json.ExitCode);
        Assert.Contains("is evaluated already; nothing was done.", json.Log);
        Assert.Equal(4, ReportFile.Parse(written).Rounds[0].Wins[0].Result.Prompts);
        Assert.Equal(ResultFile.Json(ReportFile.Parse(written)) + "\n", json.Result);
        Assert.Single(json.Result.TrimEnd('\n').Split('\n'));
        Assert.DoesNotContain("\"NaN\"", json.Result);
        Assert.Equal(2, again.ExitCode);
        Assert.Contains("continue it with --resume", again.Log);
        Assert.Equal(0, forced.ExitCode);
        Assert.NotEqual(written, await File.ReadAllTextAsync(PathOf("out/report.json")));
    }

    [Fact]
    public async Task Everything_that_is_wrong_is_named_at_once_and_nothing_is_left()
    {
        var recipe = await WriteRecipe();
        Directory.Delete(PathOf("ppo"), recursive: true);
        await File.WriteAllTextAsync(PathOf("words.tsv"), "good\n");

        var printed = await Printed.By("evaluate", recipe, "--out", PathOf("out"), "--evaluate.prompts", "[{path: none.txt}]");
        var alone = await Printed.By("evaluate", recipe, "--out", PathOf("out"), "--evaluate.models", "{SFT: x}");

        Assert.Equal(2, printed.ExitCode);
        Assert.Contains("models.PPO", printed.Log);
        Assert.Contains("none.txt", printed.Log);
        Assert.Contains("judges.word list", printed.Log);
        Assert.False(Directory.Exists(PathOf("out")));
        Assert.Equal(2, alone.ExitCode);
        Assert.Contains("evaluate.models  has SFT alone, expected at least two to compare", alone.Log);
    }

    [Fact]
    public async Task Help_shows_an_example_of_a_recipe_that_is_there()
    {
        Assert.True(File.Exists(Attune.Tests.Repository.PathOf("recipes/reviews-evaluate.yaml")));
        Assert.EndsWith("Example:\n  attune evaluate recipes/reviews-evaluate.yaml --out runs/reviews-evaluate\n", (await Printed.By("evaluate", "--help")).Result);
    }
}
