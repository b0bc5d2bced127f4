using System.Text;

namespace Attune.Tests.Tokens;

/// <summary>Test data drawn from a small generator (Knuth's MMIX constants), the same on every machine.</summary>
internal sealed class Drawn(ulong seed)
{
    private static readonly (int First, int Last)[] Ranges =
    [
        (' ', '~'), ('a', 'z'), ('0', '9'), (' ', ' '), ('\t', '\r'), (0, 0x1F), (0x80, 0x24F), (0x300, 0x36F), (0x370, 0x5FF), (0x660, 0x669),
        (0x2000, 0x200A), (0x2028, 0x202F), (0x3000, 0x30FF), (0x4E00, 0x4FFF), (0xAC00, 0xACFF), (0xFE00, 0xFE0F), (0xFFF0, 0xFFFF),
        (0x10400, 0x1044F), (0x1D7CE, 0x1D7FF), (0x1F300, 0x1F6FF), (0x20000, 0x200FF), (0x10FFF0, 0x10FFFF),
    ];

    private ulong _state = seed;

    public int Below(int n)
    {
        _state = (_state * 6364136223846793005) + 1442695040888963407;
        return (int)((_state >> 33) % (ulong)n);
    }

    public string Text(int runes)
    {
        var text = new StringBuilder();
        while (runes > 0)
        {
            var (first, last) = Ranges[Below(Ranges.Length)];
            for (var run = 1 + Below(4); run > 0 && runes > 0; run--, runes--)
                text.Append(new Rune(first + Below(last - first + 1)).ToString());
        }
        return text.ToString();
    }

    public byte[] Bytes(int count) => [.. Enumerable.Range(0, count).Select(_ => (byte)Below(256))];
}
