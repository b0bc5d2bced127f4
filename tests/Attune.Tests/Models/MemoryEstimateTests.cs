using Attune.Models;
using Attune.Torch;

namespace Attune.Tests.Models;

public sealed class MemoryEstimateTests
{
    // embedding 300·32, a layer of q, k, v, o 4·32·32, three of 32·96 and two norms of 32, a last norm
    private const int Parameters = (300 * 32) + (4 * 32 * 32) + (3 * 32 * 96) + 64 + 32;

    private static readonly TransformerConfig Config = new ModelShape { Layers = 1, Width = 32, Heads = 2 }.ToConfig(300, null, null, DType.Float32);

    private static readonly AdapterSettings Adapter = new() { Rank = 4, Targets = ["q_proj", "down_proj"] };

    [Fact]
    public void A_trained_model_keeps_two_moments_beside_its_weights()
    {
        Assert.Equal(4 * Parameters, MemoryEstimate.Weights(Config, DType.Float32));
        Assert.Equal(12 * Parameters, MemoryEstimate.Kept(Config, DType.Float32, adapter: null));
        Assert.Equal(2 * Parameters, MemoryEstimate.Weights(Config, DType.BFloat16));
    }

    [Fact]
    public void An_adapter_is_kept_with_its_moments_and_the_weights_once()
    {
        const int Learned = 4 * ((32 + 32) + (32 + 96)); // an A and a B of 4 rows and columns each

        Assert.Equal(4 * (Parameters + (3 * Learned)) + MemoryEstimate.Products(Adapter), MemoryEstimate.Kept(Config, DType.Float32, Adapter));
        Assert.Equal(0, MemoryEstimate.Products(null));
        // the matrices of the layer in 4.5 bits instead of 32
        const int Matrices = (4 * 32 * 32) + (3 * 32 * 96);
        var packed = MemoryEstimate.Weights(Config, DType.Float32, Adapter with { BaseBits = 4, DoubleQuantisation = false });
        Assert.Equal((4 * (Parameters - Matrices)) + (Matrices * 9 / 16), packed);
    }

    [Fact]
    public void A_pass_without_logits_is_what_a_layer_holds()
    {
        // Of 8 tokens in a row, all computed: attention keeps norm 2·32, queries 32, keys and values 2·32, and 2 heads of 8·8; the network keeps what is
        // mixed 32, two sums 2·32, norm 2·32, and 4·96. Backward makes 8·4·96 and 3·8·32 for a while. All weights have gradients, the embedding once more.
        const int Attention = (8 * ((2 * 32) + 32 + (2 * 32))) + (2 * 64), Network = 8 * (32 + (2 * 32) + (2 * 32) + (4 * 96));
        var pass = new TrainingShape(1, 8, 0) { Places = 8 };

        // A third more than the activations take lies between them.
        Assert.Equal((long)(1.35 * 4 * (Attention + Network)) + (4 * ((8 * 4 * 96) + (3 * 8 * 32) + Parameters + (300 * 32))), MemoryEstimate.TrainingPass(Config, pass, DType.Float32));
    }

    [Fact]
    public void A_pass_grows_with_rows_layers_and_the_square_of_the_width()
    {
        long Pass(TransformerConfig config, int rows, int width, bool recomputes = false) =>
            MemoryEstimate.TrainingPass(config, new(rows, width, rows * width) { Checkpointing = recomputes, Adapter = Adapter }, DType.Float32);
        var deep = Config with { Layers = 9 };

        Assert.True(Pass(Config, 1, 2048) > 3 * Pass(Config, 1, 1024));
        Assert.True(Pass(deep, 8, 64) > 4 * Pass(Config, 8, 64));
        Assert.True(Pass(deep, 8, 64, recomputes: true) < 0.5 * Pass(deep, 8, 64));
    }

    [Fact]
    public void Logits_count_up_to_the_piece_that_stands_in_memory()
    {
        var large = Config with { VocabularySize = 50_257 };
        long Pass(int tokens) => MemoryEstimate.TrainingPass(large, new(1, 8, tokens) { Places = 8, Adapter = Adapter }, DType.Float32);

        Assert.Equal(4 * 4 * 100L * 50_257, Pass(200) - Pass(100));
        Assert.Equal(Pass(333), Pass(100_000));
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
