using System.Text.Json.Serialization;
using Attune.Torch;

namespace Attune.Feedback.Quality;

/// <summary>How the worse answer of a golden comparison came about.</summary>
public enum GoldenTrick
{
    /// <summary>An older or weaker checkpoint's answer to the same prompt.</summary>
    [JsonStringEnumMemberName("weaker-model")] WeakerModel,

    /// <summary>The good answer, broken off.</summary>
    [JsonStringEnumMemberName("truncated")] Truncated,

    /// <summary>The good answer's words in a random order.</summary>
    [JsonStringEnumMemberName("shuffled")] Shuffled,

    /// <summary>The good answer to another prompt.</summary>
    [JsonStringEnumMemberName("other-prompt")] OtherPrompt,

    /// <summary>A text of another data set on a similar topic.</summary>
    [JsonStringEnumMemberName("other-data")] OtherData,
}

/// <summary>A prompt with an answer that is known to be good.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="Good">The good answer.</param>
/// <param name="Weaker">An older or weaker checkpoint's answer; null where there is none.</param>
public sealed record GoldenSource(string Prompt, Answer Good, Answer? Weaker = null);

/// <summary>A comparison whose better answer is known.</summary>
/// <param name="Comparison">What is shown; nothing in it tells that it is golden.</param>
/// <param name="Best">The index of the better answer.</param>
/// <param name="Trick">How the worse one came about.</param>
public sealed record GoldenItem(Comparison Comparison, int Best, GoldenTrick Trick)
{
    /// <summary>What quality control reads of it.</summary>
    public TaskFacts Facts => new() { ComparisonId = Comparison.Id, Expected = new() { Best = Best } };
}

/// <summary>
/// Makes golden comparisons out of good answers, without people: pure functions of the sources and a seed. That the good answer is better is an
/// assumption, which <see cref="GoldenDifficulty"/> checks on people. Not here: choosing which prompts are worth it, storing them.
/// </summary>
public static class GoldenItems
{
    /// <summary>One item for each source and trick that works on it; a trick that leaves the answer as good as it was gives none.</summary>
    /// <param name="sources">Prompts with good answers.</param>
    /// <param name="tricks">Which ways to make the worse answer.</param>
    /// <param name="seed">Decides draws, sides, and at which index the better answer stands.</param>
    /// <param name="otherData">Texts of another data set, for <see cref="GoldenTrick.OtherData"/>.</param>
    public static IReadOnlyList<GoldenItem> Make(IReadOnlyList<GoldenSource> sources, IReadOnlyList<GoldenTrick> tricks, Seed seed, IReadOnlyList<string>? otherData = null)
    {
        ArgumentNullException.ThrowIfNull(sources);
        ArgumentNullException.ThrowIfNull(tricks);
        var draws = seed.For("golden items");
        var items = new List<GoldenItem>();
        for (var k = 0; k < sources.Count; k++)
        {
            foreach (var trick in tricks.Distinct())
            {
                var own = draws.For($"{trick}").For(k);
                if (Worse(sources, k, trick, own, otherData ?? []) is { } worse && !worse.Text.AsSpan().Trim().SequenceEqual(sources[k].Good.Text.AsSpan().Trim()))
                    items.Add(Item(sources[k], worse, trick, own, items.Count, draws));
            }
        }
        return items;
    }

    /// <summary>The first part of a text, between a third and two thirds of its words, without a closing mark; null where it has fewer than six words.</summary>
    public static string? Truncate(string text, Seed seed)
    {
        var words = Split(text);
        if (words.Length < 6)
            return null;
        var keep = (int)Math.Round(words.Length * (1 + seed.Uniform(row: 0)) / 3);
        return string.Join(' ', words.Take(keep)).TrimEnd('.', '!', '?', '…', ',', ';', ':');
    }

    /// <summary>The words of a text in a random order; null where no other order reads differently.</summary>
    public static string? Shuffle(string text, Seed seed)
    {
        var words = Split(text);
        if (words.Distinct(StringComparer.Ordinal).Count() < 2)
            return null;
        var shuffled = seed.Permutation(words.Length).Select(place => words[place]).ToArray();
        return string.Join(' ', shuffled.SequenceEqual(words) ? [.. words.Skip(1), words[0]] : shuffled); // a short text may come out as it was
    }

    /// <summary>The text that shares the largest part of its words with a prompt (common words over all words of both); the first of equal ones, null without any.</summary>
    public static string? MostSimilar(string prompt, IReadOnlyList<string> texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var asked = Words.Of(prompt).ToHashSet(StringComparer.Ordinal);
        return texts.MaxBy(text =>
        {
            var words = Words.Of(text).ToHashSet(StringComparer.Ordinal);
            var common = words.Count(asked.Contains);
            return words.Count == 0 ? -1 : common / (double)(words.Count + asked.Count - common);
        });
    }

    private static Answer? Worse(IReadOnlyList<GoldenSource> sources, int k, GoldenTrick trick, Seed seed, IReadOnlyList<string> otherData)
    {
        var good = sources[k].Good;
        Answer? Made(string? text) => text is null ? null : new() { Source = good.Source, Text = text };
        return trick switch
        {
            GoldenTrick.WeakerModel => sources[k].Weaker,
            GoldenTrick.Truncated => Made(Truncate(good.Text, seed)),
            GoldenTrick.Shuffled => Made(Shuffle(good.Text, seed)),
            GoldenTrick.OtherPrompt => OtherPrompt(sources, k, seed),
            _ => Made(MostSimilar(sources[k].Prompt, otherData)),
        };
    }

    private static Answer? OtherPrompt(IReadOnlyList<GoldenSource> sources, int k, Seed seed)
    {
        var others = Enumerable.Range(0, sources.Count).Where(other => sources[other].Prompt != sources[k].Prompt).ToArray();
        return others.Length == 0 ? null : sources[others[seed.Below(others.Length, row: 1)]].Good with { Id = "" };
    }

    private static GoldenItem Item(GoldenSource source, Answer worse, GoldenTrick trick, Seed own, int number, Seed draws)
    {
        var best = own.Below(2, row: 2);
        Answer good = source.Good with { Id = "" }, bad = worse with { Id = "" };
        return new(Comparison.From(new(source.Prompt, best == 0 ? [good, bad] : [bad, good]), draws, number), best, trick);
    }

    private static string[] Split(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
    }
}
