using Attune.Models;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Cli.Tests.Verbs;

/// <summary>Recipes of a tiny model, with their data, in a folder of their own.</summary>
internal sealed class TinyTraining : IDisposable
{
    private static readonly string[] Animals = ["cat", "dog", "fox", "owl", "hen"], Places = ["mat", "roof", "hill", "boat", "wall"];

    public TinyTraining()
    {
        Folder = Directory.CreateTempSubdirectory("attune-verb-").FullName;
        Write("corpus.txt", string.Join('\n', Sentences));
        Demonstrations = Write("demonstrations.jsonl", string.Join('\n', Pairs));
        Pretrain = Write("pretrain.yaml", $$"""
            compute: {threads: 1}
            model: {layers: 2, width: 32, heads: 2, context: 32}
            vocabulary: 300
            corpus:
              - path: {{At("corpus.txt")}}
                linePerDocument: true
            validation:
              - path: {{At("corpus.txt")}}
            pretrain: {steps: 120, batch: 8, microBatch: 4, learningRate: 0.01, warmUpSteps: 5, validateEvery: 25, validationRows: 4}
            run: {checkpointEvery: 7}
            """);
        Sft = Write("sft.yaml", $$"""
            compute: {threads: 1}
            from: {{At("model")}}
            data:
              - path: {{Demonstrations}}
                format: prompts
            rows: {longest: 32}
            sft: {steps: 120, batch: 8, microBatch: 4, learningRate: 0.01, warmUpSteps: 5}
            run: {checkpointEvery: 7}
            """);
        var tokenizer = BpeTrainer.Train(Sentences, new() { VocabularySize = 300 });
        var shape = new ModelShape { Layers = 2, Width = 32, Heads = 2, Context = 32 };
        using var model = CausalLm.Create(shape.ToConfig(tokenizer.VocabularySize, tokenizer.EndId, tokenizer.PaddingId, DType.Float32), new Seed(1), Compute.Cpu);
        new TextModel(model, tokenizer).Save(At("model"));
    }

    public string Folder { get; }

    public string Pretrain { get; }

    public string Sft { get; }

    public string Demonstrations { get; }

    private static IEnumerable<string> Sentences => Enumerable.Range(0, 100).Select(i => $"the {Animals[i % 5]} sat on the {Places[i / 5 % 5]} and the {Animals[i * 7 % 5]} ran .");

    private static IEnumerable<string> Pairs => Enumerable.Range(0, 25).Select(i =>
        $$"""{"prompt":"where is the {{Animals[i % 5]}} ?","response":" the {{Animals[i % 5]}} is on the {{Places[i / 5]}} ."}""");

    public string At(string name) => Path.Combine(Folder, name);

    public string Write(string name, string text)
    {
        File.WriteAllText(At(name), text);
        return At(name);
    }

    /// <summary>What a finished run leaves that has to be equal to the bit.</summary>
    public (string Weights, string Metrics, string Result) Left(string name) => (
        Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(Path.Combine(At(name), "model", "model.safetensors")))),
        File.ReadAllText(Path.Combine(At(name), "metrics.jsonl")),
        File.ReadAllText(Path.Combine(At(name), "result.json")));

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
