using System.Text.Json;
using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Tests.Models;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Rollouts;

[NoTensorLeaks]
public sealed class BeamSearchTests
{
    private const double Rounding = 1e-5; // float32 log-probs of one to five tokens

    /// <summary>After 0: 1 with 0.5, 2 with 0.4. After 1 the best has 0.4, after 2 it has 0.9.</summary>
    private static readonly double[][] Garden =
    [
        [0, 0.5, 0.4, 0.1],
        [0, 0.3, 0.3, 0.4],
        [0, 0.05, 0.9, 0.05],
        [0, 0.3, 0.3, 0.4],
    ];

    /// <summary>The folders of tests/goldens/models that have beams.</summary>
    private static readonly string[] Folders =
        [.. Directory.GetDirectories(Repository.PathOf("tests/goldens/models")).Where(folder => File.Exists(Path.Combine(folder, "expected.json")) && Expected(folder).TryGetProperty("beam", out _)).Select(folder => Path.GetFileName(folder)!).Order()];

    public static TheoryData<string> GoldenModels => new(Folders);

    [Fact]
    public void The_models_with_beams_are_found() => Assert.Superset(new HashSet<string> { "gpt2", "llama-gqa" }, Folders.ToHashSet());

    [Theory]
    [MemberData(nameof(GoldenModels))]
    public void Beams_are_those_of_transformers(string name)
    {
        var folder = Repository.PathOf($"tests/goldens/models/{name}");
        using var model = CausalLm.Load(folder, Compute.Cpu);
        var cases = Expected(folder).GetProperty("beam").EnumerateArray().ToArray();
        Assert.Equal(15, cases.Length);
        foreach (var each in cases)
        {
            var prompt = Ids(each.GetProperty("input_ids"));
            int[] ends = each.GetProperty("eos_token_id") is { ValueKind: JsonValueKind.Number } end ? [end.GetInt32()] : [];
            var options = new BeamOptions
            {
                Beams = each.GetProperty("num_beams").GetInt32(),
                LengthPenalty = each.GetProperty("length_penalty").GetDouble(),
                EarlyStopping = each.GetProperty("early_stopping").GetBoolean() ? EarlyStopping.Yes : EarlyStopping.No,
            };
            var found = new BeamSearch(model, options, new() { MaximumNewTokens = each.GetProperty("max_new_tokens").GetInt32(), EndTokens = ends }).Search(prompt);
            var outputs = each.GetProperty("output_ids").EnumerateArray().Select(Ids).ToArray();
            var scores = each.GetProperty("sequences_scores").EnumerateArray().Select(s => s.GetDouble()).ToArray();
            Assert.Equal(outputs.Length, found.Count);
            for (var k = 0; k < outputs.Length; k++)
            {
                var width = outputs[k].Length - prompt.Length;
                Assert.Equal(outputs[k][prompt.Length..], found[k].Response.Concat(Enumerable.Repeat(0, width - found[k].Response.Length))); // rows are padded with 0
                Assert.Equal(scores[k], found[k].Score, 1e-5 * Math.Max(1, Math.Abs(scores[k])));
            }
        }
    }

    [Fact]
    public void Two_beams_find_what_greedy_passes_by()
    {
        using var model = ChainModel.Create(Garden);
        var greedy = new Sampler(model, new() { IsGreedy = true, MaximumNewTokens = 2 }).Sample([new([0], 0)], new Seed(1))[0];
        var found = new BeamSearch(model, new() { Beams = 2, LengthPenalty = 0 }, new() { MaximumNewTokens = 2 }).Search([0]);

        Assert.Equal([1, 3], greedy.Response);
        Assert.Equal(0.20, Math.Exp(greedy.LogProbs.Sum()), Rounding);
        Assert.Equal([2, 2], found[0].Response);
        Assert.Equal(0.36, Math.Exp(found[0].Score), Rounding);
        Assert.Equal(0.36, Math.Exp(found[0].LogProbs.Sum()), Rounding);
        Assert.Equal([1, 3], found[1].Response);
    }

    [Fact]
    public void One_beam_is_greedy()
    {
        using var model = TinyModel.Create("llama");
        var greedy = new Sampler(model, new() { IsGreedy = true, MaximumNewTokens = 12 }).Sample([new([3, 17], 0)], new Seed(1))[0];
        Assert.Equal(greedy.Response, Assert.Single(new BeamSearch(model, new() { Beams = 1 }, new() { MaximumNewTokens = 12 }).Search([3, 17])).Response);
    }

    [Fact]
    public void A_temperature_applies_to_scores()
    {
        using var model = ChainModel.Create(Garden);
        var found = new BeamSearch(model, new() { Beams = 2 }, new() { MaximumNewTokens = 2, Temperature = 0.5 }).Search([0]);

        // Probabilities are squared and made to sum to 1: 0.16/0.42 after 0, 0.81/0.815 after 2; 0.25/0.42 and 0.16/0.34 on the way of greedy.
        Assert.Equal([2, 2], found[0].Response);
        Assert.Equal(Math.Log(0.16 / 0.42 * 0.81 / 0.815) / 2, found[0].Score, Rounding);
        Assert.Equal(Math.Log(0.25 / 0.42 * 0.16 / 0.34) / 2, found[1].Score, Rounding);
        // At temperature ¼ the first token decides: (0.5⁴/(0.5⁴ + 0.4⁴ + 0.1⁴))·(0.4⁴/(0.4⁴ + 2·0.3⁴)) = 0.4340 against 0.2902.
        var cold = new BeamSearch(model, new() { Beams = 2 }, new() { MaximumNewTokens = 2, Temperature = 0.25 }).Search([0])[0];
        Assert.Equal([1, 3], cold.Response);
        Assert.Equal(Math.Log(0.0625 / 0.0882 * 0.0256 / 0.0418) / 2, cold.Score, Rounding);
    }

    [Theory]
    [InlineData(EarlyStopping.Yes, new[] { 2, 1 })] // as soon as two have ended
    [InlineData(EarlyStopping.No, new[] { 2, 2, 2, 2, 2 })] // the open one would score better at every length
    public void A_search_ends_at_once_or_when_no_open_beam_is_better(EarlyStopping early, int[] best)
    {
        // 1 ends, 2 goes on with 0.9; a penalty of 4 favours what is long.
        using var model = ChainModel.Create([[0, 0.45, 0.5, 0.05], [0, 0.3, 0.3, 0.4], [0, 0.1, 0.9, 0], [0, 0.9, 0.05, 0.05]]);
        var found = new BeamSearch(model, new() { Beams = 2, LengthPenalty = 4, EarlyStopping = early, Best = 1 }, new() { MaximumNewTokens = 5, EndTokens = [1] }).Search([0]);

        Assert.Equal(best, Assert.Single(found).Response);
    }

    [Theory]
    [InlineData(EarlyStopping.No, new[] { 2, 1 }, 0.165)] // log 0.135 / 2 of the open 2 2 is less
    [InlineData(EarlyStopping.Never, new[] { 2, 2, 2, 2, 1 }, 0.015035625)] // but with five tokens it may come to be more, and does
    public void A_search_that_never_guesses_goes_on_while_length_could_help(EarlyStopping early, int[] second, double probability)
    {
        using var model = ChainModel.Create([[0.2, 0.45, 0.3, 0.05], [0, 0.3, 0.3, 0.4], [0, 0.55, 0.45, 0], [0, 0.9, 0.05, 0.05]]);
        var found = new BeamSearch(model, new() { Beams = 2, EarlyStopping = early }, new() { MaximumNewTokens = 5, EndTokens = [1] }).Search([0]);

        Assert.Equal([1], found[0].Response);
        Assert.Equal(Math.Log(0.45), found[0].Score, Rounding);
        Assert.Equal(second, found[1].Response);
        Assert.Equal(Math.Log(probability) / second.Length, found[1].Score, Rounding);
        Assert.All(found, h => Assert.Equal(FinishReason.EndToken, h.Finish));
    }

    [Fact]
    public void An_end_that_ranks_behind_the_beams_does_not_count()
    {
        // 3 ends. After two tokens 1 1 has 0.30, 2 3 has 0.24, 1 3 has 0.20, 2 2 has 0.16: of the ends only the first is within two beams. After
        // three 1 1 3 has 0.12 and is second.
        using var model = ChainModel.Create([[0, 0.5, 0.4, 0.1], [0, 0.6, 0, 0.4], [0, 0, 0.4, 0.6], [0, 1, 0, 0]]);
        var found = new BeamSearch(model, new() { Beams = 2, LengthPenalty = 0, EarlyStopping = EarlyStopping.Yes }, new() { MaximumNewTokens = 3, EndTokens = [3] }).Search([0]);

        Assert.Equal([[2, 3], [1, 1, 3]], found.Select(h => h.Response));
        Assert.Equal(Math.Log(0.24), found[0].Score, Rounding);
        Assert.Equal(Math.Log(0.12), found[1].Score, Rounding);
    }

    [Fact]
    public void Penalties_and_bans_shape_a_search()
    {
        using var model = ChainModel.Create(Garden);
        Hypothesis Best(SamplingOptions options) => new BeamSearch(model, new() { Beams = 2, LengthPenalty = 0 }, options with { MaximumNewTokens = 2 }).Search([0])[0];

        Assert.Equal([1, 3], Best(new() { NoRepeatNgram = 1 }).Response);
        Assert.Equal([2, 2], Best(new() { BadWords = [[1]] }).Response);
        Assert.Equal([1, 3], Best(new() { BadWords = [[2, 2]] }).Response);
        var biased = Best(new() { Biases = [new() { Tokens = [3], Bias = 5 }] });
        Assert.Equal(3, biased.Response[1]);
        Assert.Equal(biased.LogProbs.Sum() + (5 * biased.Response.Count(t => t == 3)), biased.Score, Rounding); // scores are of the changed numbers, log-probs the model's
    }

    [Fact]
    public void A_vocabulary_smaller_than_the_beams_gives_fewer_hypotheses_and_no_copies()
    {
        using var model = ChainModel.Create([[0.5, 0.5], [0.5, 0.5]]);
        var found = new BeamSearch(model, new() { Beams = 8 }, new() { MaximumNewTokens = 2 }).Search([0]);
        Assert.Equal(4, found.Select(h => string.Join(' ', h.Response)).Distinct().Count());
        Assert.Equal(4, found.Count);
    }

    [Fact]
    public void What_makes_no_sense_is_refused()
    {
        using var model = TinyModel.Create("gpt2");
        string Refusal(BeamOptions beams, SamplingOptions options, params int[] prompt) => Assert.Throws<ArgumentException>(() => new BeamSearch(model, beams, options).Search(prompt)).Message;

        Assert.Contains("beams is 0, expected 1 to 1024; 4 is usual", Refusal(new() { Beams = 0 }, new(), 3), StringComparison.Ordinal);
        Assert.Contains("best is 5, expected 1 to beams (4)", Refusal(new() { Best = 5 }, new(), 3), StringComparison.Ordinal);
        Assert.Contains("lengthPenalty is NaN", Refusal(new() { LengthPenalty = double.NaN }, new(), 3), StringComparison.Ordinal);
        Assert.Contains("cut the distribution off", Refusal(new(), new() { TopK = 3 }, 3), StringComparison.Ordinal);
        Assert.Contains("64 more are asked for", Refusal(new(), new(), 3), StringComparison.Ordinal);
        Assert.Contains("the prompt is empty", Refusal(new(), new()), StringComparison.Ordinal);
        using (TensorScope.Begin())
        using (Autograd.NoGrad())
            model.Parameters.First().Value.FillInPlace(double.NaN);
        Assert.Contains("are not finite", Assert.Throws<RunFailedException>(() => new BeamSearch(model, new(), new() { MaximumNewTokens = 3 }).Search([3])).Message, StringComparison.Ordinal);
    }

    private static JsonElement Expected(string folder) =>
        JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "expected.json")).Replace("NaN", "null", StringComparison.Ordinal)).RootElement;

    private static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];
}
