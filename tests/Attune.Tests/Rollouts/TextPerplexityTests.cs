using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Tests.Models;
using Attune.Text;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Rollouts;

[NoTensorLeaks]
public sealed class TextPerplexityTests
{
    [Fact]
    public void Windows_are_worked_by_hand()
    {
        // Ten tokens, four of context: 1 to 4 are scored, then 5 to 8, then 9, for which the window begins so that it is full.
        Assert.Equal([new(0, 1, 5), new(4, 5, 9), new(5, 9, 10)], TextPerplexity.Windows(10, 4));
        Assert.Equal([new(0, 1, 3)], TextPerplexity.Windows(3, 4));
        Assert.Empty(TextPerplexity.Windows(1, 4));
    }

    /// <summary>eval-golden.json, section lm_eval: token k there stands at place k + 1 here, behind the prefix; windows with one token of context.</summary>
    [FixtureFact]
    public void Windows_are_those_of_the_evaluation_harness()
    {
        var cases = Fixtures.Json("fixtures/eval-golden.json").GetProperty("lm_eval").GetProperty("rolling_windows").EnumerateArray().Where(c => c.GetProperty("context_len").GetInt32() == 1).ToArray();
        Assert.Equal(2, cases.Length);
        foreach (var golden in cases)
        {
            var prefix = golden.GetProperty("prefix").GetInt32();
            int TokenAt(int place) => place == 0 ? prefix : place - 1;
            var windows = TextPerplexity.Windows(golden.GetProperty("tokens").GetInt32() + 1, golden.GetProperty("max_seq_len").GetInt32());
            var expected = golden.GetProperty("windows").EnumerateArray().Select(w => w.EnumerateArray().Select(side => side.EnumerateArray().Select(t => t.GetInt32()).ToArray()).ToArray()).ToArray();
            Assert.Equal(expected.Length, windows.Count);
            foreach (var (window, sides) in windows.Zip(expected))
            {
                Assert.Equal(sides[0], Enumerable.Range(window.Start, window.End - 1 - window.Start).Select(TokenAt));
                Assert.Equal(sides[1], Enumerable.Range(window.First, window.End - window.First).Select(TokenAt));
            }
        }
    }

    [Fact]
    public void The_perplexity_of_one_window_is_that_of_its_tokens_and_of_more_the_mean_of_all()
    {
        using var model = TinyModel.Create("gpt2");
        int[] ids = [.. Enumerable.Range(0, 40).Select(k => k * 17 % 61)];

        Assert.Equal(TokenScores.Of(model, ids).Perplexity!.Value, TextPerplexity.Of(model, ids, 64), 1e-3);
        // windows of 11 tokens: 10 are scored in each, 9 in the last
        var sum = TextPerplexity.Windows(40, 10).Sum(w => TokenScoring.LogProbs(model, [ids[w.Start..w.End]], [w.First - w.Start])[0].Sum(p => (double)p));
        var scored = 0;
        Assert.Equal(Math.Exp(-sum / 39), TextPerplexity.Of(model, ids, 11, n => scored += n), 1e-3);
        Assert.Equal(39, scored);
    }

    [Fact]
    public void Weights_that_are_no_numbers_have_no_perplexity()
    {
        using var model = TinyModel.Create("gpt2");
        using (Autograd.NoGrad())
            model.NamedParameters().First(p => p.Name == "norm.weight").Parameter.Value.FillInPlace(double.NaN);

        Assert.Contains("is NaN", Assert.Throws<RunFailedException>(() => TextPerplexity.Of(model, [1, 2, 3], 8)).Message);
    }

    [Fact]
    public void Rounding_moves_the_perplexity_of_a_trained_model_by_little()
    {
        var folder = Repository.PathOf("models/base");
        var files = ModelDescription.Read(folder, TokenizerUse.Needed);
        var rows = Readers.PromptResponses(Repository.PathOf("data/quickstart/demonstrations.jsonl"), new());
        int[] ids = files.Tokenizer!.Encode(string.Concat(rows.Take(40).Select(row => row.Prompt + row.Response + "\n")));
        var full = WeightTrial.Of(files, Compute.Cpu, WeightForm.Full, ids, 512);
        var (int8, nf4) = (WeightTrial.Of(files, Compute.Cpu, WeightForm.Int8, ids, 512), WeightTrial.Of(files, Compute.Cpu, WeightForm.Nf4, ids, 512));

        Assert.InRange(full.Perplexity, 20, 200); // it was taught prose, and this is prose
        Assert.InRange(int8.Perplexity / full.Perplexity, 0.998, 1.002);
        Assert.InRange(nf4.Perplexity / full.Perplexity, 0.97, 1.03); // on so little text it may fall, too
        Assert.All([full, int8, nf4], trial => Assert.True(trial is { ScoredPerSecond: > 0, DecodedPerSecond: > 0 }));
        Assert.True(nf4.BytesPerToken < int8.BytesPerToken && int8.BytesPerToken < full.BytesPerToken / 3);
    }
}
