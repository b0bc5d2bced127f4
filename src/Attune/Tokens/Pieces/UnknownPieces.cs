using System.Text;
using Attune.Tokens.Pipeline;

namespace Attune.Tokens.Pieces;

/// <summary>What stands for a character that a vocabulary does not have: its bytes where there is a piece for each, else the unknown token, else nothing.</summary>
internal sealed class UnknownPieces
{
    private readonly int[]? _bytes;
    private readonly int? _unknown;
    private readonly bool _fuses;

    /// <param name="idOf">The id of a piece.</param>
    /// <param name="usesBytes">Whether bytes come first.</param>
    /// <param name="unknown">The unknown token.</param>
    /// <param name="fuses">Whether neighbouring unknown characters share one token.</param>
    public UnknownPieces(Func<string, int?> idOf, bool usesBytes, int? unknown, bool fuses)
    {
        (_unknown, _fuses) = (unknown, fuses);
        if (usesBytes)
            _bytes = [.. Enumerable.Range(0, 256).Select(value => idOf(ByteFallbackStep.TokenOf((byte)value)) ?? -1)];
    }

    /// <summary>Appends what stands for characters.</summary>
    /// <param name="text">The characters.</param>
    /// <param name="ids">Where to.</param>
    /// <param name="followsUnknown">Whether an unknown token was just written for their neighbour.</param>
    /// <returns>Whether an unknown token stands for them.</returns>
    public bool Append(ReadOnlySpan<char> text, List<int> ids, bool followsUnknown)
    {
        if (_bytes is not null)
        {
            var bytes = new byte[Encoding.UTF8.GetByteCount(text)];
            Encoding.UTF8.GetBytes(text, bytes);
            if (Array.TrueForAll(bytes, value => _bytes[value] >= 0))
            {
                foreach (var value in bytes)
                    ids.Add(_bytes[value]);
                return false;
            }
        }
        if (_unknown is not { } id)
            return followsUnknown;
        if (!(followsUnknown && _fuses))
            ids.Add(id);
        return true;
    }
}
