using System.Text.Json.Nodes;
using Attune.Models;
using Attune.Runs;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Models;

[NoTensorLeaks]
public sealed class HuggingFaceFolderTests
{
    [Theory]
    [MemberData(nameof(GoldenModel.All), MemberType = typeof(GoldenModel))]
    public void The_key_map_lists_the_tensors_of_transformers(string model)
    {
        var config = HuggingFaceFolder.ReadConfig(GoldenModel.Folder(model));
        var expected = GoldenModel.Expected(model).GetProperty("parameters").EnumerateObject()
            .Where(p => !(p.Name == "lm_head.weight" && config.TiedEmbeddings))
            .Select(p => $"{p.Name} {p.Value.GetRawText().Replace(" ", "", StringComparison.Ordinal)}");

        var entries = KeyMap.For(config).Entries.Where(e => !e.IsOptional).Select(e => $"{e.Key} [{string.Join(',', e.Shape)}]");

        Assert.Equal(expected, entries);
    }

    [Theory]
    [MemberData(nameof(GoldenModel.LanguageModels), MemberType = typeof(GoldenModel))]
    public void The_key_map_names_the_parameters_of_the_model(string model)
    {
        var config = HuggingFaceFolder.ReadConfig(GoldenModel.Folder(model));
        using var blank = CausalLm.Blank(config, Compute.Cpu);

        var mapped = KeyMap.For(config).Parameters.Where(p => !p.IsOptional).Select(p => $"{p.Name} {string.Join(',', p.Shape)}");

        Assert.Equal(blank.NamedParameters().Select(p => $"{p.Name} {string.Join(',', p.Parameter.Value.Shape)}").Order(), mapped.Order());
        Assert.Equal(blank.ParameterCount, config.ParameterCount);
        Assert.Equal(2 * blank.ParameterCount, config.WeightBytes(DType.BFloat16));
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama-gqa")]
    public void A_model_that_was_read_gives_the_logits_of_transformers(string model)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        using var folder = HuggingFaceFolder.Open(GoldenModel.Folder(model));
        using var lm = CausalLm.Blank(folder.Config, Compute.Cpu);
        var left = folder.ReadInto(lm);

        Assert.Empty(left.NotInFolder);
        Assert.Empty(left.NotInModule);
        foreach (var forward in GoldenModel.Expected(model).GetProperty("forward").EnumerateArray())
        {
            var ids = forward.GetProperty("input_ids").EnumerateArray().Select(id => id.GetInt32()).ToArray();
            var logits = forward.GetProperty("logits").EnumerateArray().Select(row => row.EnumerateArray().Select(x => x.GetDouble()).ToArray()).ToArray();
            lm.Logits(lm.Hidden(ModelInput.Causal(ids, 1, Compute.Cpu))).Squeeze(0).ShouldBeNear(logits, 1e-5);
        }
    }

    [Fact]
    public void Convolution_weights_are_turned()
    {
        using var scope = TensorScope.Begin();
        using var file = SafetensorsFile.Open(Path.Combine(GoldenModel.Folder("gpt2"), "model.safetensors"));
        var tensors = Read(GoldenModel.Folder("gpt2"));

        tensors["blocks.1.attention.qkv.weight"].ShouldBeNear(file.ReadTensor("transformer.h.1.attn.c_attn.weight").Transpose(0, 1), 0);
        tensors["blocks.0.mlp.down.weight"].ShouldBeNear(file.ReadTensor("transformer.h.0.mlp.c_proj.weight").Transpose(0, 1), 0);
        tensors["embed.weight"].ShouldBeNear(file.ReadTensor("transformer.wte.weight"), 0);
    }

    [Fact]
    public void Separate_projections_are_joined_in_order()
    {
        using var scope = TensorScope.Begin();
        using var file = SafetensorsFile.Open(Path.Combine(GoldenModel.Folder("llama-gqa"), "model.safetensors"));
        var tensors = Read(GoldenModel.Folder("llama-gqa"));
        Tensor Of(string name) => file.ReadTensor($"model.layers.1.{name}.weight");

        tensors["blocks.1.attention.qkv.weight"].ShouldBeNear(Tensor.Cat(0, Of("self_attn.q_proj"), Of("self_attn.k_proj"), Of("self_attn.v_proj")), 0);
        tensors["blocks.1.mlp.gate_up.weight"].ShouldBeNear(Tensor.Cat(0, Of("mlp.gate_proj"), Of("mlp.up_proj")), 0);
        tensors["head.weight"].ShouldBeNear(file.ReadTensor("lm_head.weight"), 0);
    }

    [Theory]
    [MemberData(nameof(GoldenModel.All), MemberType = typeof(GoldenModel))]
    public void A_round_trip_is_exact_to_the_byte(string model)
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        using var source = HuggingFaceFolder.Open(GoldenModel.Folder(model));
        var tensors = source.ReadTensors(Compute.Cpu).Where(t => t.Name != "score.bias");

        HuggingFaceFolder.Write(folder.At("copy"), source.Config, tensors);

        Assert.Equal(File.ReadAllBytes(Path.Combine(GoldenModel.Folder(model), "model.safetensors")), File.ReadAllBytes(folder.At("copy/model.safetensors")));
        Assert.Equal(["config.json", "generation_config.json", "model.safetensors"], Directory.GetFiles(folder.At("copy")).Select(Path.GetFileName).Order());
        Assert.Single(Directory.GetDirectories(folder.Path));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(20_000)]
    public void Shards_of_any_size_read_as_one_file_does(int maximumBytes)
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        using var source = HuggingFaceFolder.Open(GoldenModel.Folder("llama-gqa"));
        HuggingFaceFolder.Write(folder.At("sharded"), source.Config, source.ReadTensors(Compute.Cpu), new() { MaximumShardBytes = maximumBytes });

        Assert.True(Directory.GetFiles(folder.At("sharded"), "model-*.safetensors").Length > 4);
        Assert.False(File.Exists(folder.At("sharded/model.safetensors")));
        var (expected, actual) = (Read(GoldenModel.Folder("llama-gqa")), Read(folder.At("sharded")));
        Assert.Equal(expected.Keys, actual.Keys);
        Assert.All(expected.Keys, name => Assert.Equal(expected[name].ToArray<float>(), actual[name].ToArray<float>()));
    }

    [Theory]
    [InlineData(DType.Float16)]
    [InlineData(DType.BFloat16)]
    public void Half_precision_on_disk_is_the_rounded_value(DType stored)
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        using var source = HuggingFaceFolder.Open(GoldenModel.Folder("gpt2"));
        HuggingFaceFolder.Write(folder.At("half"), source.Config with { StoredDType = stored }, source.ReadTensors(Compute.Cpu));

        var (exact, rounded) = (Read(GoldenModel.Folder("gpt2")), Read(folder.At("half")));
        Assert.Equal(stored, HuggingFaceFolder.ReadConfig(folder.At("half")).StoredDType);
        Assert.All(exact.Keys, name => Assert.Equal(exact[name].To(stored).ToDoubles(), rounded[name].ToDoubles()));
    }

    [Fact]
    public void A_module_is_filled_and_what_is_left_aside_is_named()
    {
        using var scope = TensorScope.Begin();
        using var folder = HuggingFaceFolder.Open(GoldenModel.Folder("llama-reward"));
        using var model = CausalLm.Blank(folder.Config with { Head = HeadKind.NextToken }, new Compute(Device.Cpu, DType.Float64));

        var left = folder.ReadInto(model);

        Assert.Equal(["head.weight"], left.NotInFolder);
        Assert.Equal(["score.weight", "score.bias"], left.NotInModule);
        var expected = Read(GoldenModel.Folder("llama-reward"));
        foreach (var (name, parameter) in model.NamedParameters().Where(p => p.Name != "head.weight"))
            Assert.Equal(expected[name].ToDoubles(), parameter.Value.ToDoubles());
    }

    [Fact]
    public void A_score_without_bias_reads_as_bias_0_and_a_bias_is_kept()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        var tensors = Read(GoldenModel.Folder("gpt2-reward"));
        Assert.Equal(0, tensors["score.bias"].Item());

        tensors["score.bias"] = Tensor.From(new float[] { 0.25f }, 1);
        HuggingFaceFolder.Write(folder.At("model"), HuggingFaceFolder.ReadConfig(GoldenModel.Folder("gpt2-reward")), tensors.Select(t => (t.Key, t.Value)));

        Assert.Equal(0.25, Read(folder.At("model"))["score.bias"].Item());
    }

    [Fact]
    public void A_value_head_travels_in_the_folder_under_its_usual_key()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        var tensors = Read(GoldenModel.Folder("gpt2"));
        Assert.DoesNotContain("value.weight", tensors.Keys);
        tensors["value.weight"] = Tensor.Full([1, 32], 0.5);
        tensors["value.bias"] = Tensor.Zeros([1]);
        HuggingFaceFolder.Write(folder.At("model"), HuggingFaceFolder.ReadConfig(GoldenModel.Folder("gpt2")), tensors.Select(t => (t.Key, t.Value)));

        using var file = SafetensorsFile.Open(folder.At("model/model.safetensors"));
        Assert.Equal([1, 32], file.Find("v_head.summary.weight")!.Shape);
        Assert.Equal(16, Read(folder.At("model"))["value.weight"].Sum().Item());
    }

    [Fact]
    public void Published_files_without_prefix_and_with_old_constants_are_read()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        var copy = GoldenModel.CopyTo(folder, "gpt2");
        Rewrite(copy, tensors =>
        {
            var bare = tensors.ToDictionary(t => t.Key["transformer.".Length..], t => t.Value);
            bare["h.0.attn.bias"] = Tensor.Ones([1, 1, 64, 64]);
            bare["h.0.attn.masked_bias"] = Tensor.Of(-10_000);
            bare["lm_head.weight"] = bare["wte.weight"];
            return bare;
        });

        var (expected, actual) = (Read(GoldenModel.Folder("gpt2")), Read(copy));
        Assert.All(expected.Keys, name => Assert.Equal(expected[name].ToArray<float>(), actual[name].ToArray<float>()));
    }

    [Fact]
    public void All_problems_of_the_weights_are_listed_at_once()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        var copy = GoldenModel.CopyTo(folder, "llama-gqa");
        Rewrite(copy, tensors =>
        {
            tensors.Remove("model.norm.weight");
            tensors["model.layers.0.mlp.up_proj.weight"] = Tensor.Zeros([32, 64]);
            tensors["model.layers.1.mlp.up_proj.weight"] = Tensor.Zeros([64, 32], DType.UInt8);
            tensors["model.layers.2.mlp.up_proj.weight"] = Tensor.Zeros([64, 32]);
            return tensors;
        });

        var refusal = Assert.Throws<InputException>(() => HuggingFaceFolder.Open(copy));

        Assert.Equal(
            [
                "model.layers.0.mlp.up_proj.weight is [32, 64], expected [64, 32]; config.json and the weights do not belong together",
                "model.layers.1.mlp.up_proj.weight is U8, expected F32, F16, BF16 or F64; convert the model; quantised weights are not read",
                "model.norm.weight is missing, expected a tensor [32]; check config.json, or download the weights again",
                "model.layers.2.mlp.up_proj.weight is a tensor [64, 32] that this model has no place for, expected only the tensors that config.json implies; check config.json, or remove it",
            ],
            refusal.Problems.Select(p => $"{p.Key} {p.Message}"));
    }

    [Fact]
    public void A_tied_output_matrix_that_differs_is_refused()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        var copy = GoldenModel.CopyTo(folder, "gpt2");
        Rewrite(copy, tensors =>
        {
            tensors["lm_head.weight"] = tensors["transformer.wte.weight"] * 2.0;
            return tensors;
        });

        Assert.Contains("tie_word_embeddings", Assert.Throws<InputException>(() => HuggingFaceFolder.Open(copy)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("model.safetensors")]
    public void A_missing_or_truncated_file_is_named(string file)
    {
        using var folder = new TemporaryFolder();
        var copy = GoldenModel.CopyTo(folder, "gpt2");
        var path = Path.Combine(copy, file);
        var whole = File.ReadAllBytes(path);

        File.WriteAllBytes(path, whole[..(whole.Length / 2)]);
        Assert.Equal(path, Assert.Throws<InputException>(() => HuggingFaceFolder.Open(copy)).Title);
        File.Delete(path);
        Assert.Contains(file, Assert.Throws<InputException>(() => HuggingFaceFolder.Open(copy)).Message, StringComparison.Ordinal);
        Assert.Contains("does not exist", Assert.Throws<InputException>(() => HuggingFaceFolder.Open(folder.At("nowhere"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_that_can_run_code_are_refused_with_how_to_convert_them()
    {
        using var folder = new TemporaryFolder();
        var copy = GoldenModel.CopyTo(folder, "gpt2");
        File.Move(Path.Combine(copy, "model.safetensors"), Path.Combine(copy, "pytorch_model.bin"));

        Assert.Contains("safe_serialization=True", Assert.Throws<InputException>(() => HuggingFaceFolder.Open(copy)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("missing shard", "is missing, expected the shard")]
    [InlineData("wrong shard", "expected it there, as the index says")]
    [InlineData("unlisted", "expected only tensors that the index has there")]
    [InlineData("elsewhere", "expected the name of a file of the same folder")]
    public void An_index_that_does_not_fit_its_shards_is_refused(string fault, string reason)
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        using var source = HuggingFaceFolder.Open(GoldenModel.Folder("llama-gqa"));
        var sharded = folder.At("sharded");
        HuggingFaceFolder.Write(sharded, source.Config, source.ReadTensors(Compute.Cpu), new() { MaximumShardBytes = 60_000 });
        var index = Path.Combine(sharded, "model.safetensors.index.json");
        var json = JsonNode.Parse(File.ReadAllText(index))!;
        var map = json["weight_map"]!.AsObject();
        var last = (string)map["lm_head.weight"]!;
        if (fault == "missing shard")
            File.Delete(Path.Combine(sharded, last));
        else if (fault == "wrong shard")
            map["lm_head.weight"] = (string)map["model.embed_tokens.weight"]!;
        else if (fault == "unlisted")
            map.Remove("lm_head.weight");
        else
            map["lm_head.weight"] = "../" + last;
        File.WriteAllText(index, json.ToJsonString());

        Assert.Contains(reason, Assert.Throws<InputException>(() => HuggingFaceFolder.Open(sharded)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_takes_its_name_only_when_it_is_whole()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        using var source = HuggingFaceFolder.Open(GoldenModel.Folder("gpt2"));
        var tensors = source.ReadTensors(Compute.Cpu).ToArray();
        var target = folder.At("model");
        HuggingFaceFolder.Write(target, source.Config, tensors, new() { AddFiles = f => File.WriteAllText(Path.Combine(f, "tokenizer.json"), "{}") });
        Assert.True(File.Exists(Path.Combine(target, "tokenizer.json")));

        FolderOptions full = new() { AddFiles = _ => throw new IOException("No space left on device") };
        var failure = Assert.Throws<RunFailedException>(() => HuggingFaceFolder.Write(target, source.Config, tensors, full));

        Assert.Contains("No space left on device", failure.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(target, "tokenizer.json")));
        Assert.Equal([target], Directory.GetDirectories(folder.Path));
        HuggingFaceFolder.Write(target, source.Config, tensors);
        Assert.False(File.Exists(Path.Combine(target, "tokenizer.json")));
        Assert.Equal([target], Directory.GetDirectories(folder.Path));
    }

    [Fact]
    public void Only_a_model_is_replaced()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        using var source = HuggingFaceFolder.Open(GoldenModel.Folder("gpt2"));
        var tensors = source.ReadTensors(Compute.Cpu).ToArray();
        var thesis = folder.Write("thesis.txt", [1]);

        Assert.Contains("is no model folder", Assert.Throws<InputException>(() => HuggingFaceFolder.Write(folder.Path, source.Config, tensors)).Message, StringComparison.Ordinal);
        Assert.Contains("is a file", Assert.Throws<InputException>(() => HuggingFaceFolder.Write(thesis, source.Config, tensors)).Message, StringComparison.Ordinal);
        Assert.Contains("could not be written", Assert.Throws<RunFailedException>(() => HuggingFaceFolder.Write(Path.Combine(thesis, "model"), source.Config, tensors)).Message, StringComparison.Ordinal);
        Assert.Equal([thesis], Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Parameters_that_do_not_fit_the_config_are_not_written()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        using var source = HuggingFaceFolder.Open(GoldenModel.Folder("gpt2"));
        var tensors = source.ReadTensors(Compute.Cpu).ToArray();

        Assert.Throws<ArgumentException>(() => HuggingFaceFolder.Write(folder.At("m"), source.Config, tensors[1..]));
        Assert.Throws<ArgumentException>(() => HuggingFaceFolder.Write(folder.At("m"), source.Config, tensors.Append(("score.weight", Tensor.Zeros([1, 32])))));
        Assert.Throws<ArgumentException>(() => HuggingFaceFolder.Write(folder.At("m"), source.Config with { VocabularySize = 98 }, tensors));
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    private static Dictionary<string, Tensor> Read(string path)
    {
        using var folder = HuggingFaceFolder.Open(path);
        return folder.ReadTensors(Compute.Cpu).ToDictionary(t => t.Name, t => t.Value);
    }

    private static void Rewrite(string folder, Func<Dictionary<string, Tensor>, Dictionary<string, Tensor>> change)
    {
        var path = Path.Combine(folder, "model.safetensors");
        Dictionary<string, Tensor> tensors;
        using (var file = SafetensorsFile.Open(path))
            tensors = file.Entries.ToDictionary(e => e.Name, e => file.ReadTensor(e.Name));
        SafetensorsWriter.Write(path, change(tensors).Select(t => SafetensorsItem.Of(t.Key, t.Value)), SafetensorsWriter.PyTorchMetadata);
    }
}
