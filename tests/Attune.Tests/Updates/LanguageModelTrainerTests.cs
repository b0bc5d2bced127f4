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
        var rows = Collators.Pad(Ragged(12, longest: 20), paddingId: 0); // a mean of the micro-batches' means would be another number
        var (whole, gradient) = Step(rows, Config with { MicroBatch = 6 });
        var (split, splitGradient) = Step(rows, Config with { MicroBatch = microBatch });
        Assert.Equal(whole.Tokens, split.Tokens);
        Assert.Equal(whole.Loss, split.Loss, 2e-6 * whole.Loss); // float32 sums in another order
        Assert.Equal(whole.GradientNorm, split.GradientNorm, 1e-5 * whole.GradientNorm);
        ShouldBeNear(gradient, splitGradient, whole.GradientNorm);
    }

    [Theory]
    [InlineData("gpt2", "two threads")]
    [InlineData("llama", "two threads")]
    [InlineData("gpt2", "left padding")]
    [InlineData("llama", "left padding")]
    [InlineData("gpt2", "packed rows")]
    [InlineData("llama", "packed rows")]
    public void Threads_padding_side_and_packing_do_not_change_a_steps_gradient(string family, string other)
    {
        var documents = Ragged(48, longest: 40); // large enough that operators use their threads
        var padded = Collators.Pad(documents, paddingId: 0);
        var rows = other switch
        {
            "left padding" => Collators.Pad(documents, paddingId: 0, PaddingSide.Left),
            "packed rows" => Packer.Batch([.. Packer.Pack(documents, 64, PackingStrategy.Bfd)], 64, paddingId: 0),
            _ => padded,
        };
        (LanguageModelStep, double[]) All(TokenBatch batch, int threads)
        {
            var before = TorchRuntime.Threads;
            TorchRuntime.Threads = threads;
            try
            {
                return Step(batch, Config with { Batch = batch.Rows, MicroBatch = batch.Rows }, family);
            }
            finally
            {
                TorchRuntime.Threads = before;
            }
        }

        var (expected, gradient) = All(padded, threads: 1);
        var (actual, otherGradient) = All(rows, threads: other == "two threads" ? 2 : 1);

        Assert.Equal(other == "packed rows", rows.Rows < padded.Rows);
        Assert.Equal(expected.Tokens, actual.Tokens);
        Assert.Equal(expected.Loss, actual.Loss, 2e-6 * expected.Loss);
        ShouldBeNear(gradient, otherGradient, expected.GradientNorm);
    }

    [Fact]
    public void Over_many_steps_two_layouts_differ_by_rounding_without_direction()
    {
        double[] Losses(int microBatch)
        {
            using var model = TinyModel.Create("llama");
            using var trainer = new LanguageModelTrainer(model, Collators.Pad(Ragged(48, longest: 20), paddingId: 0), Config with { MicroBatch = microBatch, Optimiser = new() { Epsilon = 1e-3 } }, new Seed(1));
            return [.. Enumerable.Range(0, 20).Select(step => trainer.Step(step).Loss)];
        }

        LayoutGaps.ShouldBeRounding(Losses(6), Losses(1), largest: 5e-6, mean: 3e-7);
    }

    [Fact]
    public void The_gradient_of_a_float64_model_is_that_of_finite_differences()
    {
        using var scope = TensorScope.Begin();
        using var model = CausalLm.Create(TinyModel.Llama, new Seed(1), new Compute(Device.Cpu, DType.Float64));
        var rows = Rows(3, 8);
        var loss = LanguageModelLoss.Of(model, rows).Loss;
        Assert.Equal(DType.Float64, loss.DType);
        loss.Backward();
        const double H = 1e-5;
        foreach (var (name, parameter) in model.NamedParameters())
        {
            var start = parameter.Value.Detach() + 0;
            var direction = Tensor.From(new Seed(7).Normals((int)start.Count), start.Shape).To(DType.Float64);
            var slope = (parameter.Value.Grad! * direction).Sum().Item();
            double At(double step)
            {
                using var frozen = Autograd.NoGrad();
                parameter.Value.CopyFrom(start + direction * step);
                return LanguageModelLoss.Of(model, rows).Loss.Item();
            }

            var measured = (At(H) - At(-H)) / (2 * H);
            At(0);
            Assert.True(Math.Abs(slope - measured) <= 1e-6 * Math.Max(1, Math.Abs(slope)), $"{name}: {slope:G9}, measured {measured:G9}");
        }
    }

    [Fact]
    public void State_of_other_rows_is_refused()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "state.safetensors");
        using var model = TinyModel.Create("gpt2");
        using var saved = new LanguageModelTrainer(model, Rows(6, 5), Config, new Seed(1));
        saved.SaveState(path);
        saved.LoadState(path);
        var (changed, longer) = (Rows(6, 5), Rows(7, 5));
        changed.Ids[3]++;
        using var other = new LanguageModelTrainer(model, changed, Config, new Seed(1));
        using var more = new LanguageModelTrainer(model, longer, Config, new Seed(1));

        Assert.Matches(@"data  is \d+, expected \d+; resume with the recipe and data the run began with", Assert.Throws<InputException>(() => other.LoadState(path)).Message);
        Assert.Contains("rows  is 6, expected 7; resume with", Assert.Throws<InputException>(() => more.LoadState(path)).Message);
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

        var ragged = Ragged(12, longest: 14);
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

        var rows = Enumerable.Range(0, trainer.Steps).SelectMany(trainer.RowsOf).ToArray();
        var (first, second) = (rows[..13], rows[13..26]); // a batch may hold the end of one and the beginning of the next
        Assert.Equal(Enumerable.Range(0, 13), first.Order());
        Assert.Equal(Enumerable.Range(0, 13), second.Order());
        Assert.NotEqual(first, second); // each in an order of its own
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
    public void What_the_last_update_broke_is_named()
    {
        using var model = TinyModel.Create("gpt2");
        using var trainer = new LanguageModelTrainer(model, Rows(6, 5), Config, new Seed(1));
        trainer.RequireFinite(7);
        var (name, parameter) = model.NamedParameters().Last();
        foreach (var value in new[] { double.NaN, double.NegativeInfinity, 1e20 })
        {
            using (Autograd.NoGrad())
                parameter.Value.FillInPlace(value);
            var message = Assert.Throws<RunFailedException>(() => trainer.RequireFinite(7)).Message;
            Assert.Equal($"step 7: its update left {name} with a value whose square is not finite, expected finite numbers; begin anew with a lower learning rate than 0.01 (what was saved before is kept until then)", message);
        }
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

    /// <summary>One step, and its gradient as what Adam's means hold after it where β₁ is 0.</summary>
    private static (LanguageModelStep Step, double[] Gradient) Step(TokenBatch rows, LanguageModelConfig config, string family = "llama")
    {
        using var scope = TensorScope.Begin();
        using var model = TinyModel.Create(family);
        using var trainer = new LanguageModelTrainer(model, rows, config with { GradientClip = null, Optimiser = new() { Beta1 = 0 } }, new Seed(1));
        var step = trainer.Step(0);
        return (step, [.. trainer.Optimiser.State().Where(m => m.Name.EndsWith(".mean", StringComparison.Ordinal)).SelectMany(m => m.Value.ToDoubles())]);
    }

    /// <summary>Float32 sums in another order: a share of the whole gradient's length, far below what a wrong divisor or a seen neighbour does.</summary>
    private static void ShouldBeNear(double[] expected, double[] actual, double length)
    {
        Assert.Equal(expected.Length, actual.Length);
        var apart = Math.Sqrt(expected.Zip(actual, (a, b) => (a - b) * (a - b)).Sum());
        Assert.True(apart <= 1e-5 * length, $"the gradients are {apart / length:G3} of their length apart");
    }

    /// <summary>Documents of 3 tokens to the longest, whose second half counts.</summary>
    private static TokenRow[] Ragged(int count, int longest) =>
    [
        .. Enumerable.Range(0, count).Select(k =>
        {
            int[] ids = [.. Enumerable.Range(0, 3 + k * 7 % (longest - 2)).Select(t => (1 + 11 * k + t * (1 + k % 3)) % 61)];
            return TokenRow.Of(ids.AsSpan(0, ids.Length / 2), ids.AsSpan(ids.Length / 2));
        }),
    ];

    /// <summary>Rows that count upwards by 1 from changing starts.</summary>
    private static TokenBatch Rows(int rows, int width)
    {
        var batch = new TokenBatch(rows, width, paddingId: 0);
        for (var k = 0; k < batch.Ids.Length; k++)
            (batch.Ids[k], batch.Segments[k], batch.Positions[k], batch.LossMask[k]) = ((k / width * 7 + k % width) % 61, 1, k % width, k % width > 0);
        return batch;
    }
}
