using Attune.Models;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Models;

[NoTensorLeaks]
public sealed class SlidingWindowTests
{
    private static readonly int[] Ids = [5, 17, 3, 88, 41, 2, 9, 60, 33, 71];

    [Fact]
    public void One_layer_sees_as_much_as_the_last_tokens_alone_would_show_it()
    {
        using var frozen = Autograd.NoGrad();
        using var scope = TensorScope.Begin();
        using var model = Create(layers: 1, window: 4);
        using var whole = Create(layers: 1, window: null);
        var windowed = Logits(model, Ids);

        for (var place = 0; place < Ids.Length; place++)
        {
            // Rotary positions are relative, so the text may begin anywhere.
            var seen = Ids[Math.Max(0, place - 3)..(place + 1)];
            windowed.Select(0, place).ShouldBeNear(Logits(whole, seen).Select(0, seen.Length - 1), 1e-5);
        }

        Assert.True((windowed - Logits(whole, Ids)).Abs().Max().Item() > 1e-3, "the window hid nothing");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Decoding_with_a_cache_and_padding_give_what_one_pass_gives(int firstWindowed)
    {
        using var frozen = Autograd.NoGrad();
        using var scope = TensorScope.Begin();
        using var model = Create(layers: 2, window: 3, firstWindowed);
        var expected = Logits(model, Ids);

        using var cache = new KvCache(model.Config, 1, Ids.Length, Compute.Cpu);
        var first = model.Logits(model.Hidden(ModelInput.Causal(Ids.AsSpan(0, 5), 1, Compute.Cpu), cache));
        first.Select(0, 0).ShouldBeNear(expected.Narrow(0, 0, 5), 1e-5);
        for (var place = 5; place < Ids.Length; place++)
        {
            var next = model.Logits(model.Hidden(ModelInput.Next([Ids[place]], [place], null, Compute.Cpu), cache));
            next.Flatten(0, 1).Select(0, 0).ShouldBeNear(expected.Select(0, place), 1e-5);
        }

        int[] padded = [0, 0, .. Ids];
        int[] segments = [0, 0, .. Enumerable.Repeat(1, Ids.Length)];
        model.Logits(model.Hidden(ModelInput.Of(padded, segments, 1, Compute.Cpu))).Select(0, 0).Narrow(0, 2, Ids.Length).ShouldBeNear(expected, 1e-5);
    }

    [Fact]
    public void Documents_that_share_a_row_do_not_share_a_window()
    {
        using var frozen = Autograd.NoGrad();
        using var scope = TensorScope.Begin();
        using var model = Create(layers: 2, window: 3);
        int[] segments = [1, 1, 1, 1, 2, 2, 2, 2, 2, 2];

        var packed = model.Logits(model.Hidden(ModelInput.Of(Ids, segments, 1, Compute.Cpu))).Select(0, 0);

        packed.Narrow(0, 0, 4).ShouldBeNear(Logits(model, Ids[..4]), 1e-5);
        packed.Narrow(0, 4, 6).ShouldBeNear(Logits(model, Ids[4..]), 1e-5);
    }

    [Theory]
    [InlineData("mistral", 1, 3)]
    [InlineData("qwen2-tied", 1, 3)]
    [InlineData("qwen2-tied", 0, 3)]
    public void Folders_say_which_layers_have_a_window(string model, int firstLayer, int window)
    {
        using var folder = new TemporaryFolder();
        var copy = GoldenModel.CopyTo(folder, model);
        GoldenModel.Edit(copy, ("sliding_window", window), ("use_sliding_window", model == "mistral" ? null : true), ("max_window_layers", model == "mistral" ? null : firstLayer));

        var config = HuggingFaceFolder.ReadConfig(copy);

        Assert.Equal(window, config.SlidingWindow);
        Assert.Equal(model == "mistral" ? 0 : firstLayer, config.FirstWindowedLayer);
    }

    [Fact]
    public void A_window_that_no_layer_has_is_none()
    {
        using var folder = new TemporaryFolder();
        var copy = GoldenModel.CopyTo(folder, "qwen2-tied");
        GoldenModel.Edit(copy, ("sliding_window", 3), ("use_sliding_window", true), ("max_window_layers", 2));
        Assert.Null(HuggingFaceFolder.ReadConfig(copy).SlidingWindow);
        GoldenModel.Edit(copy, ("use_sliding_window", false), ("max_window_layers", 0));
        Assert.Null(HuggingFaceFolder.ReadConfig(copy).SlidingWindow);
    }

    private static Tensor Logits(CausalLm model, int[] ids) => model.Logits(model.Hidden(ModelInput.Causal(ids, 1, Compute.Cpu))).Select(0, 0);

    private static CausalLm Create(int layers, int? window, int firstWindowed = 0)
    {
        var config = HuggingFaceFolder.ReadConfig(GoldenModel.Folder("mistral"));
        return CausalLm.Create(config with { Layers = layers, InitializerRange = 0.3, SlidingWindow = window, FirstWindowedLayer = firstWindowed }, new Seed(7), Compute.Cpu);
    }
}
