using Attune.Models;
using Attune.Tests.Updates;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Models;

[NoTensorLeaks]
public sealed class LogProbsTests
{
    [Fact]
    public void A_logged_entropy_is_the_same_number_without_history()
    {
        using var scope = TensorScope.Begin();
        var logits = Tensor.From([0.5, -1, 2, 0, 0, 3], 2, 3);
        logits.RequiresGrad = true;
        var tokens = Tensor.From([2L, 0L], 2);

        var (learned, logged) = (LogProbs.WithEntropy(logits, tokens, 0.7), LogProbs.WithLoggedEntropy(logits, tokens, 0.7));

        Assert.Equal(learned.Entropy.ToDoubles(), logged.Entropy.ToDoubles());
        Assert.Equal(learned.LogProbs.ToDoubles(), logged.LogProbs.ToDoubles());
        Assert.Equal((true, false, true), (learned.Entropy.RequiresGrad, logged.Entropy.RequiresGrad, logged.LogProbs.RequiresGrad));
    }

    [Fact] // openai/summarize-from-feedback's test
    public void Known_labels_under_equal_and_impossible_logits()
    {
        using var scope = TensorScope.Begin();
        LogProbs.OfTaken(Tensor.Of([[0.0, 0]]), Tensor.From(new long[] { 1 }, 1)).ShouldBeNear([Math.Log(0.5)], 1e-15);
        LogProbs.OfTaken(Tensor.Of([[2.0, 2, 2], [1, 0, double.NegativeInfinity]]), Tensor.From(new long[] { 2, 0 }, 2))
            .ShouldBeNear([-Math.Log(3), Math.Log(Math.E / (Math.E + 1))], 1e-15);
    }

    [Theory]
    [InlineData(1.0, 0.832396)]
    [InlineData(0.7, 0.650573)]
    public void Entropy_of_three_logits_at_two_temperatures(double temperature, double expected)
    {
        using var scope = TensorScope.Begin();
        LogProbs.Entropy(Tensor.Of([2.0, 1, 0]), temperature).ShouldBeNear(expected, 5.1e-7); // six decimals given
    }

    [Fact]
    public void Temperature_divides_the_logits_of_log_probs_too()
    {
        using var scope = TensorScope.Begin();
        var token = Tensor.From(new long[] { 0 }, 1);
        // e^(2/0.5) against e^(0/0.5): -log(1 + e^-4)
        LogProbs.OfTaken(Tensor.Of([[2.0, 0]]), token, temperature: 0.5).ShouldBeNear([-Math.Log(1 + Math.Exp(-4))], 1e-15);
        foreach (var temperature in new[] { 0.0, -1, double.NaN })
            Assert.Throws<ArgumentOutOfRangeException>(() => LogProbs.OfTaken(Tensor.Of([[2.0, 0]]), token, temperature));
    }

    [Fact]
    public void Entropy_of_a_certain_and_of_an_even_draw()
    {
        using var scope = TensorScope.Begin();
        LogProbs.Entropy(Tensor.Of([[3, double.NegativeInfinity, double.NegativeInfinity], [1.0, 1, 1]])).ShouldBeNear([0, Math.Log(3)], 1e-15);
    }

    [Fact]
    public void Log_probs_and_entropies_match_the_golden_ones()
    {
        using var scope = TensorScope.Begin();
        var golden = Golden.Read("trainers/core.json");
        var (inputs, outputs) = (golden.GetProperty("inputs"), golden.GetProperty("outputs"));
        var (logits, labels) = (inputs.Numbers("logits"), inputs.Integers("labels"));
        LogProbs.OfTaken(logits, labels).ShouldBeNear(outputs.Numbers("logprobs_from_logits"), 3e-6);
        LogProbs.Entropy(logits).ShouldBeNear(outputs.Numbers("entropy_from_logits"), 3e-6);
        var both = LogProbs.WithEntropy(logits, labels);
        both.LogProbs.ShouldBeNear(outputs.Numbers("logprobs_from_logits"), 3e-6);
        both.Entropy.ShouldBeNear(outputs.Numbers("entropy_from_logits"), 3e-6);
    }

    [Theory]
    [InlineData(1), InlineData(4), InlineData(16), InlineData(1000)]
    public void Pieces_of_any_size_give_the_same_values_and_gradients(int rows)
    {
        using var scope = TensorScope.Begin();
        var hidden = Tensor.From(new Seed(1).Normals(13 * 5), 13, 5).To(DType.Float64);
        var weight = Tensor.From(new Seed(2).Normals(7 * 5), 7, 5).To(DType.Float64);
        var tokens = Tensor.From(Enumerable.Range(0, 13).Select(i => (long)(i % 7)).ToArray(), 13);
        (TokenLogProbs, double[], double[]) At(int n)
        {
            (hidden.RequiresGrad, weight.RequiresGrad, hidden.Grad, weight.Grad) = (true, true, null, null);
            var result = LogProbs.OfHiddenWithEntropy(hidden, h => Tensor.Linear(h, weight), tokens, temperature: 0.7, n);
            (result.LogProbs.Sum() + result.Entropy.Sum() * 0.3).Backward();
            return (result, hidden.Grad!.ToDoubles(), weight.Grad!.ToDoubles());
        }

        var (whole, hiddenGradient, weightGradient) = At(13);
        var (pieces, hiddenPieces, weightPieces) = At(rows);
        LogProbs.OfHidden(hidden, h => Tensor.Linear(h, weight), tokens, 0.7, rows).ShouldBeNear(pieces.LogProbs, 0);
        var logged = LogProbs.OfHiddenWithLoggedEntropy(hidden, h => Tensor.Linear(h, weight), tokens, 0.7, rows);
        logged.LogProbs.ShouldBeNear(pieces.LogProbs, 0);
        logged.Entropy.ShouldBeNear(pieces.Entropy, 1e-13);
        Assert.False(logged.Entropy.RequiresGrad);
        pieces.LogProbs.ShouldBeNear(whole.LogProbs, 1e-13); // the order of float64 sums inside a matrix product
        pieces.Entropy.ShouldBeNear(whole.Entropy, 1e-13);
        Tensor.Of(hiddenPieces).ShouldBeNear(hiddenGradient, 1e-12);
        Tensor.Of(weightPieces).ShouldBeNear(weightGradient, 1e-12);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Only_one_piece_of_logits_is_open_at_a_time_in_backward_too(bool learns)
    {
        using var scope = TensorScope.Begin();
        var hidden = Tensor.Ones([12, 3]);
        hidden.RequiresGrad = learns;
        var (open, weight) = (new List<int>(), Tensor.Ones([5, 3]));
        Tensor Head(Tensor h)
        {
            Assert.Equal(2, h.Size(0));
            open.Add(TorchRuntime.LiveTensors);
            return Tensor.Linear(h, weight);
        }

        var scored = LogProbs.OfHiddenWithEntropy(hidden, Head, Tensor.Zeros([12], DType.Int64), 1, rows: 2);
        Assert.Equal(6, open.Count);
        Assert.All(open.Zip(open.Skip(1)), pair => Assert.Equal(learns ? 2 : 1, pair.Second - pair.First)); // what a piece leaves: its numbers, and what backward begins from
        if (learns)
        {
            scored.LogProbs.Sum().Backward();
            Assert.Equal(12, open.Count);
            Assert.Single(open.Skip(7).Zip(open.Skip(6), (next, before) => next - before).Distinct()); // of a piece that is done nothing stays
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => LogProbs.OfHidden(hidden, Head, Tensor.Zeros([12], DType.Int64), 1, rows: 0));
    }

    [Fact]
    public void No_places_give_no_log_probs()
    {
        using var scope = TensorScope.Begin();
        var none = LogProbs.OfHiddenWithEntropy(Tensor.Zeros([0, 3]), h => Tensor.Linear(h, Tensor.Ones([5, 3])), Tensor.Zeros([0], DType.Int64), 1, rows: 4);
        Assert.Equal([0], none.LogProbs.Shape);
        Assert.Equal([0], none.Entropy.Shape);
    }

    [Fact]
    public void Half_precision_logits_are_widened_before_the_softmax()
    {
        using var scope = TensorScope.Begin();
        var logits = Tensor.Of([[2.0, 1, 0]]).To(DType.BFloat16); // these three are exact in bfloat16
        var actual = LogProbs.OfTaken(logits, Tensor.From(new long[] { 0 }, 1));
        Assert.Equal(DType.Float32, actual.DType);
        actual.ShouldBeNear([-Math.Log(1 + Math.Exp(-1) + Math.Exp(-2))], 1e-7);
    }

    /// <summary>The cases of TRL's test of log-probs: logits of one to four axes, four dtypes, pieces of 1 and 16 places.</summary>
    public static TheoryData<int, DType, int> Layouts()
    {
        var cases = new TheoryData<int, DType, int>();
        foreach (var rank in new[] { 1, 2, 3, 4 })
        {
            foreach (var dtype in new[] { DType.Float64, DType.Float32, DType.BFloat16, DType.Float16 })
            {
                cases.Add(rank, dtype, 1);
                cases.Add(rank, dtype, 16);
            }
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Any_rank_dtype_and_piece_matches_a_float64_reference(int rank, DType dtype, int rows)
    {
        const int Vocabulary = 37;
        const double Temperature = 0.7;
        using var scope = TensorScope.Begin();
        long[] places = rank switch { 1 => [], 2 => [33], 3 => [3, 11], _ => [3, 2, 7] };
        var count = (int)places.Aggregate(1L, (a, b) => a * b);
        var logits = (Tensor.From(new Seed(5).Normals(count * Vocabulary), [.. places, Vocabulary]) * 3).To(dtype);
        var ids = Enumerable.Range(0, count).Select(k => (long)(k * 5 % Vocabulary)).ToArray();
        var tokens = Tensor.From(ids, places);

        // In plain float64, of the logits as the dtype rounds them.
        var distributions = logits.ToDoubles().Chunk(Vocabulary).Select(row =>
        {
            var normaliser = Math.Log(row.Sum(z => Math.Exp(z / Temperature)));
            return row.Select(z => z / Temperature - normaliser).ToArray();
        }).ToArray();
        double[] logProbs = [.. distributions.Select((row, k) => row[ids[k]])], entropy = [.. distributions.Select(row => -row.Sum(l => Math.Exp(l) * l))];

        var both = LogProbs.WithEntropy(logits, tokens, Temperature);
        foreach (var whole in new[] { both.LogProbs, LogProbs.OfTaken(logits, tokens, Temperature) })
            ShouldBeNear(whole, places, logProbs);
        foreach (var whole in new[] { both.Entropy, LogProbs.Entropy(logits, Temperature) })
            ShouldBeNear(whole, places, entropy);
        var (flat, flatTokens) = (logits.Reshape(count, Vocabulary), tokens.Reshape(count));
        var pieces = LogProbs.OfHiddenWithEntropy(flat, h => h, flatTokens, Temperature, rows);
        ShouldBeNear(LogProbs.OfHidden(flat, h => h, flatTokens, Temperature, rows), [count], logProbs);
        ShouldBeNear(pieces.LogProbs, [count], logProbs);
        ShouldBeNear(pieces.Entropy, [count], entropy);

        void ShouldBeNear(Tensor actual, long[] shape, double[] expected)
        {
            Assert.Equal(shape, actual.Shape);
            Assert.Equal(dtype == DType.Float64 ? DType.Float64 : DType.Float32, actual.DType); // half precision is widened
            Assert.All(expected.Zip(actual.ToDoubles()), pair => Assert.Equal(pair.First, pair.Second, 1e-5)); // TRL's tolerance
        }
    }

    [Fact]
    public void Gradients_match_finite_differences()
    {
        using var scope = TensorScope.Begin();
        var logits = Tensor.Of([[0.3, -1.2, 0.8, 2], [1, 0.1, -0.4, 0.6]]);
        var tokens = Tensor.From(new long[] { 2, 0 }, 2);
        FiniteDifference.Check(() => LogProbs.OfTaken(logits, tokens, 0.7).Square().Sum(), [logits]);
        FiniteDifference.Check(() => LogProbs.Entropy(logits, 0.7).Square().Sum(), [logits]);
    }
}
