using System.Runtime.InteropServices;
using System.Text;

using Attune.Runs;

namespace Attune.Tokens;

/// <summary>What a new vocabulary should be.</summary>
public sealed record BpeTrainerOptions
{
    /// <summary>Pieces altogether: added tokens, the 256 bytes, merges. Fewer come out where the text repeats too little.</summary>
    public int VocabularySize { get; init; } = 4_096;

    /// <summary>A pair seen less often than this is never merged.</summary>
    public long MinimumCount { get; init; } = 2;

    /// <summary>How words are cut.</summary>
    public SplitPattern Split { get; init; } = SplitPattern.Gpt2;

    /// <summary>Tokens with the first ids, which no text produces.</summary>
    public IReadOnlyList<string> AddedTokens { get; init; } = ["<|endoftext|>", "<|padding|>"];

    /// <summary>Which of them end, begin and fill.</summary>
    public TokenRoles Roles { get; init; } = new() { End = "<|endoftext|>", Padding = "<|padding|>" };

    /// <summary>Everything out of range.</summary>
    public IEnumerable<Problem> Check()
    {
        var least = 256 + AddedTokens.Count;
        if (VocabularySize < least)
            yield return Problem.Of("tokenizer.vocabularySize", $"is {VocabularySize}", $"at least {least}: 256 bytes and {AddedTokens.Count} added tokens", "4096 is usual for a small model");
        if (MinimumCount < 1)
            yield return Problem.Of("tokenizer.minimumCount", $"is {MinimumCount}", "at least 1", "2 is usual");
        if (AddedTokens.Distinct().Count() < AddedTokens.Count)
            yield return Problem.Of("tokenizer.addedTokens", "names a token twice", "each once", "remove the repetition");
    }
}

/// <summary>
/// Learns merges from text (Sennrich 2016) over bytes (Radford 2019). The pair with the highest count is merged; among equals the one
/// with the lowest left id, then the lowest right id. The result depends on the text's word counts alone, not on the order of documents.
/// Memory grows with distinct words, not with text. Not here: sampling, dropout, threads.
/// </summary>
public sealed class BpeTrainer
{
    private sealed class Pair
    {
        public long Count;
        public readonly List<int> Words = []; // may name a word that no longer holds the pair
    }

    private readonly record struct Candidate(long Count, long Key) : IComparable<Candidate>
    {
        public int CompareTo(Candidate other) => Count != other.Count ? other.Count.CompareTo(Count) : Key.CompareTo(other.Key);
    }

    private readonly BpeTrainerOptions _options;
    private readonly List<byte[]?> _pieces = [];
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal); // by spelling in the byte alphabet
    private readonly List<Merge> _merges = [];
    private readonly List<int[]> _words = [];
    private readonly List<long> _counts = [];
    private readonly Dictionary<long, Pair> _pairs = [];
    private readonly PriorityQueue<long, Candidate> _queue = new();

    private BpeTrainer(BpeTrainerOptions options)
    {
        _options = options;
        _pieces.AddRange(new byte[]?[options.AddedTokens.Count]);
        foreach (var value in ByteAlphabet.Order)
            AddPiece([value]);
    }

    /// <summary>Trains on documents, read once.</summary>
    public static Tokenizer Train(IEnumerable<string> documents, BpeTrainerOptions options, CancellationToken stop = default) => Train(documents, options, learned: null, stop);

    /// <summary>Trains on documents, read once, and tells after each merge how many pieces there are.</summary>
    internal static Tokenizer Train(IEnumerable<string> documents, BpeTrainerOptions options, Action<int>? learned, CancellationToken stop)
    {
        if (options.Check().ToList() is { Count: > 0 } problems)
            throw new InputException("The tokenizer's recipe", problems);
        var trainer = new BpeTrainer(options);
        trainer.CountWords(documents, stop);
        trainer.CountPairs();
        while (trainer._pieces.Count < options.VocabularySize && trainer.NextPair() is { } pair)
        {
            stop.ThrowIfCancellationRequested();
            trainer.Apply(pair);
            learned?.Invoke(trainer._pieces.Count);
        }
        return trainer.Finish();
    }

    private void CountWords(IEnumerable<string> documents, CancellationToken stop)
    {
        var indices = new Dictionary<string, int>(StringComparer.Ordinal);
        var bySpan = indices.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var document in documents)
        {
            stop.ThrowIfCancellationRequested();
            Tokenizer.RequireUnicode(document);
            var text = document.AsSpan();
            for (var start = 0; start < text.Length;)
            {
                var end = SplitScanner.EndOfWord(text, start, _options.Split);
                ref var index = ref CollectionsMarshal.GetValueRefOrAddDefault(bySpan, text[start..end], out var known);
                if (!known)
                {
                    index = _words.Count;
                    _words.Add(Bytes(text[start..end]));
                    _counts.Add(0);
                }
                _counts[index]++;
                start = end;
            }
        }
    }

    private int[] Bytes(ReadOnlySpan<char> word)
    {
        var bytes = new byte[Encoding.UTF8.GetByteCount(word)];
        Encoding.UTF8.GetBytes(word, bytes);
        return [.. bytes.Select(value => _ids[ByteAlphabet.Write([value])])];
    }

    private void CountPairs()
    {
        for (var word = 0; word < _words.Count; word++)
            Count(word, +1, onlyWith: -1);
        foreach (var (key, pair) in _pairs)
            _queue.Enqueue(key, new(pair.Count, key));
    }

    /// <summary>The strongest pair, or null where none is strong enough. Counts that changed since their entry was made are corrected here, not there.</summary>
    private long? NextPair()
    {
        while (_queue.TryDequeue(out var key, out var candidate))
        {
            if (!_pairs.TryGetValue(key, out var pair) || pair.Count < _options.MinimumCount)
                continue;
            if (pair.Count == candidate.Count)
                return key;
            if (pair.Count < candidate.Count) // where it grew, a newer entry is in the queue
                _queue.Enqueue(key, new(pair.Count, key));
        }
        return null;
    }

    private void Apply(long key)
    {
        var (left, right) = ((int)(key >> 32), (int)(uint)key);
        byte[] bytes = [.. _pieces[left]!, .. _pieces[right]!];
        if (_options.AddedTokens.Contains(Encoding.UTF8.GetString(bytes))) // no text may spell an added token
        {
            _pairs.Remove(key);
            return;
        }
        var product = AddPiece(bytes);
        _merges.Add(new(left, right, product));
        var words = _pairs[key].Words;
        var touched = new HashSet<long>();
        foreach (var word in words)
        {
            var merged = Merged(_words[word], left, right, product);
            if (merged.Length == _words[word].Length)
                continue; // named twice, or lost the pair to another merge
            Count(word, -1, onlyWith: -1);
            _words[word] = merged;
            Count(word, +1, onlyWith: product, touched);
        }
        _pairs.Remove(key);
        foreach (var grown in touched)
        {
            if (_pairs.TryGetValue(grown, out var pair))
                _queue.Enqueue(grown, new(pair.Count, grown));
        }
    }

    /// <summary>Adds or takes away the pairs of a word; only pairs with the new piece need the word in their list.</summary>
    private void Count(int word, int sign, int onlyWith, HashSet<long>? touched = null)
    {
        var ids = _words[word];
        var weight = sign * _counts[word];
        for (var i = 0; i + 1 < ids.Length; i++)
        {
            var key = ((long)ids[i] << 32) | (uint)ids[i + 1];
            ref var pair = ref CollectionsMarshal.GetValueRefOrAddDefault(_pairs, key, out _);
            pair ??= new();
            pair.Count += weight;
            if (sign > 0 && (onlyWith < 0 || ids[i] == onlyWith || ids[i + 1] == onlyWith))
            {
                if (pair.Words.Count == 0 || pair.Words[^1] != word)
                    pair.Words.Add(word);
                touched?.Add(key);
            }
        }
    }

    private static int[] Merged(int[] ids, int left, int right, int product)
    {
        var merged = new int[ids.Length];
        var used = 0;
        for (var i = 0; i < ids.Length; i++)
        {
            var isPair = ids[i] == left && i + 1 < ids.Length && ids[i + 1] == right;
            merged[used++] = isPair ? product : ids[i];
            if (isPair)
                i++;
        }
        return used == ids.Length ? ids : merged[..used];
    }

    /// <summary>The id of a piece; two merges may spell the same one, which then keeps its id.</summary>
    private int AddPiece(byte[] bytes)
    {
        var spelling = ByteAlphabet.Write(bytes);
        if (_ids.TryGetValue(spelling, out var id))
            return id;
        _ids[spelling] = _pieces.Count;
        _pieces.Add(bytes);
        return _pieces.Count - 1;
    }

    private Tokenizer Finish()
    {
        var (cutter, decoder) = TokenizerJson.ByteLevel(_options.Split);
        return new(new()
        {
            Pieces = [.. _pieces.Select(bytes => bytes is null ? null : ByteAlphabet.Write(bytes))],
            Merges = _merges,
            PreTokeniser = cutter,
            Decoder = decoder,
            Added = [.. _options.AddedTokens.Select((content, id) => new AddedToken(id, content))],
            Roles = _options.Roles,
        }, "The tokenizer's recipe");
    }
}
