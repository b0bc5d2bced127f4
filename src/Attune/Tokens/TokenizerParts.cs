using System.Text;
using System.Text.Json;
using Attune.Tokens.Pieces;
using Attune.Tokens.Pipeline;

namespace Attune.Tokens;

/// <summary>What a tokenizer's definition is when it works: normaliser, cutter, vocabulary, decoder.</summary>
internal sealed class TokenizerParts
{
    private readonly Func<IReadOnlyList<DecoderStep>> _decoder;
    private readonly string[] _texts; // what the decoder is given, by id

    public TokenizerParts(TokenizerDefinition definition, string origin, int size, Func<string, int?> idOf)
    {
        Component? Part(string place, JsonElement? json) => json is { } value ? new(origin, place, value) : null;

        if (Part("normalizer", definition.Normaliser) is { } normaliser)
            (Normalise, NormaliseWithin) = (Normalisers.Read(normaliser), Normalisers.Read(normaliser, within: true));
        Cutter = Part("pre_tokenizer", definition.PreTokeniser) is { } cutter ? PreTokeniser.Read(cutter) : PreTokeniser.None;
        Around = Part("post_processor", definition.PostProcessor) is { } processor ? PostProcessor.Read(processor, idOf) : PostProcessor.None;
        var decoder = Part("decoder", definition.Decoder);
        _decoder = decoder is not null ? Decoders.Read(decoder) : () => [new EachToken((token, isFirst) => isFirst ? token : " " + token)];
        DecodesBytes = decoder?.Type == "ByteLevel";
        Model = ModelOf(definition);
        SpellsEverything = Model is BytePieces { IsComplete: true } || (definition.Rules.FallsBackToBytes && Enumerable.Range(0, 256).All(value => idOf(ByteFallbackStep.TokenOf((byte)value)) is not null));
        bool IsLate(AddedToken token) => token.IsNormalised && !token.IsSpecial && Normalise is not null;
        All = new(definition.Added.Where(token => !IsLate(token)).Select(token => (token, token.Content)));
        Ordinary = new(definition.Added.Where(token => !token.IsSpecial && !IsLate(token)).Select(token => (token, token.Content)));
        Normalised = new(definition.Added.Where(IsLate).Select(token => (token, Normalise!(token.Content))));
        _texts = TextsOf(definition, size, startsWithBytes: decoder?.Flat("decoders").FirstOrDefault()?.Type == "ByteLevel");
    }

    public Func<string, string>? Normalise { get; }

    /// <summary>The same for text that goes on where another was cut off.</summary>
    public Func<string, string>? NormaliseWithin { get; }

    public PreTokeniser Cutter { get; }

    public PostProcessor Around { get; }

    public IPieceModel Model { get; }

    /// <summary>Whether ids are bytes put in a row, and nothing else.</summary>
    public bool DecodesBytes { get; }

    public bool SpellsEverything { get; }

    /// <summary>The added tokens of markup.</summary>
    public AddedTokenFinder All { get; }

    /// <summary>Those of plain text.</summary>
    public AddedTokenFinder Ordinary { get; }

    /// <summary>Those that are looked for in normalised text.</summary>
    public AddedTokenFinder Normalised { get; }

    public string TextFor(int id) => id < _texts.Length ? _texts[id] : _texts[^1];

    /// <summary>Fresh steps from tokens to text.</summary>
    public DecoderStep Decoding(out DecodedText result)
    {
        var last = (DecoderStep)(result = new DecodedText());
        foreach (var step in _decoder().Reverse())
        {
            step.Next = last;
            last = step;
        }
        return last;
    }

    /// <summary>The bytes that a token adds behind another one.</summary>
    public byte[] BytesWithin(int id)
    {
        var text = _texts[id];
        if (DecodesBytes)
            return ByteAlphabet.Read(text) ?? Encoding.UTF8.GetBytes(text);
        if (ByteFallbackStep.ByteOf(text) is { } value)
            return [value];
        const string Before = "a"; // a decoder may treat the first token in a way of its own
        var chain = Decoding(out var result);
        chain.Write(Before, ends: true);
        chain.Write(text, ends: true);
        chain.Finish();
        var both = result.Take();
        return Encoding.UTF8.GetBytes(both.StartsWith(Before, StringComparison.Ordinal) ? both[Before.Length..] : both);
    }

    private IPieceModel ModelOf(TokenizerDefinition definition)
    {
        if (definition.Scores is not null)
            return new UnigramPieces(definition);
        var merges = new PieceMerges(definition.Merges);
        return Cutter.EndsInBytes ? new BytePieces(definition, merges) : new CharacterPieces(definition, merges);
    }

    private static string[] TextsOf(TokenizerDefinition definition, int size, bool startsWithBytes)
    {
        string Spelled(string text) => startsWithBytes ? ByteAlphabet.Write(Encoding.UTF8.GetBytes(text)) : text;
        var texts = new string[size + 1]; // the last for ids without a piece
        for (var id = 0; id <= size; id++)
            texts[id] = (id < definition.Pieces.Count ? definition.Pieces[id] : null) ?? Spelled("\uFFFD");
        foreach (var token in definition.Added)
            texts[token.Id] = Spelled(token.Content);
        return texts;
    }
}
