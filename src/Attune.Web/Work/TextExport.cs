using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Attune.Feedback;
using Attune.Feedback.Tasks;
using Attune.Storage;
using Attune.Storage.Work;

namespace Attune.Web.Work;

/// <summary>A text that passed.</summary>
/// <param name="Id">The judgment that holds it.</param>
/// <param name="Prompt">What was to be answered.</param>
/// <param name="Text">The text as it passed.</param>
/// <param name="AnnotatorId">Who wrote, or last mended it.</param>
/// <param name="Mended">How often it was mended.</param>
/// <param name="Yes">How many verifiers accepted it.</param>
/// <param name="No">And how many did not.</param>
/// <param name="InstructionVersion">The version of the instructions beside the writer.</param>
public sealed record AcceptedText(string Id, string Prompt, string Text, string AnnotatorId, int Mended, int Yes, int No, string InstructionVersion);

/// <summary>Written texts that others accepted, each as it last passed (<c>texts.jsonl</c>); what is still being verified or mended is left out.</summary>
public static class TextExport
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, Converters = { new JsonStringEnumConverter() } };

    /// <summary>A line of the file.</summary>
    public static string Line<T>(T row) => JsonSerializer.Serialize(row, Options);

    /// <summary>The accepted texts of a project, in the order in which they were put up for verifying.</summary>
    public static async IAsyncEnumerable<AcceptedText> ReadAsync(Database database, string projectId, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(database);
        string? after = null;
        do
        {
            var page = await database.Tasks.ListAsync(projectId, new(State: TaskState.Complete), new() { After = after, Size = PageRequest.Largest }, stop).ConfigureAwait(false);
            foreach (var task in page.Items.Where(task => task is { Kind: TaskKind.Verify, Purpose: TaskPurpose.Normal or TaskPurpose.Calibration }))
            {
                if (await AcceptedAsync(database, projectId, task, stop).ConfigureAwait(false) is { } text)
                    yield return text;
            }
            after = page.Next;
        }
        while (after is not null);
    }

    private static async Task<AcceptedText?> AcceptedAsync(Database database, string projectId, AnnotationTask task, CancellationToken stop)
    {
        var votes = await database.Judgments.ReadAsync(projectId, new(TaskId: task.Id, InForce: true), stop).ConfigureAwait(false);
        if (TaskOutcome.Majority(votes) != "yes" || await database.Judgments.FindAsync(task.SubjectId, stop).ConfigureAwait(false) is not { Outcome: Outcome.Written } written)
            return null;
        var verify = TaskPayload.Read<VerifyTask>(task.Payload);
        return new(written.Id, verify.Prompt, verify.Text, written.AnnotatorId, verify.Round, Count(votes, "yes"), Count(votes, "no"), written.InstructionVersion);
    }

    private static int Count(IEnumerable<Judgment> votes, string answer) => votes.Count(vote => vote.Answers?.GetValueOrDefault(VerifyTask.Accept) == answer);
}
