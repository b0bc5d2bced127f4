using Attune.Tokens.Pipeline;

namespace Attune.Tokens.Pieces;

/// <summary>
/// The likeliest pieces of a text under a unigram language model (Kudo 2018, arXiv:1804.10959, section 3.2), found by Viterbi's algorithm. Not here:
/// sampling of other segmentations.
/// </summary>
internal sealed class UnigramPieces : IPieceModel
{
    /// <summary>How much less likely than the least likely piece a character is that no piece has, in nats; SentencePiece's.</summary>
    private const double UnknownPenalty = 10;

    private readonly PieceTrie _trie;
    private readonly IReadOnlyList<double> _scores;
    private readonly UnknownPieces _unknown;
    private readonly double _unknownScore;

    public UnigramPieces(TokenizerDefinition definition)
    {
        _scores = definition.Scores!;
        var pieces = definition.Pieces.Select((text, id) => (Text: text, Id: id)).Where(piece => piece.Text is { Length: > 0 }).Select(piece => (Text: piece.Text!, piece.Id)).ToArray();
        _trie = new(pieces.Where(piece => !definition.Rules.FallsBackToBytes || ByteFallbackStep.ByteOf(piece.Text) is null)); // a text may say <0x0A> and mean it
        _unknownScore = _scores.Where((_, id) => definition.Pieces[id] is not null).DefaultIfEmpty(0).Min() - UnknownPenalty;
        var ids = pieces.ToDictionary(piece => piece.Text, piece => piece.Id, StringComparer.Ordinal);
        _unknown = new(text => ids.TryGetValue(text, out var id) ? id : null, definition.Rules.FallsBackToBytes, definition.Rules.UnknownId, fuses: true);
    }

    public void Encode(ReadOnlySpan<char> piece, List<int> ids)
    {
        var best = new double[piece.Length + 1]; // nats, of what ends there
        var from = new int[piece.Length + 1];    // where its last piece begins; -1 where nothing ends
        var last = new int[piece.Length + 1];    // that piece; -1 for a character that no piece has
        Array.Fill(from, -1, 1, piece.Length);
        for (var start = 0; start < piece.Length;)
        {
            var width = char.IsHighSurrogate(piece[start]) ? 2 : 1;
            var hasOwn = false;
            for (var (node, end) = (0, start); end < piece.Length && (node = _trie.Step(node, piece[end])) >= 0;)
            {
                end++;
                if (_trie.ValueAt(node) is not (>= 0 and var id))
                    continue;
                Offer(start, end, best[start] + _scores[id], id);
                hasOwn |= end == start + width;
            }
            if (!hasOwn)
                Offer(start, start + width, best[start] + _unknownScore, -1);
            start += width;
        }
        Collect(piece, from, last, ids);

        void Offer(int start, int end, double score, int id)
        {
            if (from[end] >= 0 && score <= best[end])
                return;
            (best[end], from[end], last[end]) = (score, start, id);
        }
    }

    private void Collect(ReadOnlySpan<char> piece, int[] from, int[] last, List<int> ids)
    {
        var ends = new Stack<int>();
        for (var end = piece.Length; end > 0; end = from[end])
            ends.Push(end);
        var unknownFrom = -1; // neighbours that no piece has are one unknown text
        foreach (var end in ends)
        {
            if (last[end] < 0)
            {
                if (unknownFrom < 0)
                    unknownFrom = from[end];
                continue;
            }
            if (unknownFrom >= 0)
                _unknown.Append(piece[unknownFrom..from[end]], ids, followsUnknown: false);
            unknownFrom = -1;
            ids.Add(last[end]);
        }
        if (unknownFrom >= 0)
            _unknown.Append(piece[unknownFrom..], ids, followsUnknown: false);
    }
}
