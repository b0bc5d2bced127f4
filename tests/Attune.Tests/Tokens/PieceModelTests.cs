using System.Text;
using Attune.Runs;
using Attune.Text;
using Attune.Tokens;

namespace Attune.Tests.Tokens;

/// <summary>Vocabularies and added tokens of small made-up files, with ids worked out by hand.</summary>
public sealed class PieceModelTests
{
    private const string Llama2 = """
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
        """;

    private const string Control = """{"id": 0, "content": "<unk>", "special": true}, {"id": 1, "content": "<s>", "special": true}, {"id": 2, "content": "</s>", "special": true}""";

    [Fact]
    public void A_sentencepiece_style_vocabulary_falls_back_to_bytes()
    {
        var tokenizer = Read(LlamaStyle());

        Assert.Equal([263, 3 + 0x0A, 260], tokenizer.Encode("ab\nb")); // ▁ab, a byte, b
        Assert.Equal([259, 3 + 0xC3, 3 + 0xA9, 261], tokenizer.Encode("éab"));
        Assert.Equal([259, 263, 259], tokenizer.Encode(" ab "));
        foreach (var text in new[] { "ab\nb", "éab", " ab ", "", "  ", "🦙 ab", "ab" })
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
        Assert.True(tokenizer.SpellsEverything);
        Assert.Equal([1, 263], tokenizer.Opened(tokenizer.Encode("ab")));
        Assert.Equal([1, 263], tokenizer.Opened([1, 263])); // never twice
        Assert.Equal((" ab", "\n"), (Encoding.UTF8.GetString(tokenizer.BytesOf(263)), Encoding.UTF8.GetString(tokenizer.BytesOf(13))));
    }

    [Fact]
    public void Text_that_goes_on_is_encoded_as_if_it_had_not_been_cut_off()
    {
        var tokenizer = Read(LlamaStyle());
        var ids = tokenizer.Encode("ab").ToList();
        tokenizer.EncodeBehind("ab", ids);
        var marked = new List<int> { 1 };
        tokenizer.EncodeBehind("ab", marked);

        Assert.Equal([263, 261], ids); // no space is put before it
        Assert.Equal([1, 263], marked); // behind an added token one is, as other programs have it
    }

    [Fact]
    public void Unknown_characters_become_one_token_where_they_fuse()
    {
        const string Vocabulary = """ "vocab": {"<unk>": 0, "a": 1, "b": 2, "ab": 3}, "merges": ["a b"] """;

        Assert.Equal([3, 0, 0, 1], Read($$$"""{"model": {"type": "BPE", "unk_token": "<unk>", {{{Vocabulary}}}}}""").Encode("abxya"));
        Assert.Equal([3, 0, 1], Read($$$"""{"model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, {{{Vocabulary}}}}}""").Encode("abxya"));
        Assert.Equal([3, 1], Read($$$"""{"model": {"type": "BPE", {{{Vocabulary}}}}}""").Encode("abxya"));
    }

    [Fact]
    public void Words_have_marks_before_their_parts_or_behind_their_ends()
    {
        var prefixed = Read("""{"model": {"type": "BPE", "continuing_subword_prefix": "##", "vocab": {"u": 0, "##n": 1, "##s": 2, "un": 3, "uns": 4}, "merges": ["u ##n", "un ##s"]}, "decoder": {"type": "WordPiece", "prefix": "##"}}""");
        var suffixed = Read("""{"pre_tokenizer": {"type": "WhitespaceSplit"}, "model": {"type": "BPE", "end_of_word_suffix": "</w>", "vocab": {"a": 0, "b</w>": 1, "ab</w>": 2, "a</w>": 3}, "merges": ["a b</w>"]}, "decoder": {"type": "BPEDecoder"}}""");

        Assert.Equal([4], prefixed.Encode("uns"));
        Assert.Equal("un", prefixed.Decode([0, 1]));
        Assert.Equal([2, 3], suffixed.Encode("ab a"));
        Assert.Equal("ab a", suffixed.Decode([2, 3]));
    }

    [Fact]
    public void The_likeliest_pieces_of_a_unigram_model_are_found()
    {
        // hand-worked: "abc" is a+bc = -3, ab+c = -2.5, a+b+c = -6; "abcd": ab+cd = -2.4
        const string Vocabulary = """["<unk>", 0], ["a", -2], ["b", -2], ["c", -2], ["ab", -0.5], ["bc", -1], ["cd", -1.9]""";
        var tokenizer = Read($$$"""{"model": {"type": "Unigram", "unk_id": 0, "vocab": [{{{Vocabulary}}}]}}""");

        Assert.Equal([4, 3], tokenizer.Encode("abc"));
        Assert.Equal([4, 6], tokenizer.Encode("abcd"));
        Assert.Equal([4, 0, 1], tokenizer.Encode("abxyza")); // neighbours that no piece has are one unknown
        Assert.Equal([], tokenizer.Encode(""));
    }

    [Fact]
    public void A_megabyte_is_spelled_by_every_kind_of_vocabulary()
    {
        const string Pieces = """["<unk>", 0], ["a", -2], ["aa", -3], ["aaaa", -4]""";
        var unigram = Read($$$"""{"model": {"type": "Unigram", "unk_id": 0, "vocab": [{{{Pieces}}}]}}""");
        var bpe = Read("""{"model": {"type": "BPE", "vocab": {"a": 0, "aa": 1, "aaaa": 2}, "merges": ["a a", "aa aa"]}}""");

        Assert.Equal(1 << 18, unigram.Encode(new string('a', 1 << 20)).Length);
        Assert.Equal(1 << 18, bpe.Encode(new string('a', 1 << 20)).Length);
    }

    [Theory]
    [InlineData("\"lstrip\": true", "a \t<x> b", "a|<x>| b")]
    [InlineData("\"rstrip\": true", "a <x>  b", "a |<x>|b")]
    [InlineData("\"single_word\": true", "a<x> <x> b", "a<x> |<x>| b")]
    [InlineData("\"special\": false", "a<x>b", "a|<x>|b")]
    public void Added_tokens_take_space_along_or_stand_alone(string flags, string text, string pieces)
    {
        var tokenizer = Read($$$"""{"added_tokens": [{"id": 9, "content": "<x>", {{{flags}}}}], "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, " ": 2, "<": 3, "x": 4, ">": 5, "\t": 6, "<x>": 9}, "merges": []}, "decoder": {"type": "Fuse"}}""");

        var ids = tokenizer.Encode(text); // none of them is special, so plain text gives them

        Assert.Equal(pieces.Split('|').SelectMany(part => part == "<x>" ? [9] : part.Select(sign => tokenizer.IdOf(sign.ToString())!.Value)), ids);
    }

    [Fact]
    public void Added_tokens_are_found_in_normalised_text_where_they_say_so()
    {
        var tokenizer = Read("""{"normalizer": {"type": "Lowercase"}, "added_tokens": [{"id": 3, "content": "YES", "normalized": true}, {"id": 4, "content": "NO", "normalized": false}], "model": {"type": "BPE", "vocab": {"n": 0, "o": 1, "a": 2}, "merges": []}}""");

        Assert.Equal([2, 3, 2], tokenizer.Encode("AyEsA"));
        Assert.Equal([0, 1, 4], tokenizer.Encode("NoNO"));
    }

    [Fact]
    public void Special_tokens_of_a_template_never_come_from_what_people_write()
    {
        var tokenizer = Read(LlamaStyle(), """{"bos_token": "<s>", "eos_token": "</s>"}""");
        var encoder = new ChatEncoder(tokenizer, ChatTemplate.Parse("{% for m in messages %}{{ bos_token + m.role[0] + m.content + '</s>' }}{% endfor %}", "mine"));

        var row = encoder.Row(new([new(Role.User, "<s></s>"), new(Role.Assistant, "<unk>")]));

        Assert.Equal(2, row.Ids.Count(id => id == 1));
        Assert.Equal(2, row.Ids.Count(id => id == 2));
        Assert.DoesNotContain(0, row.Ids);
        Assert.Equal(2, row.Ids[^1]);
        Assert.True(row.LossMask[^1]);
    }

    [Fact]
    public void A_sentencepiece_model_is_read_from_its_bytes()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "tokenizer.model");
        File.WriteAllBytes(path, SentencePiece(isBpe: true));
        folder.Write("tokenizer_config.json", """{"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "chat_template": "x"}""");

        var tokenizer = Tokenizer.Load(folder.Path);

        Assert.Equal([263, 3 + 0x0A, 260], tokenizer.Encode("ab\nb"));
        Assert.Equal("ab\nb é", tokenizer.Decode(tokenizer.Encode("ab\nb é")));
        Assert.Equal([1], tokenizer.Opening); // that class begins texts unless it is told not to
        Assert.Equal("x", tokenizer.ChatTemplate);
        tokenizer.Save(folder.Path);
        Assert.True(Tokenizer.Load(Path.Combine(folder.Path, "tokenizer.json")).IsSameAs(tokenizer));
    }

    [Fact]
    public void Broken_and_endless_files_are_refused_with_the_reason()
    {
        using var folder = new TemporaryFolder();
        var good = SentencePiece(isBpe: false);
        var path = Path.Combine(folder.Path, "x.model");
        for (var length = 0; length < good.Length; length += 7)
        {
            File.WriteAllBytes(path, good[..length]);
            Assert.Equal(path, Assert.Throws<InputException>(() => Tokenizer.Load(path).Encode("ab")).Title);
        }
        File.WriteAllBytes(path, [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]); // a piece of 2^55 bytes
        Assert.Contains("breaks off: a field of 72057594037927935 bytes at byte 9 of 9", Assert.Throws<InputException>(() => Tokenizer.Load(path)).Message);
        File.WriteAllText(path, "AA== 0\nAQ== 1\nAQ== 2\n");
        Assert.Contains("line 3  has a piece or the rank 2 again, expected each once", Assert.Throws<InputException>(() => Tokenizer.Load(path)).Message);
        File.WriteAllText(path, "AA== 0\n!!!! 1\n");
        Assert.Contains("line 2  has \"!!!! 1\", expected at most 1024 bytes in base64, a space, and a rank", Assert.Throws<InputException>(() => Tokenizer.Load(path)).Message);
        folder.Write("vocab.json", "{}");
        Assert.Contains("merges.txt has 1 problem\n  does not exist, expected the merges that belong to vocab.json", Assert.Throws<InputException>(() => Tokenizer.Load(Path.Combine(folder.Path, "vocab.json"))).Message);
    }

    /// <summary>ATTUNE_FUZZ says how many texts; the full number of the target, a million, takes a minute.</summary>
    [Fact]
    public void Random_texts_come_back_from_every_complete_vocabulary()
    {
        var count = ulong.TryParse(Environment.GetEnvironmentVariable("ATTUNE_FUZZ"), out var asked) ? asked : 5_000;
        Tokenizer[] tokenizers = [TokenizerTests.Trained(), BpeTrainer.Train(["the cat sat 12 34"], new() { VocabularySize = 280, Split = SplitPattern.Llama3 }), Read(LlamaStyle())];
        for (var seed = 0UL; seed < count; seed++)
        {
            var tokenizer = tokenizers[seed % 3];
            var text = new Drawn(seed).Text(1 + (int)(seed % 37)).Replace('▁', '_'); // which stands for a space in the last of them
            var ids = tokenizer.Encode(text);
            Assert.Equal(text, tokenizer.Decode(ids));
            if (seed % 16 >= 3)
                continue;
            var stream = new StreamingDecoder(tokenizer);
            string[] parts = [.. ids.Select(stream.Add), stream.Finish()];
            Assert.Equal(text, string.Concat(parts));
            Assert.DoesNotContain(parts, part => part.Length > 0 && (char.IsHighSurrogate(part[^1]) || char.IsLowSurrogate(part[0])));
        }
    }

    /// <summary>As Llama 2's: three control tokens, the bytes, then ▁ 259, b 260, ab 261, a 262, ▁ab 263.</summary>
    internal static string LlamaStyle()
    {
        var bytes = string.Join(", ", Enumerable.Range(0, 256).Select(value => $"\"<0x{value:X2}>\": {value + 3}"));
        return $$$"""{"added_tokens": [{{{Control}}}], {{{Llama2}}}, "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true, "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, {{{bytes}}}, "▁": 259, "b": 260, "ab": 261, "a": 262, "▁ab": 263}, "merges": ["a b", "▁ ab"]}}""";
    }

    /// <summary>The same pieces in protocol buffers; scores are ranks for merges, log-probs else.</summary>
    internal static byte[] SentencePiece(bool isBpe)
    {
        var model = new List<byte>();
        void Piece(string text, float score, byte kind)
        {
            byte[] name = Encoding.UTF8.GetBytes(text);
            byte[] message = [0x0A, (byte)name.Length, .. name, 0x15, .. BitConverter.GetBytes(score), 0x18, kind];
            model.AddRange([0x0A, (byte)message.Length, .. message]);
        }
        Piece("<unk>", 0, 2);
        Piece("<s>", 0, 3);
        Piece("</s>", 0, 3);
        for (var value = 0; value < 256; value++)
            Piece($"<0x{value:X2}>", 0, 6);
        foreach (var (text, score) in new[] { ("▁", -2f), ("b", -3f), ("ab", -0.5f), ("a", -4f), ("▁ab", -1f) })
            Piece(text, score, 1);
        model.AddRange([0x12, 0x02, 0x18, (byte)(isBpe ? 2 : 1)]); // trainer_spec.model_type
        model.AddRange([0x1A, 0x02, 0x20, 0x00]); // normalizer_spec.remove_extra_whitespaces
        return [.. model];
    }

    private static Tokenizer Read(string json, string? settings = null)
    {
        using var folder = new TemporaryFolder();
        if (settings is not null)
            folder.Write("tokenizer_config.json", settings);
        return Tokenizer.Load(folder.Write("tokenizer.json", json));
    }
}
