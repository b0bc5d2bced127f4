using Attune.Feedback;
using Attune.Feedback.Tasks;
using Attune.Storage.Work;

namespace Attune.Storage.Quality;

/// <summary>A comparison with what is right on it.</summary>
/// <param name="Comparison">What is shown.</param>
/// <param name="Expected">What is right.</param>
public sealed record KnownComparison(Comparison Comparison, ExpectedAnswer Expected);

/// <summary>Whether an expected answer can be given at all where a project asks in its own way: on its axes, its labels, its scale.</summary>
internal static class ExpectedFit
{
    /// <summary>What is wrong with what a task expects; null where nothing is, or nothing is expected.</summary>
    public static string? Fault(NewTask task, TaskKind kind, ProjectSettings settings)
    {
        if (task.Expected is null)
            return null;
        ExpectedAnswer expected;
        try
        {
            expected = ExpectedAnswer.FromJson(task.Expected);
        }
        catch (System.Text.Json.JsonException e)
        {
            return $"has an expected answer that cannot be read ({StorageJson.Why(e)})";
        }
        return expected.Fault(StorageJson.Word(kind), task.Payload) ?? kind switch
        {
            TaskKind.Pair when expected.Strength is not null && settings.Scale == PreferenceScale.Three => "expects a strength on the scale of three, which has none",
            TaskKind.Rate => FaultOfRatings(expected, task.Choices, settings),
            _ => null,
        };
    }

    private static string? FaultOfRatings(ExpectedAnswer expected, int choices, ProjectSettings settings)
    {
        var steps = settings.RatingSteps;
        if (expected.Ratings?.FirstOrDefault(rating => !steps.TryGetValue(rating.Axis, out var most) || rating.Value > most) is { } bad)
            return $"expects {bad.Value} on '{bad.Axis}', but the project asks for {string.Join(", ", steps.Select(axis => $"{axis.Key} (1 to {axis.Value})"))}";
        string[] labels = settings.Labels == LabelScheme.None ? [] : [.. Enumerable.Range(0, choices).SelectMany(answer => OpenAssistantLabels.Questions.Select(question => OpenAssistantLabels.KeyOf(question, answer, choices)))];
        return expected.Answers?.FirstOrDefault(answer => !labels.Contains(answer.Key) || answer.Value is not ("yes" or "no")) is { Key: { } key } label
            ? $"expects '{label.Value}' for '{key}', but the project asks for {(labels.Length == 0 ? "no labels" : $"yes or no of {string.Join(", ", labels)}")}"
            : expected.Answers is { Count: 0 } ? "has expected without answers in its list" : null;
    }
}
