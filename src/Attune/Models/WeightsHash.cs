using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Attune.Models;

/// <summary>
/// Tells weights on disk from others: SHA-256 over the tensors by name, each with its element type, its shape and its bytes, of a tensor above
/// 16 KiB four pieces spread evenly. Training, merging and rounding change every piece of a matrix, so that reading it whole, which would take
/// as long as loading it, finds no more. How tensors are split into shards has no influence. Not here: changes to single rows between the pieces.
/// </summary>
internal static class WeightsHash
{
    private const int Pieces = 4;
    private const int PieceBytes = 4 << 10;

    /// <summary>The hash as 64 hexadecimal digits.</summary>
    /// <param name="tensors">Each tensor's name and the file that it is in.</param>
    /// <param name="also">What belongs to the weights besides: the base of an adapter, its scale.</param>
    public static string Of(IEnumerable<(string Name, SafetensorsFile File)> tensors, params IEnumerable<string> also)
    {
        using var all = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[PieceBytes];
        foreach (var (name, file) in tensors.OrderBy(t => t.Name, StringComparer.Ordinal))
        {
            var entry = file.Find(name)!;
            all.AppendData(Encoding.UTF8.GetBytes($"{name} {entry}\n"));
            foreach (var (from, count) in PiecesOf(entry.ByteLength))
            {
                file.Read(name, buffer.AsSpan(0, count), from);
                all.AppendData(buffer, 0, count);
            }
        }

        foreach (var text in also)
            all.AppendData(Encoding.UTF8.GetBytes(text + "\n"));
        return Convert.ToHexStringLower(all.GetHashAndReset());
    }

    /// <summary>The first 48 bits as a number, which a double holds exactly: for what keeps numbers alone.</summary>
    public static double NumberOf(string hash) => long.Parse(hash.AsSpan(0, 12), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private static IEnumerable<(long From, int Count)> PiecesOf(long bytes)
    {
        if (bytes > Pieces * PieceBytes)
            return Enumerable.Range(0, Pieces).Select(k => (k * (bytes - PieceBytes) / (Pieces - 1), PieceBytes));
        return Enumerable.Range(0, (int)((bytes + PieceBytes - 1) / PieceBytes)).Select(k => ((long)k * PieceBytes, (int)Math.Min(PieceBytes, bytes - ((long)k * PieceBytes))));
    }
}
