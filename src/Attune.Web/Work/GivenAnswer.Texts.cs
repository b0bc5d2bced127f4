using Attune.Feedback.Tasks;
using Attune.Storage.Work;
using Attune.Web.Api;
using Attune.Web.Texts;

namespace Attune.Web.Work;

/// <content>Writing, mending, and messages of a tree.</content>
public sealed partial record GivenAnswer
{
    /// <summary>What the project's checks say of a written text; programs tell these apart by their codes. Null where it is no text or passes.</summary>
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

    private Phrase? FaultOfText() => CannotJudge ? new("fault.text-cannot") : string.IsNullOrWhiteSpace(Text) ? new("fault.nothing", "text") : null;

    private static string Shown(AnnotationTask task) => TaskPayload.AnsweredText($"{task.Kind}".ToLowerInvariant(), task.Payload);
}
