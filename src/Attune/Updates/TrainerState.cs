using System.Globalization;
using System.Text.Json;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>
/// A trainer's tensors and numbers in one file, in the safetensors layout: 8 bytes of header length (little-endian), a JSON header (name →
/// dtype, shape, byte range; <c>__metadata__</c> holds the numbers as text that reads back exactly), then the bytes. Written under a
/// temporary name, flushed and renamed: a killed process leaves the old file or the new one.
/// </summary>
internal static class TrainerState
{
    private const string Metadata = "__metadata__";

    /// <summary>Writes the file.</summary>
    public static void Write(string path, IReadOnlyList<(string Name, Tensor Value)> tensors, IReadOnlyDictionary<string, double> numbers)
    {
        using var scope = TensorScope.Begin();
        var header = new Dictionary<string, object> { [Metadata] = numbers.ToDictionary(n => n.Key, n => n.Value.ToString("R", CultureInfo.InvariantCulture)) };
        var offset = 0L;
        foreach (var (name, value) in tensors)
        {
            var end = offset + value.Count * value.DType.Size();
            header[name] = new Dictionary<string, object> { ["dtype"] = NameOf(value.DType), ["shape"] = value.Shape, ["data_offsets"] = new[] { offset, end } };
            offset = end;
        }

        var json = JsonSerializer.SerializeToUtf8Bytes(header);
        var temporary = path + ".tmp";
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write))
        {
            file.Write(BitConverter.GetBytes((long)json.Length));
            file.Write(json);
            foreach (var (_, value) in tensors)
            {
                var bytes = new byte[value.Count * value.DType.Size()];
                value.Detach().CopyBytesTo(bytes);
                file.Write(bytes);
            }

            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }

    /// <summary>Copies the file's values into tensors of the same names, shapes and dtypes; returns its numbers.</summary>
    /// <exception cref="InputException">The file is damaged or belongs to another model.</exception>
    public static IReadOnlyDictionary<string, double> ReadInto(string path, IReadOnlyList<(string Name, Tensor Value)> tensors)
    {
        using var frozen = Autograd.NoGrad();
        var file = File.ReadAllBytes(path);
        var length = file.Length < 8 ? -1 : BitConverter.ToInt64(file);
        if (length < 2 || length > file.Length - 8)
            throw Damaged(path, $"has {file.Length} bytes and no whole header");
        using var header = JsonDocument.Parse(file.AsMemory(8, (int)length));
        var data = file.AsSpan(8 + (int)length);
        foreach (var (name, value) in tensors)
        {
            if (!header.RootElement.TryGetProperty(name, out var entry))
                throw Damaged(path, $"has no tensor {name}");
            var shape = entry.GetProperty("shape").EnumerateArray().Select(s => s.GetInt64()).ToArray();
            var (from, to) = (entry.GetProperty("data_offsets")[0].GetInt64(), entry.GetProperty("data_offsets")[1].GetInt64());
            if (entry.GetProperty("dtype").GetString() != NameOf(value.DType) || !shape.AsSpan().SequenceEqual(value.Shape))
                throw Damaged(path, $"has {name} as {entry.GetProperty("dtype")} [{string.Join(',', shape)}], while the model has {NameOf(value.DType)} [{string.Join(',', value.Shape)}]");
            if (to > data.Length)
                throw Damaged(path, $"ends within {name}");
            value.CopyBytesFrom(data[(int)from..(int)to]);
        }

        return header.RootElement.GetProperty(Metadata).EnumerateObject()
            .ToDictionary(n => n.Name, n => double.Parse(n.Value.GetString()!, CultureInfo.InvariantCulture));
    }

    private static InputException Damaged(string path, string found) =>
        new(path, [new("", $"{found}, expected the state that this trainer saved; resume with the recipe and models of that run, or from an older checkpoint")]);

    private static string NameOf(DType dtype) => dtype switch
    {
        DType.Float32 => "F32",
        DType.Float64 => "F64",
        DType.BFloat16 => "BF16",
        DType.Float16 => "F16",
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "no trainer has such state"),
    };
}
