using Attune.Torch;
using Attune.Updates;

namespace Attune.Tests.Updates;

/// <summary>How a step is cut into passes, and on how many threads it runs, changes rounding only.</summary>
public sealed class PpoLayoutTests
{
    [Theory]
    [InlineData(1, ScorePlace.LastToken, WhiteningScope.Batch)]
    [InlineData(2, ScorePlace.LastToken, WhiteningScope.Minibatch)]
    [InlineData(2, ScorePlace.EndSlot, WhiteningScope.Batch)]
    [InlineData(5, ScorePlace.EndSlot, WhiteningScope.Minibatch)]
    public void The_split_into_micro_batches_changes_rounding_only(int microBatch, ScorePlace place, WhiteningScope over)
    {
        var config = TinyPpo.Config with { ScorePlace = place, WhitenOver = over, EntropyCoefficient = 0.01, KlIn = KlPlace.Loss, AdamEpsilon = 1e-3 };
        using var whole = TinyPpo.Create(config with { MicroBatch = 1000 }, hasCritic: true);
        using var split = TinyPpo.Create(config with { MicroBatch = microBatch }, hasCritic: true);

        var (a, b) = (whole.RunTo(2), split.RunTo(2));

        // The learning rate is 3e-3 and eight optimiser steps are made: a wrong divisor would show as 1e-3.
        var gaps = whole.Weights().Zip(split.Weights(), (x, y) => x - y).ToArray();
        Assert.InRange(gaps.Max(Math.Abs), 0, 2e-5);
        Assert.InRange(Math.Abs(gaps.Average()), 0, 1e-7);
        LayoutGaps.ShouldBeRounding(a[1], b[1], share: 1e-5, floor: 1e-6);
    }

    [Fact]
    public void Over_many_steps_two_layouts_differ_by_rounding_without_direction()
    {
        double[] Losses(int microBatch)
        {
            using var ppo = TinyPpo.Create(TinyPpo.Config with { MicroBatch = microBatch, AdamEpsilon = 1e-3 }, hasCritic: true);
            return [.. ppo.RunTo(20).Select(m => m["policy/loss"] + m["value/loss"])];
        }

        LayoutGaps.ShouldBeRounding(Losses(1000), Losses(3), largest: 1e-6, mean: 1e-7);
    }

    [Fact]
    public void Two_threads_give_the_gradients_of_one()
    {
        // So high a rate that a weight is what it moved by: a hundred times its gradient.
        var config = TinyPpo.Descent with { LearningRate = 1e6, ValueCoefficient = 0.5, MicroBatch = 1000 };
        (IReadOnlyDictionary<string, double> Metrics, double[] Moved) Learned(int threads)
        {
            var before = TorchRuntime.Threads;
            try
            {
                TorchRuntime.Threads = 1;
                using var ppo = TinyPpo.Create(config, hasCritic: true, answers: 400); // large enough that operators use their threads
                var (weights, rollouts) = (ppo.Weights(), ppo.Trainer.Sample(0));
                TorchRuntime.Threads = threads;
                var metrics = ppo.Trainer.Learn(0, rollouts);
                return (metrics, [.. ppo.Weights().Zip(weights, (after, start) => after - start)]);
            }
            finally
            {
                TorchRuntime.Threads = before;
            }
        }

        var (one, moved) = Learned(1);
        var (two, otherMoved) = Learned(2);

        LayoutGaps.ShouldBeRounding(one, two, share: 1e-5, floor: 1e-6);
        double Length(IEnumerable<double> vector) => Math.Sqrt(vector.Sum(x => x * x));
        Assert.InRange(Length(moved.Zip(otherMoved, (a, b) => a - b)) / Length(moved), 0, 1e-5);
    }
}
