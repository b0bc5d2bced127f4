namespace Attune.Tokens.Pieces;

/// <summary>Spells a piece of text with a vocabulary.</summary>
internal interface IPieceModel
{
    /// <summary>Appends the ids of a piece of text.</summary>
    void Encode(ReadOnlySpan<char> piece, List<int> ids);
}
