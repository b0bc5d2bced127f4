using System.Buffers;
using System.Collections.Concurrent;
using System.Text;

using Attune.Runs;

namespace Attune.Tokens;

/// <summary>
/// Byte-level byte-pair encoding (Radford 2019): every text has ids, and its ids give it back byte for byte. Safe for use by many threads.
/// Not here: normalisation, a space put before the text, tokens added around it, vocabularies that are not byte-level.
/// </summary>
public sealed class Tokenizer
{
    private const int LongestCachedWord = 48;
    private const int MostCachedWords = 1 << 17;

    private readonly TokenizerDefinition _definition;
    private readonly PieceMerges _merges;
    private readonly int[] _byteIds = new int[256];
    private readonly byte[]?[] _bytes; // of pieces and added tokens, by id
    private readonly Dictionary<string, int> _ids = [];
    private readonly AddedToken[] _added; // longest first
    private readonly SearchValues<char> _addedStarts;
    private readonly ConcurrentDictionary<string, int[]> _words = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _wordsBySpan;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _idsBySpan;
    private int _cachedWords;

    internal Tokenizer(TokenizerDefinition definition, string origin)
    {
        if (definition.Check().ToList() is { Count: > 0 } problems)
            throw new InputException(origin, problems);
        _definition = definition;
        _merges = new PieceMerges(definition.Merges);
        _added = [.. definition.Added.OrderByDescending(token => token.Content.Length).ThenBy(token => token.Id)];
        _addedStarts = SearchValues.Create([.. _added.Select(token => token.Content[0]).Distinct()]);
        VocabularySize = Math.Max(definition.Pieces.Count, _added.Length == 0 ? 0 : _added.Max(token => token.Id) + 1);
        _bytes = new byte[VocabularySize][];
        FillIds();
        _wordsBySpan = _words.GetAlternateLookup<ReadOnlySpan<char>>();
        _idsBySpan = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>One more than the largest id.</summary>
    public int VocabularySize { get; }

    /// <summary>The tokens that plain text never produces, by id.</summary>
    public IReadOnlyList<AddedToken> AddedTokens => _definition.Added;

    /// <summary>How words are cut.</summary>
    public SplitPattern Split => _definition.Split;

    /// <summary>Which added tokens end, begin and fill.</summary>
    public TokenRoles Roles => _definition.Roles;

    /// <summary>The token that ends a document or an answer.</summary>
    public int? EndId => IdOfAdded(Roles.End);

    /// <summary>The token that begins a document.</summary>
    public int? BeginId => IdOfAdded(Roles.Begin);

    /// <summary>The token that fills rows up.</summary>
    public int? PaddingId => IdOfAdded(Roles.Padding);

    internal TokenizerDefinition Definition => _definition;

    /// <summary>Reads a tokenizer from a model folder or from its <c>tokenizer.json</c>; GPT-2's two files will do as well.</summary>
    public static Tokenizer Load(string path) => TokenizerFile.Load(path);

    /// <summary>The file of a folder's tokenizer; null where it has none.</summary>
    public static string? FileIn(string folder) => TokenizerFile.In(folder);

    /// <summary>Writes <c>tokenizer.json</c> and <c>tokenizer_config.json</c> into <paramref name="folder"/>.</summary>
    public void Save(string folder) => TokenizerFile.Save(this, folder);

    /// <summary>Whether this tokenizer gives every text the ids that the other gives it, and those ids the same text.</summary>
    public bool IsSameAs(Tokenizer other) => TokenizerJson.Main(_definition).AsSpan().SequenceEqual(TokenizerJson.Main(other._definition));

    /// <summary>The ids of plain text. What looks like an added token is text here, spelled with ordinary pieces.</summary>
    /// <exception cref="ArgumentException">The text holds half of a surrogate pair and so is not Unicode.</exception>
    public int[] Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>(text.Length / 3 + 4);
        Encode(text, ids);
        return [.. ids];
    }

    /// <summary>As <see cref="Encode(string)"/>, appending to <paramref name="ids"/>.</summary>
    public void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        RequireUnicode(text);
        for (var start = 0; start < text.Length;)
        {
            var end = SplitScanner.EndOfWord(text, start, Split);
            AppendWord(text[start..end], ids);
            start = end;
        }
    }

    /// <summary>The ids of a text of our own making, a chat template for instance, in which added tokens are meant as such. Never for text of users.</summary>
    public int[] EncodeWithAddedTokens(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>();
        var plain = 0;
        for (var at = NextCandidate(text, 0); at < text.Length; at = NextCandidate(text, at))
        {
            if (_added.FirstOrDefault(token => text.AsSpan(at).StartsWith(token.Content)) is { } token)
            {
                Encode(text.AsSpan(plain, at - plain), ids);
                ids.Add(token.Id);
                plain = at += token.Content.Length;
            }
            else
                at++;
        }
        Encode(text.AsSpan(plain), ids);
        return [.. ids];
    }

    /// <summary>The exact bytes of <paramref name="ids"/>; added tokens give their written form, ids without a piece U+FFFD.</summary>
    public byte[] DecodeBytes(ReadOnlySpan<int> ids, bool skipSpecial = false)
    {
        var length = 0;
        foreach (var id in ids)
            length += BytesOf(id).Length;
        var bytes = new byte[length];
        var used = 0;
        foreach (var id in ids)
        {
            if (skipSpecial && IsSpecial(id))
                continue;
            BytesOf(id).CopyTo(bytes.AsSpan(used));
            used += BytesOf(id).Length;
        }
        return used == length ? bytes : bytes[..used];
    }

    /// <summary>The text of <paramref name="ids"/>. Bytes that are not UTF-8, such as half a character, and ids without a piece become U+FFFD.</summary>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecial = false) => Encoding.UTF8.GetString(DecodeBytes(ids, skipSpecial));

    /// <summary>
    /// The bytes of one token. An id without a piece gives U+FFFD: a model's embedding may have more rows than its tokenizer has pieces, and may
    /// draw them.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is negative.</exception>
    public ReadOnlySpan<byte> BytesOf(int id)
    {
        if (id < 0)
            throw new ArgumentOutOfRangeException(nameof(id), $"token id is {id}, expected at least 0; use the ids that a tokenizer or a model gave");
        return id < VocabularySize && _bytes[id] is { } bytes ? bytes : "\uFFFD"u8;
    }

    /// <summary>The id of an added token by its content or of a piece by its text, or null where there is none.</summary>
    public int? IdOf(string token) => _ids.TryGetValue(token, out var id) ? id : null;

    /// <summary>Whether the id is an added token that text for people leaves out.</summary>
    public bool IsSpecial(int id) => Array.Exists(_added, token => token.Id == id && token.IsSpecial);

    private int? IdOfAdded(string? content) => content is null ? null : IdOf(content);

    private void FillIds()
    {
        var pieces = _definition.Pieces;
        for (var id = 0; id < pieces.Count; id++)
        {
            if (pieces[id] is not { } bytes)
                continue;
            _bytes[id] = bytes;
            if (bytes.Length == 1)
                _byteIds[bytes[0]] = id;
            if (System.Text.Unicode.Utf8.IsValid(bytes))
                _ids.TryAdd(Encoding.UTF8.GetString(bytes), id);
        }
        foreach (var token in _added)
        {
            _bytes[token.Id] = Encoding.UTF8.GetBytes(token.Content);
            _ids[token.Content] = token.Id;
        }
    }

    private int NextCandidate(string text, int start)
    {
        var distance = text.AsSpan(start).IndexOfAny(_addedStarts);
        return distance < 0 ? text.Length : start + distance;
    }

    private void AppendWord(ReadOnlySpan<char> word, List<int> ids)
    {
        if (_wordsBySpan.TryGetValue(word, out var known))
        {
            ids.AddRange(known.AsSpan());
            return;
        }
        var made = MergeWord(word);
        ids.AddRange(made.AsSpan());
        if (word.Length <= LongestCachedWord && Volatile.Read(ref _cachedWords) < MostCachedWords && _words.TryAdd(word.ToString(), made))
            Interlocked.Increment(ref _cachedWords);
    }

    private int[] MergeWord(ReadOnlySpan<char> word)
    {
        if (_definition.IgnoreMerges && _idsBySpan.TryGetValue(word, out var whole) && whole < _definition.Pieces.Count && _definition.Pieces[whole] is not null)
            return [whole];
        var bytes = new byte[Encoding.UTF8.GetByteCount(word)];
        Encoding.UTF8.GetBytes(word, bytes);
        var ids = new int[bytes.Length];
        for (var i = 0; i < bytes.Length; i++)
            ids[i] = _byteIds[bytes[i]];
        return ids[.._merges.Apply(ids)];
    }

    internal static void RequireUnicode(ReadOnlySpan<char> text)
    {
        for (var at = text.IndexOfAnyInRange('\uD800', '\uDFFF'); at >= 0 && at < text.Length; at++)
        {
            if (Rune.DecodeFromUtf16(text[at..], out _, out var width) != OperationStatus.Done)
                throw new ArgumentException($"the text holds U+{(int)text[at]:X4}, half of a surrogate pair, at UTF-16 unit {at}, expected well-formed Unicode; repair or remove it", nameof(text));
            at += width - 1;
        }
    }
}
