namespace Attune.Torch;

/// <summary>Element types; the values are libtorch's <c>ScalarType</c> codes.</summary>
public enum DType
{
    /// <summary>Unsigned bytes.</summary>
    UInt8 = 0,

    /// <summary>Signed bytes: codes of packed weights.</summary>
    Int8 = 1,

    /// <summary>32-bit integers.</summary>
    Int32 = 3,

    /// <summary>64-bit integers: token ids and indices.</summary>
    Int64 = 4,

    /// <summary>Half precision; a storage format on CPU, which has no arithmetic for it in libtorch 1.13.</summary>
    Float16 = 5,

    /// <summary>Single precision, the default.</summary>
    Float32 = 6,

    /// <summary>Double precision, for gradient checks.</summary>
    Float64 = 7,

    /// <summary>Truth values: masks.</summary>
    Bool = 11,

    /// <summary>Brain floating point: float32's range with 8 bits of precision.</summary>
    BFloat16 = 15,
}

/// <summary>Facts about element types.</summary>
public static class DTypes
{
    /// <summary>Bytes per element.</summary>
    public static int Size(this DType dtype) => dtype switch
    {
        DType.UInt8 or DType.Int8 or DType.Bool => 1,
        DType.Float16 or DType.BFloat16 => 2,
        DType.Int32 or DType.Float32 => 4,
        DType.Int64 or DType.Float64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "unknown element type"),
    };

    /// <summary>Whether gradients can flow through the type.</summary>
    public static bool IsFloat(this DType dtype) => dtype is DType.Float16 or DType.Float32 or DType.Float64 or DType.BFloat16;

    /// <summary>The name used in messages, for instance <c>float32</c>.</summary>
    public static string Name(this DType dtype) => dtype.ToString().ToLowerInvariant();
}
