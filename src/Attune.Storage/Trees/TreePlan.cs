using Attune.Feedback;
using Attune.Feedback.Tasks;
using Attune.Storage.Work;

namespace Attune.Storage.Trees;

/// <summary>Which tasks a tree needs, out of its messages and the tasks that there are; decides, and changes nothing.</summary>
internal sealed class TreePlan
{
    private readonly TreeSettings _settings;
    private readonly IReadOnlyList<TreeMessage> _messages;
    private readonly Dictionary<string, AnnotationTask> _replies;
    private readonly HashSet<string> _rankings;
    private int _free;

    /// <param name="settings">The project's.</param>
    /// <param name="messages">All of the tree, the first prompt first.</param>
    /// <param name="tasks">All of the tree, but those withdrawn.</param>
    public TreePlan(TreeSettings settings, IReadOnlyList<TreeMessage> messages, IReadOnlyList<AnnotationTask> tasks)
    {
        (_settings, _messages) = (settings, messages);
        _replies = tasks.Where(task => task.Kind == TaskKind.Message).ToDictionary(task => task.SubjectId, StringComparer.Ordinal);
        _rankings = tasks.Where(task => task.Kind == TaskKind.Rank).Select(task => task.SubjectId).ToHashSet(StringComparer.Ordinal);
        _free = settings.Messages - messages.Count(IsGood) - _replies.Values.Where(task => task.State == TaskState.Open).Sum(task => task.Overlap - task.Accepted);
    }

    /// <summary>Replies that did not pass are written anew, as often as a task's greatest overlap allows: the task and its new overlap.</summary>
    public IEnumerable<(AnnotationTask Task, int Overlap)> Replacements()
    {
        foreach (var (parent, task) in _replies)
        {
            var bad = Children(parent).Count(message => !IsGood(message));
            var wanted = Math.Min(task.MaximumOverlap, Math.Min((task.MaximumOverlap / 2) + bad, task.Overlap + Math.Max(0, _free)));
            if (wanted <= task.Overlap || !IsAccepted(parent))
                continue;
            _free -= wanted - task.Overlap;
            yield return (task, wanted);
        }
    }

    /// <summary>Replies to messages that passed, and rankings of replies that have all been reviewed.</summary>
    public IEnumerable<NewTask> NewTasks()
    {
        foreach (var message in _messages.Where(message => message.State == MessageState.Accepted))
        {
            if (!_replies.TryGetValue(message.Id, out var replies))
            {
                var slots = message.Depth < _settings.Depth ? Math.Min(_settings.Replies, _free) : 0;
                if (slots > 0)
                {
                    _free -= slots;
                    yield return Reply(message, slots);
                }
                continue;
            }
            var children = Children(message.Id).ToList();
            var isReviewed = replies.State == TaskState.Complete && children.TrueForAll(child => child.State != MessageState.Review) && children.Count >= replies.Overlap;
            var accepted = children.Where(child => child.State == MessageState.Accepted).ToList();
            if (isReviewed && accepted.Count > 1 && !_rankings.Contains(TreeGrowth.RankingSubject(message.Id)))
                yield return Ranking(message, accepted);
        }
    }

    private NewTask Reply(TreeMessage message, int slots) => new()
    {
        Payload = TaskPayload.ToJson(new MessageTask { Role = message.Role == MessageRole.Prompter ? MessageRole.Assistant : MessageRole.Prompter, Thread = Thread(message), ParentId = message.Id }),
        Choices = 0,
        SubjectId = message.Id,
        Kind = TaskKind.Message,
        Overlap = slots,
        MaximumOverlap = 2 * slots,
        AuthorIds = [message.AuthorId],
    };

    private NewTask Ranking(TreeMessage parent, List<TreeMessage> replies) => new()
    {
        Payload = new Comparison
        {
            Id = TreeGrowth.RankingSubject(parent.Id),
            Prompt = string.Join("\n\n", Thread(parent).Select(message => $"**{message.Role}:** {message.Text}")),
            Answers = [.. replies.Select(reply => new Answer { Id = reply.Id, Source = "person", Text = reply.Text })],
            Order = [.. Enumerable.Range(0, replies.Count)],
        }.ToJson(),
        Choices = replies.Count,
        SubjectId = TreeGrowth.RankingSubject(parent.Id),
        Kind = TaskKind.Rank,
        Overlap = _settings.Rankings,
        AuthorIds = [.. replies.Select(reply => reply.AuthorId)],
    };

    private List<ThreadMessage> Thread(TreeMessage message)
    {
        var thread = new List<ThreadMessage>();
        for (var at = message; at is not null; at = _messages.FirstOrDefault(other => other.Id == at.ParentId))
            thread.Insert(0, new(at.Role, at.Text));
        return thread;
    }

    private IEnumerable<TreeMessage> Children(string parent) => _messages.Where(message => message.ParentId == parent);

    private bool IsAccepted(string id) => _messages.First(message => message.Id == id).State == MessageState.Accepted;

    private static bool IsGood(TreeMessage message) => message.State is MessageState.Review or MessageState.Accepted;
}
