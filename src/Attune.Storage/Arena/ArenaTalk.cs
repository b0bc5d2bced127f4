using System.Text.Json;
using Attune.Feedback.Arena;

namespace Attune.Storage.Arena;

/// <summary>How a conversation of the arena is held.</summary>
public enum ArenaMode
{
    /// <summary>With one model, which is named.</summary>
    Single,

    /// <summary>With two models that nobody is told before the vote.</summary>
    Blind,

    /// <summary>With two models that the voter chose.</summary>
    SideBySide,
}

/// <summary>How answers are drawn; kept with each conversation.</summary>
/// <param name="Temperature">Divides the logits, above 0.</param>
/// <param name="TopP">Above 0, to 1.</param>
/// <param name="MaximumNewTokens">Most tokens of an answer.</param>
/// <param name="SystemPrompt">What every model is told; null for nothing.</param>
public sealed record ArenaSampling(double Temperature, double TopP, int MaximumNewTokens, string? SystemPrompt);

/// <summary>Who votes.</summary>
public sealed record ArenaVoter
{
    /// <summary>The identifier.</summary>
    public required string Id { get; init; }

    /// <summary>The person of the installation; null for a visitor without an account.</summary>
    public string? PersonId { get; init; }

    /// <summary>The consent text they agreed to; null before, and after they took it back.</summary>
    public string? ConsentVersion { get; init; }

    /// <summary>When they agreed.</summary>
    public DateTimeOffset? ConsentedAt { get; init; }

    /// <summary>Since when their prompts go to the pool; null where they do not.</summary>
    public DateTimeOffset? PoolsSince { get; init; }

    /// <summary>Since when their votes are left out; null where they count.</summary>
    public DateTimeOffset? ExcludedAt { get; init; }

    /// <summary>Why.</summary>
    public string? ExcludedReason { get; init; }
}

/// <summary>A conversation of the arena.</summary>
public sealed record ArenaTalk
{
    /// <summary>The identifier.</summary>
    public required string Id { get; init; }

    /// <summary>Whose it is.</summary>
    public required string VoterId { get; init; }

    /// <summary>How it is held, as stored: "single", "blind", "side-by-side"; see <see cref="Kind"/>.</summary>
    public required string Mode { get; init; }

    /// <summary>All draws come from it: models, sides, answers.</summary>
    public required long Seed { get; init; }

    /// <summary>The model shown left, or the only one.</summary>
    public required string ModelA { get; init; }

    /// <summary>The model shown right; null where there is one.</summary>
    public string? ModelB { get; init; }

    /// <summary>How answers are drawn, as JSON; see <see cref="Draws"/>.</summary>
    public required string Sampling { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When the models were named, from when on nobody votes and nothing is said; null before.</summary>
    public DateTimeOffset? RevealedAt { get; init; }

    /// <summary>How it is held.</summary>
    public ArenaMode Kind => ArenaWords.Mode(Mode);

    /// <summary>How answers are drawn.</summary>
    public ArenaSampling Draws => JsonSerializer.Deserialize<ArenaSampling>(Sampling, StorageJson.Options)!;
}

/// <summary>A turn: what was said, and both answers once they are there.</summary>
public sealed record ArenaTurn
{
    /// <summary>The conversation.</summary>
    public required string TalkId { get; init; }

    /// <summary>From 1.</summary>
    public required int Number { get; init; }

    /// <summary>What the voter said.</summary>
    public required string Prompt { get; init; }

    /// <summary>The left model's answer.</summary>
    public string? AnswerA { get; init; }

    /// <summary>The right model's answer.</summary>
    public string? AnswerB { get; init; }

    /// <summary>When the answers were there; null before.</summary>
    public DateTimeOffset? AnsweredAt { get; init; }
}

/// <summary>A vote as it is kept.</summary>
public sealed record ArenaBallot
{
    /// <summary>The identifier.</summary>
    public required string Id { get; init; }

    /// <summary>The conversation.</summary>
    public required string TalkId { get; init; }

    /// <summary>Who voted.</summary>
    public required string VoterId { get; init; }

    /// <summary>The token under which it was sent.</summary>
    public required string Token { get; init; }

    /// <summary>What was decided, as stored: "a", "b", "tie", "both-bad".</summary>
    public required string Choice { get; init; }

    /// <summary>Why it counts nowhere: "names-maker", "empty", "daily-limit"; null where it counts.</summary>
    public string? VoidReason { get; init; }

    /// <summary>When it was given.</summary>
    public required DateTimeOffset GivenAt { get; init; }
}

/// <summary>A conversation as it stands.</summary>
/// <param name="Talk">The conversation.</param>
/// <param name="Turns">Its turns, in order.</param>
/// <param name="Vote">Its vote; null before.</param>
public sealed record ArenaState(ArenaTalk Talk, IReadOnlyList<ArenaTurn> Turns, ArenaBallot? Vote);

/// <summary>Why a conversation of the arena can neither go on nor be voted on so.</summary>
public enum ArenaFault
{
    /// <summary>It is over.</summary>
    Over,

    /// <summary>The turn has its answers already, to another message.</summary>
    OtherMessage,

    /// <summary>The turns before it are not there.</summary>
    Skips,

    /// <summary>It has its vote already.</summary>
    Voted,

    /// <summary>With one model there is nothing to vote on.</summary>
    OneModel,

    /// <summary>The models were named before there was a vote.</summary>
    Named,
}

/// <summary>What became of something that a voter wanted.</summary>
public abstract record ArenaResult
{
    private ArenaResult()
    {
    }

    /// <summary>It stands so.</summary>
    /// <param name="State">The conversation.</param>
    public sealed record Kept(ArenaState State) : ArenaResult;

    /// <summary>There is no such conversation, or it is somebody else's.</summary>
    public sealed record Unknown : ArenaResult;

    /// <summary>Nothing was changed.</summary>
    /// <param name="Fault">Why not.</param>
    /// <param name="Number">The turn that was meant, where it is one.</param>
    /// <param name="Turns">Answered turns, where they matter.</param>
    public sealed record Conflict(ArenaFault Fault, int Number = 0, int Turns = 0) : ArenaResult;
}

/// <summary>Words of columns and requests.</summary>
public static class ArenaWords
{
    /// <summary>"single", "blind", "side-by-side".</summary>
    public static string Of(ArenaMode mode) => mode switch { ArenaMode.Single => "single", ArenaMode.Blind => "blind", _ => "side-by-side" };

    /// <summary>"a", "b", "tie", "both-bad".</summary>
    public static string Of(ArenaChoice choice) => choice switch { ArenaChoice.A => "a", ArenaChoice.B => "b", ArenaChoice.Tie => "tie", _ => "both-bad" };

    /// <summary>The choice of a word; null for another.</summary>
    public static ArenaChoice? Choice(string? word) => Enum.GetValues<ArenaChoice>().Cast<ArenaChoice?>().FirstOrDefault(choice => Of(choice!.Value) == word);

    /// <summary>The mode of a word that a column holds.</summary>
    public static ArenaMode Mode(string word) => TryMode(word) ?? throw new ArgumentException($"There is no mode '{word}'.");

    /// <summary>The mode of a word; null for another.</summary>
    public static ArenaMode? TryMode(string? word) => Enum.GetValues<ArenaMode>().Cast<ArenaMode?>().FirstOrDefault(mode => Of(mode!.Value) == word);
}
