using System.Runtime.InteropServices;
using System.Text;

namespace Attune.Tokens.Pieces;

/// <summary>Byte-pair encoding over the bytes of a piece (Radford 2019).</summary>
internal sealed class BytePieces : IPieceModel
{
    private const int ShortWord = 256;

    private readonly int[] _ids = new int[256]; // of single bytes; -1 where the vocabulary has none
    private readonly PieceMerges _merges;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>>? _whole; // by text

    public BytePieces(TokenizerDefinition definition, PieceMerges merges)
    {
        _merges = merges;
        Array.Fill(_ids, -1);
        var whole = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var id = 0; id < definition.Pieces.Count; id++)
        {
            if (definition.Pieces[id] is not { } piece || ByteAlphabet.Read(piece) is not { } bytes)
                continue;
            if (bytes.Length == 1)
                _ids[bytes[0]] = id;
            if (definition.Rules.IgnoresMerges && System.Text.Unicode.Utf8.IsValid(bytes))
                whole.TryAdd(Encoding.UTF8.GetString(bytes), id);
        }
        _whole = definition.Rules.IgnoresMerges ? whole.GetAlternateLookup<ReadOnlySpan<char>>() : null;
    }

    /// <summary>Whether every text can be spelled.</summary>
    public bool IsComplete => !_ids.Contains(-1);

    public void Encode(ReadOnlySpan<char> piece, List<int> ids)
    {
        if (_whole is { } whole && whole.TryGetValue(piece, out var only))
        {
            ids.Add(only);
            return;
        }
        var most = Encoding.UTF8.GetMaxByteCount(piece.Length);
        Span<byte> room = most <= ShortWord ? stackalloc byte[ShortWord] : new byte[Encoding.UTF8.GetByteCount(piece)];
        var bytes = room[..Encoding.UTF8.GetBytes(piece, room)];
        Span<int> spelled = bytes.Length <= ShortWord ? stackalloc int[ShortWord] : new int[bytes.Length];
        var used = 0;
        foreach (var value in bytes)
        {
            if (_ids[value] >= 0)
                spelled[used++] = _ids[value];
        }
        used = _merges.Apply(spelled[..used]);
        ids.AddRange((ReadOnlySpan<int>)spelled[..used]);
    }
}

/// <summary>Byte-pair encoding over the characters of a piece (Sennrich 2016), as SentencePiece's models have it, with bytes or an unknown token for what is not there.</summary>
internal sealed class CharacterPieces : IPieceModel
{
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _pieces;
    private readonly PieceRules _rules;
    private readonly UnknownPieces _unknown;
    private readonly PieceMerges _merges;

    public CharacterPieces(TokenizerDefinition definition, PieceMerges merges)
    {
        (_merges, _rules) = (merges, definition.Rules);
        _pieces = definition.Pieces.Select((piece, id) => (piece, id)).Where(entry => entry.piece is not null).ToDictionary(entry => entry.piece!, entry => entry.id, StringComparer.Ordinal)
            .GetAlternateLookup<ReadOnlySpan<char>>();
        _unknown = new(piece => _pieces.TryGetValue(piece, out var id) ? id : null, _rules.FallsBackToBytes, _rules.UnknownId, _rules.FusesUnknown);
    }

    public void Encode(ReadOnlySpan<char> piece, List<int> ids)
    {
        if (_rules.IgnoresMerges && _pieces.TryGetValue(piece, out var only))
        {
            ids.Add(only);
            return;
        }
        var spelled = new List<int>(piece.Length);
        var (at, followsUnknown) = (0, false);
        while (at < piece.Length)
        {
            var width = char.IsHighSurrogate(piece[at]) ? 2 : 1;
            var sign = piece.Slice(at, width);
            if (Find(sign, isFirst: at == 0, isLast: at + width == piece.Length) is { } id)
            {
                spelled.Add(id);
                followsUnknown = false;
            }
            else
                followsUnknown = _unknown.Append(sign, spelled, followsUnknown);
            at += width;
        }
        var room = CollectionsMarshal.AsSpan(spelled);
        ids.AddRange((ReadOnlySpan<int>)room[.._merges.Apply(room)]);
    }

    private int? Find(ReadOnlySpan<char> sign, bool isFirst, bool isLast)
    {
        if ((isFirst || _rules.Prefix.Length == 0) && (!isLast || _rules.Suffix.Length == 0))
            return _pieces.TryGetValue(sign, out var plain) ? plain : null;
        var text = (isFirst ? "" : _rules.Prefix) + sign.ToString() + (isLast ? _rules.Suffix : "");
        return _pieces.TryGetValue(text, out var id) ? id : null;
    }
}
