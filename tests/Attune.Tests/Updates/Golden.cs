using System.Text.Json;
using Attune.Torch;

namespace Attune.Tests.Updates;

/// <summary>Reads numbers under tests/goldens; where they come from stands in PROVENANCE.md there.</summary>
internal static class Golden
{
    internal static JsonElement Read(string file)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Repository.PathOf(Path.Combine("tests", "goldens", file))));
        return document.RootElement.Clone();
    }

    internal static JsonElement[] List(this JsonElement parent, string key) => [.. parent.GetProperty(key).EnumerateArray()];

    internal static double Number(this JsonElement parent, string key) => parent.GetProperty(key).GetDouble();

    internal static double[] Vector(this JsonElement element) => [.. element.EnumerateArray().Select(e => e.GetDouble())];

    internal static double[][] Matrix(this JsonElement element) => [.. element.EnumerateArray().Select(Vector)];

    /// <summary>A float64 tensor of rank 1 to 3.</summary>
    internal static Tensor Numbers(this JsonElement parent, string key)
    {
        var element = parent.GetProperty(key);
        if (element[0].ValueKind != JsonValueKind.Array)
            return Tensor.Of(Vector(element));
        return element[0][0].ValueKind != JsonValueKind.Array ? Tensor.Of(Matrix(element)) : Tensor.Of([.. element.EnumerateArray().Select(Matrix)]);
    }

    internal static Tensor Integers(this JsonElement parent, string key) => parent.Numbers(key).To(DType.Int64);

    internal static Tensor Mask(this JsonElement parent, string key) => parent.Numbers(key).NotEqual(0);
}
