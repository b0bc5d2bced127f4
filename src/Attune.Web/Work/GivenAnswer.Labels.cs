using Attune.Storage.Work;

namespace Attune.Web.Work;

/// <content>OpenAssistant's labels.</content>
public sealed partial record GivenAnswer
{
    // Every answer is said to be spam or not; of what is no spam the overall scale is asked at least.
    private string? FaultOfLabels(int answers)
    {
        if (CannotJudge)
            return Answers is { Count: > 0 } ? "has labels and cannotJudge, expected one of them" : null;
        for (var place = 0; place < answers; place++)
        {
            if (Answers?.GetValueOrDefault(OpenAssistantLabels.KeyOf(OpenAssistantLabels.Spam, place, answers)) is not { } spam)
                return $"does not say whether answer {place} is spam, expected answers with '{OpenAssistantLabels.KeyOf(OpenAssistantLabels.Spam, place, answers)}': yes or no";
            if (spam == "no" && Ratings?.Any(rating => rating.Axis == OpenAssistantLabels.Scales[0] && rating.Answer == place) != true)
                return $"does not rate the {OpenAssistantLabels.Scales[0]} of answer {place}, expected 1 to {OpenAssistantLabels.Steps}";
        }
        var keys = LabelKeys(answers).Select(key => key.Key).ToHashSet(StringComparer.Ordinal);
        if (Answers!.FirstOrDefault(answer => !keys.Contains(answer.Key) || answer.Value is not ("yes" or "no")) is { Key: { } bad } label)
            return $"has the label '{label.Value}' for '{bad}', expected yes or no for {string.Join(", ", keys)}";
        return null;
    }

    // Of ratings each axis is one that is asked, on its number of steps.
    private string? FaultOfAxes(ProjectSettings settings)
    {
        var steps = settings.RatingSteps;
        return Ratings?.FirstOrDefault(rating => !steps.TryGetValue(rating.Axis, out var most) || rating.Steps != most || rating.Value < 1 || rating.Value > most) is { } bad
            ? $"rates '{bad.Axis}' with {bad.Value} of {bad.Steps}, expected {string.Join(", ", steps.Select(axis => $"{axis.Key} of {axis.Value}"))}" : null;
    }

    private Dictionary<string, string>? LabelsByIndex(IReadOnlyList<int> order) => Answers is { Count: > 0 }
        ? LabelKeys(order.Count).Where(key => Answers.ContainsKey(key.Key)).ToDictionary(key => OpenAssistantLabels.KeyOf(key.Question, order[key.Place], order.Count), key => Answers[key.Key]) : null;

    private static IEnumerable<(string Key, string Question, int Place)> LabelKeys(int answers) =>
        Enumerable.Range(0, answers).SelectMany(place => OpenAssistantLabels.Questions.Select(question => (OpenAssistantLabels.KeyOf(question, place, answers), question, place)));
}
