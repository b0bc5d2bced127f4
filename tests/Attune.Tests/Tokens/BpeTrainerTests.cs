using System.Text;

using Attune.Runs;
using Attune.Tokens;

namespace Attune.Tests.Tokens;

public sealed class BpeTrainerTests
{
    private static readonly BpeTrainerOptions Bare = new() { AddedTokens = [], Roles = new() };

    [Fact]
    public void Merges_are_those_of_the_published_word_counts()
    {
        // huggingface/tokenizers, BpeTrainer test: counts of words, least count 2
        string[] words = ["roses", "are", "are", "red", "voilets", "blue", "BERT", "is", "is", "big", "and", "so", "GPT-2"];

        var tokenizer = BpeTrainer.Train(words, Bare);

        Assert.Equal(["r+e", "a+re", "i+s"], Merges(tokenizer));
        Assert.Equal([256, 257, 258], new[] { "re", "are", "is" }.Select(piece => tokenizer.IdOf(piece)!.Value));
    }

    [Fact]
    public void A_byte_level_vocabulary_learns_the_published_words()
    {
        // huggingface/tokenizers, byte-level training test
        var tokenizer = BpeTrainer.Train(["A first sentence", "Another sentence", "And a last one"], Bare);

        Assert.Equal(["A", " sentence"], tokenizer.Encode("A sentence").Select(id => tokenizer.Decode([id])));
    }

    [Fact]
    public void Ties_go_to_the_lowest_ids()
    {
        // Every pair occurs twice. Lowest left id first, then lowest right id.
        Assert.Equal(["a+b", "a+c", "b+a", "c+b"], Merges(BpeTrainer.Train(["cb", "ba", "ac", "ab", "ab", "ac", "ba", "cb"], Bare)));
    }

    [Fact]
    public void Counts_follow_merges_worked_by_hand()
    {
        // aaabdaaabac (the textbook string), three times as words: aa 4·3, ab 2·3, then aa+a.. ; counts include overlaps
        // aaabdaaabac: aa 4, ab 2, bd 1, da 1, ba 1, ac 1. aa -> X: X a b d X a b a c: Xa 2, ab 2, ...: ab has the lower left id -> Y: X Y d X Y a c: XY 2.
        var tokenizer = BpeTrainer.Train(["aaabdaaabac"], Bare);

        Assert.Equal(["a+a", "a+b", "aa+ab"], Merges(tokenizer));
    }

    [Fact]
    public void Order_of_documents_and_repetition_change_nothing()
    {
        var documents = Enumerable.Range(0, 200).Select(seed => new Drawn((ulong)seed).Text(60) + " the cat sat on the mat").ToArray();

        var once = BpeTrainer.Train(documents, new() { VocabularySize = 600 });
        var again = BpeTrainer.Train(documents.Reverse(), new() { VocabularySize = 600 });

        Assert.Equal(TokenizerJson.Main(once.Definition), TokenizerJson.Main(again.Definition));
        Assert.Equal(600, once.VocabularySize);
    }

    [Fact]
    public void Merges_are_those_of_a_plain_recount()
    {
        var documents = Enumerable.Range(0, 30).Select(seed => new Drawn((ulong)seed).Text(80)).ToArray();

        var tokenizer = BpeTrainer.Train(documents, Bare with { VocabularySize = 256 + 150 });

        Assert.Equal(Recounted(documents, tokenizer, 150), tokenizer.Definition.Merges.Take(150).Select(merge => (merge.Left, merge.Right)));
    }

    [Fact]
    public void No_piece_spells_an_added_token()
    {
        var tokenizer = BpeTrainer.Train(Enumerable.Repeat("the", 10), Bare with { AddedTokens = ["the"] });

        Assert.Equal("t he", TokenizerTests.Pieces(tokenizer, tokenizer.Encode("the")).Replace("th e", "t he"));
        Assert.Equal(0, tokenizer.IdOf("the"));
        Assert.DoesNotContain(0, tokenizer.Encode("the"));
    }

    [Fact]
    public void Options_out_of_range_are_named_together()
    {
        var error = Assert.Throws<InputException>(() => BpeTrainer.Train([], new() { VocabularySize = 100, MinimumCount = 0 }));

        Assert.Equal("""
            The tokenizer's recipe has 2 problems
              tokenizer.vocabularySize  is 100, expected at least 258: 256 bytes and 2 added tokens; 4096 is usual for a small model
              tokenizer.minimumCount    is 0, expected at least 1; 2 is usual
            """, error.Message);
    }

    [Fact]
    public void A_half_character_in_the_text_is_refused()
    {
        Assert.Throws<ArgumentException>(() => BpeTrainer.Train(["a\uD800"], Bare));
    }

    private static IEnumerable<string> Merges(Tokenizer tokenizer) =>
        tokenizer.Definition.Merges.Select(merge => $"{tokenizer.Decode([merge.Left])}+{tokenizer.Decode([merge.Right])}");

    /// <summary>The same rule with everything counted anew for each merge.</summary>
    private static List<(int Left, int Right)> Recounted(string[] documents, Tokenizer tokenizer, int merges)
    {
        var words = new List<List<int>>();
        foreach (var document in documents)
        {
            for (var start = 0; start < document.Length;)
            {
                var end = SplitScanner.EndOfWord(document, start, SplitPattern.Gpt2);
                words.Add([.. Encoding.UTF8.GetBytes(document[start..end]).Select(value => ByteAlphabet.Order.ToList().IndexOf(value))]);
                start = end;
            }
        }
        var chosen = new List<(int Left, int Right)>();
        while (chosen.Count < merges)
        {
            var best = words.SelectMany(word => word.Zip(word.Skip(1))).CountBy(pair => pair)
                .OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key.First).ThenBy(pair => pair.Key.Second).First();
            if (best.Value < 2)
                break;
            var product = tokenizer.Definition.Merges[chosen.Count].Product;
            chosen.Add(best.Key);
            foreach (var word in words)
            {
                for (var i = 0; i + 1 < word.Count; i++)
                {
                    if (word[i] == best.Key.First && word[i + 1] == best.Key.Second)
                    {
                        word[i] = product;
                        word.RemoveAt(i + 1);
                    }
                }
            }
        }
        return chosen;
    }
}
