using System.Text;
using Attune.Feedback;
using Attune.Feedback.Tasks;
using Attune.Storage;
using Attune.Storage.Judgments;
using Attune.Storage.Trees;
using Attune.Storage.Work;

namespace Attune.Web.Work;

/// <summary>A project's answers as JSON Lines, written as they are read.</summary>
public static class ProjectExport
{
    /// <summary>The log, a judgment a line, in the order in which they were given (<c>judgments.jsonl</c>).</summary>
    public static async Task WriteJudgmentsAsync(Database database, string projectId, JudgmentFilter filter, Stream to, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(to);
        string? after = null;
        do
        {
            var page = await database.Judgments.ListAsync(projectId, filter, new() { After = after, Size = PageRequest.Largest }, stop).ConfigureAwait(false);
            await WriteAsync(to, page.Items.Select(judgment => judgment.ToJson()), stop).ConfigureAwait(false);
            after = page.Next;
        }
        while (after is not null);
    }

    /// <summary>What was, or is to be, compared (<c>comparisons.jsonl</c>), each once; judgments name them by their ids.</summary>
    public static async Task WriteComparisonsAsync(Database database, string projectId, Stream to, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(to);
        var written = new HashSet<string>(StringComparer.Ordinal);
        string? after = null;
        do
        {
            var page = await database.Tasks.ListAsync(projectId, new(), new() { After = after, Size = PageRequest.Largest }, stop).ConfigureAwait(false);
            var lines = page.Items.Where(task => task is { Choices: > 0, Purpose: TaskPurpose.Normal or TaskPurpose.Calibration } && TaskPayload.Compares($"{task.Kind}".ToLowerInvariant()) && written.Add(task.SubjectId));
            await WriteAsync(to, lines.Select(task => (Comparison.FromJson(task.Payload) with { Id = task.SubjectId }).ToJson()), stop).ConfigureAwait(false);
            after = page.Next;
        }
        while (after is not null);
    }

    /// <summary>Texts that others accepted (<c>texts.jsonl</c>).</summary>
    public static async Task WriteTextsAsync(Database database, string projectId, Stream to, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(to);
        await foreach (var text in TextExport.ReadAsync(database, projectId, stop).ConfigureAwait(false))
            await WriteAsync(to, [TextExport.Line(text)], stop).ConfigureAwait(false);
    }

    /// <summary>Trees of messages that are ready (<c>trees.jsonl</c>), what passed of them.</summary>
    public static async Task WriteTreesAsync(Database database, string projectId, Stream to, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(to);
        string? after = null;
        do
        {
            var page = await database.Trees.ListAsync(projectId, TreeState.Ready, new() { After = after, Size = PageRequest.Largest }, stop).ConfigureAwait(false);
            foreach (var tree in page.Items)
                await WriteAsync(to, [TextExport.Line(Api.TreeApi.Line(tree.Id, await database.Trees.ReadAsync(tree.Id, stop).ConfigureAwait(false)))], stop).ConfigureAwait(false);
            after = page.Next;
        }
        while (after is not null);
    }

    private static async Task WriteAsync(Stream to, IEnumerable<string> lines, CancellationToken stop)
    {
        foreach (var line in lines)
            await to.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"), stop).ConfigureAwait(false);
        await to.FlushAsync(stop).ConfigureAwait(false);
    }
}
