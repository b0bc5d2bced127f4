using Attune.Models;

namespace Attune.Rollouts;

/// <summary>What earlier tokens do to the logits of the next: biases, penalties and bans. All on one row <c>[V]</c>, in place.</summary>
public static class HistoryFilters
{
    /// <summary>Adds each bias to the last token of its sequence where the others end the history.</summary>
    public static void AddBiases(Span<float> logits, IReadOnlyList<TokenBias> biases, ReadOnlySpan<int> history)
    {
        foreach (var bias in biases)
        {
            if (WouldComplete(bias.Tokens, history))
                logits[bias.Tokens[^1]] += (float)bias.Bias;
        }
    }

    /// <summary>Once per distinct token: positive logits are divided, negative ones multiplied (Keskar et al. 2019, section 4.1).</summary>
    public static void PenaliseRepetition(Span<float> logits, double penalty, ReadOnlySpan<int> history)
    {
        foreach (var token in Counts(history).Keys)
            logits[token] = (float)(logits[token] > 0 ? logits[token] / penalty : logits[token] * penalty);
    }

    /// <summary>Takes frequency · count + presence off the logit of each token that occurs.</summary>
    public static void PenaliseOccurrences(Span<float> logits, double frequency, double presence, ReadOnlySpan<int> history)
    {
        foreach (var (token, count) in Counts(history))
            logits[token] -= (float)((frequency * count) + presence);
    }

    /// <summary>
    /// Takes multiplier · base^(length − allowed) off a token that would go on with a repetition: where the end of the history, so many tokens
    /// long, stood before, that token followed it. The longest such repetition counts.
    /// </summary>
    public static void PenaliseContinuedRepetition(Span<float> logits, SamplingOptions options, ReadOnlySpan<int> history)
    {
        var backwards = history.ToArray();
        Array.Reverse(backwards);
        var longest = 0; // no repetition reaches back across a breaker
        while (longest < backwards.Length && !options.DryBreakers.Contains(backwards[longest]))
            longest++;
        if (longest < options.DryAllowedLength)
            return;
        var matches = CommonPrefixes(backwards);
        var lengths = new Dictionary<int, int>();
        for (var back = 1; back < backwards.Length; back++)
        {
            var (length, followed) = (Math.Min(matches[back], longest), backwards[back - 1]);
            if (length >= options.DryAllowedLength && length > lengths.GetValueOrDefault(followed))
                lengths[followed] = length;
        }

        foreach (var (token, length) in lengths)
            logits[token] -= (float)Math.Min(options.DryMultiplier * Math.Pow(options.DryBase, length - options.DryAllowedLength), 1e30); // within float32
    }

    /// <summary>Bans each token that would complete an n-gram for the second time.</summary>
    public static void BanRepeatedNgrams(Span<float> logits, int n, ReadOnlySpan<int> history)
    {
        if (history.Length < n)
            return;
        var end = history[^(n - 1)..];
        for (var start = 0; start + n <= history.Length; start++)
        {
            if (history.Slice(start, n - 1).SequenceEqual(end))
                logits[history[start + n - 1]] = float.NegativeInfinity;
        }
    }

    /// <summary>Bans the last token of each sequence that the history would complete with it.</summary>
    public static void BanWords(Span<float> logits, IReadOnlyList<IReadOnlyList<int>> words, IReadOnlyList<int> ends, ReadOnlySpan<int> history)
    {
        foreach (var word in words)
        {
            if (WouldComplete(word, history) && !(word.Count == 1 && ends.Contains(word[0])))
                logits[word[^1]] = float.NegativeInfinity;
        }
    }

    private static bool WouldComplete(IReadOnlyList<int> sequence, ReadOnlySpan<int> history)
    {
        var before = sequence.Count - 1;
        if (before > history.Length)
            return false;
        for (var k = 0; k < before; k++)
        {
            if (sequence[k] != history[history.Length - before + k])
                return false;
        }

        return true;
    }

    private static Dictionary<int, int> Counts(ReadOnlySpan<int> tokens)
    {
        var counts = new Dictionary<int, int>();
        foreach (var token in tokens)
            counts[token] = counts.GetValueOrDefault(token) + 1;
        return counts;
    }

    /// <summary>How long each rest of a row agrees with its beginning (Gusfield's Z algorithm): in time linear in its length, whatever repeats.</summary>
    private static int[] CommonPrefixes(int[] row)
    {
        var lengths = new int[row.Length];
        for (int k = 1, from = 0, to = 0; k < row.Length; k++)
        {
            var length = k < to ? Math.Min(to - k, lengths[k - from]) : 0;
            while (k + length < row.Length && row[length] == row[k + length])
                length++;
            lengths[k] = length;
            if (k + length > to)
                (from, to) = (k, k + length);
        }

        return lengths;
    }
}
