using System.Text.Json.Nodes;
using Attune.Models;
using Attune.Runs;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Models;

/// <summary>Folders of every family in every form that is written, and the forms that are not read.</summary>
[NoTensorLeaks]
public sealed class FolderRoundTripTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, DType> Halves()
    {
        var data = new TheoryData<string, DType>();
        foreach (var family in new[] { "gpt2", "gpt-neox", "llama-gqa", "mistral", "qwen2-tied", "phi3", "gemma" })
        {
            data.Add(family, DType.Float16);
            data.Add(family, DType.BFloat16);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Halves))]
    public void Half_precision_comes_back_to_the_bit_through_a_model_in_float32(string family, DType stored)
    {
        using var scope = TensorScope.Begin();
        Write(GoldenModel.Folder(family), "half", stored);

        using (var model = CausalLm.Load(_folder.At("half"), Compute.Cpu))
            model.Save(_folder.At("again"), new() { MaximumShardBytes = 30_000 });
        using (var model = CausalLm.Load(_folder.At("again"), Compute.Cpu)) // from shards
            model.Save(_folder.At("whole"));

        Assert.True(Directory.GetFiles(_folder.At("again"), "model-*.safetensors").Length > 1);
        foreach (var file in new[] { "model.safetensors", "config.json", "generation_config.json" })
            Assert.Equal(File.ReadAllBytes(_folder.At("half/" + file)), File.ReadAllBytes(_folder.At("whole/" + file)));
    }

    [Fact]
    public void Heads_travel_in_shards()
    {
        using var scope = TensorScope.Begin();
        int[][] texts = [[1, 2, 3], [4, 5]];
        using var reward = RewardModel.Load(GoldenModel.Folder("llama-reward"), Compute.Cpu);
        reward.Head.Rescale(2, 0.5);
        reward.Save(_folder.At("reward"), new() { MaximumShardBytes = 20_000 });
        using var read = RewardModel.Load(_folder.At("reward"), Compute.Cpu);
        Assert.Equal(reward.Score(texts), read.Score(texts));
        var index = JsonNode.Parse(File.ReadAllText(_folder.At("reward/model.safetensors.index.json")))!["weight_map"]!.AsObject();
        Assert.True(index.ContainsKey("score.weight") && index.ContainsKey("score.bias"));
        Assert.True(index.Select(t => (string)t.Value!).Distinct().Count() > 2);

        using var source = HuggingFaceFolder.Open(GoldenModel.Folder("gpt-neox"));
        var value = ("value.weight", Tensor.Full([1, source.Config.Width], 0.5));
        HuggingFaceFolder.Write(_folder.At("valued"), source.Config, source.ReadTensors(Compute.Cpu).Append(value).Append(("value.bias", Tensor.Ones([1]))), new() { MaximumShardBytes = 20_000 });
        using var valued = HuggingFaceFolder.Open(_folder.At("valued"));
        Assert.Equal(0.5 * source.Config.Width, valued.ReadTensors(Compute.Cpu).Single(t => t.Name == "value.weight").Value.Sum().Item());
    }

    [Fact]
    public void An_adapter_on_shards_is_merged_as_on_one_file()
    {
        using var scope = TensorScope.Begin();
        var settings = new AdapterSettings { Rank = 2 };
        Write(GoldenModel.Folder("qwen2-tied"), "base", DType.BFloat16, shards: 20_000);
        Write(GoldenModel.Folder("qwen2-tied"), "one", DType.BFloat16);
        foreach (var name in new[] { "base", "one" })
        {
            using var model = CausalLm.Load(_folder.At(name), Compute.Cpu);
            using var view = model.With(LoraAdapter.Create(model.Config, settings, new Seed(1), Compute.Cpu));
            using (Autograd.NoGrad())
            {
                foreach (var (key, parameter) in view.NamedParameters())
                    parameter.Value.CopyFrom(Attune.Torch.Modules.Initialise.Normal(parameter.Value.Shape, 0.05, new Seed(6).For(key), Compute.Cpu));
            }

            view.Save(_folder.At(name + "-adapter"));
            AdapterMerge.Write(_folder.At(name + "-adapter"), _folder.At(name + "-merged"));
        }

        Assert.Equal(File.ReadAllBytes(_folder.At("one-merged/model.safetensors")), File.ReadAllBytes(_folder.At("base-merged/model.safetensors")));
        Assert.NotEqual(File.ReadAllBytes(_folder.At("one/model.safetensors")), File.ReadAllBytes(_folder.At("one-merged/model.safetensors")));
    }

    [Theory]
    [InlineData("llama-gqa", true, "lm_head.weight", "differs from model.embed_tokens.weight")] // it has its own
    [InlineData("llama-gqa", false, null, null)]
    [InlineData("llama-gqa", null, null, null)]
    [InlineData("qwen2-tied", true, null, null)]
    [InlineData("qwen2-tied", false, "lm_head.weight", "is missing, expected a tensor [97, 32]")]
    [InlineData("qwen2-tied", null, "lm_head.weight", "is missing")] // transformers' default is not tied
    [InlineData("gemma", null, null, null)]
    [InlineData("gemma", false, "lm_head.weight", "is missing")]
    [InlineData("gpt2", null, null, null)]
    [InlineData("gpt2", false, "lm_head.weight", "is missing")]
    [InlineData("gpt-neox", true, "embed_out.weight", "differs from gpt_neox.embed_in.weight")]
    public void Whether_embeddings_are_tied_has_to_agree_with_the_weights(string family, bool? isTied, string? key, string? reason)
    {
        var copy = GoldenModel.CopyTo(_folder, family);
        GoldenModel.Edit(copy, ("tie_word_embeddings", isTied is { } tied ? JsonValue.Create(tied) : null));

        if (key is null)
            HuggingFaceFolder.Open(copy).Dispose();
        else
            Assert.Contains(Assert.Throws<InputException>(() => HuggingFaceFolder.Open(copy)).Problems, p => p.Key == key && p.Message.Contains(reason!, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("llama-gqa", "attention_bias", "model.layers.0.self_attn.q_proj.bias")]
    [InlineData("llama-gqa", "mlp_bias", "model.layers.0.mlp.gate_proj.bias")]
    [InlineData("gemma", "attention_bias", "model.layers.0.self_attn.o_proj.bias")]
    public void Biases_that_the_config_has_and_the_weights_lack_are_named(string family, string key, string tensor)
    {
        var copy = GoldenModel.CopyTo(_folder, family);
        GoldenModel.Edit(copy, (key, true));

        Assert.Contains(Assert.Throws<InputException>(() => HuggingFaceFolder.Open(copy)).Problems, p => p.Key == tensor && p.Message.StartsWith("is missing", StringComparison.Ordinal));
    }

    [Fact]
    public void Biases_that_the_weights_have_and_the_family_lacks_are_named()
    {
        var copy = GoldenModel.CopyTo(_folder, "qwen2-tied");
        GoldenModel.Edit(copy, ("model_type", "llama"), ("architectures", new JsonArray("LlamaForCausalLM")), ("use_sliding_window", null), ("max_window_layers", null));

        Assert.Contains(Assert.Throws<InputException>(() => HuggingFaceFolder.Open(copy)).Problems,
            p => p.Key == "model.layers.0.self_attn.q_proj.bias" && p.Message.StartsWith("is a tensor [32] that this model has no place for", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("\"../other/model.safetensors\"")]
    [InlineData("\"/etc/passwd\"")]
    [InlineData("\"within/model.safetensors\"")]
    [InlineData("\"..\"")]
    [InlineData("\".\"")]
    [InlineData("\"\"")]
    [InlineData("7")]
    [InlineData("null")]
    [InlineData("[\"model-00001-of-00002.safetensors\"]")]
    public void An_index_names_files_of_its_own_folder_alone(string place)
    {
        Write(GoldenModel.Folder("gpt2"), "sharded", DType.Float32, shards: 20_000);
        EditIndex(map => map["transformer.wte.weight"] = JsonNode.Parse(place));

        var problem = Assert.Single(Assert.Throws<InputException>(() => HuggingFaceFolder.Open(_folder.At("sharded"))).Problems);

        Assert.Equal("transformer.wte.weight", problem.Key);
        Assert.Contains("expected the name of a file of the same folder", problem.Message);
    }

    [Fact]
    public void A_tensor_that_two_shards_hold_is_refused()
    {
        using var scope = TensorScope.Begin();
        Write(GoldenModel.Folder("gpt2"), "sharded", DType.Float32, shards: 20_000);
        var (first, last) = ("", "");
        EditIndex(map => (first, last) = ((string)map["transformer.wte.weight"]!, (string)map["transformer.ln_f.weight"]!));
        Assert.NotEqual(first, last);
        SafetensorsItem[] items;
        using (var file = SafetensorsFile.Open(_folder.At("sharded/" + last)))
            items = [.. file.Entries.Select(e => SafetensorsItem.Of(e.Name, file.ReadTensor(e.Name)))];
        SafetensorsWriter.Write(_folder.At("sharded/" + last), [.. items, SafetensorsItem.Of("transformer.wte.weight", Tensor.Zeros([97, 32]))]);

        var problem = Assert.Single(Assert.Throws<InputException>(() => HuggingFaceFolder.Open(_folder.At("sharded"))).Problems);

        Assert.Equal($"transformer.wte.weight is in {last}, expected only tensors that the index has there; download index and shards again", $"{problem.Key} {problem.Message}");
    }

    [Theory]
    [InlineData("pytorch_model.bin")]
    [InlineData("pytorch_model-00001-of-00002.bin")]
    public void Weights_of_pickles_are_refused_with_how_to_convert_them(string name)
    {
        var copy = GoldenModel.CopyTo(_folder, "gpt2");
        File.Move(Path.Combine(copy, "model.safetensors"), Path.Combine(copy, name));
        File.WriteAllText(Path.Combine(copy, "pytorch_model.bin.index.json"), "{}");

        Assert.Equal($"holds its weights as pytorch_model.bin, which can run code when it is read, expected model.safetensors; load it in Python with transformers and call save_pretrained(folder, safe_serialization=True)",
            Assert.Single(Assert.Throws<InputException>(() => CausalLm.Load(copy, Compute.Cpu)).Problems).Message);
    }

    private void Write(string from, string name, DType stored, long shards = long.MaxValue)
    {
        using var scope = TensorScope.Begin();
        using var source = HuggingFaceFolder.Open(from);
        HuggingFaceFolder.Write(_folder.At(name), source.Config with { StoredDType = stored }, source.ReadTensors(Compute.Cpu), new() { MaximumShardBytes = shards });
    }

    private void EditIndex(Action<JsonObject> change)
    {
        var path = _folder.At("sharded/model.safetensors.index.json");
        var json = JsonNode.Parse(File.ReadAllText(path))!;
        change(json["weight_map"]!.AsObject());
        File.WriteAllText(path, json.ToJsonString());
    }
}
