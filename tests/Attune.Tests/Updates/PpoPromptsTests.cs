using Attune.Runs;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;
using Attune.Updates;

namespace Attune.Tests.Updates;

public sealed class PpoPromptsTests : IDisposable
{
    private readonly TinyPpoStage _tiny = new();
    private readonly Tokenizer _tokenizer;

    public PpoPromptsTests() => _tokenizer = Tokenizer.Load(_tiny.At("policy"));

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public void Every_prompt_is_asked_once_before_any_comes_again_whatever_was_asked_before()
    {
        PpoPrompts Read() => PpoPrompts.Read(_tiny.Recipe, _tokenizer, new Seed(3));
        var (one, two) = (Read(), Read());
        string[] Asked(PpoPrompts prompts, int step) => [.. prompts.Of(step, 7, 1).Select(ids => string.Join(' ', ids))];

        var all = Enumerable.Range(0, 9).SelectMany(step => Asked(one, step)).ToArray(); // 63 of 60 prompts
        Assert.Equal(one.Training.Select(ids => string.Join(' ', ids)).Order(), all.Take(60).Order());
        Assert.Equal(Asked(one, 5), Asked(two, 5));
        Assert.NotEqual(all[..7], Asked(one, 9));
    }

    [Fact]
    public void Samples_of_one_prompt_stand_together() =>
        Assert.Equal([true, true, false], PpoPrompts.Read(_tiny.Recipe, _tokenizer, new Seed(3)).Of(0, 2, 3) is var asked
            ? new[] { asked[0] == asked[1], asked[1] == asked[2], asked[2] == asked[3] } : []);

    [Fact]
    public void Text_stands_around_prompts_and_long_ones_lose_their_beginning()
    {
        var file = _tiny.Write("rows.jsonl", "{\"prompt\":\"the cat\",\"response\":\"x\"}\n{\"prompt\":\"the dog sat on the mat and the fox sat too\",\"response\":\"x\"}\n");
        var recipe = _tiny.Recipe with
        {
            Prompts = new() { Data = [new() { Path = file, Format = DataFormat.Prompts }], Template = "Say: {prompt}\n<|endoftext|>", MaximumTokens = 16 },
        };

        var prompts = PpoPrompts.Read(recipe, _tokenizer, new Seed(1));

        Assert.Equal("Say: the cat\n<|endoftext|>", _tokenizer.Decode(prompts.Training[0]));
        Assert.Equal(_tokenizer.EndId, prompts.Training[0][^1]);
        Assert.EndsWith("the fox sat too\n<|endoftext|>", _tokenizer.Decode(prompts.Training[1]));
        Assert.Equal((16, 1, 0), (prompts.Training[1].Length, prompts.Shortened, prompts.Dropped));

        var dropping = PpoPrompts.Read(recipe with { Prompts = recipe.Prompts with { DropLonger = true } }, _tokenizer, new Seed(1));
        Assert.Equal((1, 0, 1), (dropping.Training.Count, dropping.Shortened, dropping.Dropped));
    }

    [Fact]
    public void A_tenth_is_kept_for_the_held_out_judge_where_it_has_no_prompts_of_its_own()
    {
        var prompts = PpoPrompts.Read(_tiny.Whole with { HeldOut = _tiny.Whole.HeldOut! with { Prompts = 100 } }, _tokenizer, new Seed(1));

        var (training, heldOut) = (prompts.Training.Select(p => _tokenizer.Decode(p)), prompts.HeldOut.Select(p => _tokenizer.Decode(p)).ToArray());
        Assert.Equal(60, prompts.Training.Count + heldOut.Length);
        Assert.InRange(heldOut.Length, 2, 20);
        Assert.All(heldOut, text => Assert.Equal(DataPart.Test, HashSplit.Of(text)));
        Assert.Empty(training.Intersect(heldOut));
        Assert.Equal(0, prompts.Shared);
    }

    [Fact]
    public void A_space_at_the_end_of_a_line_belongs_to_no_prompt() =>
        Assert.All(PpoPrompts.Read(_tiny.Recipe, _tokenizer, new Seed(1)).Training, ids => Assert.DoesNotMatch(@"\s$", _tokenizer.Decode(ids)));

    [Fact]
    public void Nothing_left_to_ask_is_an_error()
    {
        var recipe = _tiny.Recipe with { Prompts = _tiny.Recipe.Prompts with { MaximumTokens = 1, DropLonger = true } };

        Assert.Contains("has no prompt left of 60, expected at least one of 1 to 1 tokens", Assert.Throws<InputException>(() => PpoPrompts.Read(recipe, _tokenizer, new Seed(1))).Message);
    }

    [Fact]
    public void Pretraining_text_is_cut_into_pieces_drawn_by_the_seed()
    {
        var source = PpoPrompts.Pretraining(new() { Data = [new() { Path = _tiny.Prompts, LinePerDocument = true }], Rows = 5, Length = 3 }, _tokenizer)!;

        Assert.All(source(new Seed(1)), ids => Assert.InRange(ids.Length, 2, 3));
        Assert.Equal(5, source(new Seed(1)).Count);
        Assert.Equal(source(new Seed(1)), source(new Seed(1)));
        Assert.NotEqual(source(new Seed(1)), source(new Seed(2)));
    }
}
