using Attune.Runs;

namespace Attune.Tokens;

/// <summary>A token that stands for a sign rather than for text, such as <c>&lt;|endoftext|&gt;</c>.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">How it is written.</param>
/// <param name="IsSpecial">Whether it is left out of text meant for people; false for markers that readers should see.</param>
public sealed record AddedToken(int Id, string Content, bool IsSpecial = true);

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

/// <summary>All that a tokenizer is made of, as its file says it.</summary>
internal sealed record TokenizerDefinition
{
    /// <summary>The bytes of each piece by id; null where an id belongs to an added token or to nothing.</summary>
    public required IReadOnlyList<byte[]?> Pieces { get; init; }

    /// <summary>The merges, oldest (strongest) first.</summary>
    public required IReadOnlyList<Merge> Merges { get; init; }

    public IReadOnlyList<AddedToken> Added { get; init; } = [];

    public TokenRoles Roles { get; init; } = new();

    public SplitPattern Split { get; init; }

    /// <summary>Whether a word that is a piece as a whole is taken as that piece, whatever the merges say.</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>The post-processor as read, written back unchanged; this program never adds tokens of itself.</summary>
    public string? PostProcessor { get; init; }

    public IEnumerable<Problem> Check()
    {
        var bytes = new bool[256];
        foreach (var piece in Pieces)
        {
            if (piece is { Length: 1 })
                bytes[piece[0]] = true;
        }
        if (bytes.Contains(false))
            yield return new("model.vocab", $"has {bytes.Count(there => there)} of the 256 single bytes, expected all; use a byte-level vocabulary");
        var added = Added.Select(token => token.Id).ToHashSet();
        if (Merges.Any(merge => added.Contains(merge.Product)))
            yield return new("model.merges", "make an added token, expected one that no text can spell; give the added token an id of its own");
        foreach (var token in Added.Where(token => token.Content.Length == 0))
            yield return new("added_tokens", $"has an empty token with id {token.Id}, expected some text; remove it");
        foreach (var twice in Added.GroupBy(token => token.Content).Where(group => group.Select(token => token.Id).Distinct().Count() > 1))
            yield return new("added_tokens", $"has '{twice.Key}' with ids {string.Join(" and ", twice.Select(token => token.Id))}, expected one; remove the others");
        foreach (var twice in Added.GroupBy(token => token.Id).Where(group => group.Count() > 1))
            yield return new("added_tokens", $"have id {twice.Key} for {string.Join(" and ", twice.Select(token => $"'{token.Content}'"))}, expected one token of that id; remove the others");
        foreach (var (part, name) in new[] { ("end", Roles.End), ("begin", Roles.Begin), ("padding", Roles.Padding) })
        {
            if (name is not null && Added.All(token => token.Content != name))
                yield return new($"{part} token", $"is '{name}', expected one of the added tokens; add it or name another");
        }
    }
}
