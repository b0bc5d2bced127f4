using System.Text;

using Attune.Tokens;

namespace Attune.Tests.Tokens;

public sealed class TokenizerTests
{
    /// <summary>Merges of the published example "unrelated" (huggingface/tokenizers, BPE model test).</summary>
    private static readonly string[] Unrelated = ["r e", "a t", "e d", "u n", "at ed", "re l", "rel ated", "un related"];

    [Theory]
    [InlineData(8, "unrelated")]
    [InlineData(7, "un related")]
    [InlineData(6, "un rel ated")]
    [InlineData(5, "un re l ated")]
    [InlineData(4, "un re l at ed")]
    [InlineData(3, "u n re l at ed")]
    [InlineData(0, "u n r e l a t e d")]
    public void Merges_apply_oldest_first(int merges, string pieces)
    {
        var tokenizer = Made(Unrelated[..merges]);

        Assert.Equal(pieces, Pieces(tokenizer, tokenizer.Encode("unrelated")));
    }

    [Theory]
    [InlineData("aaa", "aa a")] // leftmost first
    [InlineData("aaaa", "aa aa")]
    [InlineData("aaaaa", "aa aa a")]
    [InlineData("baab", "b aa b")]
    public void Overlapping_pairs_merge_from_the_left(string text, string pieces)
    {
        var tokenizer = Made(["a a"]);

        Assert.Equal(pieces, Pieces(tokenizer, tokenizer.Encode(text)));
    }

    [Fact]
    public void A_word_of_a_megabyte_is_merged_in_one_go()
    {
        var tokenizer = Made(["a a", "aa aa", "aaaa aaaa"]);

        var ids = tokenizer.Encode(new string('a', 1 << 20));

        Assert.Equal((1 << 20) / 8, ids.Length);
        Assert.All(ids, id => Assert.Equal(tokenizer.IdOf("aaaaaaaa"), id));
    }

    [Fact]
    public void Every_text_comes_back_byte_for_byte()
    {
        var tokenizer = Trained();
        for (var seed = 0UL; seed < 400; seed++)
        {
            var text = new Drawn(seed).Text(1 + (int)(seed % 97));

            var ids = tokenizer.Encode(text);

            Assert.Equal(text, tokenizer.Decode(ids));
            Assert.Equal(Encoding.UTF8.GetBytes(text), tokenizer.DecodeBytes(ids));
        }
    }

    [Fact]
    public void Every_character_of_unicode_comes_back()
    {
        var tokenizer = Trained();
        var all = new StringBuilder();
        for (var value = 0; value <= 0x10FFFF; value++)
        {
            if (Rune.IsValid(value))
                all.Append(new Rune(value).ToString());
        }

        Assert.Equal(all.ToString(), tokenizer.Decode(tokenizer.Encode(all.ToString())));
    }

    [Fact]
    public void Half_a_surrogate_pair_is_refused()
    {
        (string Text, int At, string Unit)[] cases = [("ab\uD800", 2, "D800"), ("\uDC00b", 0, "DC00"), ("🦙\uD83E", 2, "D83E"), ("a\uD800\uD800\uDC00", 1, "D800")];
        foreach (var (text, at, unit) in cases)
        {
            var error = Assert.Throws<ArgumentException>(() => Trained().Encode(text));

            Assert.StartsWith($"the text holds U+{unit}, half of a surrogate pair, at UTF-16 unit {at}, expected well-formed Unicode; repair or remove it", error.Message);
        }
    }

    [Fact]
    public void Bytes_that_are_not_utf8_decode_to_replacement_characters()
    {
        var tokenizer = Trained();
        for (var seed = 0UL; seed < 200; seed++)
        {
            var bytes = new Drawn(seed).Bytes(1 + (int)(seed % 40));
            int[] ids = [.. bytes.Select(value => ByteId(tokenizer, value))];

            Assert.Equal(bytes, tokenizer.DecodeBytes(ids));
            Assert.Equal(Encoding.UTF8.GetString(bytes), tokenizer.Decode(ids));
        }
        Assert.Equal("\uFFFD", tokenizer.Decode([ByteId(tokenizer, 0xE6)]));
    }

    [Fact]
    public void Streamed_text_is_whole_characters_and_adds_up()
    {
        var tokenizer = Made([]); // one token a byte
        for (var seed = 0UL; seed < 200; seed++)
        {
            var bytes = seed % 2 == 0 ? Encoding.UTF8.GetBytes(new Drawn(seed).Text(30)) : new Drawn(seed).Bytes(60);
            int[] ids = [.. bytes.Select(value => ByteId(tokenizer, value))];
            var stream = new StreamingDecoder(tokenizer);

            string[] parts = [.. ids.Select(stream.Add), stream.Finish()];

            Assert.Equal(tokenizer.Decode(ids), string.Concat(parts));
            Assert.DoesNotContain(parts, part => part.Length > 0 && char.IsHighSurrogate(part[^1]));
            Assert.True(seed % 2 == 1 || !string.Concat(parts[..^1]).Contains('\uFFFD') || tokenizer.Decode(ids).Contains('\uFFFD'));
        }
    }

    [Fact]
    public void Plain_text_never_produces_an_added_token()
    {
        var tokenizer = Trained();
        var end = tokenizer.EndId!.Value;

        var plain = tokenizer.Encode("a<|endoftext|>b");

        Assert.DoesNotContain(end, plain);
        Assert.Equal("a<|endoftext|>b", tokenizer.Decode(plain));
        Assert.Equal([.. tokenizer.Encode("a"), end, .. tokenizer.Encode("b")], tokenizer.EncodeWithAddedTokens("a<|endoftext|>b"));
        Assert.Equal("a<|endoftext|>b", tokenizer.Decode(tokenizer.EncodeWithAddedTokens("a<|endoftext|>b")));
        Assert.Equal("ab", tokenizer.Decode(tokenizer.EncodeWithAddedTokens("a<|endoftext|>b"), skipSpecial: true));
    }

    [Fact]
    public void The_longest_added_token_is_taken()
    {
        var tokenizer = BpeTrainer.Train(["text"], new() { AddedTokens = ["<a>", "<a><b>", "<"], Roles = new() });

        Assert.Equal([1, 0, 2], tokenizer.EncodeWithAddedTokens("<a><b><a><"));
    }

    [Fact]
    public void Ids_without_a_piece_become_replacement_characters()
    {
        var tokenizer = Made([]);
        var stream = new StreamingDecoder(tokenizer);

        Assert.Equal("$\uFFFD$", tokenizer.Decode([3, 256, 3]));
        Assert.Equal("$\uFFFD$", string.Concat(stream.Add(3), stream.Add(256), stream.Add(3), stream.Finish()));
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([-1]));
        Assert.StartsWith("token id is -1, expected at least 0; use the ids that a tokenizer or a model gave", error.Message);
    }

    [Fact]
    public void Many_threads_agree()
    {
        var tokenizer = Trained();
        var texts = Enumerable.Range(0, 64).Select(seed => new Drawn((ulong)seed).Text(200)).ToArray();
        var fresh = Trained();

        var together = texts.AsParallel().AsOrdered().Select(fresh.Encode).ToArray();

        Assert.Equal(texts.Select(tokenizer.Encode), together);
    }

    /// <summary>A tokenizer of the 256 bytes, ids by byte order of the alphabet, and these merges.</summary>
    internal static Tokenizer Made(IReadOnlyList<string> merges)
    {
        var pieces = ByteAlphabet.Order.Select(value => (string?)ByteAlphabet.Write([value])).ToList();
        var rules = new List<Merge>();
        foreach (var merge in merges)
        {
            var parts = merge.Split(' ');
            pieces.Add(parts[0] + parts[1]);
            rules.Add(new(pieces.IndexOf(parts[0]), pieces.IndexOf(parts[1]), pieces.Count - 1));
        }
        var (cutter, decoder) = TokenizerJson.ByteLevel(SplitPattern.Gpt2);
        return new(new() { Pieces = pieces, Merges = rules, PreTokeniser = cutter, Decoder = decoder }, "made up");
    }

    internal static Tokenizer Trained() => BpeTrainer.Train(
        ["the cat sat on the mat, the cat's mat; naïve café — 我想在 我想 🦙🦙 <|endoftext|> <|endoftext|> <|endoftext|>", "  12 12  34\n\n\n the the"], new() { VocabularySize = 400 });

    internal static string Pieces(Tokenizer tokenizer, int[] ids) => string.Join(' ', ids.Select(id => tokenizer.Decode([id])));

    private static int ByteId(Tokenizer tokenizer, byte value) => tokenizer.Definition.Pieces.ToList().IndexOf(ByteAlphabet.Write([value]));
}
