using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Attune.Models;
using Attune.Runs;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Models;

[NoTensorLeaks]
public sealed class SafetensorsFileTests
{
    private const string Two = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}""";

    [Fact]
    public void Elements_are_read_whole_and_in_parts()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        using var file = SafetensorsFile.Open(folder.Write("a", Bytes(Two, [0, 0, 128, 63, 0, 0, 0, 64, 7, 8, 9])));

        Assert.Equal(["a", "b"], file.Entries.Select(e => e.Name));
        Assert.Equal([1f, 2f], file.ReadTensor("a").ToArray<float>());
        Assert.Equal<byte>([7, 8, 9], file.ReadTensor("b").ToArray<byte>());
        var part = new byte[2];
        file.Read("b", part, from: 1);
        Assert.Equal<byte>([8, 9], part);
        Assert.Null(file.Find("c"));
    }

    [Fact]
    public void Order_of_header_and_blanks_before_it_do_not_matter()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        using var file = SafetensorsFile.Open(folder.Write("a", Bytes(
            """  	{"b":{"shape":[],"data_offsets":[4,8],"dtype":"I32"},"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} """, [0, 0, 128, 63, 5, 0, 0, 0])));

        Assert.Equal(5, file.ReadTensor("b").ItemInt64());
        Assert.Equal(1, file.ReadTensor("a").Item());
        Assert.Equal("pt", file.Metadata["format"]);
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[3],"data_offsets":[7,10]}}""", 10, "b", "overlaps")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[3],"data_offsets":[9,12]}}""", 12, "b", "gap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "a", "gap")]
    [InlineData(Two, 10, "", "has 10 bytes of tensors, expected 11; the file was cut off")]
    [InlineData(Two, 12, "", "has 1 bytes after its last tensor")]
    [InlineData("{}", 5, "", "has 5 bytes after its last tensor")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "a", "expected the 8 bytes of F32 [2]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "a", "data_offsets [8, 0]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}""", 8, "a", "fewer bytes than 2^63")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "a", "whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", 8, "a", "whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", 8, "a", "'shape' as a JSON Number")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}""", 8, "a", "lacks dtype, shape or the two data_offsets")]
    [InlineData("""{"a":{"shape":[2],"data_offsets":[0,8]}}""", 8, "a", "lacks dtype")]
    [InlineData("""{"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}""", 8, "a", "element type F8_E4M3, expected one of BOOL, U8")]
    [InlineData("""{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "a", "twice")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"extra":1}}""", 8, "a", "unknown")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""", 8, "a", "stands twice")]
    [InlineData("""{"a":7}""", 0, "a", "is a JSON Number")]
    [InlineData("""{"__metadata__":{"format":1}}""", 0, "__metadata__.format", "expected a string")]
    [InlineData("""{"a":{"dtype":"U8",}}""", 0, "header", "is not valid JSON")]
    [InlineData("""{"\ud800":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}""", 0, "header", "is not valid JSON")]
    [InlineData("{} {}", 0, "header", "is not valid JSON")]
    [InlineData("[]", 0, "header", "expected an object")]
    [InlineData("   ", 0, "header", "is not valid JSON")]
    public void A_malformed_file_is_refused_with_the_reason(string header, int bytes, string key, string reason)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("bad.safetensors", Bytes(header, new byte[bytes]));

        var refusal = Assert.Throws<InputException>(() => SafetensorsFile.Open(path));

        Assert.Equal(path, refusal.Title);
        Assert.Contains(refusal.Problems, p => p.Key == key && p.Message.Contains(reason, StringComparison.Ordinal));
        Assert.All(refusal.Problems, p => Assert.Matches("^.+, expected .+; .+$", p.Message));
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        using var folder = new TemporaryFolder();
        var whole = Bytes(Two, new byte[11]);
        for (var length = 0; length < whole.Length; length++)
        {
            var path = folder.Write("cut", whole[..length]);
            Assert.Throws<InputException>(() => SafetensorsFile.Open(path));
        }
    }

    [Theory]
    [InlineData(100_000_001)]
    [InlineData(100_000_000_000)]
    [InlineData(ulong.MaxValue)]
    public void A_huge_header_is_refused_before_it_is_allocated(ulong length)
    {
        using var folder = new TemporaryFolder();
        var content = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(content, length);
        var path = folder.Write("huge", content);
        var before = GC.GetAllocatedBytesForCurrentThread();

        var refusal = Assert.Throws<InputException>(() => SafetensorsFile.Open(path));

        Assert.Contains("expected at most 100000000", refusal.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void A_missing_file_is_refused_with_its_path()
    {
        var refusal = Assert.Throws<InputException>(() => SafetensorsFile.Open("/nowhere/model.safetensors"));

        Assert.Contains("/nowhere/model.safetensors has 1 problem", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Hundreds_of_problems_are_shortened()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("bad", Bytes($"{{{string.Join(',', Enumerable.Range(0, 300).Select(k => $"\"t{k}\":1"))}}}", []));

        var refusal = Assert.Throws<InputException>(() => SafetensorsFile.Open(path));

        Assert.Equal(21, refusal.Problems.Count);
        Assert.Equal("and 280 more like these", refusal.Problems[^1].Message);
    }

    [FixtureFact]
    public void Golden_files_are_read()
    {
        using var folder = new TemporaryFolder();
        foreach (var golden in Goldens("read_ok"))
        {
            using var file = SafetensorsFile.Open(folder.Write("golden", BytesOf(golden)));
            Assert.Equal(golden.GetProperty("names").EnumerateArray().Select(n => n.GetString()), file.Entries.Select(e => e.Name));
            if (golden.TryGetProperty("shape", out var shape))
                Assert.Equal(shape.EnumerateArray().Select(s => s.GetInt64()), file.Entries[0].Shape);
        }
    }

    [FixtureFact]
    public void Malformed_golden_files_are_refused()
    {
        using var folder = new TemporaryFolder();
        foreach (var golden in Goldens("read_must_fail"))
        {
            var path = folder.Write("golden", BytesOf(golden));
            Assert.Throws<InputException>(() => SafetensorsFile.Open(path));
        }
    }

    [FixtureFact]
    public void Written_files_equal_the_goldens_byte_for_byte()
    {
        using var scope = TensorScope.Begin();
        foreach (var golden in Goldens("write"))
        {
            using var stream = new MemoryStream();
            var metadata = golden.TryGetProperty("metadata", out var m) && m.ValueKind == JsonValueKind.Object
                ? m.EnumerateObject().Select(p => KeyValuePair.Create(p.Name, p.Value.GetString()!)).ToArray() : [];
            SafetensorsWriter.Write(stream, golden.GetProperty("tensors").EnumerateObject().Select(ItemOf), metadata);
            Assert.Equal(BytesOf(golden), stream.ToArray());
        }
    }

    private static SafetensorsItem ItemOf(JsonProperty tensor)
    {
        Assert.Equal("F32", tensor.Value.GetProperty("dtype").GetString());
        var values = tensor.Value.GetProperty("values").EnumerateArray().Select(v => v.GetSingle()).ToArray();
        return SafetensorsItem.Of(tensor.Name, Tensor.From(values, [.. tensor.Value.GetProperty("shape").EnumerateArray().Select(s => s.GetInt64())]));
    }

    private static byte[] BytesOf(JsonElement golden) => [.. golden.GetProperty("bytes").EnumerateArray().Select(b => b.GetByte())];

    /// <summary>The file as a whole is no JSON to .NET: other sections hold NaN.</summary>
    private static JsonElement[] Goldens(string kind)
    {
        var text = File.ReadAllBytes(Fixtures.Path("fixtures/eval-golden.json"));
        var key = "\"safetensors\":"u8;
        var reader = new Utf8JsonReader(text.AsSpan(text.AsSpan().LastIndexOf(key) + key.Length));
        using var section = JsonDocument.ParseValue(ref reader);
        return [.. section.RootElement.GetProperty(kind).Clone().EnumerateArray()];
    }

    private static byte[] Bytes(string header, byte[] data)
    {
        var json = Encoding.UTF8.GetBytes(header);
        var length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        return [.. length, .. json, .. data];
    }
}
