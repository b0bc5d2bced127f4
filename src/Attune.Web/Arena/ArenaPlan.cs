using Attune.Feedback.Exchange;
using Attune.Runs;

namespace Attune.Web.Arena;

/// <summary>An arena as its file describes it.</summary>
public sealed record ArenaPlan : IChecked
{
    /// <summary>What people may talk with.</summary>
    public required IReadOnlyList<ArenaModelPlan> Models { get; init; }

    /// <summary>Whether people without an account may come.</summary>
    public bool Visitors { get; init; }

    /// <summary>What people agree to before they begin; null for a text of the interface.</summary>
    public string? ConsentText { get; init; }

    /// <summary>Of the text; with another one everybody is asked again.</summary>
    public string ConsentVersion { get; init; } = "1";

    /// <summary>Whether people are asked for their prompts.</summary>
    public bool Pool { get; init; } = true;

    /// <summary>The share of people whose prompts are held out, from 0 to 1.</summary>
    public double HeldOutShare { get; init; } = 0.1;

    /// <summary>Where the votes come from and what may be done with them; null where nothing is stated: then they may be trained with, and nothing else.</summary>
    public DataTerms? Terms { get; init; }

    /// <summary>Decides who is held out, and the bootstrap's draws.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Votes of a voter that count in a day (UTC); of people without an account also those from one network address.</summary>
    public int VotesPerDay { get; init; } = 30;

    /// <summary>Messages and beginnings in a minute, of a voter; of people without an account of a network address.</summary>
    public int MessagesPerMinute { get; init; } = 10;

    /// <summary>Turns of a conversation.</summary>
    public int MaximumTurns { get; init; } = 8;

    /// <summary>Most characters of a message.</summary>
    public int MaximumCharacters { get; init; } = 8000;

    /// <summary>Divides the logits, above 0.</summary>
    public double Temperature { get; init; } = 0.7;

    /// <summary>Draws from the likeliest tokens up to this probability together.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Most tokens of an answer.</summary>
    public int MaximumNewTokens { get; init; } = 512;

    /// <summary>What every model is told; null for nothing.</summary>
    public string? SystemPrompt { get; init; }

    /// <summary>The terms that exports of votes obey.</summary>
    public DataTerms TermsInForce => Terms ?? DataTerms.OfUnknown with { Source = "people who came to the arena", Consent = $"the arena's text, version {ConsentVersion}" };

    /// <summary>Reads a file.</summary>
    /// <exception cref="InputException">It cannot be read, or something in it is wrong; lists every problem.</exception>
    public static ArenaPlan Load(string path) => Recipe.Load<ArenaPlan>(path, []);

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Models.Count < 2)
            yield return Problem.Of("models", $"has {Models.Count}", "at least 2", "add another model");
        foreach (var twice in Models.GroupBy(model => model.Name, StringComparer.OrdinalIgnoreCase).Where(group => group.Count() > 1))
            yield return Problem.Of("models", $"names {twice.Key} {twice.Count()} times", "each name once", "rename one");
        foreach (var (key, value, least, most) in ((string, int, int, int)[])
        [
            ("votesPerDay", VotesPerDay, 1, 100_000), ("messagesPerMinute", MessagesPerMinute, 1, 1000), ("maximumTurns", MaximumTurns, 1, 100), ("maximumCharacters", MaximumCharacters, 1, 100_000), ("maximumNewTokens", MaximumNewTokens, 1, 100_000),
        ])
        {
            if (value < least || value > most)
                yield return Problem.Of(key, $"is {value}", $"from {least:N0} to {most:N0}", "correct it or leave it out");
        }
        if (!(Temperature > 0 && Temperature <= 10))
            yield return Problem.Of("temperature", $"is {Temperature}", "above 0, at most 10", "0.7 is usual");
        if (!(TopP > 0 && TopP <= 1))
            yield return Problem.Of("topP", $"is {TopP}", "above 0, at most 1", "1 is usual");
        if (!(HeldOutShare >= 0 && HeldOutShare <= 1))
            yield return Problem.Of("heldOutShare", $"is {HeldOutShare}", "from 0 to 1", "0.1 is usual");
        if (string.IsNullOrWhiteSpace(ConsentVersion))
            yield return Problem.Of("consentVersion", "is empty", "a version such as 1", "give one");
    }
}

/// <summary>A model of an arena: a folder, or a name at an address.</summary>
public sealed record ArenaModelPlan : IChecked
{
    /// <summary>How the arena calls it; an answer that says so gives it away, so it should be no everyday word.</summary>
    public required string Name { get; init; }

    /// <summary>Who made it; also what gives it away.</summary>
    public string? Maker { get; init; }

    /// <summary>Other names that give it away.</summary>
    public IReadOnlyList<string> AlsoCalled { get; init; } = [];

    /// <summary>A model folder, sampled in this process.</summary>
    public string? Folder { get; init; }

    /// <summary>An address that speaks OpenAI's chat completions, up to <c>/chat/completions</c>.</summary>
    public string? Url { get; init; }

    /// <summary>The model's name there.</summary>
    public string? Model { get; init; }

    /// <summary>The environment variable that holds the key for it.</summary>
    public string? KeyVariable { get; init; }

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (string.IsNullOrWhiteSpace(Name) || Name.Length > 80)
            yield return Problem.Of("name", $"has {Name.Length} characters", "1 to 80 that are not all blank", "give a name");
        if (Folder is null == Url is null)
            yield return Problem.Of("folder", Folder is null ? "and url are missing" : "and url are both there", "one of them", "a folder is sampled here, an address is asked");
        if (Url is not null && !(Uri.TryCreate(Url, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"))
            yield return Problem.Of("url", $"is {Url}", "an address that begins with https:// or http://", "correct it");
        if (Url is not null && string.IsNullOrWhiteSpace(Model))
            yield return Problem.Of("model", "is missing", "the model's name at the address", "add it");
        if (Folder is not null && (Model ?? KeyVariable) is not null)
            yield return Problem.Of(Model is not null ? "model" : "keyVariable", "is there with a folder", "only with url", "leave it out");
        if (KeyVariable is not null && string.IsNullOrEmpty(Environment.GetEnvironmentVariable(KeyVariable)))
            yield return Problem.Of("keyVariable", $"names {KeyVariable}, which is not set", "an environment variable with a key", "set it, or leave the key out");
    }
}
