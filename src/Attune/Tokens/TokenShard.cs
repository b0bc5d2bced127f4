using System.Buffers.Binary;
using System.Security.Cryptography;

using Attune.Runs;

namespace Attune.Tokens;

/// <summary>
/// Documents as token ids in one file, so that a corpus is tokenised once; docs/formats.md has the layout. The file knows which tokenizer made it.
/// Not here: compression, loss masks, reading a part of the file.
/// </summary>
public sealed class TokenShard
{
    private const int HeaderBytes = 64;
    private const int Version = 1;

    private readonly int[] _ids;
    private readonly long[] _ends; // after the last token of each document

    private TokenShard(string path, int[] ids, long[] ends, byte[] tokenizerHash) => (Path, _ids, _ends, TokenizerHash) = (path, ids, ends, tokenizerHash);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Documents.</summary>
    public int Documents => _ends.Length;

    /// <summary>Tokens of all documents.</summary>
    public long Tokens => _ids.Length;

    /// <summary>SHA-256 of the <c>tokenizer.json</c> that its tokenizer saves.</summary>
    public byte[] TokenizerHash { get; }

    private static ReadOnlySpan<byte> Magic => "ATTUNETK"u8;

    /// <summary>One document's ids.</summary>
    public ReadOnlySpan<int> this[int document] => _ids.AsSpan((int)Start(document), (int)(_ends[document] - Start(document)));

    /// <summary>Writes documents; the file appears whole or not at all.</summary>
    public static void Write(string path, IEnumerable<int[]> documents, Tokenizer tokenizer) => AtomicFile.Write(path, stream =>
    {
        var width = WidthFor(tokenizer.VocabularySize);
        var ends = new List<long>();
        stream.Write(new byte[HeaderBytes]); // filled in at the end
        long tokens = 0;
        foreach (var document in documents)
        {
            WriteIds(stream, document, width, tokenizer.VocabularySize);
            tokens += document.Length;
            ends.Add(tokens);
        }
        Span<byte> end = stackalloc byte[sizeof(long)];
        foreach (var value in ends)
        {
            BinaryPrimitives.WriteInt64LittleEndian(end, value);
            stream.Write(end);
        }
        stream.Position = 0;
        stream.Write(Header(width, tokens, ends.Count, HashOf(tokenizer)));
    });

    /// <summary>Reads a file that <paramref name="tokenizer"/> made.</summary>
    public static TokenShard Load(string path, Tokenizer tokenizer)
    {
        if (!File.Exists(path))
            throw InputException.One(path, "does not exist", "a file of tokens", "make it with 'attune data'");
        var bytes = File.ReadAllBytes(path);
        if (bytes.Length < HeaderBytes || !bytes.AsSpan().StartsWith(Magic) || BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(8)) != Version)
            throw InputException.One(path, "is no file of tokens of this version", $"one that begins with ATTUNETK and {Version}", "make it again with 'attune data'");
        var width = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(12));
        var (tokens, documents) = (BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(16)), BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(24)));
        if (width is not (2 or 4) || tokens < 0 || documents < 0 || (Int128)HeaderBytes + (Int128)tokens * width + (Int128)documents * sizeof(long) != bytes.Length)
            throw InputException.One(path, $"has {bytes.Length} bytes", $"those of {tokens} tokens and {documents} documents", "make it again; it may be cut short");
        var hash = bytes[32..64];
        if (!hash.AsSpan().SequenceEqual(HashOf(tokenizer)))
            throw InputException.One(path, "was made with another tokenizer", "the one in use", "make it again, or name the tokenizer it was made with");
        var ids = ReadIds(bytes.AsSpan(HeaderBytes, checked((int)(tokens * width))), width);
        var ends = new long[documents];
        for (var i = 0; i < ends.Length; i++)
            ends[i] = BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(HeaderBytes + ids.Length * width + i * sizeof(long)));
        var isOrdered = ends.Zip(ends.Skip(1)).All(pair => pair.First <= pair.Second) && ends.All(value => value >= 0) && (ends.Length == 0 ? 0 : ends[^1]) == tokens;
        if (!isOrdered || ids.Any(id => (uint)id >= (uint)tokenizer.VocabularySize))
            throw InputException.One(path, "holds ends or ids that cannot be", "ends in order and ids of the vocabulary", "make it again; it is damaged");
        return new(path, ids, ends, hash);
    }

    private long Start(int document) => document == 0 ? 0 : _ends[document - 1];

    private static int WidthFor(int vocabularySize) => vocabularySize <= ushort.MaxValue + 1 ? sizeof(ushort) : sizeof(uint);

    private static byte[] HashOf(Tokenizer tokenizer) => SHA256.HashData(TokenizerJson.Main(tokenizer.Definition));

    private static byte[] Header(int width, long tokens, long documents, byte[] hash)
    {
        var header = new byte[HeaderBytes];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), Version);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), width);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(16), tokens);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(24), documents);
        hash.CopyTo(header, 32);
        return header;
    }

    private static void WriteIds(Stream stream, int[] ids, int width, int vocabularySize)
    {
        var bytes = new byte[ids.Length * width];
        for (var i = 0; i < ids.Length; i++)
        {
            if ((uint)ids[i] >= (uint)vocabularySize)
                throw new ArgumentOutOfRangeException(nameof(ids), $"token id {ids[i]} is not in the vocabulary, expected 0 to {vocabularySize - 1}; use the tokenizer that made the ids");
            if (width == sizeof(ushort))
                BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(i * width), (ushort)ids[i]);
            else
                BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(i * width), ids[i]);
        }
        stream.Write(bytes);
    }

    private static int[] ReadIds(ReadOnlySpan<byte> bytes, int width)
    {
        var ids = new int[bytes.Length / width];
        for (var i = 0; i < ids.Length; i++)
            ids[i] = width == sizeof(ushort) ? BinaryPrimitives.ReadUInt16LittleEndian(bytes[(i * width)..]) : BinaryPrimitives.ReadInt32LittleEndian(bytes[(i * width)..]);
        return ids;
    }
}
