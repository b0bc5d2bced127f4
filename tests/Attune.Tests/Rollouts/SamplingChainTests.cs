using System.Text.Json;
using Attune.Rollouts;
using Attune.Tests.Updates;

namespace Attune.Tests.Rollouts;

public sealed class SamplingChainTests
{
    /// <summary>Logits of the nucleus test of openai/summarize-from-feedback, <c>utils/test_core_utils.py</c>.</summary>
    private static readonly float[] Logits = [1, 1.01f, 1.001f, 0, 0, 0, 2];

    [Theory]
    [InlineData(0.39, new[] { 6 })] // its probability is 0.398
    [InlineData(0.5, new[] { 1, 6 })] // 0.398 + 0.148 = 0.546; OpenAI's own filter would drop the token that crosses
    [InlineData(0.6, new[] { 1, 2, 6 })] // + 0.147 = 0.692
    [InlineData(1.0, new[] { 0, 1, 2, 3, 4, 5, 6 })]
    [InlineData(1e-9, new[] { 6 })]
    [InlineData(0, new[] { 6 })] // the most likely one, as in llama.cpp; as a setting 0 is refused
    public void Top_p_keeps_the_smallest_set_that_reaches_p(double p, int[] kept)
    {
        var row = (float[])Logits.Clone();
        SamplingChain.KeepTopP(row, p);
        Assert.Equal(kept, Kept(row));
    }

    [Theory]
    [InlineData(1, new[] { 6 })]
    [InlineData(2, new[] { 1, 6 })]
    [InlineData(3, new[] { 1, 2, 6 })]
    [InlineData(4, new[] { 0, 1, 2, 6 })]
    [InlineData(5, new[] { 0, 1, 2, 3, 4, 5, 6 })] // three tie at the fifth place
    [InlineData(99, new[] { 0, 1, 2, 3, 4, 5, 6 })]
    public void Top_k_keeps_the_k_largest_and_what_ties_with_the_last(int k, int[] kept)
    {
        var row = (float[])Logits.Clone();
        SamplingChain.KeepTopK(row, k);
        Assert.Equal(kept, Kept(row));
    }

    [Theory]
    [InlineData(0.3, new[] { 0, 1, 2, 6 })] // relative to the best, logit 1 has e^-1 = 0.3679
    [InlineData(0.368, new[] { 1, 2, 6 })] // 1.001 has 0.3682
    [InlineData(0.37, new[] { 1, 6 })] // 1.01 has 0.3716
    public void Min_p_keeps_what_is_likely_relative_to_the_best(double share, int[] kept)
    {
        var row = (float[])Logits.Clone();
        SamplingChain.KeepMinP(row, share);
        Assert.Equal(kept, Kept(row));
    }

    [Fact]
    public void A_repetition_penalty_divides_positive_and_multiplies_negative_logits_once_a_token()
    {
        float[] row = [2, -2, 2, -2];
        SamplingChain.PenaliseRepetition(row, 2, [0, 1, 0, 1]);
        Assert.Equal([1, -4, 2, -2], row);
    }

    [Fact]
    public void A_draw_inverts_the_cumulative_distribution()
    {
        float[] row = [MathF.Log(0.1f), float.NegativeInfinity, MathF.Log(0.6f), MathF.Log(0.3f)];
        Assert.Equal(0, SamplingChain.Draw(row, 0));
        Assert.Equal(0, SamplingChain.Draw(row, 0.0999));
        Assert.Equal(2, SamplingChain.Draw(row, 0.1001));
        Assert.Equal(2, SamplingChain.Draw(row, 0.6999));
        Assert.Equal(3, SamplingChain.Draw(row, 0.7001));
        Assert.Equal(3, SamplingChain.Draw(row, 1 - 1e-16));
    }

    [Theory]
    [InlineData("temperature", 2)]
    [InlineData("top_k", 2)]
    [InlineData("top_p", 3)]
    [InlineData("min_p", 2)]
    [InlineData("repetition_penalty", 1)]
    [InlineData("chain", 2)]
    public void Filters_give_what_transformers_gives(string filter, int count)
    {
        var golden = Golden.Read("sampling/filters.json");
        var cases = golden.GetProperty("cases").EnumerateArray().Where(c => c.GetProperty("filter").GetString() == filter).ToArray();
        Assert.Equal(count, cases.Length);
        foreach (var each in cases)
        {
            var args = each.GetProperty("args").EnumerateObject().ToDictionary(arg => arg.Name, arg => arg.Value.GetDouble());
            var options = new SamplingOptions
            {
                Temperature = args.GetValueOrDefault("temperature", 1),
                TopK = (int)args.GetValueOrDefault("top_k", 0),
                TopP = args.GetValueOrDefault("top_p", 1),
                MinP = args.GetValueOrDefault("min_p", 0),
                RepetitionPenalty = args.GetValueOrDefault("penalty", 1),
            };
            for (var k = 0; k < golden.GetProperty("logits").GetArrayLength(); k++)
            {
                var row = golden.GetProperty("logits")[k].EnumerateArray().Select(logit => logit.GetSingle()).ToArray();
                int[] history = [.. golden.GetProperty("input_ids")[k].EnumerateArray().Select(id => id.GetInt32())];
                SamplingChain.Apply(row, options, history, newTokens: 0);
                if (each.TryGetProperty("output", out var logits))
                    AssertNear([.. logits[k].EnumerateArray().Select(logit => logit.ValueKind == JsonValueKind.Null ? double.NegativeInfinity : logit.GetDouble())], [.. row], 2e-6);
                if (each.TryGetProperty("probabilities", out var probabilities))
                    AssertNear([.. probabilities[k].EnumerateArray().Select(p => p.GetDouble())], Probabilities(row), 2e-6);
            }
        }
    }

    /// <summary>From llama.cpp, <c>tests/test-sampling.cpp</c>: what is left of these probabilities, made to sum to 1, to 1e-5. Its rows are sorted where it sorts.</summary>
    [Theory]
    [InlineData("temperature", 1, new[] { 0.1, 0.2, 0.3, 0.4 })]
    [InlineData("top_k", 1, new[] { 0, 0, 0, 1.0 })]
    [InlineData("top_k", 3, new[] { 0, 0.22222, 0.33333, 0.44444 })]
    [InlineData("top_k", 4, new[] { 0.1, 0.2, 0.3, 0.4 })]
    [InlineData("top_k", 0, new[] { 0.1, 0.2, 0.3, 0.4 })]
    [InlineData("top_p", 0, new[] { 0, 0, 0, 1.0 })]
    [InlineData("top_p", 0.7, new[] { 0, 0, 0.428571, 0.571429 })]
    [InlineData("top_p", 0.8, new[] { 0, 0.22222, 0.33333, 0.44444 })]
    [InlineData("top_p", 1, new[] { 0.1, 0.2, 0.3, 0.4 })]
    [InlineData("min_p", 0, new[] { 0.1, 0.2, 0.3, 0.4 })]
    [InlineData("min_p", 0.26, new[] { 0, 0.2222222, 0.3333333, 0.4444444 })]
    [InlineData("min_p", 0.49, new[] { 0, 0.2222222, 0.3333333, 0.4444444 })]
    [InlineData("min_p", 0.74, new[] { 0, 0, 0.4285714, 0.5714286 })]
    [InlineData("min_p", 0.76, new[] { 0, 0, 0, 1.0 })]
    public void Filters_give_what_llama_cpp_gives(string filter, double value, double[] expected)
    {
        float[] row = [MathF.Log(0.1f), MathF.Log(0.2f), MathF.Log(0.3f), MathF.Log(0.4f)];
        SamplingChain.Apply(row, filter switch
        {
            "temperature" => new() { Temperature = value },
            "top_k" => new() { TopK = (int)value },
            "top_p" => new() { TopP = value },
            _ => new() { MinP = value },
        }, [], newTokens: 0);
        AssertNear(expected, Probabilities(row), 1e-5);
    }

    [Theory] // transformers, tests/generation/test_logits_process.py: probabilities that stay as they are, and 0 for the dropped ones
    [InlineData("top_p", 0.8, new[] { 0.3, 0.1, 0.1, 0.5 }, new[] { 0, 3 })]
    [InlineData("top_p", 0.8, new[] { 0.15, 0.3, 0.3, 0.25 }, new[] { 1, 2, 3 })]
    [InlineData("min_p", 0.05, new[] { 0.9, 0.0274, 0.047, 0.0274 }, new[] { 0, 2 })]
    [InlineData("min_p", 0.05, new[] { 0.15, 0.3, 0.3, 0.25 }, new[] { 0, 1, 2, 3 })]
    [InlineData("min_p", 0.05, new[] { 0.97, 0.01, 0.01, 0.01 }, new[] { 0 })]
    public void Filters_keep_what_transformers_tests_keep(string filter, double value, double[] probabilities, int[] kept)
    {
        float[] row = [.. probabilities.Select(p => (float)Math.Log(p))];
        SamplingChain.Apply(row, filter == "top_p" ? new() { TopP = value } : new() { MinP = value }, [], newTokens: 0);
        Assert.Equal(kept, Kept(row));
    }

    [Fact]
    public void A_temperature_that_overflows_float32_is_refused()
    {
        Assert.Equal("is 5E-05, expected at least 0.0001; use greedy for the most likely token", Assert.Single(new SamplingOptions { Temperature = 5e-5 }.Problems()).Message);
        Assert.Equal("is 0, expected above 0; use greedy for the most likely token", Assert.Single(new SamplingOptions { Temperature = 0 }.Problems()).Message);
        Assert.Empty(new SamplingOptions { Temperature = 1e-4 }.Problems());
    }

    [Theory]
    [InlineData(1e-40)]
    [InlineData(1e40)]
    [InlineData(double.NaN)]
    public void A_repetition_penalty_that_overflows_float32_is_refused(double penalty)
    {
        Assert.Equal($"is {penalty}, expected 0.01 to 100; 1 does nothing, 1.2 is usual", Assert.Single(new SamplingOptions { RepetitionPenalty = penalty }.Problems()).Message);
        Assert.Empty(new SamplingOptions { RepetitionPenalty = 0.01 }.Problems());
        Assert.Empty(new SamplingOptions { RepetitionPenalty = 100 }.Problems());
    }

    [Fact]
    public void A_minimum_length_where_every_token_is_an_end_token_is_refused()
    {
        var options = new SamplingOptions { MinimumNewTokens = 2, EndTokens = [0, 1, 2, 1] };

        Assert.Equal("is 2 while all 3 tokens are end tokens, expected a token that may be drawn; name fewer end tokens", Assert.Single(options.Problems(vocabularySize: 3)).Message);
        Assert.Empty(options.Problems(vocabularySize: 4));
        Assert.Empty((options with { MinimumNewTokens = 0 }).Problems(vocabularySize: 3));
    }

    [Theory]
    [InlineData(new[] { 0, 60 }, 61, null)]
    [InlineData(new[] { 0, 61, 4096 }, 61, "endTokens has 61, 4096, expected ids from 0 to 60; give ids of the model's tokens")]
    [InlineData(new[] { -1 }, 61, "endTokens has -1, expected ids from 0 to 60; give ids of the model's tokens")]
    [InlineData(new[] { -1, 4096 }, null, "endTokens has -1, expected ids from 0; give ids of the model's tokens")]
    public void An_end_token_that_the_model_does_not_have_is_refused(int[] ids, int? vocabulary, string? problem) =>
        Assert.Equal(problem is null ? [] : [problem], new SamplingOptions { EndTokens = ids }.Problems(vocabularySize: vocabulary).Select(p => $"{p.Key} {p.Message}"));

    [Fact]
    public void A_stop_text_of_nothing_is_refused() =>
        Assert.Equal(new("stopStrings", "is empty, expected some text; leave it out for no such text"), Assert.Single(new SamplingOptions { StopStrings = ["x", ""] }.Problems()));

    private static double[] Probabilities(float[] row)
    {
        var weights = row.Select(logit => Math.Exp(logit)).ToArray();
        return [.. weights.Select(weight => weight / weights.Sum())];
    }

    private static void AssertNear(double[] expected, double[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var k = 0; k < expected.Length; k++)
            Assert.True(expected[k].Equals(actual[k]) || Math.Abs(expected[k] - actual[k]) <= tolerance, $"place {k} is {actual[k]}, expected {expected[k]}");
    }

    private static int[] Kept(float[] row) => [.. Enumerable.Range(0, row.Length).Where(k => !float.IsNegativeInfinity(row[k]))];
}
