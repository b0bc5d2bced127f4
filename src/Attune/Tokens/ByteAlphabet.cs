namespace Attune.Tokens;

/// <summary>
/// The printable character that stands for each byte in byte-level vocabularies (Radford 2019, GPT-2's encoder), so that a
/// vocabulary is readable JSON: bytes that print stand for themselves, the others follow from U+0100 on.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] Characters = Build();
    private static readonly short[] Bytes = Invert(Characters);

    /// <summary>All 256 bytes in the order of their characters, which is the order of their ids in a new vocabulary.</summary>
    public static IReadOnlyList<byte> Order { get; } = [.. Enumerable.Range(0, 256).Select(value => (byte)value).OrderBy(value => Characters[value])];

    public static string Write(ReadOnlySpan<byte> bytes)
    {
        var text = new char[bytes.Length];
        for (var i = 0; i < bytes.Length; i++)
            text[i] = Characters[bytes[i]];
        return new string(text);
    }

    /// <summary>The bytes that <paramref name="text"/> stands for, or null where one of its characters stands for none.</summary>
    public static byte[]? Read(string text)
    {
        var bytes = new byte[text.Length];
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] >= Bytes.Length || Bytes[text[i]] < 0)
                return null;
            bytes[i] = (byte)Bytes[text[i]];
        }
        return bytes;
    }

    private static char[] Build()
    {
        var characters = new char[256];
        var next = 256;
        for (var value = 0; value < 256; value++)
        {
            var prints = value is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE;
            characters[value] = (char)(prints ? value : next++);
        }
        return characters;
    }

    private static short[] Invert(char[] characters)
    {
        var bytes = new short[characters.Max() + 1];
        Array.Fill(bytes, (short)-1);
        for (var value = 0; value < 256; value++)
            bytes[characters[value]] = (short)value;
        return bytes;
    }
}
