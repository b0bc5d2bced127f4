using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Attune.Tests.Models;

namespace Attune.Cli.Tests.Verbs;

/// <summary>Model folders that are not whole, through the verbs: each is named with what is wrong, before any work, and nothing is written.</summary>
public sealed class DamagedModelTests : IDisposable
{
    private const string Config = "config.json", Weights = "model.safetensors";

    private readonly TemporaryFolder _root = new();

    public void Dispose() => _root.Dispose();

    /// <summary>What is done to a whole folder; the file that the message names; what it says of it.</summary>
    private static readonly Dictionary<string, (Action<string> Do, string Named, string Said)> Damages = new()
    {
        ["no folder"] = (f => Directory.Delete(f, recursive: true), "", "does not exist, expected a model folder; check the path"),
        ["a file"] = (f => { Directory.Delete(f, recursive: true); File.WriteAllText(f, ""); }, "", "is a file, expected a model folder"),
        ["no config"] = (f => File.Delete(At(f, Config)), Config, "does not exist, expected the file"),
        ["empty config"] = (f => File.WriteAllText(At(f, Config), ""), Config, "is not valid JSON"),
        ["half a config"] = (f => Cut(At(f, Config), 100), Config, "is not valid JSON"),
        ["config of a list"] = (f => File.WriteAllText(At(f, Config), "[]"), Config, "is a JSON Array, expected an object"),
        ["config of bytes"] = (f => File.WriteAllBytes(At(f, Config), [0xFF, 0xFE, 0]), Config, "is not valid JSON"),
        ["unknown architecture"] = (f => GoldenModel.Edit(f, ("model_type", "mamba")), Config, "model_type  is \"mamba\", expected one of gpt2, gpt_neox, llama, mistral, qwen2, phi3, gemma"),
        ["unknown head"] = (f => GoldenModel.Edit(f, ("architectures", new JsonArray("GPT2DoubleHeadsModel"))), Config, "architectures  is [\"GPT2DoubleHeadsModel\"]"),
        ["a reward model"] = (f => GoldenModel.Edit(f, ("architectures", new JsonArray("GPT2ForSequenceClassification")), ("num_labels", 1)), Config, "describes a reward model"),
        ["no sizes"] = (f => GoldenModel.Edit(f, ("n_layer", null), ("n_embd", -3)), Config, "n_embd   is -3, expected a positive whole number"),
        ["huge sizes"] = (f => GoldenModel.Edit(f, ("vocab_size", 2_000_000_000)), Config, "vocab_size  is 2000000000"),
        ["no weights"] = (f => File.Delete(At(f, Weights)), "", "holds neither model.safetensors nor model.safetensors.index.json"),
        ["weights that run code"] = (f => File.Move(At(f, Weights), At(f, "pytorch_model.bin")), "", "holds its weights as pytorch_model.bin"),
        ["empty weights"] = (f => Cut(At(f, Weights), 0), Weights, "has 0 bytes, expected at least the 8 of the header's length"),
        ["weights cut in the length"] = (f => Cut(At(f, Weights), 7), Weights, "has 7 bytes"),
        ["weights cut before the header"] = (f => Cut(At(f, Weights), 8), Weights, "and 0 follow, expected the whole header"),
        ["weights cut in the header"] = (f => Cut(At(f, Weights), 500), Weights, "and 492 follow, expected the whole header"),
        ["weights cut after the header"] = (f => Cut(At(f, Weights), HeaderEnd(At(f, Weights))), Weights, "has 0 bytes of tensors"),
        ["weights cut in a tensor"] = (f => Cut(At(f, Weights), 60_000), Weights, "the file was cut off"),
        ["weights without the last byte"] = (f => Cut(At(f, Weights), (int)new FileInfo(At(f, Weights)).Length - 1), Weights, "the file was cut off"),
        ["weights with a byte too many"] = (f => File.AppendAllText(At(f, Weights), "x"), Weights, "has 1 bytes after its last tensor, expected none"),
        ["header of rubbish"] = (f => Overwrite(At(f, Weights), 8, "rubbish"u8), Weights, "header  is not valid JSON"),
        ["header that is not UTF-8"] = (f => Overwrite(At(f, Weights), 20, [0xFF, 0xFF]), Weights, "header  is not UTF-8"),
        ["header of 100 GB"] = (f => OverwriteLength(At(f, Weights), 100_000_000_000), Weights, "header  is said to have 100000000000 bytes"),
        ["header of 2^64 bytes"] = (f => OverwriteLength(At(f, Weights), ulong.MaxValue), Weights, "header  is said to have 18446744073709551615 bytes"),
        ["tensor of 100 GB"] = (f => WriteHeader(At(f, Weights), """{"transformer.wte.weight":{"dtype":"F32","shape":[250000,100000],"data_offsets":[0,100000000000]}}"""), Weights, "has 0 bytes of tensors, expected 100000000000"),
        ["tensor of 2^63 bytes"] = (f => WriteHeader(At(f, Weights), """{"transformer.wte.weight":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}"""), Weights, "fewer bytes than 2^63"),
        ["wrong shapes"] = (f => GoldenModel.Edit(f, ("vocab_size", 98)), "", "transformer.wte.weight  is [97, 32], expected [98, 32]; config.json and the weights do not belong together"),
        ["missing tensors"] = (f => GoldenModel.Edit(f, ("n_layer", 3)), "", "transformer.h.2.ln_1.weight         is missing, expected a tensor [32]"),
        ["tensors too many"] = (f => GoldenModel.Edit(f, ("n_layer", 1)), "", "this model has no place for"),
        ["settings that are no JSON"] = (f => File.WriteAllText(At(f, "generation_config.json"), "{"), "generation_config.json", "is not valid JSON"),
        ["settings of the wrong kind"] = (f => File.WriteAllText(At(f, "generation_config.json"), """{"top_p":"much"}"""), "generation_config.json", "top_p  is \"much\", expected a number"),
        ["an end token beyond the vocabulary"] = (f => File.WriteAllText(At(f, "generation_config.json"), """{"eos_token_id":97}"""), "generation_config.json", "eos_token_id  is 97, expected an id below the vocabulary's size 97"),
    };

    public static IEnumerable<object[]> All => from damage in Damages.Keys from verb in new[] { "score", "sample" } select new object[] { damage, verb };

    [Theory, MemberData(nameof(All))]
    public async Task A_damaged_folder_is_refused(string damage, string verb)
    {
        var (spoil, named, said) = Damages[damage];
        var folder = GoldenModel.CopyTo(_root, "gpt2");
        spoil(folder);
        var before = Listing();

        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var printed = await Printed.By(verb, folder, "--ids", "5 17 3", "--json");

        AssertRefused(printed, named.Length == 0 ? folder : At(folder, named), said);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - allocated, 0, 10_000_000); // whatever a file claims
        Assert.Equal(before, Listing());
    }

    [Theory]
    [InlineData("tokenizer of another size", "tokenizer.json", "has 260 pieces, expected the 264 of the model's embedding")]
    [InlineData("no tokenizer", "", "holds no tokenizer, expected tokenizer.json beside config.json")]
    [InlineData("half a tokenizer", "tokenizer.json", "is not JSON at line")]
    [InlineData("a tokenizer of another kind", "tokenizer.json", "expected")]
    public async Task A_tokenizer_that_does_not_fit_is_refused(string damage, string named, string said)
    {
        var folder = TinyTextModel.Write(_root.At("model"));
        var path = At(folder, "tokenizer.json");
        if (damage == "no tokenizer")
            File.Delete(path);
        else if (damage == "half a tokenizer")
            Cut(path, 300);
        else if (damage == "a tokenizer of another kind")
            File.WriteAllText(path, File.ReadAllText(path).Replace("\"BPE\"", "\"Unigram\"", StringComparison.Ordinal));
        else
            File.Copy(At(TinyTextModel.Write(_root.At("other"), vocabulary: 260), "tokenizer.json"), path, overwrite: true);
        var before = Listing();

        foreach (var verb in new[] { "score", "sample" })
            AssertRefused(await Printed.By(verb, folder, "--text", "the cat", "--json"), named.Length == 0 ? folder : At(folder, named), said);
        Assert.Equal(before, Listing());
    }

    [Theory]
    [InlineData("/nowhere/libattune_torch.so", "^ATTUNE_BRIDGE is /nowhere/libattune_torch.so, which is no file, expected the bridge to libtorch, libattune_torch.so; start Attune through ./attune, .+\n$")]
    [InlineData("/etc/hostname", @"^/etc/hostname cannot be loaded \(.+\), expected the bridge to this machine's libtorch; start Attune through ./attune, .+\n$")]
    public void Without_libtorch_the_verbs_say_so(string bridge, string message)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "Attune.Cli.dll");
        foreach (var verb in new[] { "score", "sample" })
        {
            var (code, result, log) = SmallDisk.Outcome("env", $"ATTUNE_BRIDGE={bridge}", "dotnet", program, verb, GoldenModel.Folder("gpt2"), "--ids", "5 17 3", "--json");

            Assert.Matches(message, log);
            Assert.Equal((2, ""), (code, result));
        }
    }

    private static void AssertRefused(Printed printed, string title, string said)
    {
        Assert.Equal((2, ""), (printed.ExitCode, printed.Result));
        Assert.Matches($"^{Regex.Escape(title)} has \\d+ problems?\n", printed.Log);
        Assert.Contains(said, printed.Log);
        Assert.All(printed.Log.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1), line => Assert.Matches("^  (.+, expected .+; .+|….+)$", line));
    }

    private string[] Listing() => [.. Directory.GetFileSystemEntries(_root.Path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private static string At(string folder, string file) => Path.Combine(folder, file);

    private static void Cut(string path, int length) => File.WriteAllBytes(path, File.ReadAllBytes(path)[..length]);

    private static int HeaderEnd(string path) => 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(File.ReadAllBytes(path));

    private static void Overwrite(string path, int at, ReadOnlySpan<byte> content)
    {
        var bytes = File.ReadAllBytes(path);
        content.CopyTo(bytes.AsSpan(at));
        File.WriteAllBytes(path, bytes);
    }

    private static void OverwriteLength(string path, ulong length)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        Overwrite(path, 0, bytes);
    }

    private static void WriteHeader(string path, string json)
    {
        var header = Encoding.UTF8.GetBytes(json);
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((long)header.Length), .. header]);
    }
}
