using System.Buffers.Binary;
using System.Text;

namespace Attune.Tokens.Pipeline;

/// <summary>
/// SentencePiece's compiled rules (Kudo 2018, arXiv:1808.06226, section 3.2): a double-array trie (Aoe 1989) from bytes to places in a block of
/// texts that end with a zero byte. At every character the longest rule that fits replaces what it covers.
/// </summary>
internal sealed class PrecompiledMap
{
    private readonly uint[] _units;
    private readonly byte[] _texts;

    private PrecompiledMap(uint[] units, byte[] texts) => (_units, _texts) = (units, texts);

    public static PrecompiledMap Read(Component component)
    {
        var text = component.Text("precompiled_charsmap", "");
        var bytes = new byte[(text.Length / 4 * 3) + 3];
        if (!Convert.TryFromBase64String(text, bytes, out var length))
            throw component.Wrong("precompiled_charsmap", "is not base64", "SentencePiece's compiled rules in base64");
        return Of(bytes.AsSpan(0, length)) ?? throw component.Wrong("precompiled_charsmap", $"has {length} bytes that are no compiled rules", "the length of a trie, a trie, and texts");
    }

    /// <summary>The rules of their bytes, or null where these are none.</summary>
    public static PrecompiledMap? Of(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length == 0)
            return new([], []);
        if (bytes.Length < 4 || BinaryPrimitives.ReadUInt32LittleEndian(bytes) is var size && (size > bytes.Length - 4 || size % 4 != 0))
            return null;
        var units = new uint[size / 4];
        for (var i = 0; i < units.Length; i++)
            units[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(4 + (4 * i))..]);
        return new(units, bytes[(4 + (int)size)..].ToArray());
    }

    public string Apply(string text)
    {
        if (_units.Length == 0)
            return text;
        var bytes = Encoding.UTF8.GetBytes(text);
        var result = new List<byte>(bytes.Length);
        for (var at = 0; at < bytes.Length;)
        {
            var (length, place) = Longest(bytes.AsSpan(at));
            if (length > 0 && place < _texts.Length)
            {
                for (var i = place; i < _texts.Length && _texts[i] != 0; i++)
                    result.Add(_texts[i]);
                at += length;
                continue;
            }
            do // one character
                result.Add(bytes[at++]);
            while (at < bytes.Length && (bytes[at] & 0xC0) == 0x80);
        }
        return Encoding.UTF8.GetString([.. result]);
    }

    private (int Length, int Place) Longest(ReadOnlySpan<byte> bytes)
    {
        var found = (0, 0);
        var node = Offset(_units[0]);
        for (var i = 0; i < bytes.Length; i++)
        {
            node ^= bytes[i];
            if (bytes[i] == 0 || node >= _units.Length || (_units[node] & 0x800000FF) != bytes[i])
                break;
            var unit = _units[node];
            node ^= Offset(unit);
            if ((unit & 0x100) != 0 && node < _units.Length)
                found = (i + 1, (int)(_units[node] & 0x7FFFFFFF));
        }
        return found;
    }

    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & 0x200) >> 6);
}
