using System.Text.Json;

namespace Attune.Cli.Tests.Verbs;

/// <summary>A recipe of every verb that takes one, around one tiny model; every file that they name is there and in order.</summary>
internal sealed class TinyRecipes : IDisposable
{
    public static readonly string[] Verbs = ["pretrain", "sft", "reward", "ppo", "evaluate"];

    private readonly TinyTraining _tiny = new();

    public TinyRecipes()
    {
        _tiny.Write("prompts.txt", string.Join('\n', Enumerable.Range(0, 16).Select(i => $"the cat {i} sat")));
        _tiny.Write("words.tsv", "cat\t2\nfox\t-2\n");
        _tiny.Write("pairs.jsonl", string.Join('\n', Enumerable.Range(0, 60).Select(i => JsonSerializer.Serialize(new { prompt = $"where is the cat {i} ?", chosen = " the cat sat .", rejected = " the fox ran ." }))));
        _tiny.Write("reward.yaml", $$"""
            compute: {threads: 1}
            from: {{At("model")}}
            preferences: [{path: {{At("pairs.jsonl")}} }]
            data: {longest: 32}
            reward: {batchSize: 8, learningRate: 1e-3}
            normalise: {samples: 8, newTokens: 4}
            run: {checkpointEvery: 1, keepLast: 100}
            """);
        _tiny.Write("ppo.yaml", $$"""
            compute: {threads: 1}
            from: {{At("model")}}
            rewards: [{function: length-target, length: 6}]
            prompts: {data: [{path: {{At("prompts.txt")}} }], maximumTokens: 16}
            ppo: {steps: 40, promptsPerStep: 4, maximumLength: 6, epochs: 2, minibatches: 2}
            run: {checkpointEvery: 1, keepLast: 100}
            """);
        _tiny.Write("evaluate.yaml", $$"""
            compute: {threads: 1}
            evaluate:
              models:
                PPO: {{At("model")}}
                SFT: {{At("other")}}
              prompts: [{path: {{At("prompts.txt")}}}]
              judges: {words: {reward: {function: lexicon, lexicon: {words: {{At("words.tsv")}} } } } }
              sampling: {maximumNewTokens: 8}
            """);
        SmallDisk.Outcome("cp", "-R", At("model"), At("other"));
    }

    public string Folder => _tiny.Folder;

    public string RecipeOf(string verb) => At($"{verb}.yaml");

    /// <summary>Where the verb's model comes from; pretraining has none.</summary>
    public string ModelOf(string verb) => verb == "evaluate" ? At("other") : At("model");

    /// <summary>The file that the verb reads its rows from.</summary>
    public string DataOf(string verb) => At(verb switch { "pretrain" => "corpus.txt", "sft" => "demonstrations.jsonl", "reward" => "pairs.jsonl", _ => "prompts.txt" });

    public string At(string name) => _tiny.At(name);

    public Task<Printed> Run(string verb, params string[] more) => RunTo(At("run"), verb, more);

    public Task<Printed> RunTo(string folder, string verb, params string[] more) => Printed.By([verb, RecipeOf(verb), "--out", folder, .. more]);

    public void Dispose() => _tiny.Dispose();
}
