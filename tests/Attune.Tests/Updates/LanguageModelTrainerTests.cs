using Attune.Models;
using Attune.Runs;
using Attune.Tests.Models;
using Attune.Tokens;
using Attune.Torch;
using Attune.Torch.Optimisers;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

[NoTensorLeaks]
public sealed class LanguageModelTrainerTests
{
    private static readonly LanguageModelConfig Config = new()
    {
        Batch = 6,
        MicroBatch = 6,
        Steps = 30,
        LearningRate = 1e-2,
        WarmUpSteps = 2,
        Schedule = ScheduleShape.Constant,
    };

    [Fact]
    public void With_equal_logits_the_loss_is_the_logarithm_of_the_vocabulary()
    {
        using var scope = TensorScope.Begin();
        using var model = TinyModel.Create("gpt2");
        using (Autograd.NoGrad())
        {
            foreach (var parameter in model.Parameters)
                parameter.Value.ZeroInPlace();
        }

        var sum = LanguageModelLoss.Of(model, Rows(4, 10));
        Assert.Equal(4 * 9, sum.Tokens); // a row's first token has nothing before it
        Assert.Equal(4 * 9 * Math.Log(61), sum.Loss.Item(), 1e-3);
    }

    [Fact]
    public void The_first_token_of_a_second_document_and_padding_are_not_predicted()
    {
        using var scope = TensorScope.Begin();
        using var model = TinyModel.Create("gpt2");
        var batch = new TokenBatch(rows: 1, width: 7, paddingId: 0);
        new[] { 1, 2, 3, 4, 5, 6, 0 }.CopyTo(batch.Ids, 0);
        new[] { 1, 1, 1, 2, 2, 2, 0 }.CopyTo(batch.Segments, 0);
        new[] { true, true, true, true, false, true, true }.CopyTo(batch.LossMask, 0);
        Assert.Equal(3, LanguageModelLoss.CountTokens(batch)); // 2, 3 and 6: 4 begins a document, 5 is masked, 0 is padding
        var expected = TokenScoring.LogProbs(model, [[1, 2, 3], [4, 5, 6]]);
        Assert.Equal(-(expected[0][0] + expected[0][1] + expected[1][1]), LanguageModelLoss.Of(model, batch).Loss.Item(), 1e-4);
    }

    [Fact]
    public void A_tiny_model_learns_to_count()
    {
        using var model = TinyModel.Create("llama");
        var rows = Rows(24, 12);
        using var trainer = new LanguageModelTrainer(model, rows, Config, new Seed(1));
        var before = trainer.Evaluate(rows).Loss;
        for (var step = 0; step < trainer.Steps; step++)
            trainer.Step(step);
        Assert.True(before > 3, $"a model that knows nothing should be above ln 61 = 4.1 or so, was {before}");
        Assert.InRange(trainer.Evaluate(rows).Loss, 0, 0.5);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Micro_batches_do_not_change_a_step(int microBatch)
    {
        var whole = Weights(Config, steps: 3);
        var split = Weights(Config with { MicroBatch = microBatch }, steps: 3);
        // Adam divides by the gradient's size, so rounding of tiny gradients moves a weight by up to a share of the rate of 1e-2.
        Assert.Equal(0, whole.Zip(split, (a, b) => (double)b - a).Average(), 1e-6);
        Assert.All(whole.Zip(split), pair => Assert.Equal(pair.First, pair.Second, 1e-3f));
    }

    [Fact]
    public void More_padding_on_the_right_changes_no_bit()
    {
        float[] Trained(TokenBatch rows)
        {
            using var model = TinyModel.Create("llama");
            using var trainer = new LanguageModelTrainer(model, rows, Config with { MicroBatch = 2 }, new Seed(1));
            trainer.Step(0);
            return [.. model.Parameters.SelectMany(p => p.Value.ToArray<float>())];
        }

        TokenRow[] ragged = [.. Enumerable.Range(2, 12).Select(length => TokenRow.Of([1], [.. Enumerable.Range(2, length)]))];
        Assert.Equal(Trained(Collators.Pad(ragged, paddingId: 0)), Trained(Collators.Pad(ragged, paddingId: 0, multipleOf: 32)));
    }

    [Fact]
    public void The_same_training_twice_is_equal_to_the_bit()
    {
        Assert.Equal(Weights(Config, steps: 3), Weights(Config, steps: 3));
    }

    [Fact]
    public void Each_epoch_goes_through_every_row_once()
    {
        using var model = TinyModel.Create("gpt2");
        using var trainer = new LanguageModelTrainer(model, Rows(13, 5), Config with { Steps = null, Epochs = 2 }, new Seed(1));
        Assert.Equal(5, trainer.Steps); // 26 rows in batches of 6
    }

    [Fact]
    public void A_loss_that_is_not_a_number_stops_with_the_step_and_leaves_the_weights()
    {
        using var model = TinyModel.Create("gpt2");
        using (Autograd.NoGrad())
            model.Parameters.Last().Value.FillInPlace(double.NaN);
        var before = model.Parameters.First().Value.ToArray<float>();
        using var trainer = new LanguageModelTrainer(model, Rows(6, 5), Config, new Seed(1));
        Assert.StartsWith("step 7: the loss is NaN", Assert.Throws<RunFailedException>(() => trainer.Step(7)).Message);
        Assert.Equal(before, model.Parameters.First().Value.ToArray<float>());
    }

    [Fact]
    public void Bits_per_byte_are_nats_over_the_logarithm_of_two()
    {
        Assert.Equal(2, LanguageModelTrainer.BitsPerByte(8 * Math.Log(2), 4), 1e-12);
    }

    private static float[] Weights(LanguageModelConfig config, int steps)
    {
        using var model = TinyModel.Create("llama");
        using var trainer = new LanguageModelTrainer(model, Rows(24, 12), config, new Seed(1));
        for (var step = 0; step < steps; step++)
            trainer.Step(step);
        return [.. model.Parameters.SelectMany(p => p.Value.ToArray<float>())];
    }

    /// <summary>Rows that count upwards by 1 from changing starts.</summary>
    private static TokenBatch Rows(int rows, int width)
    {
        var batch = new TokenBatch(rows, width, paddingId: 0);
        for (var k = 0; k < batch.Ids.Length; k++)
            (batch.Ids[k], batch.Segments[k], batch.Positions[k], batch.LossMask[k]) = ((k / width * 7 + k % width) % 61, 1, k % width, k % width > 0);
        return batch;
    }
}
