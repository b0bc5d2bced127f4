using System.Text.Json;
using Attune.Runs;

namespace Attune.Tokens;

/// <summary>A token that stands for a sign rather than for text, such as <c>&lt;|endoftext|&gt;</c>, or a text that is always one token.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">How it is written.</param>
/// <param name="IsSpecial">Whether only markup gives it, never plain text, and text meant for people leaves it out.</param>
public sealed record AddedToken(int Id, string Content, bool IsSpecial = true)
{
    /// <summary>Whether it takes the white space before it along.</summary>
    public bool StripsLeft { get; init; }

    /// <summary>Whether it takes the white space behind it along.</summary>
    public bool StripsRight { get; init; }

    /// <summary>Whether it is one only where no letter or digit touches it.</summary>
    public bool IsWord { get; init; }

    /// <summary>Whether it is looked for in normalised text. Special tokens are always looked for as they are written.</summary>
    public bool IsNormalised { get; init; }
}

/// <summary>Which added tokens play which part; each may be missing.</summary>
public sealed record TokenRoles
{
    /// <summary>The token that ends a document or an answer.</summary>
    public string? End { get; init; }

    /// <summary>The token that begins a document.</summary>
    public string? Begin { get; init; }

    /// <summary>The token that fills rows up. It should differ from <see cref="End"/>.</summary>
    public string? Padding { get; init; }
}

/// <summary>What a vocabulary of pieces does beside its merges or scores.</summary>
internal sealed record PieceRules
{
    /// <summary>Whether a piece of text that is in the vocabulary as a whole is taken so, whatever the merges say.</summary>
    public bool IgnoresMerges { get; init; }

    /// <summary>Whether a character that is not there becomes pieces such as <c>&lt;0x0A&gt;</c>.</summary>
    public bool FallsBackToBytes { get; init; }

    /// <summary>Whether neighbouring unknown characters share one unknown token.</summary>
    public bool FusesUnknown { get; init; }

    /// <summary>The piece of unknown characters; without it they are left out.</summary>
    public int? UnknownId { get; init; }

    /// <summary>What leads every character of a word but the first.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>What follows the last character of a word.</summary>
    public string Suffix { get; init; } = "";
}

/// <summary>All that a tokenizer is made of, as its file says it.</summary>
internal sealed record TokenizerDefinition
{
    /// <summary>Pieces by id, as the file spells them; null where an id belongs to a special token or to nothing.</summary>
    public required IReadOnlyList<string?> Pieces { get; init; }

    /// <summary>The merges, oldest (strongest) first; none in a unigram model.</summary>
    public IReadOnlyList<Merge> Merges { get; init; } = [];

    /// <summary>The log-prob of each piece of a unigram model, by id; null where merges make the pieces.</summary>
    public IReadOnlyList<double>? Scores { get; init; }

    public PieceRules Rules { get; init; } = new();

    public IReadOnlyList<AddedToken> Added { get; init; } = [];

    public TokenRoles Roles { get; init; } = new();

    /// <summary>The components as read; they are written back unchanged.</summary>
    public JsonElement? Normaliser { get; init; }

    public JsonElement? PreTokeniser { get; init; }

    public JsonElement? PostProcessor { get; init; }

    public JsonElement? Decoder { get; init; }

    /// <summary>The template of conversations that came with it.</summary>
    public string? ChatTemplate { get; init; }

    public IEnumerable<Problem> Check()
    {
        foreach (var token in Added.Where(token => token.Content.Length == 0))
            yield return new("added_tokens", $"has an empty token with id {token.Id}, expected some text; remove it");
        foreach (var twice in Added.GroupBy(token => token.Content).Where(group => group.Select(token => token.Id).Distinct().Count() > 1))
            yield return new("added_tokens", $"has '{twice.Key}' with ids {string.Join(" and ", twice.Select(token => token.Id))}, expected one; remove the others");
        foreach (var twice in Added.GroupBy(token => token.Id).Where(group => group.Count() > 1))
            yield return new("added_tokens", $"have id {twice.Key} for {string.Join(" and ", twice.Select(token => $"'{token.Content}'"))}, expected one token of that id; remove the others");
        foreach (var token in Added.Where(token => token.Id < Pieces.Count && Pieces[token.Id] is { } piece && piece != token.Content))
            yield return new("added_tokens", $"have id {token.Id} for '{token.Content}', expected '{Pieces[token.Id]}', as the vocabulary has it; give the token an id of its own");
        foreach (var (part, name) in new[] { ("end", Roles.End), ("begin", Roles.Begin), ("padding", Roles.Padding) })
        {
            if (name is not null && Added.All(token => token.Content != name))
                yield return new($"{part} token", $"is '{name}', expected one of the added tokens; add it or name another");
        }
    }
}
