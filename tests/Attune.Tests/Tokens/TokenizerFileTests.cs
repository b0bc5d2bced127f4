using Attune.Runs;
using Attune.Tokens;

namespace Attune.Tests.Tokens;

public sealed class TokenizerFileTests
{
    [Fact]
    public void What_is_saved_is_read_back()
    {
        using var folder = new TemporaryFolder();
        var tokenizer = TokenizerTests.Trained();

        tokenizer.Save(folder.Path);
        var again = Tokenizer.Load(folder.Path);
        var fromFile = Tokenizer.Load(Path.Combine(folder.Path, "tokenizer.json"));

        Assert.Equal(TokenizerJson.Main(tokenizer.Definition), TokenizerJson.Main(again.Definition));
        Assert.Equal(tokenizer.Roles, again.Roles);
        Assert.Equal(tokenizer.Encode("the cat's café 🦙"), fromFile.Encode("the cat's café 🦙"));
        Assert.Equal((0, 1, (int?)null), (again.EndId, again.PaddingId, again.BeginId));
        Assert.Equal(["tokenizer.json", "tokenizer_config.json"], Directory.EnumerateFiles(folder.Path).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData(SplitPattern.Gpt2)]
    [InlineData(SplitPattern.Llama3)]
    [InlineData(SplitPattern.Qwen2)]
    public void Every_split_is_read_back(SplitPattern split)
    {
        using var folder = new TemporaryFolder();
        BpeTrainer.Train(["1234"], new() { Split = split }).Save(folder.Path);

        Assert.Equal(split, Tokenizer.Load(folder.Path).Split);
    }

    [Fact]
    public void Merges_are_read_in_both_forms()
    {
        using var folder = new TemporaryFolder();
        var joined = folder.Write("joined.json", Small(merges: "[\"a b\", \"ab c\"]"));
        var parted = folder.Write("parted.json", Small(merges: "[[\"a\",\"b\"], [\"ab\",\"c\"]]"));

        Assert.Equal([257], Tokenizer.Load(joined).Encode("abc"));
        Assert.Equal([257], Tokenizer.Load(parted).Encode("abc"));
    }

    [Fact]
    public void Added_tokens_written_as_objects_in_the_settings_are_understood()
    {
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer.json", Small(added: "[{\"id\": 300, \"content\": \"</s>\", \"special\": true}]"));
        folder.Write("tokenizer_config.json", """{"eos_token": {"content": "</s>", "lstrip": false}, "bos_token": null}""");

        var tokenizer = Tokenizer.Load(folder.Path);

        Assert.Equal(300, tokenizer.EndId);
        Assert.Equal(301, tokenizer.VocabularySize);
        Assert.Equal("!\uFFFD</s>", tokenizer.Decode([0, 299, 300])); // a hole
    }

    [Fact]
    public void A_post_processor_is_kept_as_it_was()
    {
        using var folder = new TemporaryFolder();
        const string Template = """{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}}]}""";
        var path = folder.Write("tokenizer.json", Small(also: $", \"post_processor\": {Template}"));

        Tokenizer.Load(path).Save(folder.Path);

        using var saved = System.Text.Json.JsonDocument.Parse(File.ReadAllText(path));
        using var given = System.Text.Json.JsonDocument.Parse(Template);
        Assert.True(System.Text.Json.JsonElement.DeepEquals(given.RootElement, saved.RootElement.GetProperty("post_processor")));
    }

    [Theory]
    [InlineData(", \"normalizer\": {\"type\": \"NFKX\"}", "normalizer  is NFKX, which is not supported, expected NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Replace, Prepend, Precompiled, BertNormalizer, Nmt, ByteLevel or a Sequence of these; use a model with such a tokenizer")]
    [InlineData(", \"normalizer\": {\"type\": \"NFC\", \"form\": 2}", "normalizer.form  is no key of NFC that is known, expected none; use a model with such a tokenizer")]
    [InlineData(", \"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"}, {\"type\": \"Upper\"}]}", "normalizer.normalizers[1]  is Upper, which is not supported, expected NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Replace, Prepend, Precompiled, BertNormalizer, Nmt, ByteLevel or a Sequence of these; use a model with such a tokenizer")]
    [InlineData(", \"post_processor\": {\"type\": \"PairProcessing\"}", "post_processor  is PairProcessing, which is not supported, expected ByteLevel, BertProcessing, RobertaProcessing, TemplateProcessing or a Sequence of these; use a model with such a tokenizer")]
    [InlineData(", \"post_processor\": {\"type\": \"BertProcessing\", \"sep\": [\"ab\", 7], \"cls\": [\"ab\", 256]}", "post_processor.sep  gives 'ab' the id 7, expected 256, as the vocabulary has it; get the file again from where the model came from")]
    [InlineData(", \"paddings\": null", "paddings  is no key that is known, expected version, truncation, padding, added_tokens, normalizer, pre_tokenizer, post_processor, decoder, model; use a model with such a tokenizer")]
    [InlineData(", \"added_tokens\": {}", "added_tokens  is no list, expected a list, which may be empty; get the file again")]
    [InlineData(", \"added_tokens\": [{\"id\": 256, \"content\": \"<x>\"}]", "added_tokens  have id 256 for '<x>', expected 'ab', as the vocabulary has it; give the token an id of its own")]
    [InlineData(", \"added_tokens\": [{\"id\": 300, \"content\": \"<x>\"}, {\"id\": 300, \"content\": \"<y>\"}]", "added_tokens  have id 300 for '<x>' and '<y>', expected one token of that id; remove the others")]
    [InlineData(", \"added_tokens\": [{\"id\": 300, \"content\": \"<x>\"}, {\"id\": 300, \"content\": \"<x>\"}]", "added_tokens  have id 300 for '<x>' and '<x>', expected one token of that id; remove the others")]
    [InlineData(", \"added_tokens\": [{\"id\": 300, \"content\": \"<x>\"}, {\"id\": 301, \"content\": \"<x>\"}]", "added_tokens  has '<x>' with ids 300 and 301, expected one; remove the others")]
    [InlineData(", \"added_tokens\": [{\"id\": \"x\"}]", "added_tokens  have {\"id\": \"x\"}, expected an id and a content each; get the file again")]
    public void Components_that_are_not_known_are_refused_by_name(string also, string problem)
    {
        using var folder = new TemporaryFolder();
        AssertRefused(folder.Write("tokenizer.json", Small(also: also)), problem);
    }

    [Theory]
    [InlineData("\"BPE\"", "\"WordPiece\"", "model  is WordPiece, which is not supported, expected BPE or Unigram; use a model with such a tokenizer")]
    [InlineData("\"BPE\"", "\"Unigram\"", "model.dropout  is no key that is known, expected type, unk_id, vocab, byte_fallback; use a model with such a tokenizer")]
    [InlineData("\"dropout\": null", "\"dropout\": 0.1", "model.dropout  is 0.1, which is not supported, expected none: one text has one encoding; use a model with such a tokenizer")]
    [InlineData("\"dropout\": null", "\"unk_token\": \"<unk>\"", "model.unk_token  is '<unk>', expected a piece of the vocabulary; get the file again")]
    [InlineData("\"dropout\": null", "\"drop_out\": null", "model.drop_out  is no key that is known, expected type, dropout, unk_token, continuing_subword_prefix, end_of_word_suffix, fuse_unk, byte_fallback, ignore_merges, vocab, merges; use a model with such a tokenizer")]
    [InlineData("\"add_prefix_space\": false", "\"add_prefix_space\": 1", "pre_tokenizer.add_prefix_space  is 1, expected true or false; get the file again from where the model came from")]
    [InlineData("\"pre_tokenizer\": {\"type\": \"ByteLevel\"", "\"pre_tokenizer\": {\"type\": \"Words\"", "pre_tokenizer  is Words, which is not supported, expected BertPreTokenizer, ByteLevel, CharDelimiterSplit, Digits, FixedLength, Metaspace, Punctuation, Split, UnicodeScripts, Whitespace, WhitespaceSplit or a Sequence of these; use a model with such a tokenizer")]
    [InlineData("\"decoder\": {\"type\": \"ByteLevel\"}", "\"decoder\": {\"type\": \"Bytes\"}", "decoder  is Bytes, which is not supported, expected BPEDecoder, ByteFallback, ByteLevel, CTC, Fuse, Metaspace, Replace, Strip, WordPiece or a Sequence of these; use a model with such a tokenizer")]
    [InlineData("\"a b\"", "\"a z z\"", "merges  have 'a' + 'z z' as number 1, expected both parts and their product in the vocabulary; get vocabulary and merges from the same place")]
    [InlineData("\"merges\": [\"a b\"]", "\"merges\": null", "model.merges  is no list, expected a list, which may be empty; get the file again")]
    [InlineData("\"merges\": [\"a b\"]", "\"merges\": \"a b\"", "model.merges  is no list, expected a list, which may be empty; get the file again")]
    [InlineData("\"merges\": [\"a b\"]", "\"merges \": [\"a b\"]", "model.merges   is no key that is known, expected type, dropout, unk_token, continuing_subword_prefix, end_of_word_suffix, fuse_unk, byte_fallback, ignore_merges, vocab, merges; use a model with such a tokenizer")]
    [InlineData(", \"merges\": [\"a b\"]", "", "model.merges  is missing, expected a list, which may be empty; get the file again")]
    [InlineData("\"a b\"", "7", "merges  have '7' + '' as number 1, expected both parts and their product in the vocabulary; get vocabulary and merges from the same place")]
    [InlineData("\"ab\": 256", "\"ab\": -1", "vocabulary  has id -1 for 'ab', expected a number from 0 to 10000000; get the file again")]
    [InlineData("\"ab\": 256", "\"ab\": 0", "vocabulary  has piece 'ab' or its id 0 twice, expected each once; get the file again")]
    [InlineData("\"model\"", "\"modell\"", "modell  is no key that is known, expected version, truncation, padding, added_tokens, normalizer, pre_tokenizer, post_processor, decoder, model; use a model with such a tokenizer")]
    public void A_file_that_differs_from_a_byte_level_one_is_refused_by_name(string old, string changed, string problem)
    {
        using var folder = new TemporaryFolder();
        Assert.Contains(old, Small(merges: "[\"a b\"]"));
        AssertRefused(folder.Write("tokenizer.json", Small(merges: "[\"a b\"]").Replace(old, changed)), problem);
    }

    [Fact]
    public void Words_of_a_split_are_cut_again_where_the_bytes_behind_it_use_their_regex()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "tokenizer.json");
        BpeTrainer.Train(["I'M"], new() { Split = SplitPattern.Llama3, MinimumCount = 1 }).Save(folder.Path);
        var tokenizer = Tokenizer.Load(path);
        var text = File.ReadAllText(path);
        File.WriteAllText(path, text.Replace("\"use_regex\": false", "\"use_regex\": true"));
        var cutTwice = Tokenizer.Load(path);

        Assert.Equal(["I", "'M"], tokenizer.Encode("I'M").Select(id => tokenizer.Decode([id])));
        Assert.Equal(["I", "'", "M"], cutTwice.Encode("I'M").Select(id => cutTwice.Decode([id])));
        Assert.Null(cutTwice.Split);
    }

    [Fact]
    public void A_plain_byte_level_cutter_cuts_as_GPT_2_unless_it_says_no()
    {
        using var folder = new TemporaryFolder();
        const string Given = "\"add_prefix_space\": false}";
        var whole = Tokenizer.Load(folder.Write("false.json", Small("[\"a Ġ\"]").Replace(Given, "\"add_prefix_space\": false, \"use_regex\": false}").Replace("\"ab\": 256", "\"aĠ\": 256")));

        Assert.Equal(SplitPattern.Gpt2, Tokenizer.Load(folder.Write("missing.json", Small())).Split);
        Assert.Equal(SplitPattern.Gpt2, Tokenizer.Load(folder.Write("true.json", Small().Replace(Given, "\"add_prefix_space\": false, \"use_regex\": true}"))).Split);
        Assert.Null(whole.Split);
        Assert.Contains(256, whole.Encode("a b")); // a merge across a space
    }

    [Fact]
    public void A_vocabulary_without_all_bytes_leaves_out_what_it_cannot_spell()
    {
        using var folder = new TemporaryFolder();
        var tokenizer = Tokenizer.Load(folder.Write("tokenizer.json", Small().Replace("\"!\": 0, ", "")));

        Assert.False(tokenizer.SpellsEverything);
        Assert.True(Tokenizer.Load(folder.Write("whole.json", Small())).SpellsEverything);
        Assert.Equal("a.", tokenizer.Decode(tokenizer.Encode("a!.")));
    }

    [Fact]
    public void Tokens_of_the_settings_join_those_of_the_file_or_contradict_them()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("tokenizer.json", Small(added: "[{\"id\": 300, \"content\": \"<a>\", \"special\": true}]"));
        folder.Write("tokenizer_config.json", """{"added_tokens_decoder": {"300": {"content": "<a>", "special": true}, "301": {"content": "<b>", "special": true}}, "eos_token": "<b>"}""");

        Assert.Equal((301, 302), (Tokenizer.Load(path).EndId, Tokenizer.Load(path).VocabularySize));
        folder.Write("added_tokens.json", """{"<a>": 299}""");
        folder.Write("tokenizer_config.json", "{}");
        AssertRefused(path, "added_tokens  have '<a>' with id 300, expected 299, as tokenizer_config.json or added_tokens.json beside it has it; get both files from the same place");
    }

    [Fact]
    public void A_file_that_is_too_large_is_refused_before_it_is_read()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("tokenizer.json", "{");
        using (var file = new FileStream(path, FileMode.Open))
            file.SetLength(1L << 36); // holds nothing on the disk

        AssertRefused(path, "has 68719476736 bytes, expected at most 268435456; get the file again from where the model came from");
    }

    [Fact]
    public void A_key_that_stands_twice_is_named()
    {
        using var folder = new TemporaryFolder();
        AssertRefused(folder.Write("tokenizer.json", Small().Replace("\"ab\": 256", "\"ab\": 256, \"ab\": 258")), "has a key twice (Duplicate property 'ab' encountered during deserialization), expected each key of an object once; get the file again, or remove one of them");
    }

    [Fact]
    public void A_missing_a_cut_and_an_empty_tokenizer_are_named()
    {
        using var folder = new TemporaryFolder();
        AssertRefused(Path.Combine(folder.Path, "none"), "does not exist, expected a folder with tokenizer.json, vocab.json and merges.txt, tokenizer.model, or a file of tiktoken; give the model's folder, or train one with 'attune tokenizer'");
        AssertRefused(folder.Path, "holds no tokenizer, expected a folder with tokenizer.json, vocab.json and merges.txt, tokenizer.model, or a file of tiktoken; give the model's folder, or train one with 'attune tokenizer'");
        AssertRefused(folder.Write("cut.json", Small()[..100]), "is not JSON at line 3, byte 78, expected a whole JSON file; get the file again; it may be cut short");
        AssertRefused(folder.Write("list.json", "[]"), "holds no JSON object, expected a tokenizer's settings; get the file again from where the model came from");
    }

    [Fact]
    public void A_role_without_its_token_is_named()
    {
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer_config.json", """{"eos_token": "</s>"}""");
        AssertRefused(folder.Write("tokenizer.json", Small()), "end token  is '</s>', expected one of the added tokens; add it or name another");
    }

    [Theory]
    [InlineData("tokenizer.json", "\"ab\": 256", "\"ab\\ud800\": 256")]
    [InlineData("tokenizer.json", "[\"a b\"", "[\"a \\ud800\"")]
    [InlineData("tokenizer.json", "\"added_tokens\": []", "\"added_tokens\": [{\"id\": 300, \"content\": \"\\udc00\"}]")]
    [InlineData("tokenizer.json", "\"BPE\"", "\"\\ud800\"")]
    [InlineData("tokenizer_config.json", "</s>", "\\ud800")]
    public void Half_a_surrogate_pair_is_named(string file, string old, string changed)
    {
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer.json", Small());
        folder.Write("tokenizer_config.json", """{"bos_token": null, "unk_token": "</s>", "eos_token": "</s>"}""");
        var path = Path.Combine(folder.Path, file);
        Assert.Contains(old, File.ReadAllText(path));
        File.WriteAllText(path, File.ReadAllText(path).Replace(old, changed));

        var error = Assert.Throws<InputException>(() => Tokenizer.Load(folder.Path));

        Assert.Equal($"{path} has 1 problem\n  holds half of a surrogate pair, expected well-formed Unicode; get the file again from where the model came from", error.Message);
    }

    [Theory]
    [InlineData("vocab.json")]
    [InlineData("merges.txt")]
    public void A_file_that_somebody_holds_is_named(string held)
    {
        using var folder = new TemporaryFolder();
        folder.Write("vocab.json", "{}");
        folder.Write("merges.txt", "");
        var path = Path.Combine(folder.Path, held);
        using var holder = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);

        var error = Assert.Throws<InputException>(() => Tokenizer.Load(folder.Path));

        Assert.Equal(path, error.Title);
        Assert.Matches(@"^cannot be read \(.+\), expected a file or folder that can be read; check the disk, or name another$", Assert.Single(error.Problems).Message);
    }

    private static void AssertRefused(string path, string problem)
    {
        var error = Assert.Throws<InputException>(() => Tokenizer.Load(path));
        Assert.Equal($"{path} has 1 problem\n  {problem}", error.Message);
    }

    private static string Small(string merges = "[\"a b\", \"ab c\"]", string added = "[]", string also = "")
    {
        var bytes = string.Join(", ", ByteAlphabet.Order.Select((value, id) => $"{System.Text.Json.JsonSerializer.Serialize(ByteAlphabet.Write([value]))}: {id}"));
        var extra = also.Contains("added_tokens") ? "" : $"\"added_tokens\": {added},";
        return $$"""
            {
              "version": "1.0",
              "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}, {{extra}}
              "decoder": {"type": "ByteLevel"},
              "model": {"type": "BPE", "dropout": null, "vocab": { {{bytes}}, "ab": 256, "abc": 257}, "merges": {{merges}}}{{also}}
            }
            """;
    }
}
