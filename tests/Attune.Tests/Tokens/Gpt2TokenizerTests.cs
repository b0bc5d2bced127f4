using System.Text.Json;

using Attune.Tokens;

namespace Attune.Tests.Tokens;

/// <summary>GPT-2's own vocabulary against ids that other programs found (eval-golden.json, sections tokenizer_gpt2 and tokenizer_other).</summary>
public sealed class Gpt2TokenizerTests
{
    private static readonly Lazy<Tokenizer> Gpt2 = new(() => Tokenizer.Load(Fixtures.Path("fixtures/gpt2-tokenizer")));

    [FixtureFact]
    public void Sizes_are_the_published_ones()
    {
        Assert.Equal(50_257, Gpt2.Value.VocabularySize);
        Assert.Equal(50_000, Gpt2.Value.Definition.Merges.Count);
        Assert.Equal(50_256, Gpt2.Value.EndId);
    }

    [FixtureFact]
    public void Texts_have_the_golden_ids()
    {
        var golden = Golden("tokenizer_gpt2");
        foreach (var entry in golden.GetProperty("llama_cpp_ggml_vocab_gpt2").EnumerateArray())
            AssertIds(entry.GetProperty("text").GetString()!, entry.GetProperty("ids"));
        foreach (var entry in golden.GetProperty("repeated_zero").EnumerateObject())
            AssertIds(new string('0', int.Parse(entry.Name)), entry.Value);
        Assert.Equal([31373, 995], Gpt2.Value.Encode("hello world"));
        Assert.Equal([31373, 220, 50256], Gpt2.Value.EncodeWithAddedTokens("hello <|endoftext|>"));
        Assert.DoesNotContain(50256, Gpt2.Value.Encode("hello <|endoftext|>"));
    }

    [FixtureFact]
    public void A_long_text_has_the_golden_ids()
    {
        var text = File.ReadAllText(Fixtures.Path("fixtures/gpt2-tokenizer/lib.rs.txt"));
        var ids = JsonSerializer.Deserialize<int[]>(File.ReadAllText(Fixtures.Path("fixtures/gpt2-tokenizer/tokens_gpt2.json")))!;

        Assert.Equal(11_378, ids.Length);
        Assert.Equal(ids, Gpt2.Value.Encode(text));
        Assert.Equal(text, Gpt2.Value.Decode(ids));
    }

    [FixtureFact]
    public void A_saved_vocabulary_is_read_back_as_it_was()
    {
        using var folder = new TemporaryFolder();

        Gpt2.Value.Save(folder.Path);
        var again = Tokenizer.Load(folder.Path);

        Assert.Equal(TokenizerJson.Main(Gpt2.Value.Definition), TokenizerJson.Main(again.Definition));
        Assert.Equal(Gpt2.Value.Roles, again.Roles);
        Assert.Equal([31373, 220, 50256], again.EncodeWithAddedTokens("hello <|endoftext|>"));
    }

    [FixtureFact]
    public void A_tokenizer_with_another_split_and_ignored_merges_gives_the_golden_ids()
    {
        var golden = Golden("tokenizer_other").GetProperty("torchtune_tokenizer_json");
        var tokenizer = Tokenizer.Load(Fixtures.Path("fixtures/tokenizers/tokenizer.json"));

        Assert.Equal(SplitPattern.Llama3, tokenizer.Split);
        Assert.Equal(golden.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()), tokenizer.Encode(golden.GetProperty("text").GetString()!));
    }

    private static void AssertIds(string text, JsonElement ids)
    {
        Assert.Equal(ids.EnumerateArray().Select(id => id.GetInt32()), Gpt2.Value.Encode(text));
        Assert.Equal(text, Gpt2.Value.Decode(Gpt2.Value.Encode(text)));
    }

    private static JsonElement Golden(string section) => Fixtures.Json("fixtures/eval-golden.json").GetProperty(section);
}
