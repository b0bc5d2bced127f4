using System.Text;

namespace Attune.Tokens;

/// <summary>
/// Turns tokens into text as they come, never half a character: bytes wait until the character is whole. The pieces of text put
/// together equal <see cref="Tokenizer.Decode"/> of all tokens.
/// </summary>
public sealed class StreamingDecoder(Tokenizer tokenizer, bool skipSpecial = false)
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

    /// <summary>The text that became whole with this token; often empty within a character of several bytes.</summary>
    public string Add(int id) => skipSpecial && tokenizer.IsSpecial(id) ? "" : Convert(tokenizer.BytesOf(id), flush: false);

    /// <summary>What is left when no token follows: U+FFFD for an unfinished character, else nothing.</summary>
    public string Finish() => Convert([], flush: true);

    private string Convert(ReadOnlySpan<byte> bytes, bool flush)
    {
        var text = new char[_decoder.GetCharCount(bytes, flush)];
        _decoder.GetChars(bytes, text, flush);
        return new string(text);
    }
}
