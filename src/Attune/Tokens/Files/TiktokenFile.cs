using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Attune.Runs;

namespace Attune.Tokens.Files;

/// <summary>
/// Reads tiktoken's files: a line for each piece, its bytes in base64 and its rank, which is its id. The file says neither how text is cut nor which special tokens there are: the cut follows from the
/// file's name or the tokenizer's class, else it is that of Llama 3 and GPT-4; the tokens come from <c>tokenizer_config.json</c>.
/// </summary>
internal static class TiktokenFile
{
    private const int LongestPiece = 1_024, LargestId = 10_000_000;

    /// <summary>GPT-4o's cut: words by their case, and contractions stay with them.</summary>
    private const string O200k = @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Whether a file begins as these do.</summary>
    public static bool Is(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf((byte)'\n');
        var line = end < 0 ? bytes : bytes[..end];
        var space = line.IndexOf((byte)' ');
        return space > 0 && Base64.IsValid(line[..space]) && !line[(space + 1)..].TrimEnd((byte)'\r').ContainsAnyExceptInRange((byte)'0', (byte)'9');
    }

    public static TokenizerDefinition Read(string path, byte[] bytes, TokenizerSettings settings)
    {
        var ranks = Ranks(path, bytes);
        var pieces = new string?[ranks.Keys.Max() + 1];
        foreach (var (rank, piece) in ranks)
            pieces[rank] = piece;
        var (cutter, decoder) = TokenizerJson.ByteLevel(Pattern(path, settings));
        return new()
        {
            Pieces = pieces,
            Merges = PieceCuts.Merges(ranks.Keys.Order().Where(rank => pieces[rank]!.Length > 1), pieces),
            Rules = new() { IgnoresMerges = true },
            PreTokeniser = IsNamed(path, settings, "o200k") ? TokenizerJson.Parsed(TokenizerJson.Split(O200k)) : cutter,
            Decoder = decoder,
        };
    }

    private static SplitPattern Pattern(string path, TokenizerSettings settings) =>
        IsNamed(path, settings, "qwen") ? SplitPattern.Qwen2 : IsNamed(path, settings, "gpt2", "r50k", "p50k") ? SplitPattern.Gpt2 : SplitPattern.Llama3;

    private static bool IsNamed(string path, TokenizerSettings settings, params string[] names) =>
        names.Any(name => Path.GetFileName(path).Contains(name, StringComparison.OrdinalIgnoreCase) || settings.Class.Contains(name, StringComparison.OrdinalIgnoreCase));

    private static Dictionary<int, string> Ranks(string path, byte[] bytes)
    {
        var ranks = new Dictionary<int, string>();
        var known = new HashSet<string>(StringComparer.Ordinal);
        var number = 0;
        foreach (var line in Encoding.Latin1.GetString(bytes).Split('\n'))
        {
            number++;
            var text = line.TrimEnd('\r');
            if (text.Length == 0)
                continue;
            var space = text.IndexOf(' ', StringComparison.Ordinal);
            var piece = new byte[LongestPiece];
            if (space < 1 || !Convert.TryFromBase64String(text[..space], piece, out var length) || length == 0
                || !int.TryParse(text.AsSpan(space + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var rank) || rank > LargestId)
                throw Wrong(number, $"has \"{(text.Length > 60 ? text[..60] + "…" : text)}\"", $"at most {LongestPiece} bytes in base64, a space, and a rank from 0 to {LargestId}");
            var spelled = ByteAlphabet.Write(piece.AsSpan(0, length));
            if (!ranks.TryAdd(rank, spelled) || !known.Add(spelled))
                throw Wrong(number, $"has a piece or the rank {rank} again", "each once");
        }
        return ranks.Count > 0 ? ranks : throw InputException.One(path, "holds no piece", "a line for each, its bytes in base64 and its rank", "get the file again; it may be cut short");

        InputException Wrong(int line, string found, string expected) => new(path, [Problem.Of($"line {line}", found, expected, "get the file again; it may be cut short")]);
    }
}
