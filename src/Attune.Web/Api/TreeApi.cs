using Attune.Feedback.Tasks;
using Attune.Storage;
using Attune.Storage.Trees;
using Attune.Web.Access;
using Attune.Web.Work;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Api;

/// <summary>A message of a tree with the replies to it.</summary>
/// <param name="Id">The judgment that holds it.</param>
/// <param name="Role">Whose part it is.</param>
/// <param name="Text">What was written.</param>
/// <param name="Place">Its place among its siblings, 1 for the best; null where they were not ranked.</param>
/// <param name="Replies">Those that passed, the best first.</param>
public sealed record TreeNode(string Id, MessageRole Role, string Text, int? Place, IReadOnlyList<TreeNode> Replies);

/// <summary>A ready tree.</summary>
/// <param name="TreeId">The tree.</param>
/// <param name="Prompt">The first prompt, with all below it that passed.</param>
public sealed record TreeLine(string TreeId, TreeNode Prompt);

/// <summary>A tree as those who run the project see it.</summary>
public sealed record TreeReply(string Id, TreeState State, DateTimeOffset CreatedAt, DateTimeOffset? EndedAt);

/// <summary><c>/api/v1/projects/{project}/trees</c>, <c>…/contributions</c> and <c>…/export/trees.jsonl</c>.</summary>
internal static class TreeApi
{
    public static void MapTrees(this RouteGroupBuilder api)
    {
        api.MapGet("/projects/{project}/trees", async (string project, Word<TreeState>? state, [AsParameters] Paging page, Database database, CancellationToken stop) =>
            Results.Ok((await database.Trees.ListAsync(project, state?.Member, page.Request, stop).ConfigureAwait(false)).Select(tree => new TreeReply(tree.Id, tree.State, tree.CreatedAt, tree.EndedAt))))
            .RequireProject(ProjectRight.Read).Produces<Page<TreeReply>>();
        api.MapGet("/projects/{project}/contributions", async (string project, [AsParameters] Paging page, Database database, CancellationToken stop) =>
            page.Request.Part(await database.Trees.ContributionsAsync(project, stop).ConfigureAwait(false), one => one.Pseudonym)).RequireProject(ProjectRight.Read);
        api.MapGet("/projects/{project}/export/trees.jsonl", (string project, [FromQuery(Name = "for")] string? uses, Database database, CancellationToken stop) =>
            ExportApi.StreamAsync(database, project, uses, "trees.jsonl", to => ProjectExport.WriteTreesAsync(database, project, to, stop), stop))
            .RequireProject(ProjectRight.Read).Produces<string>(contentType: "application/jsonl");
    }

    /// <summary>A tree's messages that passed, one below the other.</summary>
    public static TreeLine Line(string treeId, IReadOnlyList<TreeMessage> messages)
    {
        TreeNode Node(TreeMessage message) => new(message.Id, message.Role, message.Text, message.Place,
            [.. messages.Where(other => other.ParentId == message.Id && other.State == MessageState.Accepted).OrderBy(other => other.Place ?? int.MaxValue).Select(Node)]);
        return new(treeId, Node(messages[0]));
    }
}
