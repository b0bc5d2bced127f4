using System.Text.Json;
using Attune.Models;
using Attune.Rollouts;
using Attune.Tests.Updates;

namespace Attune.Tests.Rollouts;

/// <summary>Every step against what the tests of llama.cpp and of transformers assert (tests/goldens/sampling/steps.json, see PROVENANCE.md).</summary>
public sealed class SamplingStepGoldenTests
{
    private static readonly JsonElement Steps = Golden.Read("sampling/steps.json");
    private static readonly JsonElement OfTransformers = Steps.GetProperty("transformers");

    [Theory]
    [InlineData("temp", 2)]
    [InlineData("top_k", 4)]
    [InlineData("top_p", 4)]
    [InlineData("min_p", 6)]
    [InlineData("top_n_sigma", 2)]
    public void A_step_leaves_what_llama_cpp_leaves(string name, int count)
    {
        var input = Steps.GetProperty("input_default").Vector();
        foreach (var each in Cases(name, count))
        {
            var row = Logits(input);
            new SamplingChain(name switch
            {
                "temp" => new() { Chain = ChainOrder.LlamaCpp, Temperature = each.Number("t") },
                "top_k" => new() { Chain = ChainOrder.LlamaCpp, TopK = (int)each.Number("k") },
                "top_p" => new() { Chain = ChainOrder.LlamaCpp, TopP = each.Number("p") },
                "min_p" => new() { Chain = ChainOrder.LlamaCpp, MinP = each.Number("p") },
                _ => new() { Chain = ChainOrder.LlamaCpp, TopNSigma = each.Number("n") },
            }).Apply(row, [], newTokens: 0);
            AssertNear(Sorted(each.GetProperty("out").Vector()), Sorted(Normalised(row)), 1e-5); // llama.cpp sorts some of them
        }
    }

    [Theory]
    [InlineData("typical_unnormalised", 2)]
    [InlineData("xtc_unnormalised", 3)]
    public void A_step_keeps_what_llama_cpp_keeps(string name, int count)
    {
        foreach (var each in Cases(name, count))
        {
            var row = Logits(each.GetProperty("in").Vector());
            new SamplingChain(name[0] == 't'
                ? new() { Chain = ChainOrder.LlamaCpp, Typical = each.Number("p") }
                : new() { Chain = ChainOrder.LlamaCpp, XtcProbability = each.Number("prob"), XtcThreshold = each.Number("threshold") }).Apply(row, [], newTokens: 0, chance: 0.5);
            AssertNear(Sorted(each.GetProperty("out").Vector()), Sorted([.. row.Select(logit => Math.Exp(logit))]), 1e-5);
        }
    }

    [Fact]
    public void Penalties_are_those_of_llama_cpp()
    {
        foreach (var each in Cases("penalties_uniform5", 5))
        {
            var row = Logits([0.2, 0.2, 0.2, 0.2, 0.2]);
            var options = new SamplingOptions { Chain = ChainOrder.LlamaCpp, RepetitionPenalty = each.Number("repeat"), FrequencyPenalty = each.Number("freq"), PresencePenalty = each.Number("pres") };
            new SamplingChain(options).Apply(row, Ids(each.GetProperty("last")), newTokens: 0);
            AssertNear(each.GetProperty("out").Vector(), Normalised(row), 1e-5);
        }
    }

    [Fact]
    public void The_penalty_of_continued_repetitions_is_that_of_llama_cpp()
    {
        foreach (var each in Cases("dry", 2))
        {
            var row = Logits(each.GetProperty("in").Vector());
            var options = new SamplingOptions { DryMultiplier = each.Number("mult"), DryBase = each.Number("base"), DryAllowedLength = (int)each.Number("allowed") };
            new SamplingChain(options).Apply(row, Ids(each.GetProperty("last")).AsSpan()[^(int)each.Number("last_n")..], newTokens: 0);
            AssertNear(each.GetProperty("out").Vector(), Normalised(row), 1e-5);
        }
    }

    [Theory]
    [InlineData("top_p_0.8", 2)]
    [InlineData("min_p_0.05", 3)]
    [InlineData("typical_0.5", 2)]
    [InlineData("epsilon_0.1", 2)]
    [InlineData("eta_0.0625", 2)]
    public void A_truncation_keeps_what_transformers_keeps(string name, int count)
    {
        var cases = OfTransformers.List(name);
        Assert.Equal(count, cases.Length);
        foreach (var each in cases)
        {
            var row = Logits(each.GetProperty("in").Vector());
            new SamplingChain(name[..2] switch
            {
                "to" => new() { TopP = 0.8 },
                "mi" => new() { MinP = 0.05 },
                "ty" => new() { Typical = 0.5 },
                "ep" => new() { Epsilon = 0.1 },
                _ => new() { Eta = 0.0625 },
            }).Apply(row, [], newTokens: 0);
            AssertNear(each.GetProperty("out").Vector(), [.. row.Select(logit => Math.Exp(logit))], 1e-6);
        }
    }

    [Fact]
    public void A_repetition_penalty_is_that_of_transformers()
    {
        var golden = OfTransformers.GetProperty("repetition_penalty_2");
        float[] row = [.. golden.GetProperty("logits").Vector().Select(logit => (float)logit)];
        new SamplingChain(new() { RepetitionPenalty = 2 }).Apply(row, [0, 1, 1], newTokens: 0);
        AssertNear(golden.GetProperty("out").Vector(), [.. row], 1e-6);
    }

    [Fact]
    public void No_ngram_is_completed_twice_as_in_transformers()
    {
        var cases = OfTransformers.List("no_repeat_ngram");
        Assert.Equal(5, cases.Length);
        foreach (var each in cases)
            Assert.Equal(Ids(each.GetProperty("banned")), Banned(new() { NoRepeatNgram = (int)each.Number("n") }, Ids(each.GetProperty("ids")), 10));
    }

    [Fact]
    public void Bad_words_are_banned_as_in_transformers_and_the_end_is_not()
    {
        var golden = OfTransformers.GetProperty("bad_words");
        var options = new SamplingOptions { BadWords = [.. golden.List("bad").Select(Ids)], EndTokens = [(int)golden.Number("eos")] };
        var cases = golden.List("cases");
        Assert.Equal(2, cases.Length);
        foreach (var each in cases)
            Assert.Equal(Ids(each.GetProperty("banned")), Banned(options, Ids(each.GetProperty("ids")), 5));
    }

    [Fact]
    public void Biases_of_sequences_are_those_of_transformers()
    {
        var golden = OfTransformers.GetProperty("sequence_bias");
        var options = new SamplingOptions { Biases = [.. golden.List("bias").Select(pair => new TokenBias { Tokens = Ids(pair[0]), Bias = pair[1].GetDouble() })] };
        var cases = golden.List("cases");
        Assert.Equal(2, cases.Length);
        foreach (var each in cases)
        {
            var row = new float[5];
            new SamplingChain(options).Apply(row, Ids(each.GetProperty("ids")), newTokens: 0);
            AssertNear(each.GetProperty("out").Vector(), [.. row], 0);
        }
    }

    [Fact]
    public void Logits_that_are_no_numbers_become_numbers()
    {
        var golden = OfTransformers.GetProperty("nan_inf_removal");
        float[] row = [.. golden.GetProperty("in").EnumerateArray().Select(logit => logit.ValueKind == JsonValueKind.Number ? logit.GetSingle() : float.NaN)];
        float[] infinite = [float.PositiveInfinity, float.NegativeInfinity, 1];
        new SamplingChain(new() { RemoveInvalid = true }).Apply(row, [], newTokens: 0);
        new SamplingChain(new() { RemoveInvalid = true }).Apply(infinite, [], newTokens: 0);

        AssertNear(golden.GetProperty("out").Vector(), [.. row], 1e-6);
        Assert.Equal([float.MaxValue, float.MinValue, 1], infinite);
        new SamplingChain(new() { RemoveInvalid = true, Temperature = 0.3 }).Apply(infinite, [], newTokens: 0);
        Assert.All(infinite, logit => Assert.True(float.IsFinite(logit)));
    }

    [Fact]
    public void Finished_hypotheses_are_kept_and_ended_as_in_transformers()
    {
        var golden = Steps.GetProperty("beam_hypotheses");
        var hypotheses = new BeamHypotheses(new() { Beams = (int)golden.Number("num_beams"), LengthPenalty = golden.Number("length_penalty") }, mostTokens: 99);
        var length = (int)golden.Number("hyp_len");
        foreach (var sum in golden.GetProperty("add_scores").Vector())
            hypotheses.Add(new int[length], new float[length], sum, FinishReason.EndToken);

        Assert.Equal(golden.Number("worst_score"), hypotheses.Worst, 1e-12);
        Assert.Equal([-0.06, -0.07, -0.08, -0.09], hypotheses.BestFirst.Select(h => Math.Round(h.Score, 12)));
        var ends = golden.GetProperty("is_done").EnumerateObject().ToArray();
        Assert.Equal(2, ends.Length);
        foreach (var end in ends)
            Assert.Equal(end.Value.GetBoolean(), hypotheses.IsDone(double.Parse(end.Name, System.Globalization.CultureInfo.InvariantCulture), length));
    }

    private static JsonElement[] Cases(string name, int count)
    {
        var cases = Steps.List(name);
        Assert.Equal(count, cases.Length);
        return cases;
    }

    private static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];

    private static int[] Banned(SamplingOptions options, int[] history, int vocabulary)
    {
        var row = new float[vocabulary];
        new SamplingChain(options).Apply(row, history, newTokens: 0);
        return [.. Enumerable.Range(0, vocabulary).Where(id => float.IsNegativeInfinity(row[id]))];
    }

    private static float[] Logits(double[] probabilities) => [.. probabilities.Select(p => (float)Math.Log(p))];

    private static double[] Normalised(float[] logits)
    {
        var weights = logits.Select(logit => Math.Exp(logit)).ToArray();
        return [.. weights.Select(weight => weight / weights.Sum())];
    }

    private static double[] Sorted(double[] probabilities) => [.. probabilities.Where(p => p > 0).OrderDescending()];

    private static void AssertNear(double[] expected, double[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var k = 0; k < expected.Length; k++)
            Assert.Equal(expected[k], actual[k], tolerance);
    }
}
