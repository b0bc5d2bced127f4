using Attune.Models;
using Attune.Tests.Models;
using Attune.Tokens;
using Attune.Torch;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

/// <summary>Trainers whose logits stand in memory a few places at a time.</summary>
[NoTensorLeaks]
public sealed class LogitPiecesTests
{
    [Fact]
    public void A_large_vocabulary_takes_few_places_and_a_small_one_many()
    {
        Assert.Equal(333, LogitPieces.RowsFor(50_257));
        Assert.Equal(55_924, LogitPieces.RowsFor(300));
        Assert.Equal(1, LogitPieces.RowsFor(int.MaxValue));
    }

    [Theory]
    [InlineData("gpt2", 1)]
    [InlineData("gpt2", 7)]
    [InlineData("llama", 16)]
    public void Next_token_training_is_the_same_in_pieces(string family, int rows)
    {
        double[] Losses(int? pieces)
        {
            using var scope = TensorScope.Begin();
            using var model = TinyModel.Create(family);
            if (pieces is { } n)
                model.LogitRows = n;
            using var trainer = new LanguageModelTrainer(model, Rows(), new() { Batch = 6, MicroBatch = 6, Steps = 5, LearningRate = 1e-2, WarmUpSteps = 0 }, new Seed(1));
            return [.. Enumerable.Range(0, 5).SelectMany(step => trainer.Step(step) is var s ? new[] { s.Loss, s.GradientNorm } : [])];
        }

        foreach (var (whole, pieces) in Losses(null).Zip(Losses(rows)))
            Assert.Equal(whole, pieces, 1e-3 * Math.Max(1, whole)); // float32 sums in another order, through five steps
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.01)]
    public void PPO_is_the_same_in_pieces(double entropyCoefficient)
    {
        List<IReadOnlyDictionary<string, double>> Metrics(int? pieces)
        {
            using var tiny = TinyPpo.Create(TinyPpo.Config with { EntropyCoefficient = entropyCoefficient });
            if (pieces is { } n)
                tiny.Policy.LogitRows = tiny.Models.Reference.LogitRows = n;
            return tiny.RunTo(2);
        }

        foreach (var (whole, pieces) in Metrics(null).Zip(Metrics(5)))
        {
            foreach (var name in new[] { "policy/loss", "policy/entropy", "gradient_norm", "objective/kl" }.Where(whole.ContainsKey))
                Assert.Equal(whole[name], pieces[name], 1e-3 * Math.Max(1, Math.Abs(whole[name])));
            Assert.True(whole.ContainsKey("policy/entropy"));
        }
    }

    private static TokenBatch Rows()
    {
        var rows = new TokenBatch(rows: 12, width: 12, paddingId: 0);
        for (var k = 0; k < rows.Ids.Length; k++)
            (rows.Ids[k], rows.Segments[k], rows.LossMask[k]) = (1 + (k / 12 + k % 12) % 20, 1, true);
        return rows;
    }
}
