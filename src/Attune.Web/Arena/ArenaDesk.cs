using System.Collections.Concurrent;
using System.Threading.RateLimiting;
using Attune.Feedback.Arena;
using Attune.Storage;
using Attune.Storage.Arena;
using Attune.Text;
using Attune.Torch;
using Attune.Web.Access;
using Attune.Web.Chat;
using Attune.Web.Texts;
using Microsoft.Extensions.Hosting;

namespace Attune.Web.Arena;

/// <summary>What became of a step.</summary>
/// <param name="Status">As of HTTP: 200 where it was done.</param>
/// <param name="State">The conversation as it stands; null where there is none.</param>
/// <param name="Fault">What went wrong, as a whole sentence; null where nothing did.</param>
public sealed record ArenaReply(int Status, ArenaState? State, Phrase? Fault);

/// <summary>
/// What pages and API of the arena do: who may come, how often, what is sampled and kept. Both models are asked at the same time, once however often a
/// message is sent, and neither answer is kept without the other.
/// </summary>
public sealed class ArenaDesk : IDisposable
{
    /// <summary>The cookie of people without an account; its token is kept as a hash.</summary>
    public const string Cookie = "attune-arena";

    private const int LongestToken = 100;

    private readonly Database _database;
    private readonly IHostApplicationLifetime _life;
    private readonly ConcurrentDictionary<(string Talk, int Number, string Prompt), Lazy<Task<ArenaState?>>> _underWay = new();
    private readonly PartitionedRateLimiter<string>? _pace;
    private readonly Lock _scores = new();
    private (IReadOnlyList<ArenaVote> Votes, ArenaLeaderboard Board)? _last;

    /// <summary>Made by the server.</summary>
    public ArenaDesk(Database database, WebOptions options, IHostApplicationLifetime life)
    {
        ArgumentNullException.ThrowIfNull(options);
        (_database, Setup, _life) = (database, options.Arena, life);
        if (Setup is { Plan.MessagesPerMinute: var most })
        {
            _pace = PartitionedRateLimiter.Create<string, string>(who => RateLimitPartition.GetSlidingWindowLimiter(
                who, _ => new SlidingWindowRateLimiterOptions { PermitLimit = most, Window = TimeSpan.FromMinutes(1), SegmentsPerWindow = 6 }));
        }
    }

    /// <summary>The arena; null where the server has none.</summary>
    public ArenaSetup? Setup { get; }

    /// <summary>Whether somebody may come at all.</summary>
    public bool MayCome(HttpContext context) => Setup is not null && (Setup.Plan.Visitors || PersonOf(context) is not null);

    /// <summary>Who asks, if they agreed to the consent text as it stands; null otherwise.</summary>
    public async Task<ArenaVoter?> VoterAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var (person, token) = (PersonOf(context), context.Request.Cookies[Cookie]);
        if (!MayCome(context) || (person is null && string.IsNullOrEmpty(token)))
            return null;
        var voter = await _database.Arena.VoterAsync(person, token, context.RequestAborted).ConfigureAwait(false);
        return voter?.ConsentVersion == Setup!.Plan.ConsentVersion ? voter : null;
    }

    /// <summary>Keeps that who asks agreed; gives people without an account their cookie. Null where they ask too often.</summary>
    public async Task<ArenaVoter?> ConsentAsync(HttpContext context, bool pools)
    {
        ArgumentNullException.ThrowIfNull(context);
        var person = PersonOf(context);
        if (!MayCome(context) || !MayAsk(person ?? Requests.NetworkOf(context)))
            return null;
        var token = person is not null ? null : context.Request.Cookies[Cookie] is { Length: > 0 and <= LongestToken } known ? known : Secret.New();
        if (token is not null)
        {
            context.Response.Cookies.Append(Cookie, token, new CookieOptions
            {
                HttpOnly = true,
                Secure = context.Request.IsHttps,
                SameSite = SameSiteMode.Lax,
                MaxAge = TimeSpan.FromDays(365),
                Path = "/",
                IsEssential = true,
            });
        }
        return await _database.Arena.ConsentAsync(person, token, Setup!.Plan.ConsentVersion, pools && Setup.Plan.Pool, context.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>Begins a conversation.</summary>
    /// <param name="context">The request.</param>
    /// <param name="voter">Whose.</param>
    /// <param name="mode">How.</param>
    /// <param name="models">The chosen one or two; of a blind one none.</param>
    /// <param name="token">The same token is the same conversation.</param>
    public async Task<ArenaReply> BeginAsync(HttpContext context, ArenaVoter voter, ArenaMode mode, IReadOnlyList<string> models, string? token)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(voter);
        ArgumentNullException.ThrowIfNull(models);
        var wanted = mode switch { ArenaMode.Single => 1, ArenaMode.SideBySide => 2, _ => 0 };
        if (string.IsNullOrWhiteSpace(token) || token.Length > LongestToken)
            return new(StatusCodes.Status422UnprocessableEntity, null, new("arena.fault.token", token?.Length ?? 0, LongestToken));
        if (models.Count != wanted || models.Distinct(StringComparer.Ordinal).Count() != wanted || models.Any(model => !Setup!.Names.Contains(model)))
            return new(StatusCodes.Status422UnprocessableEntity, null, new("arena.fault.models", models.Count == 0 ? "–" : string.Join(", ", models), wanted));
        if (!MayAsk(PersonOf(context) ?? Requests.NetworkOf(context)))
            return TooOften();
        var state = await _database.Arena.BeginAsync(voter.Id, token, mode, mode == ArenaMode.Blind ? Setup!.Names : models, Setup!.Sampling, context.RequestAborted).ConfigureAwait(false);
        return new(StatusCodes.Status200OK, state, null);
    }

    /// <summary>Says something and waits for the answers.</summary>
    public async Task<ArenaReply> SayAsync(HttpContext context, ArenaVoter voter, string talkId, int number, string? prompt)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(voter);
        var plan = Setup!.Plan;
        prompt = prompt?.ReplaceLineEndings("\n");
        if (string.IsNullOrWhiteSpace(prompt) || prompt.Length > plan.MaximumCharacters || prompt.Contains('\0', StringComparison.Ordinal))
            return new(StatusCodes.Status422UnprocessableEntity, null, new("told.chat-message", prompt?.Length ?? 0, plan.MaximumCharacters));
        if (number < 1 || number > plan.MaximumTurns)
            return new(StatusCodes.Status422UnprocessableEntity, null, new("arena.fault.turn", number, plan.MaximumTurns));
        var asked = Reply(await _database.Arena.AskAsync(talkId, voter.Id, number, prompt, Setup.Pool, context.RequestAborted).ConfigureAwait(false));
        if (asked.Fault is not null || asked.State!.Turns[number - 1].AnsweredAt is not null)
            return asked;
        var key = (talkId, number, prompt);
        if (!_underWay.ContainsKey(key) && !MayAsk(PersonOf(context) ?? Requests.NetworkOf(context)))
            return TooOften() with { State = asked.State };
        var work = _underWay.GetOrAdd(key, _ => new(() => Task.Run(() => SampleAsync(asked.State, number))));
        try
        {
            var state = await work.Value.WaitAsync(context.RequestAborted).ConfigureAwait(false);
            return state?.Turns.FirstOrDefault(turn => turn.Number == number) is { AnsweredAt: not null } turn && turn.Prompt == prompt ? new(StatusCodes.Status200OK, state, null)
                : new(StatusCodes.Status409Conflict, state, new("arena.fault.elsewhere"));
        }
        catch (ChatModelException e)
        {
            return new(StatusCodes.Status502BadGateway, asked.State, e.Phrase);
        }
        finally
        {
            if (work.Value.IsCompleted)
                _underWay.TryRemove(new(key, work));
        }
    }

    /// <summary>Votes.</summary>
    public async Task<ArenaReply> VoteAsync(HttpContext context, ArenaVoter voter, string talkId, string? choice, string? token)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(voter);
        if (ArenaWords.Choice(choice) is not { } chosen)
            return new(StatusCodes.Status422UnprocessableEntity, null, new("arena.fault.choice", choice));
        if (string.IsNullOrWhiteSpace(token) || token.Length > LongestToken)
            return new(StatusCodes.Status422UnprocessableEntity, null, new("arena.fault.token", token?.Length ?? 0, LongestToken));
        var rules = new VoteRules { NamesMaker = Setup!.Makers.IsIn, VotesPerDay = Setup.Plan.VotesPerDay, Address = PersonOf(context) is null ? Requests.NetworkOf(context) : null };
        return Reply(await _database.Arena.VoteAsync(talkId, voter.Id, chosen, token, rules, context.RequestAborted).ConfigureAwait(false));
    }

    /// <summary>Gives a conversation up: its models are named, without a vote.</summary>
    public async Task<ArenaReply> RevealAsync(HttpContext context, ArenaVoter voter, string talkId)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(voter);
        return Reply(await _database.Arena.RevealAsync(talkId, voter.Id, context.RequestAborted).ConfigureAwait(false));
    }

    /// <summary>Who is ahead, from the votes as they are now; computed anew where they have changed.</summary>
    public async Task<ArenaLeaderboard> LeaderboardAsync(CancellationToken stop)
    {
        var votes = await ArenaVotes.CountedAsync(_database, stop).ConfigureAwait(false);
        lock (_scores)
        {
            if (_last is not { } last || !last.Votes.SequenceEqual(votes))
                _last = (votes, ArenaLeaderboard.Of(votes, Setup?.Names, Setup?.Plan.Seed ?? 1));
            return _last.Value.Board;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _pace?.Dispose();

    private async Task<ArenaState?> SampleAsync(ArenaState state, int number)
    {
        var (talk, draws) = (state.Talk, state.Talk.Draws);
        var turn = state.Turns[number - 1];
        async Task<string> AnswerAsync(string model, bool isA)
        {
            if (!Setup!.Models.TryGetValue(model, out var chat))
                throw new ChatModelException(new("model.left"));
            var texts = await chat.SampleAsync(
                new()
                {
                    Conversation = new(Messages(state, number, isA, draws.SystemPrompt)),
                    Answers = 1,
                    Temperature = draws.Temperature,
                    TopP = draws.TopP,
                    MaximumNewTokens = draws.MaximumNewTokens,
                    Seed = new Seed((ulong)talk.Seed).For("answer").For(number).For(isA ? 0 : 1),
                }, _life.ApplicationStopping).ConfigureAwait(false);
            return texts[0];
        }
        var (first, second) = (AnswerAsync(talk.ModelA, true), talk.ModelB is { } other ? AnswerAsync(other, false) : null);
        await Task.WhenAll(second is null ? [first] : [first, second]).ConfigureAwait(false);
        return await _database.Arena.AnswerAsync(talk.Id, talk.VoterId, number, turn.Prompt, await first.ConfigureAwait(false), second is null ? null : await second.ConfigureAwait(false)).ConfigureAwait(false);
    }

    private static List<Message> Messages(ArenaState state, int number, bool isA, string? system)
    {
        var messages = new List<Message>();
        if (!string.IsNullOrWhiteSpace(system))
            messages.Add(new(Role.System, system));
        foreach (var before in state.Turns.Where(turn => turn.Number < number))
        {
            messages.Add(new(Role.User, before.Prompt));
            messages.Add(new(Role.Assistant, (isA ? before.AnswerA : before.AnswerB)!));
        }
        messages.Add(new(Role.User, state.Turns[number - 1].Prompt));
        return messages;
    }

    private static ArenaReply Reply(ArenaResult result) => result switch
    {
        ArenaResult.Kept kept => new(StatusCodes.Status200OK, kept.State, null),
        ArenaResult.Conflict conflict => new(StatusCodes.Status409Conflict, null, new("told.chat-conflict", new Phrase($"arena.fault.{conflict.Fault}", conflict.Number, conflict.Turns))),
        _ => new(StatusCodes.Status404NotFound, null, new("arena.fault.unknown")),
    };

    private ArenaReply TooOften() => new(StatusCodes.Status429TooManyRequests, null, new("told.chat-often", Setup!.Plan.MessagesPerMinute));

    private bool MayAsk(string who)
    {
        using var permit = _pace!.AttemptAcquire(who);
        return permit.IsAcquired;
    }

    private static string? PersonOf(HttpContext context) => context.User.Identity?.IsAuthenticated == true ? context.User.PersonId() : null;
}
