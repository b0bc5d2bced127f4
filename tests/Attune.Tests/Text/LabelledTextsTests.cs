using System.Text.Json;
using Attune.Runs;
using Attune.Text;

namespace Attune.Tests.Text;

public sealed class LabelledTextsTests : IDisposable
{
    private readonly Attune.Tests.TemporaryFolder _folder = new();
    private readonly string _good, _bad;

    public LabelledTextsTests()
    {
        // every tenth beginning is that of a good and of a bad text
        string Lines(string word, int count) => string.Join('\n', Enumerable.Range(0, count).Select(k => $"film {(k % 10 == 0 ? "" : word[0])}{k} is {string.Concat(Enumerable.Repeat(word + " ", 1 + k % 7))}. "));
        (_good, _bad) = (_folder.Write("good.txt", Lines("fine", 300) + "\nfilm a b both\n"), _folder.Write("bad.txt", Lines("dull", 400) + "\nfilm a b both\ntoo short\n"));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Pairs_have_a_better_and_a_worse_text_of_nearly_equal_length_and_no_text_twice()
    {
        var parts = Write();
        var pairs = Enum.GetValues<DataPart>().SelectMany(part => Readers.Preferences(File($"pairs-{Name(part)}.jsonl"), new())).ToArray();

        Assert.Equal(700, parts.Sum(part => part.Texts + part.LeftOut)); // neither the one that is called both, nor the short one
        Assert.Equal(parts.Sum(part => part.Pairs), pairs.Length);
        Assert.InRange(pairs.Length, 270, 301);
        Assert.All(pairs, pair => Assert.True(pair.Prompt == "" && (pair.Chosen + pair.Rejected).Contains("dull") && !pair.Rejected.Contains("fine")));
        Assert.True(pairs.Average(pair => Math.Abs(pair.Chosen.Split(' ').Length - pair.Rejected.Split(' ').Length)) < 0.3);
        Assert.Equal(pairs.Length, pairs.Select(pair => pair.Chosen).Distinct().Count());
        Assert.Equal(pairs.Length, pairs.Select(pair => pair.Rejected).Distinct().Count());
    }

    [Fact]
    public void Parts_share_no_text_and_beginnings_join_to_the_text()
    {
        Write();
        foreach (var part in Enum.GetValues<DataPart>())
        {
            foreach (var row in Readers.PromptResponses(File($"beginnings-{Name(part)}.jsonl"), new()))
            {
                Assert.Equal(2, row.Prompt.Split(' ').Length);
                Assert.StartsWith(" ", row.Response);
                Assert.Equal(part, HashSplit.Of(row.Prompt + row.Response));
            }

            Assert.All(Readers.Preferences(File($"pairs-{Name(part)}.jsonl"), new()), pair => Assert.Equal((part, part), (HashSplit.Of(pair.Chosen), HashSplit.Of(pair.Rejected))));
        }
    }

    [Fact]
    public void Parts_share_no_prompt_and_what_is_left_out_for_that_is_counted()
    {
        var parts = Write();
        var prompts = parts.Select(part => Readers.PromptResponses(File($"beginnings-{Name(part.Part)}.jsonl"), new()).Select(row => row.Prompt).ToList()).ToList();

        Assert.Equal(parts.Sum(part => part.Texts), prompts.Sum(own => own.Count));
        Assert.Equal(prompts.Sum(own => own.Distinct().Count()), prompts.SelectMany(own => own).Distinct().Count());
        Assert.Equal(0, parts[0].LeftOut);
        Assert.True(parts[1].LeftOut > 0 && parts[2].LeftOut > 0, $"left out: {parts[1].LeftOut} and {parts[2].LeftOut}");
    }

    [Fact]
    public void The_same_input_gives_the_same_bytes()
    {
        Write();
        var first = System.IO.File.ReadAllBytes(File("pairs-train.jsonl"));
        Write();

        Assert.Equal(first, System.IO.File.ReadAllBytes(File("pairs-train.jsonl")));
    }

    [Fact]
    public void A_part_without_texts_is_refused()
    {
        var few = _folder.Write("few.txt", "one two three four\n");

        Assert.Contains("has no text of 4 words in the ", Assert.Throws<InputException>(() => LabelledTexts.Write(few, _bad, 2, Out)).Message);
        Assert.Contains("--prompt-words has 1 problem\n  is 0, expected at least 1", Assert.Throws<InputException>(() => LabelledTexts.Write(_good, _bad, 0, Out)).Message);
    }

    [Fact]
    public void A_last_part_without_texts_writes_nothing_of_the_others()
    {
        var untested = _folder.Write("untested.txt", string.Join('\n', System.IO.File.ReadAllLines(_good).Where(text => HashSplit.Of(text.Trim()) != DataPart.Test)));

        Assert.Contains("in the test part", Assert.Throws<InputException>(() => LabelledTexts.Write(untested, _bad, 2, Out)).Message);

        Assert.False(Directory.Exists(Out));
    }

    private string Out => Path.Combine(_folder.Path, "out");

    private IReadOnlyList<LabelledPart> Write() => LabelledTexts.Write(_good, _bad, 2, Out);

    private string File(string name) => Path.Combine(Out, name);

    private static string Name(DataPart part) => JsonNamingPolicy.CamelCase.ConvertName(part.ToString());
}
