using Attune.Feedback.Tasks;
using Attune.Storage.Work;

namespace Attune.Web.Work;

/// <content>Writing, mending, and messages of a tree.</content>
public sealed partial record GivenAnswer
{
    private string? FaultOfText(AnnotationTask task, ProjectSettings settings)
    {
        if (CannotJudge)
            return "has cannotJudge, expected text; give the task back instead";
        if (string.IsNullOrWhiteSpace(Text))
            return "says nothing, expected text";
        var shown = task.Kind switch
        {
            TaskKind.Write => TaskPayload.Read<WriteTask>(task.Payload).Prompt,
            TaskKind.Fix => TaskPayload.Read<FixTask>(task.Payload).Prompt,
            _ => TaskPayload.Read<MessageTask>(task.Payload).Thread is [.., var last] ? last.Text : "",
        };
        return settings.Chain.FaultOf(Text, shown);
    }
}
