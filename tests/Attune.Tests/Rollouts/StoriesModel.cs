using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Attune.Models;
using Attune.Torch;

namespace Attune.Tests.Rollouts;

/// <summary>
/// A model in llama2.c's format: seven whole numbers (width, inner width, layers, heads, key-value heads, vocabulary, positions), then float32
/// tensors, one kind of all layers after the other. Its rotary pairs lie side by side, those of Hugging Face's folders half a head apart: the
/// rows of queries and keys change places.
/// </summary>
internal static class StoriesModel
{
    public static CausalLm Load()
    {
        var file = File.ReadAllBytes(Fixtures.Path("fixtures/stories260k/stories260K.bin"));
        var header = MemoryMarshal.Cast<byte, int>(file.AsSpan(0, 28));
        var (width, inner, layers, heads, groups, vocabulary, positions) = (header[0], header[1], header[2], header[3], header[4], header[5], header[6]);
        var numbers = MemoryMarshal.Cast<byte, float>(file.AsSpan(28)).ToArray();
        var head = width / heads;
        var at = 0;
        float[] Take(int count)
        {
            at += count;
            return numbers[(at - count)..at];
        }

        var tensors = new Dictionary<string, (int[] Shape, float[] Values)> { ["model.embed_tokens.weight"] = ([vocabulary, width], Take(vocabulary * width)) };
        void EachLayer(string name, Func<float[], float[]> arrange, params int[] shape)
        {
            for (var layer = 0; layer < layers; layer++)
                tensors[$"model.layers.{layer}.{name}.weight"] = (shape, arrange(Take(shape.Aggregate(1, (a, b) => a * b))));
        }

        EachLayer("input_layernorm", v => v, width);
        EachLayer("self_attn.q_proj", v => PairsApart(v, heads, head, width), heads * head, width);
        EachLayer("self_attn.k_proj", v => PairsApart(v, groups, head, width), groups * head, width);
        EachLayer("self_attn.v_proj", v => v, groups * head, width);
        EachLayer("self_attn.o_proj", v => v, width, heads * head);
        EachLayer("post_attention_layernorm", v => v, width);
        EachLayer("mlp.gate_proj", v => v, inner, width);
        EachLayer("mlp.down_proj", v => v, width, inner);
        EachLayer("mlp.up_proj", v => v, inner, width);
        tensors["model.norm.weight"] = ([width], Take(width));
        Assert.Equal(numbers.Length, at + (positions * head)); // what is left are its tables of sines and cosines; the output is the embedding

        using var folder = new Models.TemporaryFolder();
        var config = new JsonObject
        {
            ["model_type"] = "llama",
            ["architectures"] = new JsonArray("LlamaForCausalLM"),
            ["hidden_size"] = width,
            ["intermediate_size"] = inner,
            ["num_hidden_layers"] = layers,
            ["num_attention_heads"] = heads,
            ["num_key_value_heads"] = groups,
            ["vocab_size"] = vocabulary,
            ["max_position_embeddings"] = positions,
            ["rms_norm_eps"] = 1e-5,
            ["rope_theta"] = 10000.0,
            ["hidden_act"] = "silu",
            ["tie_word_embeddings"] = true,
            ["attention_bias"] = false,
            ["mlp_bias"] = false,
        };
        File.WriteAllText(folder.At("config.json"), config.ToJsonString());
        WriteSafetensors(folder.At("model.safetensors"), tensors);
        return CausalLm.Load(folder.Path, Compute.Cpu);
    }

    /// <summary>The texts of its tokens: a score and a length before each.</summary>
    public static string[] Tokens()
    {
        var file = File.ReadAllBytes(Fixtures.Path("fixtures/stories260k/tok512.bin"));
        var texts = new List<string>();
        for (var at = 4; at < file.Length;)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at + 4));
            texts.Add(Encoding.UTF8.GetString(file, at + 8, length));
            at += 8 + length;
        }

        return [.. texts];
    }

    private static float[] PairsApart(float[] rows, int heads, int head, int width)
    {
        var arranged = new float[rows.Length];
        for (var row = 0; row < heads * head; row++)
        {
            var (of, place) = (row / head, row % head);
            var from = (of * head) + (place < head / 2 ? 2 * place : (2 * (place - (head / 2))) + 1);
            Array.Copy(rows, from * width, arranged, row * width, width);
        }

        return arranged;
    }

    private static void WriteSafetensors(string path, Dictionary<string, (int[] Shape, float[] Values)> tensors)
    {
        var header = new JsonObject();
        var offset = 0L;
        var ordered = tensors.OrderBy(tensor => tensor.Key, StringComparer.Ordinal).ToArray();
        foreach (var (name, (shape, values)) in ordered)
        {
            header[name] = new JsonObject { ["dtype"] = "F32", ["shape"] = JsonSerializer.SerializeToNode(shape), ["data_offsets"] = new JsonArray(offset, offset + (4L * values.Length)) };
            offset += 4L * values.Length;
        }

        var text = Encoding.UTF8.GetBytes(header.ToJsonString());
        using var file = File.Create(path);
        file.Write(BitConverter.GetBytes((long)text.Length));
        file.Write(text);
        foreach (var (_, (_, values)) in ordered)
            file.Write(MemoryMarshal.AsBytes(values.AsSpan()));
    }
}
