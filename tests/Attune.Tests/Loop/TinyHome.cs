using Attune.Loop;
using Attune.Models;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Tests.Loop;

/// <summary>A folder that stands in for the program's own: the real data, and a base model of random weights that takes milliseconds.</summary>
internal sealed class TinyHome : IDisposable
{
    public TinyHome(string repository)
    {
        Root = Directory.CreateTempSubdirectory("attune-home-").FullName;
        Copy(Path.Combine(repository, "data"), At("data"));
        var rows = Readers.PromptResponses(Files.Demonstrations, new()).ToArray();
        var tokenizer = BpeTrainer.Train(rows.Select(row => row.Prompt + row.Response), new() { VocabularySize = 500 });
        var shape = new ModelShape { Layers = 1, Width = 32, Heads = 2, Context = 512 };
        using var model = CausalLm.Create(shape.ToConfig(tokenizer.VocabularySize, tokenizer.EndId, tokenizer.PaddingId, DType.Float32), new Seed(1), Compute.Cpu);
        new TextModel(model, tokenizer).Save(Files.BaseModel);
    }

    public string Root { get; }

    public ShippedFiles Files => new(Root);

    public string At(string name) => Path.Combine(Root, name);

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }
}
