using System.Text.Json.Nodes;
using Attune.Models;
using Attune.Runs;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Models;

[NoTensorLeaks]
public sealed class AdapterFolderTests : IDisposable
{
    private const string Weights = "adapter_model.safetensors", Config = "adapter_config.json";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static AdapterSettings Settings => new() { Rank = 2, Alpha = 6, Dropout = 0.1, RankStabilised = true };

    /// <summary>An adapter on a golden model, written as a folder, and the logits that it computes.</summary>
    private float[] Write(string family, AdapterSettings settings, string name = "adapter")
    {
        using var scope = TensorScope.Begin();
        using var model = CausalLm.Load(GoldenModel.Folder(family), Compute.Cpu);
        using var view = model.With(LoraAdapter.Create(model.Config, settings, new Seed(1), Compute.Cpu));
        Fill(view);
        view.Save(_folder.At(name));
        return Logits(view);
    }

    private static void Fill(CausalLm view)
    {
        using var frozen = Autograd.NoGrad();
        foreach (var (name, parameter) in view.NamedParameters().Where(p => p.Name.Contains("lora_B", StringComparison.Ordinal)))
            parameter.Value.CopyFrom(Attune.Torch.Modules.Initialise.Normal(parameter.Value.Shape, 0.05, new Seed(6).For(name), Compute.Cpu));
    }

    private static float[] Logits(CausalLm model) => model.Logits(model.Hidden(ModelInput.Causal([1, 2, 3, 4], 1, Compute.Cpu))).ToArray<float>();

    private void Edit(string key, JsonNode? value, string name = "adapter")
    {
        var path = Path.Combine(_folder.At(name), Config);
        var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        json[key] = value;
        File.WriteAllText(path, json.ToJsonString());
    }

    /// <summary>What PEFT's documentation and its saved files have, written down by hand for each family.</summary>
    [Theory]
    [InlineData("gpt2", "transformer.h.0.attn.c_attn transformer.h.0.attn.c_proj transformer.h.0.mlp.c_fc transformer.h.0.mlp.c_proj", true)]
    [InlineData("gpt-neox", "gpt_neox.layers.0.attention.query_key_value gpt_neox.layers.0.attention.dense gpt_neox.layers.0.mlp.dense_h_to_4h gpt_neox.layers.0.mlp.dense_4h_to_h", false)]
    [InlineData("llama-gqa", Seven, false)]
    [InlineData("mistral", Seven, false)]
    [InlineData("qwen2-tied", Seven, false)]
    [InlineData("gemma", Seven, false)]
    [InlineData("phi3", "model.layers.0.self_attn.o_proj model.layers.0.self_attn.qkv_proj model.layers.0.mlp.gate_up_proj model.layers.0.mlp.down_proj", false)]
    public void The_files_are_those_of_PEFT(string family, string modules, bool isTransposed)
    {
        Write(family, Settings);

        var shape = ModelFamily.ReadConfig(Path.Combine(GoldenModel.Folder(family), "config.json"));
        using var file = SafetensorsFile.Open(_folder.At("adapter/" + Weights));
        var expected = Enumerable.Range(0, shape.Layers).SelectMany(layer => modules.Split(' ').SelectMany(m => new[] { "A", "B" }.Select(side =>
            $"base_model.model.{m.Replace(".0.", $".{layer}.", StringComparison.Ordinal)}.lora_{side}.weight")));
        Assert.Equal(expected.Order(StringComparer.Ordinal), file.Entries.Select(e => e.Name).Order(StringComparer.Ordinal));
        Assert.All(file.Entries, e => Assert.Equal(2, e.Name.Contains("lora_A", StringComparison.Ordinal) ? e.Shape[0] : e.Shape[1]));
        Assert.Equal("pt", file.Metadata["format"]);
        var json = JsonNode.Parse(File.ReadAllText(_folder.At("adapter/" + Config)))!.AsObject();
        Assert.Equal(("LORA", 2, 6, 0.1, true, "none", "CAUSAL_LM", isTransposed), ((string)json["peft_type"]!, (int)json["r"]!, (int)json["lora_alpha"]!, (double)json["lora_dropout"]!,
            (bool)json["use_rslora"]!, (string)json["bias"]!, (string)json["task_type"]!, (bool)json["fan_in_fan_out"]!));
        Assert.Equal(modules.Split(' ').Select(m => m.Split('.')[^1]).Distinct().Order(StringComparer.Ordinal), json["target_modules"]!.AsArray().Select(t => (string)t!));
        Assert.Equal(Path.GetFullPath(GoldenModel.Folder(family)), (string)json["base_model_name_or_path"]!);
        Assert.True(json.ContainsKey("modules_to_save"));
        Assert.Null(json["modules_to_save"]);
    }

    private const string Seven = "model.layers.0.self_attn.q_proj model.layers.0.self_attn.k_proj model.layers.0.self_attn.v_proj model.layers.0.self_attn.o_proj " +
        "model.layers.0.mlp.gate_proj model.layers.0.mlp.up_proj model.layers.0.mlp.down_proj";

    [Theory]
    [MemberData(nameof(LoraAdapterTests.Families), MemberType = typeof(LoraAdapterTests))]
    public void An_adapter_folder_is_a_model_folder_with_the_adapter_merged(string family)
    {
        using var scope = TensorScope.Begin();
        var adapted = Write(family, Settings);

        using var model = CausalLm.Load(_folder.At("adapter"), Compute.Cpu);
        AdapterMerge.Write(_folder.At("adapter"), _folder.At("merged"));
        using var merged = CausalLm.Load(_folder.At("merged"), Compute.Cpu);

        Assert.InRange(adapted.Zip(Logits(model), (a, b) => Math.Abs(a - b) / Math.Max(1, Math.Abs(a))).Max(), 0, 2e-4);
        Assert.Equal(Logits(model), Logits(merged));
        Assert.False(AdapterConfig.IsIn(_folder.At("merged")));
    }

    [Fact]
    public void Reading_and_writing_again_gives_the_same_bytes()
    {
        using var scope = TensorScope.Begin();
        Write("llama-gqa", Settings with { Targets = ["q_proj", "v_proj"] });
        var shape = ModelFamily.ReadConfig(Path.Combine(GoldenModel.Folder("llama-gqa"), "config.json"));

        using (var files = AdapterFolder.Open(_folder.At("adapter"), shape))
        using (var model = CausalLm.Load(GoldenModel.Folder("llama-gqa"), Compute.Cpu))
        using (var view = model.With(files.Read(shape, Compute.Cpu)))
            view.Save(_folder.At("again"));

        foreach (var file in new[] { Weights, Config })
            Assert.Equal(File.ReadAllBytes(_folder.At("adapter/" + file)), File.ReadAllBytes(_folder.At("again/" + file)));
    }

    [Fact]
    public void An_adapter_in_half_precision_is_written_in_it_again()
    {
        using var scope = TensorScope.Begin();
        Write("gpt2", Settings);
        var shape = ModelFamily.ReadConfig(Path.Combine(GoldenModel.Folder("gpt2"), "config.json"));
        var path = _folder.At("adapter/" + Weights);
        SafetensorsItem[] items;
        using (var file = SafetensorsFile.Open(path))
            items = [.. file.Entries.Select(e => SafetensorsItem.Of(e.Name, file.ReadTensor(e.Name).To(DType.BFloat16)))];
        SafetensorsWriter.Write(path, items, SafetensorsWriter.PyTorchMetadata);

        using (var files = AdapterFolder.Open(_folder.At("adapter"), shape))
        using (var model = CausalLm.Load(GoldenModel.Folder("gpt2"), Compute.Cpu))
        using (var view = model.With(files.Read(shape, Compute.Cpu)))
            view.Save(_folder.At("again"));

        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(_folder.At("again/" + Weights)));
    }

    [Fact]
    public void A_reward_models_head_travels_with_its_adapter()
    {
        using var scope = TensorScope.Begin();
        using var trunk = CausalLm.Load(GoldenModel.Folder("llama-gqa"), Compute.Cpu);
        using var model = RewardModel.On(trunk, LoraAdapter.Create(trunk.Config, Settings, new Seed(1), Compute.Cpu), ScalarHead.ForReward(trunk.Config.Width, new Seed(2), Compute.Cpu), takesTrunk: false);
        Fill(model.Trunk);
        model.Head.Rescale(2, 0.5);
        int[][] texts = [[1, 2, 3], [4, 5]];
        var scores = model.Score(texts);

        model.Save(_folder.At("reward"));

        var json = JsonNode.Parse(File.ReadAllText(_folder.At("reward/" + Config)))!.AsObject();
        Assert.Equal(("SEQ_CLS", "score"), ((string)json["task_type"]!, (string)json["modules_to_save"]!.AsArray().Single()!));
        using (var file = SafetensorsFile.Open(_folder.At("reward/" + Weights)))
            Assert.Equal(["base_model.model.score.bias", "base_model.model.score.weight"], file.Entries.Select(e => e.Name).Where(n => n.Contains("score", StringComparison.Ordinal)).Order());
        using var read = RewardModel.Load(_folder.At("reward"), Compute.Cpu);
        using var policy = trunk.With(LoraAdapter.Create(trunk.Config, Settings, new Seed(3), Compute.Cpu));
        var before = TorchRuntime.LiveTensors;
        using var beside = RewardModel.LoadBeside(policy, _folder.At("reward"));
        Assert.Equal(before + beside.Parameters.Count(), TorchRuntime.LiveTensors); // the adapter and the head, no trunk
        Assert.Same(trunk, beside.Trunk.Base);
        Assert.Equal(scores, beside.Score(texts));
        Assert.All(scores.Zip(read.Score(texts)), s => Assert.Equal(s.First, s.Second, 1e-3));
        var refused = Assert.Throws<InputException>(() => CausalLm.Load(_folder.At("reward"), Compute.Cpu));
        Assert.Contains("reward model", refused.Message);
    }

    [Fact]
    public void A_base_is_found_beside_the_adapter_and_an_adapter_may_stand_on_another()
    {
        using var scope = TensorScope.Begin();
        Write("gpt2", Settings, "first");
        GoldenModel.CopyTo(_folder, "gpt2");
        Edit("base_model_name_or_path", "../gpt2", "first");
        using var first = CausalLm.Load(_folder.At("first"), Compute.Cpu);
        using var view = first.With(LoraAdapter.Create(first.Config, Settings with { Targets = ["c_fc"] }, new Seed(8), Compute.Cpu));
        Fill(view);
        view.Save(_folder.At("second"));

        using var second = CausalLm.Load(_folder.At("second"), Compute.Cpu);

        Assert.Equal(Path.GetFullPath(_folder.At("first")), (string)JsonNode.Parse(File.ReadAllText(_folder.At("second/" + Config)))!["base_model_name_or_path"]!);
        Assert.InRange(Logits(view).Zip(Logits(second), (a, b) => Math.Abs(a - b) / Math.Max(1, Math.Abs(a))).Max(), 0, 2e-4);
        Edit("base_model_name_or_path", _folder.At("second"), "first");
        Assert.Contains("adapters that stand on each other", Assert.Throws<InputException>(() => CausalLm.Load(_folder.At("second"), Compute.Cpu)).Message);
    }

    [Fact]
    public void Another_base_than_the_one_that_it_was_trained_beside_is_refused()
    {
        using var scope = TensorScope.Begin();
        GoldenModel.CopyTo(_folder, "gpt2");
        Write("gpt2", Settings, "first");
        Edit("base_model_name_or_path", "../gpt2", "first");
        using (var first = CausalLm.Load(_folder.At("first"), Compute.Cpu)) // a copy of the base is the same base
        using (var view = first.With(LoraAdapter.Create(first.Config, Settings with { Targets = ["c_fc"] }, new Seed(8), Compute.Cpu)))
            view.Save(_folder.At("second"));

        using (var files = HuggingFaceFolder.Open(_folder.At("gpt2"))) // rounded to half precision
            HuggingFaceFolder.Write(_folder.At("gpt2"), files.Config with { StoredDType = DType.Float16 }, files.ReadTensors(Compute.Cpu));

        foreach (var adapter in new[] { "first", "second" })
        {
            var error = Assert.Throws<InputException>(() => CausalLm.Load(_folder.At(adapter), Compute.Cpu));
            Assert.Equal(_folder.At("first/adapter_base.json"), error.Title);
            Assert.Equal("weights", Assert.Single(error.Problems).Key);
            Assert.Matches("^is [0-9a-f]{64}, the hash of the weights that the adapter was trained beside, expected [0-9a-f]{64}, that of .*gpt2; name the folder of the right model in adapter_config.json; to use this one all the same, delete adapter_base.json$", error.Problems[0].Message);
        }

        File.Delete(_folder.At("first/adapter_base.json"));
        CausalLm.Load(_folder.At("first"), Compute.Cpu).Dispose();
        Assert.Equal(_folder.At("second/adapter_base.json"), Assert.Throws<InputException>(() => CausalLm.Load(_folder.At("second"), Compute.Cpu)).Title); // what it stands on has other weights now
        File.WriteAllText(_folder.At("second/adapter_base.json"), "{}");
        Assert.Contains("has no text weights", Assert.Throws<InputException>(() => CausalLm.Load(_folder.At("second"), Compute.Cpu)).Message);
    }

    [Fact]
    public void A_reward_model_on_another_base_does_not_stand_beside_the_policy()
    {
        using var scope = TensorScope.Begin();
        var folder = GoldenModel.CopyTo(_folder, "llama-gqa");
        using (var trunk = CausalLm.Load(folder, Compute.Cpu))
        using (var model = RewardModel.On(trunk, LoraAdapter.Create(trunk.Config, Settings, new Seed(1), Compute.Cpu), ScalarHead.ForReward(trunk.Config.Width, new Seed(2), Compute.Cpu), takesTrunk: false))
            model.Save(_folder.At("reward"));
        using (var files = HuggingFaceFolder.Open(folder))
            HuggingFaceFolder.Write(folder, files.Config with { StoredDType = DType.BFloat16 }, files.ReadTensors(Compute.Cpu));
        using var changed = CausalLm.Load(folder, Compute.Cpu);
        using var policy = changed.With(LoraAdapter.Create(changed.Config, Settings, new Seed(3), Compute.Cpu));

        Assert.Equal(_folder.At("reward/adapter_base.json"), Assert.Throws<InputException>(() => RewardModel.LoadBeside(policy, _folder.At("reward"))).Title);
    }

    [Fact]
    public void Shards_and_copies_are_the_same_base_and_any_changed_matrix_is_another()
    {
        using var scope = TensorScope.Begin();
        string HashOf(string path)
        {
            using var files = HuggingFaceFolder.Open(path);
            return files.WeightsHash();
        }

        using var source = HuggingFaceFolder.Open(GoldenModel.Folder("llama-gqa"));
        var tensors = source.ReadTensors(Compute.Cpu).ToArray();
        HuggingFaceFolder.Write(_folder.At("sharded"), source.Config, tensors, new() { MaximumShardBytes = 20_000 });
        Assert.Equal(source.WeightsHash(), HashOf(_folder.At("sharded")));

        var hashes = new HashSet<string> { source.WeightsHash() };
        foreach (var (name, value) in tensors)
        {
            HuggingFaceFolder.Write(_folder.At("changed"), source.Config, tensors.Select(t => (t.Name, t.Name == name ? t.Value * 1.001 : t.Value)));
            Assert.True(hashes.Add(HashOf(_folder.At("changed"))), name);
        }

        Assert.True(tensors.Length > 10);
    }

    [Fact]
    public void A_pattern_of_targets_is_what_the_weights_are_for()
    {
        using var scope = TensorScope.Begin();
        Write("llama-gqa", Settings with { Targets = ["q_proj"] });
        using var listed = CausalLm.Load(_folder.At("adapter"), Compute.Cpu);
        Edit("target_modules", ".*(q)_proj$");

        using var matched = CausalLm.Load(_folder.At("adapter"), Compute.Cpu);

        Assert.Equal(Logits(listed), Logits(matched));
    }

    public static TheoryData<string, string, string> Refused => new()
    {
        { "use_dora", "true", "is true, expected false; Attune does not compute it: merge the adapter with PEFT, and take the merged model" },
        { "bias", "\"all\"", "is \"all\", expected \"none\"; Attune does not compute it: merge the adapter with PEFT, and take the merged model" },
        { "rank_pattern", """{"q_proj":4}""", "is {\"q_proj\":4}, expected {}; Attune does not compute it: merge the adapter with PEFT, and take the merged model" },
        { "alpha_pattern", """{"q_proj":4}""", "is {\"q_proj\":4}, expected {}; Attune does not compute it: merge the adapter with PEFT, and take the merged model" },
        { "layers_to_transform", "[0]", "is [0], expected null; Attune does not compute it: merge the adapter with PEFT, and take the merged model" },
        { "init_lora_weights", "\"pissa\"", "is \"pissa\", expected true or false or \"gaussian\"; Attune does not compute it: merge the adapter with PEFT, and take the merged model" },
        { "modules_to_save", """["lm_head"]""", "is [\"lm_head\"], expected null; Attune trains no other modules whole beside an adapter: merge it with PEFT, and take the merged model" },
        { "peft_type", "\"IA3\"", "is \"IA3\", expected \"LORA\"; Attune knows no other adapters" },
        { "task_type", "\"SEQ_2_SEQ_LM\"", "is \"SEQ_2_SEQ_LM\", expected \"CAUSAL_LM\" or \"SEQ_CLS\"; Attune knows no other heads" },
        { "use_new_thing", "1", "is 1, a key that Attune does not know, expected only known keys, as others may change the result; remove it if it does not" },
        { "r", "0", "is 0, expected a positive whole number; correct it, or download config.json again" },
        { "lora_alpha", "-1", "is -1, expected above 0; once or twice the rank is usual" },
        { "base_model_name_or_path", "\"meta/nowhere\"", "is \"meta/nowhere\", which is no folder here, expected the folder of the base model, absolute, or relative to this folder or the current one; download the base model and write its path there" },
        { "target_modules", "[]", "is [], expected names of matrices; correct it, or download the file again" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_would_change_the_result_is_refused_by_name(string key, string value, string message)
    {
        Write("llama-gqa", Settings);
        Edit(key, JsonNode.Parse(value));

        var error = Assert.Throws<InputException>(() => HuggingFaceFolder.Open(_folder.At("adapter")));

        Assert.Contains(new Problem(key, message), error.Problems);
    }

    [Fact]
    public void Weights_that_do_not_fit_are_refused_each_by_its_name()
    {
        Write("llama-gqa", Settings with { Targets = ["q_proj"] });
        Edit("target_modules", new JsonArray("k_proj"));

        var error = Assert.Throws<InputException>(() => HuggingFaceFolder.Open(_folder.At("adapter")));
        Assert.Contains("base_model.model.model.layers.0.self_attn.k_proj.lora_A.weight", error.Problems.Select(p => p.Key)); // missing
        Assert.Contains("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", error.Problems.Select(p => p.Key)); // no place

        Edit("target_modules", new JsonArray("q_proj"));
        Edit("r", 3);
        error = Assert.Throws<InputException>(() => HuggingFaceFolder.Open(_folder.At("adapter")));
        Assert.Contains("is [2,", error.Problems[0].Message);

        Edit("target_modules", new JsonArray("embed_tokens"));
        error = Assert.Throws<InputException>(() => HuggingFaceFolder.Open(_folder.At("adapter")));
        Assert.Equal("target_modules[0]", Assert.Single(error.Problems).Key);
    }

    [Fact]
    public void Merging_needs_an_adapter_and_another_place()
    {
        Write("gpt2", Settings);

        Assert.Contains("has no adapter_config.json", Assert.Throws<InputException>(() => AdapterMerge.Write(GoldenModel.Folder("gpt2"), _folder.At("merged"))).Message);
        Assert.Contains("the adapter's own folder", Assert.Throws<InputException>(() => AdapterMerge.Write(_folder.At("adapter"), _folder.At("adapter"))).Message);
        Assert.False(Directory.Exists(_folder.At("merged")));
    }
}
