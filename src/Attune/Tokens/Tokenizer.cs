using System.Buffers;
using System.Text;
using Attune.Runs;
using Attune.Text;
using Attune.Tokens.Pipeline;

namespace Attune.Tokens;

/// <summary>
/// Turns text into ids and back: added tokens are found, the rest is normalised, cut, and spelled with the pieces of a vocabulary (byte-pair or unigram); the decoder
/// leads back. With a byte-level vocabulary every text has ids, and they give it back byte for byte. Safe for use by many threads.
/// Not here: truncation and padding that a file asks for (see <see cref="Truncation"/>, <see cref="Collators"/>), pairs of texts.
/// </summary>
public sealed class Tokenizer
{
    private readonly TokenizerDefinition _definition;
    private readonly TokenizerParts _parts;
    private readonly byte[]?[] _bytes; // by id, made when first asked for
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly HashSet<int> _special;
    private readonly HashSet<int> _added;
    private readonly WordCache _words = new();

    internal Tokenizer(TokenizerDefinition definition, string origin)
    {
        if (definition.Check().ToList() is { Count: > 0 } problems)
            throw new InputException(origin, problems);
        _definition = definition;
        _special = [.. definition.Added.Where(token => token.IsSpecial).Select(token => token.Id)];
        _added = [.. definition.Added.Select(token => token.Id)];
        VocabularySize = Math.Max(definition.Pieces.Count, definition.Added.Count == 0 ? 0 : definition.Added.Max(token => token.Id) + 1);
        _bytes = new byte[VocabularySize][];
        FillIds();
        _parts = new(definition, origin, VocabularySize, IdOf);
        if (_parts.Cutter.EndsInBytes)
            FillTexts();
    }

    /// <summary>One more than the largest id.</summary>
    public int VocabularySize { get; }

    /// <summary>Tokens beside the vocabulary's pieces, in the order of the file.</summary>
    public IReadOnlyList<AddedToken> AddedTokens => _definition.Added;

    /// <summary>How words are cut; null where that is more than one of the known patterns.</summary>
    public SplitPattern? Split => _parts.Cutter.Pattern;

    /// <summary>Which added tokens end, begin and fill.</summary>
    public TokenRoles Roles => _definition.Roles;

    /// <summary>The token that ends a document or an answer.</summary>
    public int? EndId => IdOfAdded(Roles.End);

    /// <summary>The token that begins a document.</summary>
    public int? BeginId => IdOfAdded(Roles.Begin);

    /// <summary>The token that fills rows up.</summary>
    public int? PaddingId => IdOfAdded(Roles.Padding);

    /// <summary>What the file puts before a whole text; usually nothing, or the token that begins a document.</summary>
    public IReadOnlyList<int> Opening => _parts.Around.Before;

    /// <summary>What the file puts behind a whole text; usually nothing.</summary>
    public IReadOnlyList<int> Closing => _parts.Around.After;

    /// <summary>The template of conversations that came with the tokenizer; null without one.</summary>
    public string? ChatTemplate => _definition.ChatTemplate;

    /// <summary>Whether every text can be spelled; else characters that the vocabulary lacks become an unknown token or are lost.</summary>
    public bool SpellsEverything => _parts.SpellsEverything;

    internal TokenizerDefinition Definition => _definition;

    /// <summary>Reads a tokenizer from a model folder, or from a file of any form that is known: see <c>docs/tokenizers.md</c>.</summary>
    /// <exception cref="InputException">There is none, or it is damaged, contradicts itself or asks for something that is not known.</exception>
    public static Tokenizer Load(string path) => TokenizerFile.Load(path);

    /// <summary>The file of a folder's tokenizer; null where it has none.</summary>
    public static string? FileIn(string folder) => TokenizerFile.In(folder);

    /// <summary>Writes <c>tokenizer.json</c> and <c>tokenizer_config.json</c> into <paramref name="folder"/>.</summary>
    public void Save(string folder) => TokenizerFile.Save(this, folder);

    /// <summary>Whether this tokenizer gives every text the ids that the other gives it, and those ids the same text.</summary>
    public bool IsSameAs(Tokenizer other) => TokenizerJson.Main(_definition).AsSpan().SequenceEqual(TokenizerJson.Main(other._definition));

    /// <summary>The ids of plain text. What looks like a special token is text here, spelled with ordinary pieces.</summary>
    /// <exception cref="ArgumentException">The text holds half of a surrogate pair and so is not Unicode.</exception>
    public int[] Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>((text.Length / 3) + 4);
        Encode(text, ids);
        return [.. ids];
    }

    /// <summary>As <see cref="Encode(string)"/>, appending to <paramref name="ids"/>.</summary>
    public void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        RequireUnicode(text);
        if (_parts.Ordinary.IsEmpty)
            EncodeBetween(text, TextPlace.Start, ids);
        else
            EncodeSections(text, _parts.Ordinary.Find(text), TextPlace.Start, ids);
    }

    /// <summary>The ids of a text of our own making, markup for instance, in which special tokens are meant as such. Never for text of users.</summary>
    public int[] EncodeWithAddedTokens(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>();
        EncodeMarkup(text, isData: null, ids);
        return [.. ids];
    }

    /// <summary>The same where parts of the text are what people wrote, going on behind what is there already.</summary>
    /// <param name="text">The text.</param>
    /// <param name="isData">Whether anything from a place to another, in UTF-16 units, was written by people: no special token is found there.</param>
    /// <param name="ids">The ids of all that comes before, and then of the text.</param>
    internal void EncodeMarkup(ReadOnlySpan<char> text, Func<int, int, bool>? isData, List<int> ids)
    {
        RequireUnicode(text);
        var place = ids.Count == 0 ? TextPlace.Start : _added.Contains(ids[^1]) ? TextPlace.Behind : TextPlace.Within;
        EncodeSections(text, _parts.All.Find(text, isData), place, ids);
    }

    /// <summary>Appends the ids of plain text that goes on behind others: an answer behind its prompt.</summary>
    internal void EncodeBehind(ReadOnlySpan<char> text, List<int> ids) => EncodeMarkup(text, isData: static (_, _) => true, ids);

    /// <summary>The same tokenizer with a template of conversations.</summary>
    public Tokenizer With(ChatTemplate template) => new(_definition with { ChatTemplate = template.Source }, "The tokenizer");

    /// <summary>These ids as the beginning of what a model reads: behind <see cref="Opening"/>, unless they begin with it already.</summary>
    public int[] Opened(ReadOnlySpan<int> ids) => ids.StartsWith(_parts.Around.Before) ? ids.ToArray() : [.. _parts.Around.Before, .. ids];

    /// <summary>The exact bytes of <paramref name="ids"/>; added tokens give their written form, ids without a piece U+FFFD.</summary>
    public byte[] DecodeBytes(ReadOnlySpan<int> ids, bool skipSpecial = false)
    {
        if (!_parts.DecodesBytes)
            return Encoding.UTF8.GetBytes(Decode(ids, skipSpecial));
        var bytes = new ArrayBufferWriter<byte>((ids.Length * 4) + 1);
        foreach (var id in ids)
        {
            if (!skipSpecial || !IsSpecial(id))
                bytes.Write(BytesOf(id));
        }
        return bytes.WrittenSpan.ToArray();
    }

    /// <summary>The text of <paramref name="ids"/>. Bytes that are not UTF-8, such as half a character, and ids without a piece become U+FFFD.</summary>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecial = false)
    {
        if (_parts.DecodesBytes)
            return Encoding.UTF8.GetString(DecodeBytes(ids, skipSpecial));
        var stream = new StreamingDecoder(this, skipSpecial);
        var text = new StringBuilder(ids.Length * 4);
        foreach (var id in ids)
            text.Append(stream.Add(id));
        return text.Append(stream.Finish()).ToString();
    }

    /// <summary>
    /// The bytes that one token adds within a text. An id without a piece gives U+FFFD: a model's embedding may have more rows than its tokenizer has pieces, and may
    /// draw them.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is negative.</exception>
    public ReadOnlySpan<byte> BytesOf(int id)
    {
        RequireId(id);
        return id < VocabularySize ? _bytes[id] ??= _parts.BytesWithin(id) : "\uFFFD"u8;
    }

    /// <summary>The id of an added token by its content or of a piece by its text, or null where there is none.</summary>
    public int? IdOf(string token) => _ids.TryGetValue(token, out var id) ? id : null;

    /// <summary>Whether the id is an added token that text for people leaves out.</summary>
    public bool IsSpecial(int id) => _special.Contains(id);

    /// <summary>Fresh steps from tokens to text.</summary>
    internal DecoderStep Decoding(out DecodedText result) => _parts.Decoding(out result);

    /// <summary>What the decoder is given for an id.</summary>
    internal string TextFor(int id)
    {
        RequireId(id);
        return _parts.TextFor(id);
    }

    private static void RequireId(int id)
    {
        if (id < 0)
            throw new ArgumentOutOfRangeException(nameof(id), $"token id is {id}, expected at least 0; use the ids that a tokenizer or a model gave");
    }

    private int? IdOfAdded(string? content) => content is null ? null : IdOf(content);

    private void FillIds()
    {
        for (var id = 0; id < _definition.Pieces.Count; id++)
        {
            if (_definition.Pieces[id] is { } piece)
                _ids.TryAdd(piece, id);
        }
        foreach (var token in _definition.Added)
            _ids[token.Content] = token.Id;
    }

    /// <summary>Pieces of a byte-level vocabulary are known by the text that they spell, too.</summary>
    private void FillTexts()
    {
        var added = _definition.Added.Select(token => token.Content).ToHashSet();
        for (var id = 0; id < _definition.Pieces.Count; id++)
        {
            if (_definition.Pieces[id] is { } piece && ByteAlphabet.Read(piece) is { } bytes && System.Text.Unicode.Utf8.IsValid(bytes) && Encoding.UTF8.GetString(bytes) is var text && !added.Contains(text))
                _ids[text] = id;
        }
    }

    private void EncodeSections(ReadOnlySpan<char> text, List<TextSection> sections, TextPlace place, List<int> ids)
    {
        foreach (var section in sections)
        {
            if (section.Token is { } token)
                ids.Add(token.Id);
            else
                EncodeBetween(text[section.Start..section.End], section.Start == 0 ? place : TextPlace.Behind, ids);
        }
    }

    /// <summary>Text without added tokens, but for those that are looked for in normalised text.</summary>
    private void EncodeBetween(ReadOnlySpan<char> text, TextPlace place, List<int> ids)
    {
        if ((place == TextPlace.Within ? _parts.NormaliseWithin : _parts.Normalise) is not { } normalise)
        {
            EncodeNormalised(text, place, ids);
            return;
        }
        var normalised = normalise(text.ToString());
        if (_parts.Normalised.IsEmpty)
        {
            EncodeNormalised(normalised, place, ids);
            return;
        }
        foreach (var section in _parts.Normalised.Find(normalised))
        {
            if (section.Token is { } token)
                ids.Add(token.Id);
            else
                EncodeNormalised(normalised.AsSpan(section.Start, section.End - section.Start), section.Start == 0 ? place : TextPlace.Behind, ids);
        }
    }

    private void EncodeNormalised(ReadOnlySpan<char> text, TextPlace place, List<int> ids)
    {
        if (_parts.Cutter.Pattern is { } pattern) // the usual case, without a string for each word
        {
            for (var start = 0; start < text.Length;)
            {
                var end = SplitScanner.EndOfWord(text, start, pattern);
                AppendPiece(text[start..end], ids);
                start = end;
            }
        }
        else if (text.Length > 0)
        {
            foreach (var piece in _parts.Cutter.Apply(text.ToString(), place))
                AppendPiece(piece.Text, ids);
        }
    }

    private void AppendPiece(ReadOnlySpan<char> piece, List<int> ids)
    {
        if (_words.Find(piece) is { } known)
        {
            ids.AddRange(known.AsSpan());
            return;
        }
        var before = ids.Count;
        _parts.Model.Encode(piece, ids);
        _words.Keep(piece, [.. ids[before..]]);
    }

    internal static void RequireUnicode(ReadOnlySpan<char> text)
    {
        for (var at = text.IndexOfAnyInRange('\uD800', '\uDFFF'); at >= 0 && at < text.Length; at++)
        {
            if (char.IsSurrogate(text[at]))
            {
                if (Rune.DecodeFromUtf16(text[at..], out _, out _) != OperationStatus.Done)
                    throw new ArgumentException($"the text holds U+{(int)text[at]:X4}, half of a surrogate pair, at UTF-16 unit {at}, expected well-formed Unicode; repair or remove it", nameof(text));
                at++;
            }
        }
    }
}
