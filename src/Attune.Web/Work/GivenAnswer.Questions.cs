using Attune.Feedback.Tasks;
using Attune.Storage.Work;
using Attune.Web.Texts;

namespace Attune.Web.Work;

/// <content>Questions, verifying and reviewing.</content>
public sealed partial record GivenAnswer
{
    private static readonly string[] YesOrNo = ["yes", "no"];

    private Phrase? FaultOfAnswers(AnnotationTask task)
    {
        if (CannotJudge)
            return Answers is { Count: > 0 } ? new("fault.two", "answers, cannotJudge") : null;
        var allowed = task.Kind switch
        {
            TaskKind.Verify => new Dictionary<string, IReadOnlyList<string>> { [VerifyTask.Accept] = YesOrNo },
            TaskKind.Review => new() { [ReviewTask.Acceptable] = YesOrNo, [ReviewTask.Spam] = YesOrNo },
            _ => TaskPayload.Read<QuestionTask>(task.Payload).Questions.ToDictionary(question => question.Id, question => question.Allowed),
        };
        if (Answers is not { Count: > 0 } answers)
            return new("fault.nothing", "answers, cannotJudge");
        foreach (var (question, options) in allowed)
        {
            if (!answers.TryGetValue(question, out var answer))
                return new("fault.unanswered", question, string.Join(", ", options));
            if (!options.Contains(answer))
                return new("fault.option", answer, question, string.Join(", ", options));
        }
        if (answers.Keys.FirstOrDefault(key => !allowed.ContainsKey(key)) is { } other)
            return new("fault.unasked", other);
        return task.Kind == TaskKind.Verify && answers[VerifyTask.Accept] == "no" && string.IsNullOrWhiteSpace(Reason) ? new("fault.reason") : null;
    }
}
