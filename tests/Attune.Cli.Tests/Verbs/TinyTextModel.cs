using Attune.Models;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Cli.Tests.Verbs;

/// <summary>A folder with a model of random weights and the tokenizer that goes with it.</summary>
internal static class TinyTextModel
{
    public const int Positions = 64;

    public static string Write(string folder, int vocabulary = 264, ulong seed = 1, int? embedding = null)
    {
        var tokenizer = BpeTrainer.Train(["the cat sat on the mat, the cat sat still, the mat"], new() { VocabularySize = vocabulary });
        var config = new TransformerConfig
        {
            Family = "llama",
            VocabularySize = embedding ?? tokenizer.VocabularySize,
            Width = 32,
            Layers = 2,
            Heads = 4,
            KeyValueHeads = 2,
            HeadWidth = 8,
            InnerWidth = 64,
            MaximumPositions = Positions,
            Norm = NormKind.RmsNorm,
            Positions = PositionKind.Rotary,
            Activation = ActivationKind.Silu,
            IsGated = true,
            TiedEmbeddings = true,
            InitializerRange = 0.2,
            EndIds = [tokenizer.EndId!.Value],
        };
        using var model = new TextModel(CausalLm.Create(config, new Seed(seed), Compute.Cpu), tokenizer);
        model.Save(folder);
        return folder;
    }
}
