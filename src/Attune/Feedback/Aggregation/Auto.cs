namespace Attune.Feedback.Aggregation;

/// <summary>
/// Chooses between votes and Dawid–Skene by the amount of data: a confusion matrix has K columns, and each is worth learning only from answers enough.
/// With at least ten answers for each worker and label, and two for each task, <see cref="DawidSkene"/>; else <see cref="MajorityVote"/>.
/// </summary>
public static class Auto
{
    private const long AnswersForEachColumn = 10;

    /// <summary>Whether there are labels enough to learn confusion matrices.</summary>
    public static bool LearnsConfusions(LabelSet data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return data.Count > 0 && data.Labels.Count > 1
            && data.Count >= AnswersForEachColumn * data.Workers.Count * data.Labels.Count && data.Count >= 2L * data.Tasks.Count;
    }

    /// <summary>Aggregates by the method that suits the amount of data.</summary>
    /// <param name="data">The labels.</param>
    /// <param name="options">Settings of Dawid–Skene, where that is chosen.</param>
    public static AggregationResult Run(LabelSet data, DawidSkeneOptions? options = null) =>
        LearnsConfusions(data) ? DawidSkene.Run(data, options) : MajorityVote.Run(data);
}
