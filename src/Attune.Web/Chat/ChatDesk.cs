using System.Collections.Concurrent;
using System.Threading.RateLimiting;
using Attune.Feedback;
using Attune.Feedback.Tasks;
using Attune.Storage;
using Attune.Storage.Chats;
using Attune.Storage.Work;
using Attune.Text;
using Attune.Torch;
using Microsoft.Extensions.Hosting;

namespace Attune.Web.Chat;

/// <summary>
/// Has a turn's answers sampled, once however many ask for them at the same time, and keeps them. Sampling goes on when whoever asked is gone: what it gives
/// waits for them in the database. Not here: who may ask.
/// </summary>
internal sealed class ChatDesk : IDisposable
{
    private readonly Database _database;
    private readonly IHostApplicationLifetime _life;
    private readonly ConcurrentDictionary<(string Lease, int Number, string Prompt), Lazy<Task<ChatTurn?>>> _underWay = new();
    private readonly PartitionedRateLimiter<(string Person, int Most)> _pace = PartitionedRateLimiter.Create<(string Person, int Most), (string, int)>(
        key => RateLimitPartition.GetSlidingWindowLimiter((key.Person, key.Most), _ => new SlidingWindowRateLimiterOptions { PermitLimit = key.Most, Window = TimeSpan.FromMinutes(1), SegmentsPerWindow = 6 }));

    public ChatDesk(Database database, WebOptions options, IHostApplicationLifetime life) => (_database, Model, _life) = (database, options.ChatModel, life);

    /// <summary>The model; null for none.</summary>
    public IChatModel? Model { get; }

    /// <summary>Whether this person may have something sampled now. A turn that is being sampled may always be waited for.</summary>
    public bool MaySample(ChatTurn turn, string personId, int perMinute)
    {
        if (_underWay.ContainsKey(Key(turn)))
            return true;
        using var permit = _pace.AttemptAcquire((personId, perMinute));
        return permit.IsAcquired;
    }

    /// <summary>The turn with its answers; null where it is not there any more, or says something else by now.</summary>
    /// <param name="turn">The turn, the last of its conversation.</param>
    /// <param name="earlier">The turns before it, each with its choice.</param>
    /// <param name="seed">Where draws come from.</param>
    /// <param name="task">What the model is told.</param>
    /// <param name="settings">The project's.</param>
    /// <param name="stop">Gives up waiting; the sampling goes on.</param>
    /// <exception cref="ChatModelException">The model gave none.</exception>
    public async Task<ChatTurn?> AnswerAsync(ChatTurn turn, IReadOnlyList<ChatTurn> earlier, Seed seed, ChatTask task, ChatSettings settings, CancellationToken stop)
    {
        var key = Key(turn);
        var work = _underWay.GetOrAdd(key, _ => new(() => Task.Run(() => SampleAsync(turn, earlier, seed, task, settings))));
        try
        {
            return await work.Value.WaitAsync(stop).ConfigureAwait(false);
        }
        finally
        {
            if (work.Value.IsCompleted)
                _underWay.TryRemove(new(key, work));
        }
    }

    public void Dispose() => _pace.Dispose();

    private static (string, int, string) Key(ChatTurn turn) => (turn.LeaseId, turn.Number, turn.Prompt);

    private async Task<ChatTurn?> SampleAsync(ChatTurn turn, IReadOnlyList<ChatTurn> earlier, Seed seed, ChatTask task, ChatSettings settings)
    {
        var model = Model ?? throw new ChatModelException(new("model.none"));
        var texts = await model.SampleAsync(
            new()
            {
                Conversation = new(Messages(turn, earlier, task.System ?? settings.SystemPrompt)),
                Answers = ChatStore.AnswersPerTurn,
                Temperature = settings.Temperature,
                TopP = settings.TopP,
                MaximumNewTokens = settings.MaximumNewTokens,
                Seed = seed.For("chat").For(turn.Number).For(turn.Prompt),
            }, _life.ApplicationStopping).ConfigureAwait(false);
        var features = new Dictionary<string, double> { ["temperature"] = settings.Temperature, ["topP"] = settings.TopP, ["maximumNewTokens"] = settings.MaximumNewTokens };
        var answers = texts.Select((text, index) => new Answer { Id = $"{turn.LeaseId}.{turn.Number}.{index}", Source = model.Name, Text = text, Features = features }).ToArray();
        return await _database.Chats.AnswerAsync(turn.LeaseId, turn.Number, turn.Prompt, answers).ConfigureAwait(false);
    }

    private static List<Message> Messages(ChatTurn turn, IReadOnlyList<ChatTurn> earlier, string? system)
    {
        var messages = new List<Message>();
        if (!string.IsNullOrWhiteSpace(system))
            messages.Add(new(Attune.Text.Role.System, system));
        foreach (var before in earlier)
        {
            messages.Add(new(Attune.Text.Role.User, before.Prompt));
            messages.Add(new(Attune.Text.Role.Assistant, before.Sampled[before.Chosen!.Value].Text));
        }
        messages.Add(new(Attune.Text.Role.User, turn.Prompt));
        return messages;
    }
}
