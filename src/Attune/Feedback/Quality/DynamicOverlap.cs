using Attune.Feedback.Aggregation;
using Attune.Runs;

namespace Attune.Feedback.Quality;

/// <summary>When a task has been answered often enough.</summary>
public sealed record OverlapOptions : IChecked
{
    /// <summary>Answers that every task gets.</summary>
    public int Minimum { get; init; } = 2;

    /// <summary>Answers after which a task gets no more, whatever is known of it.</summary>
    public int Maximum { get; init; } = 8;

    /// <summary>A task gets no more answers once some label has this probability.</summary>
    public double Threshold { get; init; } = 0.95;

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Minimum < 1)
            yield return Problem.Of("minimum", $"is {Minimum}", "at least 1", "2 is usual");
        if (Maximum < Minimum)
            yield return Problem.Of("maximum", $"is {Maximum}", $"at least minimum, {Minimum}", "8 is usual");
        if (Threshold is not (> 0 and < 1))
            yield return Problem.Of("threshold", $"is {Threshold}", "between 0 and 1", "0.95 is usual");
    }
}

/// <summary>What becomes of a task.</summary>
public enum OverlapDecision
{
    /// <summary>One more answer.</summary>
    Extend,

    /// <summary>Its label is sure enough.</summary>
    Sure,

    /// <summary>It has the most answers, and its label is still not sure.</summary>
    Unsure,
}

/// <summary>A task, what is known of it, and what becomes of it.</summary>
/// <param name="Task">The task.</param>
/// <param name="Answers">Workers who answered it.</param>
/// <param name="Label">Its most probable label.</param>
/// <param name="Probability">That label's probability.</param>
/// <param name="Decision">What becomes of it.</param>
public sealed record TaskOverlap(string Task, int Answers, string Label, double Probability, OverlapDecision Decision);

/// <summary>
/// Asks again only where the answers so far leave doubt: a task stops at a posterior probability of some label, or at the most answers. The posterior is
/// that of any aggregation with probabilities (<see cref="DawidSkene"/>), or of the skills alone (<see cref="Posterior"/>). It is only as honest as the model:
/// workers who err together make it too sure. Not here: choosing who answers next.
/// </summary>
public static class DynamicOverlap
{
    /// <summary>
    /// The probability of each label after independent answers of workers who are right with their skill and otherwise give any other label alike:
    /// P(c) ∝ π_c Π (s_w where w answered c, else (1 − s_w)/(K − 1)).
    /// </summary>
    /// <param name="answers">Each answer's label, as a number from 0, and its worker's skill, strictly between 0 and 1.</param>
    /// <param name="labels">How many labels there are.</param>
    /// <param name="priors">Each label's share; alike without.</param>
    public static double[] Posterior(IReadOnlyList<(int Label, double Skill)> answers, int labels, IReadOnlyList<double>? priors = null)
    {
        ArgumentNullException.ThrowIfNull(answers);
        if (answers.FirstOrDefault(answer => answer.Skill is not (> 0 and < 1)) is { Skill: var skill } && answers.Any(answer => answer.Skill is not (> 0 and < 1)))
            throw new ArgumentException($"A skill is {skill}, expected it between 0 and 1: nobody is certainly right or wrong.", nameof(answers));
        var logs = Enumerable.Range(0, labels).Select(c => Math.Log(priors?[c] ?? 1) + answers.Sum(answer => Math.Log(LabelMetrics.OneCoin(answer.Skill, answer.Label == c, labels)))).ToArray();
        SoftMax.InPlace(logs);
        return logs;
    }

    /// <summary>What becomes of a task whose most probable label has a probability after so many answers.</summary>
    public static OverlapDecision Decide(double probability, int answers, OverlapOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return answers < options.Minimum ? OverlapDecision.Extend
            : probability >= options.Threshold ? OverlapDecision.Sure
            : answers >= options.Maximum ? OverlapDecision.Unsure
            : OverlapDecision.Extend;
    }

    /// <summary>What becomes of each task of an aggregation, in its order; an answer of a worker who answered the task before is none more.</summary>
    public static IReadOnlyList<TaskOverlap> Plan(AggregationResult result, OverlapOptions options)
    {
        ArgumentNullException.ThrowIfNull(result);
        var data = result.Data;
        return [.. data.Tasks.Select((task, number) =>
        {
            var answers = data.TaskWorker.AsSpan(data.TaskStart[number]..data.TaskStart[number + 1]).ToArray().Distinct().Count();
            var (label, probability) = (result.TaskLabels[number], result.Probabilities[number * data.Labels.Count + result.TaskLabels[number]]);
            return new TaskOverlap(task, answers, data.Labels[label], probability, Decide(probability, answers, options));
        })];
    }
}
