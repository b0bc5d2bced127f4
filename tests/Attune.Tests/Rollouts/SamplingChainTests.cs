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
        Truncation.KeepTopP(row, p);
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
        Truncation.KeepTopK(row, k, keepTies: true);
        Assert.Equal(kept, Kept(row));
    }

    [Theory]
    [InlineData(0.3, new[] { 0, 1, 2, 6 })] // relative to the best, logit 1 has e^-1 = 0.3679
    [InlineData(0.368, new[] { 1, 2, 6 })] // 1.001 has 0.3682
    [InlineData(0.37, new[] { 1, 6 })] // 1.01 has 0.3716
    public void Min_p_keeps_what_is_likely_relative_to_the_best(double share, int[] kept)
    {
        var row = (float[])Logits.Clone();
        Truncation.KeepMinP(row, share);
        Assert.Equal(kept, Kept(row));
    }

    [Fact]
    public void A_repetition_penalty_divides_positive_and_multiplies_negative_logits_once_a_token()
    {
        float[] row = [2, -2, 2, -2];
        HistoryFilters.PenaliseRepetition(row, 2, [0, 1, 0, 1]);
        Assert.Equal([1, -4, 2, -2], row);
    }

    [Fact]
    public void A_draw_inverts_the_cumulative_distribution()
    {
        float[] row = [MathF.Log(0.1f), float.NegativeInfinity, MathF.Log(0.6f), MathF.Log(0.3f)];
        Assert.Equal(0, TokenDraw.Of(row, 0));
        Assert.Equal(0, TokenDraw.Of(row, 0.0999));
        Assert.Equal(2, TokenDraw.Of(row, 0.1001));
        Assert.Equal(2, TokenDraw.Of(row, 0.6999));
        Assert.Equal(3, TokenDraw.Of(row, 0.7001));
        Assert.Equal(3, TokenDraw.Of(row, 1 - 1e-16));
    }

    [Theory]
    [InlineData("temperature", 2)]
    [InlineData("top_k", 2)]
    [InlineData("top_p", 3)]
    [InlineData("min_p", 2)]
    [InlineData("typical_p", 1)]
    [InlineData("repetition_penalty", 1)]
    [InlineData("no_repeat_ngram", 2)]
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
                Typical = args.GetValueOrDefault("typical_p", 1),
                RepetitionPenalty = args.GetValueOrDefault("penalty", 1),
                NoRepeatNgram = (int)args.GetValueOrDefault("ngram_size", 0),
            };
            for (var k = 0; k < golden.GetProperty("logits").GetArrayLength(); k++)
            {
                var row = golden.GetProperty("logits")[k].EnumerateArray().Select(logit => logit.GetSingle()).ToArray();
                int[] history = [.. golden.GetProperty("input_ids")[k].EnumerateArray().Select(id => id.GetInt32())];
                new SamplingChain(options).Apply(row, history, newTokens: 0);
                if (each.TryGetProperty("output", out var logits))
                    AssertNear([.. logits[k].EnumerateArray().Select(logit => logit.ValueKind == JsonValueKind.Null ? double.NegativeInfinity : logit.GetDouble())], [.. row], 2e-6);
                if (each.TryGetProperty("probabilities", out var probabilities))
                    AssertNear([.. probabilities[k].EnumerateArray().Select(p => p.GetDouble())], Probabilities(row), 2e-6);
            }
        }
    }

    [Fact]
    public void The_presets_have_their_programs_order()
    {
        SamplingStep[] history = [SamplingStep.RemoveInvalid, SamplingStep.Bias, SamplingStep.RepetitionPenalty, SamplingStep.OccurrencePenalties, SamplingStep.Dry, SamplingStep.NoRepeatNgram, SamplingStep.BadWords, SamplingStep.MinimumLength];
        var transformers = SamplingChain.StepsOf(ChainOrder.Transformers);
        var llamaCpp = SamplingChain.StepsOf(ChainOrder.LlamaCpp);

        Assert.Equal([.. history, SamplingStep.Temperature, SamplingStep.TopNSigma, SamplingStep.TopK, SamplingStep.TopP, SamplingStep.MinP, SamplingStep.Typical, SamplingStep.Epsilon, SamplingStep.Eta, SamplingStep.Xtc], transformers);
        Assert.Equal([.. history, SamplingStep.TopNSigma, SamplingStep.TopK, SamplingStep.Typical, SamplingStep.TopP, SamplingStep.MinP, SamplingStep.Epsilon, SamplingStep.Eta, SamplingStep.Xtc, SamplingStep.Temperature], llamaCpp);
        Assert.Equal(Enum.GetValues<SamplingStep>().Order(), transformers.Order()); // none is forgotten
        Assert.Equal(Enum.GetValues<SamplingStep>().Order(), llamaCpp.Order());
    }

    [Fact]
    public void The_order_changes_what_is_kept()
    {
        // 0.5, 0.3, 0.2 and topP 0.5: the first is enough; at temperature 2 it has √0.5 / (√0.5 + √0.3 + √0.2) = 0.4155, and the second is kept too.
        int[] Kept(ChainOrder order)
        {
            float[] row = [MathF.Log(0.5f), MathF.Log(0.3f), MathF.Log(0.2f)];
            new SamplingChain(new() { Chain = order, Temperature = 2, TopP = 0.499 }).Apply(row, [], newTokens: 0);
            return SamplingChainTests.Kept(row);
        }

        Assert.Equal([0, 1], Kept(ChainOrder.Transformers));
        Assert.Equal([0], Kept(ChainOrder.LlamaCpp));
    }

    [Fact]
    public void Ties_with_the_last_of_the_k_stay_in_transformers_alone()
    {
        float[] Row() => [1, 3, 2, 2, 0, 2];
        var (transformers, llamaCpp) = (Row(), Row());
        new SamplingChain(new() { TopK = 2 }).Apply(transformers, [], newTokens: 0);
        new SamplingChain(new() { TopK = 2, Chain = ChainOrder.LlamaCpp }).Apply(llamaCpp, [], newTokens: 0);

        Assert.Equal([1, 2, 3, 5], Kept(transformers));
        Assert.Equal([1, 2], Kept(llamaCpp));
    }

    [Fact]
    public void Occurrences_are_counted_in_the_response_or_in_the_prompt_too()
    {
        float[] Penalised(SamplingOptions options)
        {
            var row = new float[4];
            new SamplingChain(options with { FrequencyPenalty = 1, PresencePenalty = 0.5 }).Apply(row, [0, 1, 1, 2], newTokens: 2); // the prompt is 0 1
            return row;
        }

        Assert.Equal([0, -1.5f, -1.5f, 0], Penalised(new()));
        Assert.Equal([-1.5f, -2.5f, -1.5f, 0], Penalised(new() { Chain = ChainOrder.LlamaCpp }));
        Assert.Equal([0, -2.5f, -1.5f, 0], Penalised(new() { Chain = ChainOrder.LlamaCpp, PenaltyWindow = 3 }));
    }

    [Fact]
    public void A_repetition_is_penalised_by_its_length_and_not_across_a_breaker()
    {
        // 1 2 3 4 · 9 · 1 2 3: four would be the fourth token of a repetition; 3 alone stood before 4 only.
        float Penalty(params int[] breakers)
        {
            var row = new float[10];
            new SamplingChain(new() { DryMultiplier = 1, DryBase = 2, DryAllowedLength = 2, DryBreakers = breakers }).Apply(row, [1, 2, 3, 4, 9, 1, 2, 3], newTokens: 0);
            Assert.All(row.Where((_, id) => id != 4), logit => Assert.Equal(0, logit));
            return row[4];
        }

        Assert.Equal(-2, Penalty()); // 2^(3 − 2)
        Assert.Equal(-1, Penalty(1)); // only 2 3 is left
        Assert.Equal(0, Penalty(2)); // 3 alone is too short
    }

    [Fact]
    public void A_long_row_of_one_token_is_looked_through_at_once()
    {
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var row = new float[3];
        new SamplingChain(new() { DryMultiplier = 1, DryAllowedLength = 2 }).Apply(row, Enumerable.Repeat(1, 300_000).ToArray(), newTokens: 0);

        Assert.Equal([0, -1e30f, 0], row);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 20); // comparing every place with every other would take 10¹⁰ steps
    }

    [Fact]
    public void Top_choices_are_dropped_as_often_as_asked_for()
    {
        float[] Row(double chance)
        {
            float[] row = [MathF.Log(0.4f), MathF.Log(0.3f), MathF.Log(0.2f), MathF.Log(0.1f)];
            new SamplingChain(new() { XtcProbability = 0.25, XtcThreshold = 0.15 }).Apply(row, [], newTokens: 0, chance);
            return row;
        }

        Assert.Equal([2, 3], Kept(Row(0.2499)));
        Assert.Equal([0, 1, 2, 3], Kept(Row(0.25)));
    }

    [Theory]
    [InlineData(0.25, new[] { 0, 1, 2 })] // entropy 1.2799: √0.25 · e^−1.2799 = 0.1390 is less than 0.25
    [InlineData(0.04, new[] { 0, 1, 2, 3 })] // 0.04 is less than √0.04 · 0.2781 = 0.0556
    [InlineData(0.9, new[] { 0, 1 })] // √0.9 · 0.2781 = 0.2638
    public void Eta_lowers_its_bound_where_the_distribution_is_flat(double eta, int[] kept)
    {
        float[] row = [MathF.Log(0.4f), MathF.Log(0.3f), MathF.Log(0.2f), MathF.Log(0.1f)];
        new SamplingChain(new() { Eta = eta }).Apply(row, [], newTokens: 0);
        Assert.Equal(kept, Kept(row));
    }

    [Fact]
    public void Greedy_passes_over_what_shapes_a_draw() =>
        Assert.Equal([SamplingStep.RepetitionPenalty], new SamplingChain(new() { IsGreedy = true, RepetitionPenalty = 1.2, Temperature = 2, TopK = 1, XtcProbability = 1 }).Steps);

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

    [Theory]
    [InlineData("typical", "is 0, expected above 0 and at most 1; 1 keeps all, 0.95 is usual")]
    [InlineData("epsilon", "is 1, expected 0 (off) or more, and below 1; 0.0003 to 0.0009 is usual")]
    [InlineData("eta", "is -1, expected 0 (off) or more, and below 1; 0.0003 to 0.002 is usual")]
    [InlineData("topNSigma", "is NaN, expected 0 (off) or more; 1 is usual")]
    [InlineData("xtcProbability", "is 2, expected between 0 and 1; 0 is off, 0.5 is usual")]
    [InlineData("xtcThreshold", "is 0, expected above 0 and at most 1; 0.1 is usual")]
    [InlineData("frequencyPenalty", "is NaN, expected -100 to 100; 0 does nothing, 0.5 is usual")]
    [InlineData("presencePenalty", "is 1000, expected -100 to 100; 0 does nothing, 0.5 is usual")]
    [InlineData("penaltyWindow", "is -1, expected 0 (all tokens) or more; 64 is usual in llama.cpp")]
    [InlineData("dryMultiplier", "is -1, expected 0 (off) to 100; 0.8 is usual")]
    [InlineData("dryBase", "is 0.5, expected 1 to 100; 1.75 is usual")]
    [InlineData("dryAllowedLength", "is 0, expected at least 1; 2 is usual")]
    [InlineData("noRepeatNgram", "is -1, expected 0 (off) or more; 3 is usual")]
    [InlineData("dryBreakers", "has 61, expected ids from 0 to 60; give ids of the model's tokens")]
    [InlineData("badWords", "has a sequence of no tokens, expected at least one; leave it out")]
    [InlineData("biases", "adds Infinity to token 3 after 1, expected -10000 to 10000; -100 is as good as a ban; ban tokens for good as bad words")]
    public void A_setting_out_of_range_is_refused_by_name(string key, string problem)
    {
        var options = key switch
        {
            "typical" => new SamplingOptions { Typical = 0 },
            "epsilon" => new() { Epsilon = 1 },
            "eta" => new() { Eta = -1 },
            "topNSigma" => new() { TopNSigma = double.NaN },
            "xtcProbability" => new() { XtcProbability = 2 },
            "xtcThreshold" => new() { XtcThreshold = 0 },
            "frequencyPenalty" => new() { FrequencyPenalty = double.NaN },
            "presencePenalty" => new() { PresencePenalty = 1000 },
            "penaltyWindow" => new() { PenaltyWindow = -1 },
            "dryMultiplier" => new() { DryMultiplier = -1 },
            "dryBase" => new() { DryBase = 0.5 },
            "dryAllowedLength" => new() { DryAllowedLength = 0 },
            "noRepeatNgram" => new() { NoRepeatNgram = -1 },
            "dryBreakers" => new() { DryBreakers = [60, 61] },
            "badWords" => new() { BadWords = [[]] },
            _ => new() { Biases = [new() { Tokens = [1, 3], Bias = double.PositiveInfinity }] },
        };

        Assert.Equal(new(key, problem), Assert.Single(options.Problems(vocabularySize: 61)));
    }

    [Fact]
    public void Temperature_0_is_the_likeliest_token_in_llama_cpp_alone()
    {
        float[] row = [1, 3, 2];
        var options = new SamplingOptions { Chain = ChainOrder.LlamaCpp, Temperature = 0 };
        new SamplingChain(options).Apply(row, [], newTokens: 0);

        Assert.Equal([1], Kept(row));
        Assert.Empty(options.Problems());
        Assert.Equal("is -1, expected 0 or more; use greedy for the most likely token", Assert.Single((options with { Temperature = -1 }).Problems()).Message);
        Assert.Single((options with { Chain = ChainOrder.Transformers }).Problems());
    }

    [Fact]
    public void A_recipes_preset_sets_order_and_values_and_keys_win()
    {
        var plain = Attune.Runs.Recipe.Parse<SamplingOptions>("preset: llama.cpp", "recipe", []);
        var changed = Attune.Runs.Recipe.Parse<SamplingOptions>("preset: llama.cpp\ntopK: 7\nbadWords: [[1, 2], [3]]\nbiases:\n  - {tokens: [5], bias: -2}\n", "recipe", []);
        var again = Attune.Runs.Recipe.Parse<SamplingOptions>(Attune.Runs.Recipe.ToYaml(changed), "recipe", []);

        Assert.Equal((ChainOrder.LlamaCpp, 0.8, 40, 0.95, 0.05, 64), (plain.Chain, plain.Temperature, plain.TopK, plain.TopP, plain.MinP, plain.PenaltyWindow));
        Assert.Equal((ChainOrder.LlamaCpp, 7), (again.Chain, again.TopK));
        Assert.Equal([[1, 2], [3]], again.BadWords);
        Assert.Equal(-2, Assert.Single(again.Biases).Bias);
    }

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
