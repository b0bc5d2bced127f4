using System.Buffers.Binary;

namespace Attune.Tokens.Files;

/// <summary>One field of a message: a number, or bytes.</summary>
internal readonly record struct ProtobufField(int Number, ulong Value, ReadOnlyMemory<byte> Bytes);

/// <summary>Reads the wire format of protocol buffers, as far as it needs no schema: field by field. Groups, which are out of use, are refused.</summary>
internal static class ProtobufMessage
{
    /// <exception cref="FormatException">The bytes are no message; the message says where.</exception>
    public static IEnumerable<ProtobufField> Fields(ReadOnlyMemory<byte> message)
    {
        for (var at = 0; at < message.Length;)
        {
            var tag = Varint(message.Span, ref at);
            var number = (int)(tag >> 3);
            if (number == 0 || tag >> 3 > 536_870_911)
                throw new FormatException($"has field {tag >> 3} at byte {at}");
            yield return (tag & 7) switch
            {
                0 => new(number, Varint(message.Span, ref at), default),
                1 => new(number, BinaryPrimitives.ReadUInt64LittleEndian(Taken(message, 8, ref at).Span), default),
                2 => new(number, 0, Taken(message, Varint(message.Span, ref at), ref at)),
                5 => new(number, BinaryPrimitives.ReadUInt32LittleEndian(Taken(message, 4, ref at).Span), default),
                var kind => throw new FormatException($"has a field of kind {kind} at byte {at}"),
            };
        }
    }

    private static ReadOnlyMemory<byte> Taken(ReadOnlyMemory<byte> message, ulong length, ref int at)
    {
        if (length > (ulong)(message.Length - at))
            throw new FormatException($"breaks off: a field of {length} bytes at byte {at} of {message.Length}");
        var bytes = message.Slice(at, (int)length);
        at += (int)length;
        return bytes;
    }

    private static ulong Varint(ReadOnlySpan<byte> message, ref int at)
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            if (at >= message.Length)
                throw new FormatException($"breaks off within a number at byte {at}");
            var part = message[at++];
            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80)
                return value;
        }
        throw new FormatException($"has a number of more than 64 bits before byte {at}");
    }
}
