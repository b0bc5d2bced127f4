using Attune.Rollouts;

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

    private static int[] Kept(float[] row) => [.. Enumerable.Range(0, row.Length).Where(k => !float.IsNegativeInfinity(row[k]))];
}
