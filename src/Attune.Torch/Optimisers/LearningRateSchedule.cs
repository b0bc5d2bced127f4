namespace Attune.Torch.Optimisers;

/// <summary>How the learning rate falls after the warm-up.</summary>
public enum ScheduleShape
{
    /// <summary>It stays.</summary>
    Constant,

    /// <summary>Straight down. The final share is reached one step after the last, so that the last step still moves when it is 0.</summary>
    Linear,

    /// <summary>Half a cosine down. The final share is reached one step after the last, as for <see cref="Linear"/>.</summary>
    Cosine,
}

/// <summary>Learning rate as a pure function of the step.</summary>
/// <param name="Peak">Rate after the warm-up.</param>
/// <param name="Shape">How it falls.</param>
/// <param name="Steps">Steps of the whole run.</param>
/// <param name="WarmUpSteps">Steps of linear rise; the first step has Peak/WarmUpSteps.</param>
/// <param name="FinalShare">Share of the peak that is left one step after the last: at step <paramref name="Steps"/>.</param>
public sealed record LearningRateSchedule(double Peak, ScheduleShape Shape, int Steps, int WarmUpSteps = 0, double FinalShare = 0)
{
    /// <summary>The rate of a step, counted from 0.</summary>
    public double At(int step)
    {
        if (step < WarmUpSteps)
            return Peak * (step + 1) / WarmUpSteps;
        var progress = Math.Clamp((double)(step - WarmUpSteps) / Math.Max(1, Steps - WarmUpSteps), 0, 1);
        var share = Shape switch
        {
            ScheduleShape.Constant => 1,
            ScheduleShape.Linear => 1 - progress,
            ScheduleShape.Cosine => (1 + Math.Cos(Math.PI * progress)) / 2,
            _ => throw new InvalidOperationException($"unknown schedule {Shape}"),
        };
        return Shape == ScheduleShape.Constant ? Peak : Peak * (FinalShare + (1 - FinalShare) * share);
    }

    /// <summary>What to tell of a warm-up that leaves nothing behind it; null where it does not.</summary>
    /// <param name="section">The section of the recipe that has <c>warmUpSteps</c>.</param>
    public string? Doubt(string section) => WarmUpSteps < Steps ? null
        : $"{section}.warmUpSteps is {WarmUpSteps}, but there are {Steps} optimiser steps: all of them are warm-up; lower it";
}
