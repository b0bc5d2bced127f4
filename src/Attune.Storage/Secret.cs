using System.Security.Cryptography;
using System.Text;

namespace Attune.Storage;

/// <summary>Tokens that are given out once and kept as hashes alone: who reads the database cannot use them.</summary>
public static class Secret
{
    private const int Bytes = 32; // more than anyone can guess, so a plain hash is enough

    /// <summary>A new token, to be shown or sent once.</summary>
    public static string New() => Text(RandomNumberGenerator.GetBytes(Bytes));

    /// <summary>What is stored of a token: SHA-256 in hexadecimal digits.</summary>
    public static string Hash(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));

    /// <summary>A token that only who knows the key can make, the same each time.</summary>
    internal static string Of(string key, string what) => Text(HMACSHA256.HashData(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(what)));

    private static string Text(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
}
