using System.Collections.Concurrent;
using Attune.Web.Client;

namespace Attune.Web.Simulation;

/// <summary>A simulated annotator of a crowd over HTTP.</summary>
/// <param name="Name">What he is called; decides his draws.</param>
/// <param name="Key">His API key, with the scope "work".</param>
/// <param name="Behaviour">How he judges.</param>
public sealed record HttpCrowdMember(string Name, string Key, Behaviour Behaviour);

/// <summary>What a crowd over HTTP does.</summary>
public sealed record HttpCrowdOptions
{
    /// <summary>Where the server is.</summary>
    public required Uri Address { get; init; }

    /// <summary>The project, of pairs.</summary>
    public required string ProjectId { get; init; }

    /// <summary>Who is in the crowd.</summary>
    public required IReadOnlyList<HttpCrowdMember> Members { get; init; }

    /// <summary>What an honest judge sees.</summary>
    public required LeftIsBetter LeftIsBetter { get; init; }

    /// <summary>The mean time from a task to its answer; drawn between a half and one and a half of it.</summary>
    public TimeSpan ThinkTime { get; init; }

    /// <summary>The share of answers with which something goes wrong: given back, sent twice, taken back, cut off on the way.</summary>
    public double Mishaps { get; init; }

    /// <summary>Ends after so long, each annotator with the answer that they are at; null when no task is left.</summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>How long a call waits for a server that does not answer.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Decides every draw.</summary>
    public ulong Seed { get; init; } = 1;
}

/// <summary>What a crowd saw.</summary>
/// <param name="Acknowledged">Judgments that the server said it has, each with who gave it.</param>
/// <param name="Latencies">Of each "submit and get next", with every try of it.</param>
/// <param name="Answers">Acknowledged answers by annotator.</param>
/// <param name="LongestWait">The longest time from asking for a task to being given one.</param>
/// <param name="Elapsed">From the first request to the last reply.</param>
public sealed record CrowdRun(
    IReadOnlyDictionary<string, string> Acknowledged, IReadOnlyList<TimeSpan> Latencies, IReadOnlyDictionary<string, int> Answers, TimeSpan LongestWait, TimeSpan Elapsed);

/// <summary>A simulated crowd that judges over HTTP, all at once: for tests of a server, for benchmarks, and for showing a project at work without people.</summary>
public static class HttpCrowd
{
    /// <summary>Lets the crowd work until no task is left or its time is over.</summary>
    /// <param name="options">Who, where, how.</param>
    /// <param name="isDone">Whether a project without a task at the moment will have none any more; asked when somebody finds none.</param>
    /// <param name="stop">Ends it where it stands.</param>
    /// <exception cref="AttuneApiException">The server refuses something.</exception>
    public static async Task<CrowdRun> RunAsync(HttpCrowdOptions options, Func<CancellationToken, Task<bool>> isDone, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        using var http = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = Timeout.InfiniteTimeSpan }) { BaseAddress = options.Address };
        using var diary = new CrowdDiary(options, isDone);
        var began = TimeProvider.System.GetTimestamp();
        await Task.WhenAll(options.Members.Select(member => Task.Run(
            async () =>
            {
                using var client = new AttuneClient(http, member.Key) { Patience = options.Patience };
                await new HttpAnnotator(member, options, client, diary).WorkAsync(stop).ConfigureAwait(false);
            }, stop))).ConfigureAwait(false);
        return diary.Close(TimeProvider.System.GetElapsedTime(began));
    }
}

/// <summary>What the crowd notes while it works.</summary>
internal sealed class CrowdDiary(HttpCrowdOptions options, Func<CancellationToken, Task<bool>> isDone) : IDisposable
{
    private readonly ConcurrentDictionary<string, string> _acknowledged = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<TimeSpan> _latencies = [];
    private readonly ConcurrentDictionary<string, int> _answers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, TimeSpan> _waits = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _asking = new(1);
    private readonly long _began = TimeProvider.System.GetTimestamp();
    private volatile bool _isDone;

    public bool IsEnough => options.Duration is { } duration && TimeProvider.System.GetElapsedTime(_began) >= duration;

    public void NoteAnswer(string member, string judgmentId, TimeSpan? latency)
    {
        if (_acknowledged.TryAdd(judgmentId, member))
            _answers.AddOrUpdate(member, 1, (_, count) => count + 1);
        if (latency is { } took)
            _latencies.Enqueue(took);
    }

    public void NoteWait(string member, TimeSpan wait) => _waits.AddOrUpdate(member, wait, (_, longest) => wait > longest ? wait : longest);

    public async Task<bool> IsDoneAsync(CancellationToken stop)
    {
        if (_isDone || IsEnough)
            return true;
        await _asking.WaitAsync(stop).ConfigureAwait(false); // hundreds who find nothing at once are one question
        try
        {
            return _isDone = _isDone || await isDone(stop).ConfigureAwait(false);
        }
        finally
        {
            _asking.Release();
        }
    }

    public void Dispose() => _asking.Dispose();

    public CrowdRun Close(TimeSpan elapsed) => new(_acknowledged, [.. _latencies], _answers, _waits.IsEmpty ? TimeSpan.Zero : _waits.Values.Max(), elapsed);
}
