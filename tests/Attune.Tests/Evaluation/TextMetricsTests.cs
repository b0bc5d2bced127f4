using Attune.Evaluation;

namespace Attune.Tests.Evaluation;

public sealed class TextMetricsTests
{
    // Two texts: 4 and 3 words; pairs "a b","b a","a b" and "a b","b c"; 7 words, 5 pairs, 3 words distinct, 3 pairs distinct.
    private static readonly string[] Pool = ["a b a b", "a b  c"];

    [Fact]
    public void Distinct_pairs_are_divided_by_words_or_by_pairs_as_named()
    {
        Assert.Equal(3 / 7.0, TextMetrics.Distinct(Pool, 1));
        Assert.Equal(3 / 7.0, TextMetrics.Distinct(Pool, 2, DistinctVariant.PooledOverWords));
        Assert.Equal(3 / 5.0, TextMetrics.Distinct(Pool, 2, DistinctVariant.PooledOverNGrams));
    }

    [Fact]
    public void Distinct_triples_do_not_cross_from_text_to_text()
    {
        // "a b a", "b a b", "a b c"
        Assert.Equal(1.0, TextMetrics.Distinct(Pool, 3, DistinctVariant.PooledOverNGrams));
        Assert.Equal(3 / 7.0, TextMetrics.Distinct(Pool, 3));
    }

    [Fact]
    public void Per_prompt_form_averages_over_prompts_and_leaves_empty_ones_out() =>
        Assert.Equal((2 / 4.0 + 3 / 3.0) / 2, TextMetrics.DistinctPerPrompt([["a b a b"], ["a b c"], [""]], 1));

    [Fact]
    public void Nothing_to_count_is_not_a_number_rather_than_zero()
    {
        Assert.True(double.IsNaN(TextMetrics.Distinct(["one", "two"], 2, DistinctVariant.PooledOverNGrams)));
        Assert.True(double.IsNaN(TextMetrics.Distinct([], 1)));
        Assert.True(double.IsNaN(TextMetrics.Repetition("too short a text"[..8])));
        Assert.True(double.IsNaN(TextMetrics.CopyRate("a b c", "a b")));
        Assert.True(double.IsNaN(default(LogProbTotal).Perplexity));
    }

    [Fact]
    public void Order_of_the_texts_does_not_matter() =>
        Assert.Equal(TextMetrics.Distinct(Pool, 2), TextMetrics.Distinct(Pool.Reverse(), 2));

    [Fact]
    public void Repetition_counts_what_was_said_before()
    {
        Assert.Equal(0.0, TextMetrics.Repetition("a b c d e"));
        Assert.Equal(1 / 3.0, TextMetrics.Repetition("a b a b", 2), 12); // a b, b a, a b
        Assert.Equal(0.75, TextMetrics.Repetition("x x x x x x x"), 12); // four times x x x x
    }

    [Fact]
    public void Copy_rate_counts_each_occurrence_in_the_response()
    {
        Assert.Equal(2 / 3.0, TextMetrics.CopyRate("the old house stood", "the old house stood alone"), 12);
        Assert.Equal(0.0, TextMetrics.CopyRate("the old house stood", "stood house old the"));
        Assert.Equal(2 / 3.0, TextMetrics.CopyRate("a b", "a b a b"[..7], 2), 12); // a b, b a, a b
    }

    [Fact]
    public void Perplexity_pools_tokens_and_not_texts()
    {
        // One token at probability 1/2 and three at 1/8: exp((ln 2 + 3 ln 8)/4) = 2^(10/4); the mean of means would give exp((ln 2 + ln 8)/2) = 4.
        var total = new LogProbTotal(Math.Log(0.5), 1) + new LogProbTotal(3 * Math.Log(0.125), 3);

        Assert.Equal(Math.Pow(2, 2.5), total.Perplexity, 12);
        Assert.Equal(new LogProbTotal(-1.5, 2), LogProbTotal.Of([-1f, -0.5f]));
    }

    [Fact]
    public void A_row_of_the_report_holds_every_measure()
    {
        var row = TextMetrics.Of("m", [new("the old house", "the old house stood", 5, new(-2, 1)), new("p", "a b a b a", 7, new(0, 1))], source: "s");

        Assert.Equal(2, row.Texts);
        Assert.Equal(6 / 9.0, row.Distinct1!.Value, 12);
        Assert.Equal(4.5, row.MeanWords);
        Assert.Equal(6, row.MeanTokens);
        Assert.Equal(Math.E, row.Perplexity!.Value, 12);
        Assert.Equal(0.25, row.CopyRate!.Value, 12); // 1 of 2 triples, 0 of 3
        Assert.Equal(0.0, row.Repetition); // "the old house stood" and "a b a b", "b a b a"
        Assert.Equal("s", row.Source);
    }
}
