using Attune.Storage.Work;
using Attune.Web.Texts;

namespace Attune.Web.Work;

/// <content>OpenAssistant's labels.</content>
public sealed partial record GivenAnswer
{
    // Every answer is said to be spam or not; of what is no spam the overall scale is asked at least.
    private Phrase? FaultOfLabels(int answers)
    {
        if (CannotJudge)
            return Answers is { Count: > 0 } ? new("fault.two", "answers, cannotJudge") : null;
        for (var place = 0; place < answers; place++)
        {
            if (Answers?.GetValueOrDefault(OpenAssistantLabels.KeyOf(OpenAssistantLabels.Spam, place, answers)) is not { } spam)
                return new("fault.spam", place, OpenAssistantLabels.KeyOf(OpenAssistantLabels.Spam, place, answers));
            if (spam == "no" && Ratings?.Any(rating => rating.Axis == OpenAssistantLabels.Scales[0] && rating.Answer == place) != true)
                return new("fault.scale", OpenAssistantLabels.Scales[0], place, OpenAssistantLabels.Steps);
        }
        var keys = LabelKeys(answers).Select(key => key.Key).ToHashSet(StringComparer.Ordinal);
        if (Answers!.FirstOrDefault(answer => !keys.Contains(answer.Key) || answer.Value is not ("yes" or "no")) is { Key: { } bad } label)
            return new("fault.label", label.Value, bad, string.Join(", ", keys));
        return null;
    }

    // Of ratings each axis is one that is asked, on its number of steps.
    private Phrase? FaultOfAxes(ProjectSettings settings)
    {
        var steps = settings.RatingSteps;
        return Ratings?.FirstOrDefault(rating => !steps.TryGetValue(rating.Axis, out var most) || rating.Steps != most || rating.Value < 1 || rating.Value > most) is { } bad
            ? new("fault.axis", bad.Axis, bad.Value, bad.Steps, string.Join(", ", steps.Select(axis => $"{axis.Key} 1-{axis.Value}"))) : null;
    }

    private Dictionary<string, string>? LabelsByIndex(IReadOnlyList<int> order) => Answers is { Count: > 0 }
        ? LabelKeys(order.Count).Where(key => Answers.ContainsKey(key.Key)).ToDictionary(key => OpenAssistantLabels.KeyOf(key.Question, order[key.Place], order.Count), key => Answers[key.Key]) : null;

    private static IEnumerable<(string Key, string Question, int Place)> LabelKeys(int answers) =>
        Enumerable.Range(0, answers).SelectMany(place => OpenAssistantLabels.Questions.Select(question => (OpenAssistantLabels.KeyOf(question, place, answers), question, place)));
}
