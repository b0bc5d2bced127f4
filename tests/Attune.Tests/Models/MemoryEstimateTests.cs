using Attune.Models;
using Attune.Torch;

namespace Attune.Tests.Models;

public sealed class MemoryEstimateTests
{
    // embedding 300·32, a layer of q, k, v, o 4·32·32, three of 32·96 and two norms of 32, a last norm
    private const int Parameters = (300 * 32) + (4 * 32 * 32) + (3 * 32 * 96) + 64 + 32;

    private static readonly TransformerConfig Config = new ModelShape { Layers = 1, Width = 32, Heads = 2 }.ToConfig(300, null, null, DType.Float32);

    [Fact]
    public void A_trained_model_has_gradients_and_two_moments_beside_its_weights()
    {
        Assert.Equal(4 * Parameters, MemoryEstimate.Weights(Config, DType.Float32));
        Assert.Equal(16 * Parameters, MemoryEstimate.Trained(Config, DType.Float32));
        Assert.Equal(2 * Parameters, MemoryEstimate.Weights(Config, DType.BFloat16));
    }

    [Fact]
    public void A_pass_grows_with_rows_and_with_the_square_of_their_width()
    {
        long Pass(int rows, int width) => MemoryEstimate.TrainingPass(Config, rows, width, 0, DType.Float32);

        // 8 tokens of 14·32 + 4·96 numbers, and three of 2 heads times 8·8
        Assert.Equal(4 * ((8 * ((14 * 32) + (4 * 96))) + (3 * 2 * 64)), Pass(1, 8));
        Assert.Equal(5 * Pass(1, 8), Pass(5, 8));
        Assert.True(Pass(1, 1024) > 3 * Pass(1, 512));
        Assert.Equal(3 * 4 * 7 * 300, MemoryEstimate.TrainingPass(Config, 1, 8, 7, DType.Float32) - Pass(1, 8));
    }

    [Fact]
    public void Without_gradients_one_layer_counts()
    {
        var deep = Config with { Layers = 10 };

        Assert.Equal(MemoryEstimate.ForwardPass(Config, 2, 8, 3, DType.Float32), MemoryEstimate.ForwardPass(deep, 2, 8, 3, DType.Float32));
        Assert.Equal(10 * MemoryEstimate.Cache(Config, 2, 8, DType.Float32), MemoryEstimate.Cache(deep, 2, 8, DType.Float32));
        Assert.Equal(2 * 4 * 2 * 8 * 32, MemoryEstimate.Cache(Config, 2, 8, DType.Float32)); // keys and values of 2 rows of 8 tokens of 32 numbers
    }
}
