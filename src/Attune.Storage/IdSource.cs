using System.Buffers.Binary;
using System.Security.Cryptography;
using Attune.Torch;

namespace Attune.Storage;

/// <summary>
/// Makes identifiers: UUIDs of version 7 (RFC 9562) as text. Those of one source ascend, also within a millisecond: its twelve bits behind the time count.
/// </summary>
public sealed class IdSource
{
    private const int CounterEnd = 1 << 12;

    private readonly Func<long, ulong> _random;
    private readonly Lock _gate = new();
    private long _millisecond, _drawn;
    private int _counter;

    private IdSource(Func<long, ulong> random) => _random = random;

    /// <summary>Ids that nobody can guess.</summary>
    public static IdSource Random() => new(_ =>
    {
        Span<byte> bytes = stackalloc byte[8];
        RandomNumberGenerator.Fill(bytes);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    });

    /// <summary>The same ids in every run, for tests.</summary>
    public static IdSource Of(Seed seed) => new(number => seed.For("id").For(number).Value);

    /// <summary>The next id.</summary>
    public string Next(DateTimeOffset now)
    {
        lock (_gate)
        {
            var millisecond = now.ToUnixTimeMilliseconds();
            if (millisecond > _millisecond)
                (_millisecond, _counter) = (millisecond, 0);
            else if (++_counter == CounterEnd)
                (_millisecond, _counter) = (_millisecond + 1, 0); // ahead of the clock for a moment, but ascending
            var random = _random(_drawn++) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000; // the variant's two bits
            return $"{_millisecond >> 16:x8}-{_millisecond & 0xFFFF:x4}-7{_counter:x3}-{random >> 48:x4}-{random & 0xFFFF_FFFF_FFFF:x12}";
        }
    }
}
