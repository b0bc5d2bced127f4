using System.Text;
using Attune.Runs;
using Attune.Tokens.Pipeline;

namespace Attune.Tokens.Files;

/// <summary>
/// Reads a SentencePiece model (Kudo 2018, arXiv:1808.06226; <c>sentencepiece_model.proto</c>), BPE or unigram, into the components of a <c>tokenizer.json</c> that do the same.
/// Not here: word and character models, white space behind words, training.
/// </summary>
internal sealed class SentencePieceFile
{
    private const int LongestPiece = 1_024;
    private const double NeverTaken = -1e6; // added to the log-prob of pieces that are not to be used
    private const string Mark = "▁";

    private readonly string _path;
    private readonly List<(string Text, double Score, PieceKind Kind)> _pieces = [];
    private byte[] _rules = [];
    private bool _isBpe;
    private bool _hasPrefix = true, _isTrimmed = true, _isEscaped = true;
    private int _begin = 1, _end = 2, _padding = -1;
    private bool _hasTrainer, _hasNormaliser;

    private enum PieceKind { Normal = 1, Unknown, Control, UserDefined, Unused, Byte }

    private SentencePieceFile(string path) => _path = path;

    public static TokenizerDefinition Read(string path, byte[] bytes)
    {
        var file = new SentencePieceFile(path);
        try
        {
            file.Read(bytes);
        }
        catch (FormatException e)
        {
            throw InputException.One(path, $"is no SentencePiece model: {e.Message}", "a whole file", "get the file again; it may be cut short");
        }
        return file.Definition();
    }

    private void Read(byte[] bytes)
    {
        foreach (var field in ProtobufMessage.Fields(bytes))
        {
            switch (field.Number)
            {
                case 1: ReadPiece(field.Bytes); break;
                case 2: ReadTrainer(field.Bytes); break;
                case 3: ReadNormaliser(field.Bytes); break;
                case 5 when ProtobufMessage.Fields(field.Bytes).Any(f => f.Number == 2 && f.Bytes.Length > 0):
                    throw Refused("denormalizer_spec", "has rules of its own", "none");
            }
        }
    }

    private void ReadPiece(ReadOnlyMemory<byte> message)
    {
        var (text, score, kind) = ("", 0.0, PieceKind.Normal);
        foreach (var field in ProtobufMessage.Fields(message))
        {
            switch (field.Number)
            {
                case 1: text = Text(field); break;
                case 2: score = BitConverter.UInt32BitsToSingle((uint)field.Value); break;
                case 3: kind = field.Value is >= 1 and <= 6 ? (PieceKind)field.Value : throw Refused($"pieces[{_pieces.Count}].type", $"is {field.Value}", "1 to 6"); break;
            }
        }
        if (text.Length is 0 or > LongestPiece || !double.IsFinite(score))
            throw Refused($"pieces[{_pieces.Count}]", text.Length == 0 ? "is empty" : text.Length > LongestPiece ? $"has {text.Length} characters" : $"has the score {score}", $"1 to {LongestPiece} characters and a finite score");
        _pieces.Add((text, score, kind));
    }

    private void ReadTrainer(ReadOnlyMemory<byte> message)
    {
        _hasTrainer = true;
        foreach (var field in ProtobufMessage.Fields(message))
        {
            switch (field.Number)
            {
                case 3 when field.Value is 1 or 2: _isBpe = field.Value == 2; break;
                case 3: throw Refused("trainer_spec.model_type", $"is {field.Value switch { 3 => "WORD", 4 => "CHAR", var other => other }}", "UNIGRAM or BPE");
                case 24 when field.Value != 0: throw Refused("trainer_spec.treat_whitespace_as_suffix", "is true", "false");
                case 41: _begin = (int)field.Value; break;
                case 42: _end = (int)field.Value; break;
                case 43: _padding = (int)field.Value; break;
            }
        }
    }

    private void ReadNormaliser(ReadOnlyMemory<byte> message)
    {
        _hasNormaliser = true;
        foreach (var field in ProtobufMessage.Fields(message))
        {
            switch (field.Number)
            {
                case 2: _rules = field.Bytes.ToArray(); break;
                case 3: _hasPrefix = field.Value != 0; break;
                case 4: _isTrimmed = field.Value != 0; break;
                case 5: _isEscaped = field.Value != 0; break;
            }
        }
    }

    private TokenizerDefinition Definition()
    {
        if (_pieces.Count == 0)
            throw Refused("pieces", "are none", "some");
        if (!_hasTrainer || !_hasNormaliser) // messages have no end of their own: a file may break off between two of them
            throw Refused(_hasTrainer ? "normalizer_spec" : "trainer_spec", "is missing", "a whole file; this one may be cut short");
        if (_pieces.GroupBy(piece => piece.Text).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw Refused("pieces", $"have '{twice.Key}' twice", "each once");
        var unknown = _pieces.FindIndex(piece => piece.Kind == PieceKind.Unknown);
        if (unknown < 0)
            throw Refused("pieces", "have none for what is unknown", "one of type 2");
        if (PrecompiledMap.Of(_rules) is null)
            throw Refused("normalizer_spec.precompiled_charsmap", $"has {_rules.Length} bytes that are no compiled rules", "the length of a trie, a trie, and texts");
        var isSpecial = _pieces.ConvertAll(piece => piece.Kind is PieceKind.Control or PieceKind.Unknown);
        string?[] pieces = [.. _pieces.Select((piece, id) => isSpecial[id] ? null : piece.Text)];
        return new()
        {
            Pieces = pieces,
            Merges = _isBpe ? PieceCuts.Merges(Products(), pieces) : [],
            Scores = _isBpe ? null : [.. _pieces.Select(piece => piece.Kind == PieceKind.Unused ? piece.Score + NeverTaken : piece.Score)],
            Rules = new() { UnknownId = unknown, FusesUnknown = true, FallsBackToBytes = _pieces.Exists(piece => piece.Kind == PieceKind.Byte) },
            Added = [.. _pieces.Select((piece, id) => new AddedToken(id, piece.Text, isSpecial[id])).Where(token => isSpecial[token.Id] || _pieces[token.Id].Kind == PieceKind.UserDefined)],
            Roles = new() { Begin = Role(_begin), End = Role(_end), Padding = Role(_padding) },
            Normaliser = Normaliser(),
            PreTokeniser = _isEscaped || _hasPrefix ? TokenizerJson.Parsed($$"""{"type": "Metaspace", "replacement": "{{Mark}}", "prepend_scheme": "{{(_hasPrefix ? "first" : "never")}}", "split": false}""") : null,
            Decoder = Decoder(),
        };
    }

    /// <summary>Pieces that merges make, the highest score first, which in these models is the oldest merge.</summary>
    private IEnumerable<int> Products() => Enumerable.Range(0, _pieces.Count).Where(id => _pieces[id].Kind is PieceKind.Normal or PieceKind.UserDefined).OrderByDescending(id => _pieces[id].Score);

    private System.Text.Json.JsonElement? Normaliser()
    {
        var steps = new List<string>();
        if (_rules.Length > 0)
            steps.Add($$"""{"type": "Precompiled", "precompiled_charsmap": "{{Convert.ToBase64String(_rules)}}"}""");
        if (_isTrimmed)
        {
            steps.Add("""{"type": "Replace", "pattern": {"Regex": "\\A +| +\\z"}, "content": ""}""");
            steps.Add("""{"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}""");
        }
        return steps.Count == 0 ? null : TokenizerJson.Parsed($$"""{"type": "Sequence", "normalizers": [{{string.Join(", ", steps)}}]}""");
    }

    private System.Text.Json.JsonElement Decoder() => TokenizerJson.Parsed($$"""
        {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "{{Mark}}"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}{{(_hasPrefix ? """, {"type": "Strip", "content": " ", "start": 1, "stop": 0}""" : "")}}]}
        """);

    private string? Role(int id) => id >= 0 && id < _pieces.Count && _pieces[id].Kind == PieceKind.Control ? _pieces[id].Text : null;

    private static string Text(ProtobufField field)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(field.Bytes.Span);
        }
        catch (DecoderFallbackException)
        {
            throw new FormatException("a piece is not UTF-8");
        }
    }

    private InputException Refused(string key, string found, string expected) => new(_path, [Problem.Of(key, found, expected, "get the file again, or use a model with another tokenizer")]);
}
