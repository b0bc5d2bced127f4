using Attune.Rollouts;

namespace Attune.Evaluation;

/// <summary>What the share of distinct n-grams is divided by; publications differ, so a number always names its variant.</summary>
public enum DistinctVariant
{
    /// <summary>
    /// Distinct n-grams over total words, all texts pooled (Li et al. 2016; per prompt in DExperts and Quark). The default.
    /// For n above 1 it stays a little below 1 even when nothing repeats, because a text has fewer n-grams than words.
    /// </summary>
    PooledOverWords,

    /// <summary>Distinct n-grams over total n-grams, all texts pooled: exactly 1 when nothing repeats.</summary>
    PooledOverNGrams,
}

/// <summary>
/// Surface measures of generated text: diversity, repetition, copying, length. Pure functions of strings.
/// Not here: ROUGE and BLEU (there is no reference text in preference learning), self-BLEU, toxicity.
/// </summary>
/// <remarks>
/// A word is a run of characters between white space, case and punctuation kept ("Good," is not "good").
/// N-grams never cross from one text into the next. Where nothing can be counted (no text has n words) the value is NaN, never 0.
/// </remarks>
public static class TextMetrics
{
    /// <summary>Length of the n-grams whose return counts as repetition (Welleck et al. 2020 use 4).</summary>
    public const int RepetitionLength = 4;

    /// <summary>Length of the n-grams looked up in the prompt for the copy rate: three words in a row are rarely chance.</summary>
    public const int CopyLength = 3;

    /// <summary>Splits on runs of white space. (DExperts splits on single blanks, which counts an empty word between two blanks.)</summary>
    public static string[] Words(string text) => text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    /// <summary>
    /// Diversity of a pool of texts, in [0, 1]: 1 when every n-gram is new. It falls as the pool grows, so compare pools of equal
    /// numbers of texts only.
    /// </summary>
    /// <param name="texts">All texts of one pool: of one model, or (as DExperts) of one prompt.</param>
    /// <param name="n">Words per n-gram: 1, 2 or 3 are usual.</param>
    /// <param name="variant">The denominator.</param>
    public static double Distinct(IEnumerable<string> texts, int n, DistinctVariant variant = DistinctVariant.PooledOverWords)
    {
        var distinct = new HashSet<string>(StringComparer.Ordinal);
        long words = 0, nGrams = 0;
        foreach (var text in texts)
        {
            var split = Words(text);
            words += split.Length;
            foreach (var nGram in NGrams(split, n))
            {
                nGrams++;
                distinct.Add(nGram);
            }
        }

        var total = variant == DistinctVariant.PooledOverWords ? words : nGrams;
        return total == 0 ? double.NaN : (double)distinct.Count / total;
    }

    /// <summary>DExperts' and Quark's form: <see cref="Distinct"/> of each prompt's samples, averaged over the prompts that have words.</summary>
    /// <param name="pools">The samples of each prompt.</param>
    /// <param name="n">Words per n-gram.</param>
    /// <param name="variant">The denominator.</param>
    public static double DistinctPerPrompt(
        IEnumerable<IReadOnlyList<string>> pools, int n, DistinctVariant variant = DistinctVariant.PooledOverWords) =>
        MeanOfNumbers(pools.Select(pool => Distinct(pool, n, variant)));

    /// <summary>
    /// Share of a text's n-grams that occurred earlier in the same text, 1 − distinct/total (seq-rep-n, Welleck et al. 2020), in [0, 1).
    /// NaN when the text is shorter than n words.
    /// </summary>
    public static double Repetition(string text, int n = RepetitionLength) => RepetitionRate.Of(Words(text), n);

    /// <summary>
    /// Share of the response's n-grams that occur in its prompt, each occurrence counted, in [0, 1]. NaN when the response is shorter than
    /// n words. A summary or an edit that scores well by repeating its input shows here.
    /// </summary>
    public static double CopyRate(string prompt, string response, int n = CopyLength)
    {
        var known = NGrams(Words(prompt), n).ToHashSet(StringComparer.Ordinal);
        long total = 0, copied = 0;
        foreach (var nGram in NGrams(Words(response), n))
        {
            total++;
            copied += known.Contains(nGram) ? 1 : 0;
        }

        return total == 0 ? double.NaN : (double)copied / total;
    }

    /// <summary>All measures of one model's answers, for one row of the report.</summary>
    /// <param name="model">Name of the model.</param>
    /// <param name="samples">Its answers; every model of a table should have answered the same prompts once each.</param>
    /// <param name="variant">The form of distinct-n.</param>
    /// <param name="source">Id of the <see cref="Source"/> the samples came from.</param>
    public static TextMetricsRow Of(
        string model, IReadOnlyList<TextSample> samples, DistinctVariant variant = DistinctVariant.PooledOverWords, string? source = null)
    {
        var texts = samples.Select(s => s.Response).ToList();
        var scored = samples.Where(s => s.LogProb is not null).Aggregate(default(LogProbTotal), (sum, s) => sum + s.LogProb!.Value);
        return new TextMetricsRow
        {
            Model = model,
            Texts = samples.Count,
            Distinct1 = Distinct(texts, 1, variant),
            Distinct2 = Distinct(texts, 2, variant),
            Distinct3 = Distinct(texts, 3, variant),
            Repetition = MeanOfNumbers(texts.Select(t => Repetition(t))),
            CopyRate = MeanOfNumbers(samples.Select(s => CopyRate(s.Prompt, s.Response))),
            MeanWords = MeanOfNumbers(texts.Select(t => (double)Words(t).Length)),
            MeanTokens = MeanOfNumbers(samples.Where(s => s.Tokens is not null).Select(s => (double)s.Tokens!.Value)),
            Perplexity = scored.Perplexity,
            Source = source,
        };
    }

    private static IEnumerable<string> NGrams(string[] words, int n)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 1);
        for (var start = 0; start + n <= words.Length; start++)
            yield return string.Join(' ', words, start, n); // words hold no blanks, so the joint is unambiguous
    }

    private static double MeanOfNumbers(IEnumerable<double> values)
    {
        double sum = 0;
        long count = 0;
        foreach (var value in values.Where(v => !double.IsNaN(v)))
        {
            sum += value;
            count++;
        }

        return count == 0 ? double.NaN : sum / count;
    }
}

/// <summary>One answer as the text metrics see it.</summary>
/// <param name="Prompt">The text answered.</param>
/// <param name="Response">The answer, without prompt and end token.</param>
/// <param name="Tokens">Tokens of the answer under the model's tokenizer, if known.</param>
/// <param name="LogProb">Log-probability of the answer under the model that judges fluency (the base model), if computed.</param>
public sealed record TextSample(string Prompt, string Response, int? Tokens = null, LogProbTotal? LogProb = null);

/// <summary>
/// A sum of token log-probabilities and the number of tokens in it. Totals add; the mean is taken once, at the end, so that a long text
/// weighs as much as its tokens (a mean of per-text means would let short texts dominate).
/// </summary>
/// <param name="Sum">Sum of natural-log probabilities, in nats (at most 0).</param>
/// <param name="Tokens">Number of tokens summed.</param>
public readonly record struct LogProbTotal(double Sum, long Tokens)
{
    /// <summary>exp(−sum/tokens): the number of equally likely choices that would surprise as much. NaN without tokens.</summary>
    public double Perplexity => Tokens == 0 ? double.NaN : Math.Exp(-Sum / Tokens);

    /// <summary>Adds up the log-probabilities of one text, in double precision.</summary>
    public static LogProbTotal Of(ReadOnlySpan<float> logProbs)
    {
        double sum = 0;
        foreach (var logProb in logProbs)
            sum += logProb;
        return new(sum, logProbs.Length);
    }

    /// <summary>Pools two totals.</summary>
    public static LogProbTotal operator +(LogProbTotal left, LogProbTotal right) => left.Add(right);

    /// <summary>Pools this total with another.</summary>
    public LogProbTotal Add(LogProbTotal other) => new(Sum + other.Sum, Tokens + other.Tokens);
}
