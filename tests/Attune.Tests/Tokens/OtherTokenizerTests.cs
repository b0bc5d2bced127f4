using System.Text.Json;
using Attune.Tokens;

namespace Attune.Tests.Tokens;

/// <summary>Files of other forms against ids that other programs found (eval-golden.json, section tokenizer_other).</summary>
public sealed class OtherTokenizerTests
{
    [FixtureFact]
    public void A_sentencepiece_model_gives_the_golden_ids()
    {
        var golden = Golden("torchtune_sentencepiece");
        var tokenizer = Tokenizer.Load(Fixtures.Path("fixtures/tokenizers/m.model"));

        Assert.Equal(Ids(golden), tokenizer.Encode(golden.GetProperty("text").GetString()!));
        Assert.Equal((2_000, 1, 2), (tokenizer.VocabularySize, tokenizer.BeginId, tokenizer.EndId));
        Assert.Equal("Hello world!", tokenizer.Decode(tokenizer.Encode("  Hello   world! ")));
        Assert.Equal(tokenizer.Encode("fish 12"), tokenizer.Encode("\uFB01sh\u3000\uFF11\u2461")); // the compiled rules take ligatures apart, and wide and circled digits are digits
        Assert.Equal(tokenizer.Encode("caf\u00E9"), tokenizer.Encode("cafe\u0301")); // and compose
        Assert.Contains(0, tokenizer.Encode("\U0001F999"));
    }

    [FixtureFact]
    public void What_a_sentencepiece_model_is_saved_as_gives_the_same_ids()
    {
        using var folder = new TemporaryFolder();
        var tokenizer = Tokenizer.Load(Fixtures.Path("fixtures/tokenizers/m.model"));
        tokenizer.Save(folder.Path);
        var again = Tokenizer.Load(folder.Path);

        Assert.True(again.IsSameAs(tokenizer));
        Assert.Equal(tokenizer.Roles, again.Roles);
        foreach (var text in new[] { "Hello world!", "", "  ", "<s> is text", "a\n\nb \u3000 Ⅷ" })
            Assert.Equal(tokenizer.Encode(text), again.Encode(text));
        Assert.DoesNotContain(1, tokenizer.Encode("<s> is text"));
    }

    [FixtureFact]
    public void Ranks_of_tiktoken_give_the_golden_ids()
    {
        var golden = Golden("torchtune_tokenizer_json");
        var tokenizer = Tokenizer.Load(Fixtures.Path("fixtures/tokenizers/tiktoken_small.model"));
        var same = Tokenizer.Load(Fixtures.Path("fixtures/tokenizers/tokenizer.json"));

        Assert.Equal(Ids(golden), tokenizer.Encode(golden.GetProperty("text").GetString()!));
        Assert.Equal(2_000, tokenizer.VocabularySize);
        for (var seed = 0UL; seed < 300; seed++)
        {
            var text = new Drawn(seed).Text(60);
            Assert.Equal(same.Encode(text), tokenizer.Encode(text));
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
        }
    }

    [FixtureFact]
    public void A_normalising_tokenizer_and_its_two_files_agree()
    {
        var whole = Tokenizer.Load(Fixtures.Path("fixtures/tokenizers/tiny_bpe_tokenizer.json"));
        var pair = Tokenizer.Load(Fixtures.Path("fixtures/tokenizers/tiny_bpe_vocab.json"));

        Assert.Equal((2_003, 2_000), (whole.VocabularySize, pair.VocabularySize));
        foreach (var text in new[] { "The cat sat on the mat.", " and so it goes", "Hello, world! It is what it is" }) // words that both patterns cut alike
            Assert.Equal(whole.Encode(text), pair.Encode(text));
        Assert.Equal([2_001, .. whole.Encode("user"), 2_002], whole.EncodeWithAddedTokens("<|im_start|>user<|im_end|>"));
        Assert.Equal("The cat", whole.Decode(whole.Encode("The cat")));
        Assert.False(whole.SpellsEverything); // it lacks 160 of the bytes
    }

    [FixtureFact]
    public void A_file_that_breaks_off_is_refused_with_the_reason()
    {
        using var folder = new TemporaryFolder();
        var bytes = File.ReadAllBytes(Fixtures.Path("fixtures/tokenizers/m.model"));
        var path = Path.Combine(folder.Path, "cut.model");
        for (var length = 1; length < bytes.Length; length += 9_973)
        {
            File.WriteAllBytes(path, bytes[..length]);
            var error = Assert.ThrowsAny<Attune.Runs.InputException>(() => Tokenizer.Load(path));
            Assert.Equal(path, error.Title);
        }
    }

    private static IEnumerable<int> Ids(JsonElement golden) => golden.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32());

    private static JsonElement Golden(string name) => Fixtures.Json("fixtures/eval-golden.json").GetProperty("tokenizer_other").GetProperty(name);
}
