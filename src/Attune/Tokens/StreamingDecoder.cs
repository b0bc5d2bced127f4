using Attune.Tokens.Pipeline;

namespace Attune.Tokens;

/// <summary>
/// Turns tokens into text as they come, never half a character: bytes wait until the character is whole. The pieces of text put
/// together equal <see cref="Tokenizer.Decode"/> of all tokens.
/// </summary>
public sealed class StreamingDecoder
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _skipSpecial;
    private readonly DecoderStep _first;
    private readonly DecodedText _result;

    /// <summary>A decoder of one text.</summary>
    /// <param name="tokenizer">Whose tokens they are.</param>
    /// <param name="skipSpecial">Whether special tokens are left out.</param>
    public StreamingDecoder(Tokenizer tokenizer, bool skipSpecial = false)
    {
        (_tokenizer, _skipSpecial) = (tokenizer, skipSpecial);
        _first = tokenizer.Decoding(out _result);
    }

    /// <summary>The text that became whole with this token; often empty within a character of several bytes.</summary>
    public string Add(int id)
    {
        if (_skipSpecial && _tokenizer.IsSpecial(id))
            return "";
        _first.Write(_tokenizer.TextFor(id), ends: true);
        return _result.Take();
    }

    /// <summary>What is left when no token follows: U+FFFD for an unfinished character, else nothing.</summary>
    public string Finish()
    {
        _first.Finish();
        return _result.Take();
    }
}
