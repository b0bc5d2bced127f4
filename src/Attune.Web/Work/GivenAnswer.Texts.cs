using Attune.Feedback.Tasks;
using Attune.Storage.Work;
using Attune.Web.Api;

namespace Attune.Web.Work;

/// <content>Writing, mending, and messages of a tree.</content>
public sealed partial record GivenAnswer
{
    /// <summary>What the project's checks say of a written text, in words for who wrote it; null where it is no text or passes.</summary>
    internal Told? TextFault(AnnotationTask task, ProjectSettings settings)
    {
        if (task.Kind is not (TaskKind.Write or TaskKind.Fix or TaskKind.Message) || CannotJudge || string.IsNullOrWhiteSpace(Text))
            return null;
        var (length, chain) = (Text.Trim().Length, settings.Chain);
        return chain.FaultOf(Text, Shown(task)) is null ? null
            : length < chain.MinimumCharacters ? new(StatusCodes.Status422UnprocessableEntity, "text-short", length, chain.MinimumCharacters)
            : length > chain.MaximumCharacters ? new(StatusCodes.Status422UnprocessableEntity, "text-long", length, chain.MaximumCharacters)
            : new(StatusCodes.Status422UnprocessableEntity, "text-copy");
    }

    private string? FaultOfText(AnnotationTask task, ProjectSettings settings)
    {
        if (CannotJudge)
            return "has cannotJudge, expected text; give the task back instead";
        if (string.IsNullOrWhiteSpace(Text))
            return "says nothing, expected text";
        return settings.Chain.FaultOf(Text, Shown(task));
    }

    private static string Shown(AnnotationTask task) => TaskPayload.AnsweredText($"{task.Kind}".ToLowerInvariant(), task.Payload);
}
