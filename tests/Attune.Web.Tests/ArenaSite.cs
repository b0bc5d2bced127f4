using Attune.Storage.People;
using Attune.Web.Arena;
using Attune.Web.Chat;

namespace Attune.Web.Tests;

/// <summary>An arena of three models whose answers are known: "gold: an answer to …".</summary>
internal static class ArenaSite
{
    public static readonly string[] Names = ["crane-one", "finch-two", "heron-three"];

    public static Task<Site> Open(Func<ArenaPlan, ArenaPlan>? change = null, Func<string, string>? answers = null) =>
        Site.Open(new() { RequestsPerMinute = 1_000_000, Arena = Setup(change, answers) });

    public static ArenaSetup Setup(Func<ArenaPlan, ArenaPlan>? change = null, Func<string, string>? answers = null)
    {
        var plan = new ArenaPlan { Models = [.. Names.Select(name => new ArenaModelPlan { Name = name, Folder = "none" })], MessagesPerMinute = 1000 };
        return new(change?.Invoke(plan) ?? plan, Names.ToDictionary(name => name, IChatModel (name) => new Scripted(name, answers)));
    }

    /// <summary>Somebody with a key who has agreed.</summary>
    public static async Task<Visit> Agreed(this Site site, bool pool = false, Person? person = null)
    {
        var visit = await site.Program(person ?? await site.Person(), "work", "read", "write");
        await visit.Ok(HttpMethod.Put, "/api/v1/arena/consent", new { pool });
        return visit;
    }

    /// <summary>A battle with one turn; gives its id.</summary>
    public static async Task<string> Battle(this Visit visit, string prompt = "What is blue?", string mode = "blind", params string[] models)
    {
        var talk = await visit.Ok(HttpMethod.Post, "/api/v1/arena/talks", new { mode, models, token = $"{Guid.NewGuid()}" });
        var id = talk.GetProperty("id").GetString()!;
        await visit.Ok(HttpMethod.Put, $"/api/v1/arena/talks/{id}/turns/1", new { prompt });
        return id;
    }

    private sealed class Scripted(string name, Func<string, string>? answers) : IChatModel
    {
        public string Name => name;

        public Task<IReadOnlyList<string>> SampleAsync(ChatRequest request, CancellationToken stop) =>
            Task.FromResult<IReadOnlyList<string>>([answers?.Invoke(name) ?? $"Answer {request.Conversation.Messages.Count} with seed {request.Seed.Value % 1000} to: {request.Conversation.Messages[^1].Content}"]);
    }
}
