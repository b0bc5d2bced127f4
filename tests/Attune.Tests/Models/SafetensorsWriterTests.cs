using System.Text;
using Attune.Models;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Models;

[NoTensorLeaks]
public sealed class SafetensorsWriterTests
{
    [Fact]
    public void Wider_types_come_first_then_names_by_their_bytes()
    {
        using var scope = TensorScope.Begin();
        var header = Header([
            Item("z", DType.Float32), Item("ä", DType.Float32), Item("a", DType.Float32), Item("m", DType.Bool), Item("u", DType.UInt8),
            Item("i", DType.Int64), Item("d", DType.Float64), Item("h", DType.Float16), Item("b", DType.BFloat16), Item("n", DType.Int32),
        ]);

        var order = new[] { "\"i\"", "\"d\"", "\"a\"", "\"z\"", "\"ä\"", "\"n\"", "\"b\"", "\"h\"", "\"u\"", "\"m\"" };
        var places = order.Select(name => header.IndexOf(name, StringComparison.Ordinal)).ToArray();
        Assert.DoesNotContain(-1, places);
        Assert.Equal(places.Order(), places);
    }

    [Fact]
    public void Names_are_escaped_as_json_demands_and_no_further()
    {
        using var scope = TensorScope.Begin();
        Assert.StartsWith("{\"a\\\"\\\\\\n\\u0001/<é>\":", Header([Item("a\"\\\n\u0001/<é>", DType.Float32)]), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_written_is_read_back_for_every_type()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        var values = Tensor.From(new float[] { 1, 0, 3, 0, 5, 6 }, 2, 3);
        DType[] types = [DType.Float64, DType.Float32, DType.Float16, DType.BFloat16, DType.Int64, DType.Int32, DType.UInt8, DType.Bool];
        SafetensorsWriter.Write(folder.At("all"), types.Select(t => new SafetensorsItem(t.Name(), t, [2, 3], values)));

        using var file = SafetensorsFile.Open(folder.At("all"));
        foreach (var type in types)
        {
            var back = file.ReadTensor(type.Name());
            Assert.Equal(type, back.DType);
            back.To(DType.Float64).ShouldBeNear(type == DType.Bool ? [[1, 0, 1], [0, 1, 1]] : [[1, 0, 3], [0, 5, 6]], 0);
        }

        Assert.Single(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Half_precision_rounds_to_nearest_even()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        // Between neighbours 2049 lies halfway in float16 (step 2), 1.00390625 in bfloat16 (step 2^-7).
        var values = Tensor.From(new float[] { 2049, 2051, 65519, 1.00390625f, 1.01171875f }, 5);
        SafetensorsWriter.Write(folder.At("half"), [new("h", DType.Float16, [5], values), new("b", DType.BFloat16, [5], values)]);

        using var file = SafetensorsFile.Open(folder.At("half"));
        var halves = file.ReadTensor("h").ToDoubles();
        Assert.Equal([2048, 2052, 65504], halves[..3]);
        Assert.Equal([1, 1.015625], file.ReadTensor("b").ToDoubles()[3..]);
    }

    [Fact]
    public void A_tensor_larger_than_a_piece_survives_writing_and_reading()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        var large = Tensor.Arange(3 * 700 * 701).To(DType.Float32).View(3 * 700, 701);
        SafetensorsWriter.Write(folder.At("large"), [SafetensorsItem.Of("a", large), SafetensorsItem.Of("t", large.Transpose(0, 1))]);

        using var file = SafetensorsFile.Open(folder.At("large"));
        Assert.Equal(large.ToArray<float>(), file.ReadTensor("a").ToArray<float>());
        var back = Tensor.Zeros([3 * 700, 701], DType.Float64);
        file.ReadInto("t", back.Transpose(0, 1));
        Assert.Equal(large.ToDoubles(), back.ToDoubles());
    }

    [Fact]
    public void Scalars_and_empty_tensors_are_written()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        SafetensorsWriter.Write(folder.At("odd"), [SafetensorsItem.Of("empty", Tensor.Zeros([2, 0, 3])), SafetensorsItem.Of("one", Tensor.Of(7))]);

        using var file = SafetensorsFile.Open(folder.At("odd"));
        Assert.Equal([2, 0, 3], file.ReadTensor("empty").Shape);
        Assert.Equal(7, file.ReadTensor("one").Item());
    }

    [Fact]
    public void A_file_that_cannot_be_finished_leaves_the_old_one_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        folder.Write("model", [1, 2, 3]);
        var wrong = new SafetensorsItem("a", DType.Float32, [3], Tensor.Zeros([2]));

        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(folder.At("model"), [wrong]));

        Assert.Equal<byte>([1, 2, 3], File.ReadAllBytes(folder.At("model")));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    private static SafetensorsItem Item(string name, DType dtype) => new(name, dtype, [1], Tensor.Zeros([1]));

    private static string Header(IEnumerable<SafetensorsItem> items)
    {
        using var stream = new MemoryStream();
        SafetensorsWriter.Write(stream, items);
        var bytes = stream.ToArray();
        var length = (int)BitConverter.ToInt64(bytes);
        Assert.Equal(0, length % 8);
        return Encoding.UTF8.GetString(bytes, 8, length);
    }
}
