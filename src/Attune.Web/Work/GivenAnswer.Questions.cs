using Attune.Feedback.Tasks;
using Attune.Storage.Work;

namespace Attune.Web.Work;

/// <content>Questions, verifying and reviewing.</content>
public sealed partial record GivenAnswer
{
    private static readonly string[] YesOrNo = ["yes", "no"];

    private string? FaultOfAnswers(AnnotationTask task)
    {
        if (CannotJudge)
            return Answers is { Count: > 0 } ? "has answers and cannotJudge, expected one of them" : null;
        var allowed = task.Kind switch
        {
            TaskKind.Verify => new Dictionary<string, IReadOnlyList<string>> { [VerifyTask.Accept] = YesOrNo },
            TaskKind.Review => new() { [ReviewTask.Acceptable] = YesOrNo, [ReviewTask.Spam] = YesOrNo },
            _ => TaskPayload.Read<QuestionTask>(task.Payload).Questions.ToDictionary(question => question.Id, question => question.Allowed),
        };
        if (Answers is not { Count: > 0 } answers)
            return "says nothing, expected answers or cannotJudge";
        foreach (var (question, options) in allowed)
        {
            if (!answers.TryGetValue(question, out var answer))
                return $"has no answer to '{question}', expected {string.Join(", ", options)}";
            if (!options.Contains(answer))
                return $"has the answer '{answer}' to '{question}', expected {string.Join(", ", options)}";
        }
        if (answers.Keys.FirstOrDefault(key => !allowed.ContainsKey(key)) is { } other)
            return $"has an answer to '{other}', which is not asked";
        return task.Kind == TaskKind.Verify && answers[VerifyTask.Accept] == "no" && string.IsNullOrWhiteSpace(Reason) ? "refuses the text without a reason, expected what is to be mended" : null;
    }
}
