using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace Attune.Torch;

/// <summary>
/// Randomness without state: every draw is a pure function of (seed, row, position), so neither order, nor batch size, nor
/// a resumed run can change one. Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).
/// </summary>
/// <remarks>
/// The seed is the cipher's 64-bit key. A counter block of 128 bits is (position / 2 with a tag for the kind of draw, row) and
/// gives two 64-bit words, one for an even and one for an odd position. Uniform draws, normal draws and the children made by
/// <see cref="For(string)"/> and <see cref="For(long)"/> have different tags and so never share a block;
/// <see cref="Below"/> and <see cref="Uniform"/> do share theirs, so use one of them per place, or two purposes.
/// Not here: a cryptographic guarantee, and equality with any other library's streams.
/// </remarks>
/// <param name="Value">The key; every value is as good as any other.</param>
public readonly record struct Seed(ulong Value)
{
    private const uint MultiplierA = 0xD2511F53, MultiplierB = 0xCD9E8D57; // the constants of the paper's table 2
    private const uint WeylA = 0x9E3779B9, WeylB = 0xBB67AE85;

    private const ulong UniformTag = 0UL << 62, NormalTag = 1UL << 62, IndexTag = 2UL << 62, PurposeTag = 3UL << 62;

    /// <summary>An independent seed for a named use, for instance <c>seed.For("dropout")</c>.</summary>
    public Seed For(string purpose)
    {
        ArgumentNullException.ThrowIfNull(purpose);
        var bytes = Encoding.UTF8.GetBytes(purpose);
        var key = Value;
        // Chained like a message code: each 8 bytes are encrypted under the key so far; the length comes first, so no name is a prefix.
        key = Block(key, PurposeTag, (ulong)bytes.Length).First;
        for (var start = 0; start < bytes.Length; start += 8)
        {
            ulong chunk = 0;
            for (var i = start; i < Math.Min(start + 8, bytes.Length); i++)
                chunk |= (ulong)bytes[i] << (8 * (i - start));
            key = Block(key, PurposeTag | (1u + (uint)start / 8), chunk).First;
        }
        return new(key);
    }

    /// <summary>An independent seed for a numbered use, for instance <c>seed.For(step)</c>.</summary>
    public Seed For(long index) => new(Block(Value, IndexTag, (ulong)index).First);

    /// <summary>A number in [0, 1), a multiple of 2⁻⁵³.</summary>
    /// <param name="row">Which sequence: any number.</param>
    /// <param name="position">Which place in the sequence, at least 0.</param>
    public double Uniform(long row, long position = 0) => (Word(row, position) >> 11) * (1.0 / (1UL << 53));

    /// <summary>A draw from the standard normal distribution (Box–Muller, 53 bits; magnitudes up to 8.57 occur).</summary>
    /// <param name="row">Which sequence: any number.</param>
    /// <param name="position">Which place in the sequence, at least 0.</param>
    public double Normal(long row, long position = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        var (even, odd) = NormalPair(Value, row, position >> 1);
        return (position & 1) == 0 ? even : odd;
    }

    /// <summary>A whole number in [0, n). A value's probability is off by less than 2⁻⁶⁴: no draw is rejected.</summary>
    /// <param name="n">How many values there are, at least 1.</param>
    /// <param name="row">Which sequence: any number.</param>
    /// <param name="position">Which place in the sequence, at least 0.</param>
    public int Below(int n, long row, long position = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 1);
        return (int)Math.BigMul(Word(row, position), (ulong)n, out _);
    }

    /// <summary>The numbers 0 … n−1 in a random order (Fisher–Yates); each order is as likely as any other up to 2⁻⁶⁴ per draw.</summary>
    public int[] Permutation(int n)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(n);
        var seed = For("permutation");
        var order = new int[n];
        for (var i = 0; i < n; i++)
        {
            var j = seed.Below(i + 1, row: 0, position: i);
            order[i] = order[j];
            order[j] = i;
        }
        return order;
    }

    /// <summary>
    /// Fills with the draws of positions 0, 1, 2, …: entry i is <see cref="Uniform"/>(row, i) cut (not rounded, which could give 1)
    /// to 24 bits. For dropout masks and the like.
    /// </summary>
    /// <param name="destination">Where the numbers in [0, 1) go.</param>
    /// <param name="row">Which sequence: any number.</param>
    public void Uniforms(Span<float> destination, long row = 0)
    {
        var done = Avx2.IsSupported ? UniformsByFour(destination, row) : 0;
        for (var i = done; i < destination.Length; i += 2)
        {
            var (even, odd) = Block(Value, UniformTag | (ulong)(i >> 1), (ulong)row);
            destination[i] = (even >> 40) * (1f / (1 << 24));
            if (i + 1 < destination.Length)
                destination[i + 1] = (odd >> 40) * (1f / (1 << 24));
        }
    }

    /// <summary>The same as <see cref="Uniforms(Span{float}, long)"/> in a new array.</summary>
    public float[] Uniforms(int n, long row = 0)
    {
        var drawn = new float[n];
        Uniforms(drawn.AsSpan(), row);
        return drawn;
    }

    /// <summary>Fills with the draws of positions 0, 1, 2, …: entry i is <see cref="Normal"/>(row, i) rounded to float32.</summary>
    /// <param name="destination">Where the draws go.</param>
    /// <param name="row">Which sequence: any number.</param>
    public void Normals(Span<float> destination, long row = 0)
    {
        for (var i = 0; i < destination.Length; i += 2)
        {
            var (even, odd) = NormalPair(Value, row, i >> 1);
            destination[i] = (float)even;
            if (i + 1 < destination.Length)
                destination[i + 1] = (float)odd;
        }
    }

    /// <summary>The same as <see cref="Normals(Span{float}, long)"/> in a new array.</summary>
    public float[] Normals(int n, long row = 0)
    {
        var drawn = new float[n];
        Normals(drawn.AsSpan(), row);
        return drawn;
    }

    /// <summary>The seed as sixteen hexadecimal digits.</summary>
    public override string ToString() => $"Seed {Value:x16}";

    /// <summary>Philox4x32-10 itself: four counter words and two key words to four random words.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static (uint, uint, uint, uint) Philox(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1)
    {
        for (var round = 0; round < 10; round++)
        {
            var a = (ulong)MultiplierA * c0;
            var b = (ulong)MultiplierB * c2;
            (c0, c1, c2, c3) = ((uint)(b >> 32) ^ c1 ^ k0, (uint)b, (uint)(a >> 32) ^ c3 ^ k1, (uint)a);
            k0 += WeylA;
            k1 += WeylB;
        }
        return (c0, c1, c2, c3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (ulong First, ulong Second) Block(ulong key, ulong low, ulong high)
    {
        var (w0, w1, w2, w3) = Philox((uint)low, (uint)(low >> 32), (uint)high, (uint)(high >> 32), (uint)key, (uint)(key >> 32));
        return (w0 | (ulong)w1 << 32, w2 | (ulong)w3 << 32);
    }

    private ulong Word(long row, long position)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        var (even, odd) = Block(Value, UniformTag | (ulong)(position >> 1), (ulong)row);
        return (position & 1) == 0 ? even : odd;
    }

    private static (double Even, double Odd) NormalPair(ulong key, long row, long pair)
    {
        var (first, second) = Block(key, NormalTag | (ulong)pair, (ulong)row);
        var radius = Math.Sqrt(-2 * Math.Log(((first >> 11) + 1) * (1.0 / (1UL << 53)))); // (0, 1]: the logarithm of 0 never occurs
        var (sine, cosine) = Math.SinCos(2 * Math.PI * ((second >> 11) * (1.0 / (1UL << 53))));
        return (radius * cosine, radius * sine);
    }

    /// <summary>Four blocks at once, each 64-bit lane one block; gives the same numbers as the plain loop. Returns how many are done.</summary>
    private int UniformsByFour(Span<float> destination, long row)
    {
        var count = destination.Length & ~7;
        var low = Vector256.Create(0xFFFFFFFFUL);
        var (ma, mb) = (Vector256.Create((ulong)MultiplierA).AsUInt32(), Vector256.Create((ulong)MultiplierB).AsUInt32());
        var (row0, row1) = (Vector256.Create((ulong)(uint)row), Vector256.Create((ulong)row >> 32));
        for (var i = 0; i < count; i += 8)
        {
            var c0 = Vector256.Create((ulong)(i >> 1)) + Vector256.Create(0UL, 1UL, 2UL, 3UL); // below 2^30: no carry into the next word
            var c1 = Vector256<ulong>.Zero;
            var (c2, c3) = (row0, row1);
            var (k0, k1) = ((uint)Value, (uint)(Value >> 32));
            for (var round = 0; round < 10; round++)
            {
                var a = Avx2.Multiply(ma, c0.AsUInt32());
                var b = Avx2.Multiply(mb, c2.AsUInt32());
                c0 = Vector256.ShiftRightLogical(b, 32) ^ c1 ^ Vector256.Create((ulong)k0);
                c1 = b & low;
                c2 = Vector256.ShiftRightLogical(a, 32) ^ c3 ^ Vector256.Create((ulong)k1);
                c3 = a & low;
                k0 += WeylA;
                k1 += WeylB;
            }
            // The top 24 bits of each block's two words are the top 24 bits of its words 1 and 3: interleave them in order.
            var mixed = Vector256.ShiftRightLogical(c1, 8) | Vector256.ShiftLeft(Vector256.ShiftRightLogical(c3, 8), 32);
            var floats = Vector256.ConvertToSingle(mixed.AsInt32()) * Vector256.Create(1f / (1 << 24));
            floats.CopyTo(destination[i..]);
        }
        return count;
    }
}
