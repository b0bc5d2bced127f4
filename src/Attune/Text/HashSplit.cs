using System.Security.Cryptography;
using System.Text;

namespace Attune.Text;

/// <summary>Which part of the data a row belongs to.</summary>
public enum DataPart
{
    /// <summary>To learn from.</summary>
    Train,

    /// <summary>To choose settings by.</summary>
    Dev,

    /// <summary>To report.</summary>
    Test,
}

/// <summary>
/// Splits rows by a hash of their prompt, so that no prompt is on both sides whatever the order or number of rows: the first byte of the SHA-256 of the
/// trimmed prompt in UTF-8, modulo 10, is 0 for test, 1 for dev. In dialogues the first turn of the person counts as the prompt.
/// </summary>
public static class HashSplit
{
    /// <summary>The part that rows with this prompt belong to.</summary>
    public static DataPart Of(string prompt) => Bucket(prompt) switch
    {
        0 => DataPart.Test,
        1 => DataPart.Dev,
        _ => DataPart.Train,
    };

    /// <summary>A number from 0 to 9, for splits of another kind.</summary>
    public static int Bucket(string prompt) => SHA256.HashData(Encoding.UTF8.GetBytes(KeyOf(prompt)))[0] % 10;

    /// <summary>What is hashed: rows that share it are never on two sides, and are not independent of each other.</summary>
    public static string KeyOf(string prompt) => (Transcript.FirstHumanTurn(prompt) ?? prompt).Trim();
}
