using Attune.Models;
using Attune.Torch;

namespace Attune.Tests.Models;

public sealed class ModelShapeTests
{
    [Fact]
    public void A_llama_follows_from_few_numbers()
    {
        var config = new ModelShape { Layers = 2, Width = 288, Heads = 4, KeyValueHeads = 2, Context = 128 }.ToConfig(4096, endId: 0, padId: 1, DType.Float16);

        Assert.Empty(config.Check());
        Assert.Equal((72, 2, 768, 128), (config.HeadWidth, config.KeyValueHeads, config.InnerWidth, config.MaximumPositions)); // 8/3 of 288 is 768
        Assert.Equal((NormKind.RmsNorm, PositionKind.Rotary, ActivationKind.Silu, true, false),
            (config.Norm, config.Positions, config.Activation, config.IsGated, config.MlpBias));
        Assert.Equal([0], config.EndIds);
        Assert.Equal((1, DType.Float16), (config.PadId, config.StoredDType));
        // embedding 4096·288, and in each layer q and o 288·288, k and v 288·144, three of 288·768, two norms; one norm at the end
        Assert.Equal((4096 * 288) + (2 * ((2 * 288 * 288) + (2 * 288 * 144) + (3 * 288 * 768) + (2 * 288))) + 288, config.ParameterCount);
    }

    [Fact]
    public void A_gpt2_has_biases_and_learned_positions()
    {
        var config = new ModelShape { Family = NewModelFamily.Gpt2, Layers = 1, Width = 64, Heads = 2 }.ToConfig(300, null, null, DType.Float32);

        Assert.Empty(config.Check());
        Assert.Equal((256, NormKind.LayerNorm, PositionKind.Learned, true, true), (config.InnerWidth, config.Norm, config.Positions, config.AttentionBias, config.TiedEmbeddings));
        Assert.Empty(config.EndIds);
    }

    [Fact]
    public void Numbers_that_do_not_fit_together_are_named_as_the_recipe_names_them()
    {
        Assert.Contains("is 100, expected a multiple of the 3 heads; correct one of them", new ModelShape { Width = 100, Heads = 3 }.Check().Select(p => p.Message));
        Assert.Contains("context", new ModelShape { Context = 0 }.Check().Select(p => p.Key));
        Assert.Contains("layers", new ModelShape { Layers = 0 }.Check().Select(p => p.Key));
        Assert.NotEmpty(new ModelShape { Heads = 0 }.Check());
        Assert.Equal(["keyValueHeads", "tiedEmbeddings"],
            new ModelShape { Family = NewModelFamily.Gpt2, KeyValueHeads = 2, TiedEmbeddings = false }.Check().Select(p => p.Key));
        Assert.Empty(new ModelShape().Check());
    }
}
