using Attune.Runs;

namespace Attune.Feedback.Aggregation;

/// <summary>
/// Worker agreement with aggregate (Wawa; Toloka's help pages, after Appen): majority vote; skill = accuracy against it; majority vote weighted
/// by skill. The skills stay those of the middle step. Ties go to the smallest label.
/// </summary>
public static class Wawa
{
    /// <summary>Aggregates by votes that weigh as much as their worker agrees.</summary>
    public static AggregationResult Run(LabelSet data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return MajorityVote.Weighted(data, MajorityVote.Run(data).Skills!);
    }
}

/// <summary>Majority vote weighted by each worker's accuracy on golden tasks. Ties go to the smallest label.</summary>
public static class GoldMajorityVote
{
    /// <summary>Aggregates by votes that weigh as much as their worker is right on golden tasks.</summary>
    /// <param name="data">The labels.</param>
    /// <param name="gold">The truth of some tasks; an answer equal to any of a task's right labels is right.</param>
    /// <exception cref="InputException">A worker answered no golden task.</exception>
    public static AggregationResult Run(LabelSet data, Truth gold)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(gold);
        var byWorker = LabelMetrics.Accuracy(data.Rows(), gold, AccuracyBy.Worker);
        return MajorityVote.Weighted(data, [.. data.Workers.Select(worker => byWorker.TryGetValue(worker, out var skill) ? skill
            : throw InputException.One($"Worker '{worker}'", "answered no golden task", "at least one", "add golden tasks, leave the worker out, or take another method"))]);
    }
}

/// <summary>Settings of <see cref="ZeroBasedSkill"/>.</summary>
public sealed record ZeroBasedSkillOptions
{
    /// <summary>Stops when no skill moved by more; the library never does.</summary>
    public AggregationMode Mode { get; init; }

    /// <summary>The most steps.</summary>
    public int Iterations { get; init; } = 100;

    /// <summary>How far a skill moves towards the accuracy in a step.</summary>
    public double LearningRate { get; init; } = 1;

    /// <summary>The rate is halved in each step whose number, from 1, is a multiple of this.</summary>
    public int HalveEvery { get; init; } = 20;

    /// <summary>The largest move of a skill at which it stops; and what each skill starts above chance.</summary>
    public double Tolerance { get; init; } = 1e-5;
}

/// <summary>
/// Zero-based skill (crowd-kit's method): skills start at 1/K; each step moves a skill towards the worker's accuracy against the vote weighted
/// by the skills: s += rate·(a − s). Ties go to the smallest label. It stops when no skill moved by more than the tolerance;
/// in <see cref="AggregationMode.Compatible"/> it does all steps, because the library has no such test though its pages say so.
/// The objective of a step is the largest move.
/// </summary>
public static class ZeroBasedSkill
{
    /// <summary>Aggregates by votes whose weights are learned.</summary>
    public static AggregationResult Run(LabelSet data, ZeroBasedSkillOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        options ??= new();
        var skills = new double[data.Workers.Count];
        Array.Fill(skills, 1.0 / Math.Max(1, data.Labels.Count) + options.Tolerance);
        var (rate, moves) = (options.LearningRate, new List<double>());
        var stopped = options.Mode == AggregationMode.Compatible ? StopReason.Finished : StopReason.IterationLimit;
        for (var step = 1; step <= options.Iterations; step++)
        {
            if (step % options.HalveEvery == 0)
                rate /= 2;
            var accuracies = MajorityVote.Accuracies(data, AggregationResult.Largest(MajorityVote.Shares(data, skills), data.Labels.Count));
            var largest = 0.0;
            for (var worker = 0; worker < skills.Length; worker++)
            {
                var move = rate * (accuracies[worker] - skills[worker]);
                skills[worker] += move;
                largest = Math.Max(largest, Math.Abs(move));
            }
            moves.Add(largest);
            if (options.Mode == AggregationMode.Correct && largest <= options.Tolerance)
            {
                stopped = StopReason.Converged;
                break;
            }
        }
        return MajorityVote.Weighted(data, skills) with { Iterations = moves.Count, Objective = moves, Stopped = stopped };
    }
}
