using Attune.Models;
using Attune.Runs;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Models;

[NoTensorLeaks]
public sealed class LoraAdapterTests
{
    private static readonly int[] Ids = [1, 2, 3, 4, 5, 6, 7, 8];

    /// <summary>One folder a family.</summary>
    public static TheoryData<string> Families => ["gpt2", "gpt-neox", "llama-gqa", "mistral", "qwen2-tied", "phi3", "gemma"];

    private static CausalLm Load(string name) => CausalLm.Load(GoldenModel.Folder(name), Compute.Cpu);

    /// <summary>An adapter whose B is no longer zero.</summary>
    private static LoraAdapter Moved(TransformerConfig config, AdapterSettings settings, Compute? compute = null)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        var adapter = LoraAdapter.Create(config, settings, new Seed(5), compute ?? Compute.Cpu);
        foreach (var (name, parameter) in adapter.NamedParameters())
            parameter.Value.CopyFrom(Attune.Torch.Modules.Initialise.Normal(parameter.Value.Shape, 0.05, new Seed(6).For(name), adapter.Compute));
        return adapter;
    }

    private static float[] Logits(CausalLm model) => model.Logits(model.Hidden(ModelInput.Causal(Ids, 2, model.Compute))).To(DType.Float32).ToArray<float>();

    [Theory]
    [MemberData(nameof(Families))]
    public void A_fresh_adapter_leaves_every_logit_as_it_was(string family)
    {
        using var scope = TensorScope.Begin();
        using var model = Load(family);
        var before = Logits(model);
        using var view = model.With(LoraAdapter.Create(model.Config, new AdapterSettings { Rank = 4 }, new Seed(1), Compute.Cpu));

        Assert.Equal(before, Logits(view));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Merged_weights_compute_what_the_view_does_and_come_back_to_the_bit(string family)
    {
        using var scope = TensorScope.Begin();
        using var model = Load(family);
        var weights = model.NamedParameters().Select(p => (p.Name, Values: p.Parameter.Value.ToArray<float>())).ToArray();
        using var view = model.With(Moved(model.Config, new AdapterSettings { Rank = 4, Alpha = 8 }));
        var (plain, adapted) = (Logits(model), Logits(view));
        using var copy = view.Copy();

        using (view.Merge())
        {
            Near(adapted, Logits(model), 2e-4f);
            Assert.Equal(Logits(model), Logits(view)); // not added twice
            Assert.Throws<InvalidOperationException>(view.Merge);
        }

        Near(adapted, Logits(copy), 2e-4f);
        Assert.True(plain.Zip(adapted, (a, b) => Math.Abs(a - b)).Max() > 1e-2, "the adapter changes nothing, so the test sees nothing");
        foreach (var (name, values) in weights)
            Assert.Equal(values, model.NamedParameters().Single(p => p.Name == name).Parameter.Value.ToArray<float>());
        Assert.Equal(adapted, Logits(view));
    }

    private static void Near(float[] expected, float[] actual, float tolerance) =>
        Assert.InRange(expected.Zip(actual, (a, b) => Math.Abs(a - b) / Math.Max(1, Math.Abs(a))).Max(), 0, tolerance);

    [Fact]
    public void Two_inputs_and_rank_one_come_out_as_worked_by_hand()
    {
        using var scope = TensorScope.Begin();
        var config = TinyModel.Gpt2 with { Width = 2, Heads = 1, KeyValueHeads = 1, HeadWidth = 2, InnerWidth = 3 };
        using var adapter = LoraAdapter.Create(config, new AdapterSettings { Rank = 1, Alpha = 3, Targets = ["c_fc"] }, new Seed(1), Compute.Cpu);
        var (a, b) = (adapter.NamedParameters().First(), adapter.NamedParameters().Skip(1).First());
        Assert.Equal(("transformer.h.0.mlp.c_fc.lora_A.weight", "transformer.h.0.mlp.c_fc.lora_B.weight"), (a.Name, b.Name));
        a.Parameter.Value.Detach().CopyFrom(Tensor.Of([[1.0, -2.0]]));
        b.Parameter.Value.Detach().CopyFrom(Tensor.Of([[1.0], [0.0], [2.0]]));

        var adapted = adapter.Adapt(Tensor.Of([[10.0, 20.0, 30.0]]).To(DType.Float32), Tensor.Of([[3.0, 1.0]]).To(DType.Float32), 0, LayerMatrix.Up, drop: null);

        // A·x = 3 - 2 = 1; times 3/1; B gives 3, 0, 6
        Assert.Equal([13.0, 20.0, 36.0], adapted.ToDoubles());
        Assert.Equal(3 / Math.Sqrt(4), new AdapterSettings { Rank = 4, Alpha = 3, RankStabilised = true }.Scale, 1e-15);
        Assert.Equal(0.75, new AdapterSettings { Rank = 4, Alpha = 3 }.Scale, 1e-15);
    }

    [Fact]
    public void A_part_of_a_joined_matrix_moves_its_own_rows_alone()
    {
        using var scope = TensorScope.Begin();
        using var model = Load("llama-gqa");
        using var adapter = Moved(model.Config, new AdapterSettings { Rank = 2, Targets = ["k_proj", "up_proj"] });
        var width = (model.Config.Heads + 2 * model.Config.KeyValueHeads) * model.Config.HeadWidth;
        var x = Tensor.Ones([1, 3, model.Config.Width], Compute.Cpu);
        var output = Tensor.Zeros([1, 3, width], Compute.Cpu);

        var adapted = adapter.Adapt(output, x, 0, LayerMatrix.Qkv, drop: null).ToArray<float>();

        var (from, count) = (model.Config.Heads * model.Config.HeadWidth, model.Config.KeyValueHeads * model.Config.HeadWidth);
        for (var k = 0; k < adapted.Length; k++)
            Assert.Equal(k % width >= from && k % width < from + count, adapted[k] != 0);
        var untouched = Tensor.Zeros([1, 3, model.Config.Width], Compute.Cpu);
        Assert.Same(untouched, adapter.Adapt(untouched, x, 0, LayerMatrix.AttentionOut, drop: null));
        Assert.All(untouched.ToArray<float>(), v => Assert.Equal(0, v));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Gradients_of_A_and_B_are_those_of_finite_differences(string family)
    {
        using var scope = TensorScope.Begin();
        var compute = Compute.Cpu with { DType = DType.Float64 };
        using var model = CausalLm.Load(GoldenModel.Folder(family), compute);
        using var view = model.With(Moved(model.Config, new AdapterSettings { Rank = 2, Alpha = 2 }, compute));
        var learned = view.NamedParameters().Where(p => p.Name.Contains(".0.", StringComparison.Ordinal)).Select(p => p.Parameter.Value).ToArray();

        // of the first layer's matrices one A and one B each is enough: they reach the loss through everything behind them
        FiniteDifference.Check(() => view.Logits(view.Hidden(ModelInput.Causal([1, 2, 3], 1, compute))).LogSoftmax(-1).Select(-1, 3).Sum(), [learned[0], learned[1]]);
        Assert.All(model.Parameters, p => Assert.False(p.IsTrained));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Only_the_adapter_learns_and_recomputation_learns_the_same(bool drops)
    {
        using var scope = TensorScope.Begin();
        using var model = Load("llama-gqa");
        using var view = model.With(Moved(model.Config, new AdapterSettings { Rank = 2, Dropout = drops ? 0.3 : 0 }));
        var input = ModelInput.Causal(Ids, 2, Compute.Cpu) with { Draws = new(new Seed(3), [0, 1]) };
        var places = Tensor.From([1L, 3, 6], 3);
        float[][] Gradients(bool checkpointing)
        {
            using var inner = TensorScope.Begin();
            view.UsesCheckpointing = checkpointing;
            view.ClearGradients();
            view.Logits(view.HiddenAt(input, places)).LogSoftmax(-1).Select(-1, 5).Sum().Backward();
            return [.. view.Parameters.Select(p => p.Value.Grad!.ToArray<float>())];
        }

        Assert.Equal(Gradients(checkpointing: false), Gradients(checkpointing: true));
        Assert.All(model.Parameters, p => Assert.Null(p.Value.Grad));
    }

    [Fact]
    public void What_is_dropped_depends_on_row_and_place_alone_and_nothing_is_while_scoring()
    {
        using var scope = TensorScope.Begin();
        using var model = Load("llama-gqa");
        using var view = model.With(Moved(model.Config, new AdapterSettings { Rank = 2, Dropout = 0.5 }));
        var seed = new Seed(3);
        float[] Hidden(int[] ids, int rows, DropoutDraws? draws) => view.Hidden(ModelInput.Causal(ids, rows, Compute.Cpu) with { Draws = draws }).ToArray<float>();

        var whole = Hidden(Ids, 2, new(seed, [0, 1]));
        var alone = Hidden(Ids[4..], 1, new(seed, [1]));
        var padded = Hidden([.. Ids[4..], 0, 0], 1, new(seed, [1]));
        var chosen = view.HiddenAt(ModelInput.Causal(Ids, 2, Compute.Cpu) with { Draws = new(seed, [0, 1]) }, Tensor.From([2L, 5], 2)).ToArray<float>();

        var width = model.Config.Width;
        Near(whole[(4 * width)..], alone, 1e-5f);
        Near(alone, padded[..alone.Length], 1e-5f);
        Near([.. whole[(2 * width)..(3 * width)], .. whole[(5 * width)..(6 * width)]], chosen, 1e-5f);
        Assert.NotEqual(whole, Hidden(Ids, 2, new(new Seed(4), [0, 1])));
        Assert.NotEqual(alone, Hidden(Ids[4..], 1, new(seed, [0])));
        Assert.NotEqual(whole, Hidden(Ids, 2, draws: null));
        Assert.Equal(Hidden(Ids, 2, draws: null), Hidden(Ids, 2, draws: null));
    }

    [Fact]
    public void A_view_holds_no_second_copy_of_the_weights()
    {
        using var scope = TensorScope.Begin();
        using var model = Load("llama-gqa");
        var before = TorchRuntime.LiveTensors;

        using var view = model.With(LoraAdapter.Create(model.Config, new AdapterSettings { Rank = 2, Targets = ["q_proj"] }, new Seed(1), Compute.Cpu));

        Assert.Equal(before + 2 * model.Config.Layers, TorchRuntime.LiveTensors); // an A and a B a layer
        Assert.Same(model, view.Base);
        Assert.Throws<ArgumentException>(() => view.With(view.Adapter!));
    }

    [Fact]
    public void Settings_that_make_no_sense_are_refused_all_at_once()
    {
        var settings = new AdapterSettings { Rank = 999, Dropout = 1, Alpha = 0, Targets = ["q_proj", "c_attn"] };

        var error = Assert.Throws<InputException>(() => LoraAdapter.Create(TinyModel.Llama, settings, new Seed(1), Compute.Cpu));

        Assert.Equal(["adapter.alpha", "adapter.dropout", "adapter.rank", "adapter.targets[1]"], error.Problems.Select(p => p.Key));
        Assert.Equal("is \"c_attn\", expected one of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, or all-linear; these are the matrices of a llama model", error.Problems[3].Message);
        Assert.Equal(["rank", "targets"], new AdapterSettings { Rank = 0, Targets = [] }.Check().Select(p => p.Key));
    }

    [Fact]
    public void A_begins_as_PEFT_begins_it_and_every_matrix_draws_by_its_own_name()
    {
        using var scope = TensorScope.Begin();
        using var all = LoraAdapter.Create(TinyModel.Llama, new AdapterSettings { Rank = 8 }, new Seed(1), Compute.Cpu);
        using var some = LoraAdapter.Create(TinyModel.Llama, new AdapterSettings { Rank = 8, Targets = ["mlp.down_proj"] }, new Seed(1), Compute.Cpu);

        var parameters = all.NamedParameters().ToDictionary(p => p.Name, p => p.Parameter.Value.ToArray<float>());
        foreach (var (name, values) in parameters)
        {
            var bound = 1 / Math.Sqrt(name.Contains("down_proj", StringComparison.Ordinal) ? TinyModel.Llama.InnerWidth : TinyModel.Llama.Width);
            if (name.Contains("lora_B", StringComparison.Ordinal))
                Assert.All(values, v => Assert.Equal(0, v));
            else
                Assert.InRange(values.Max(Math.Abs), 0.9 * bound, bound);
        }

        foreach (var (name, parameter) in some.NamedParameters())
            Assert.Equal(parameters[name], parameter.Value.ToArray<float>());
        Assert.Equal(2 * 2 * 7, all.NamedParameters().Count());
    }
}
