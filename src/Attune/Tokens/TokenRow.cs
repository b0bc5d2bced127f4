namespace Attune.Tokens;

/// <summary>One document's tokens, and which of them the loss reads.</summary>
public sealed record TokenRow
{
    /// <summary>A row whose two columns are equally long.</summary>
    /// <param name="ids">Token ids.</param>
    /// <param name="lossMask">True where the token at that place is to be predicted and counts.</param>
    public TokenRow(int[] ids, bool[] lossMask)
    {
        if (ids.Length != lossMask.Length)
            throw new ArgumentException($"the loss mask has {lossMask.Length} places for {ids.Length} tokens, expected as many; build both from the same spans", nameof(lossMask));
        (Ids, LossMask) = (ids, lossMask);
    }

    /// <summary>Token ids.</summary>
    public int[] Ids { get; }

    /// <summary>True where the token at that place is to be predicted and counts.</summary>
    public bool[] LossMask { get; }

    /// <summary>Where in its document the row begins; more than 0 where packing cut a document.</summary>
    public int Start { get; init; }

    /// <summary>Tokens.</summary>
    public int Length => Ids.Length;

    /// <summary>Whether the loss reads any of it. The first token never counts: nothing comes before it.</summary>
    public bool HasLoss => LossMask.Length > 1 && LossMask.AsSpan(1).Contains(true);

    /// <summary>A row in which every token counts, for pretraining.</summary>
    public static TokenRow Whole(int[] ids)
    {
        var mask = new bool[ids.Length];
        Array.Fill(mask, true);
        return new(ids, mask);
    }

    /// <summary>A prompt, which is only read, and its completion, which is learned.</summary>
    public static TokenRow Of(ReadOnlySpan<int> prompt, ReadOnlySpan<int> completion)
    {
        var mask = new bool[prompt.Length + completion.Length];
        mask.AsSpan(prompt.Length).Fill(true);
        return new([.. prompt, .. completion], mask);
    }

    /// <summary>A part of the row; both columns move together.</summary>
    public TokenRow Slice(int start, int length) =>
        start == 0 && length == Length ? this : new(Ids[start..(start + length)], LossMask[start..(start + length)]) { Start = Start + start };
}
