using System.Text.Json;
using System.Text.Json.Serialization;
using Attune.Torch;

namespace Attune.Feedback;

/// <summary>Which prompts a comparison's prompt belongs to: a reward model never sees the held-out ones.</summary>
public enum PromptSplit
{
    /// <summary>What rewards and policies are trained on.</summary>
    [JsonStringEnumMemberName("training")] Training,

    /// <summary>Kept apart for evaluation.</summary>
    [JsonStringEnumMemberName("held-out")] HeldOut,
}

/// <summary>One answer to compare.</summary>
public sealed record Answer
{
    /// <summary>The name under which <see cref="Features"/> holds the mean log-probability per token under the base model, in nats.</summary>
    public const string Fluency = "fluency";

    /// <summary>Names the answer in files and reports; empty until the comparison gives it one.</summary>
    public string Id { get; init; } = "";

    /// <summary>What wrote it: a model's name or folder, "person", … Not shown to judges.</summary>
    public required string Source { get; init; }

    /// <summary>The text judged.</summary>
    public required string Text { get; init; }

    /// <summary>Numbers known about the answer, by name; finite.</summary>
    public IReadOnlyDictionary<string, double> Features { get; init; } = new Dictionary<string, double>();
}

/// <summary>What a comparison is made from.</summary>
/// <param name="Prompt">What the answers answer.</param>
/// <param name="Answers">Two or more.</param>
/// <param name="Split">Where the prompt belongs.</param>
/// <param name="Round">Which round of collecting, from 0.</param>
public sealed record ComparisonDraft(string Prompt, IReadOnlyList<Answer> Answers, PromptSplit Split = PromptSplit.Training, int Round = 0);

/// <summary>
/// A prompt with 2 to K answers, and the order in which they are shown. Its id and order are pure functions of the seed, its number and
/// its content, so the same run makes the same ones again.
/// </summary>
public sealed record Comparison
{
    /// <summary>Names the comparison everywhere.</summary>
    public required string Id { get; init; }

    /// <summary>Which round of collecting, from 0.</summary>
    public int Round { get; init; }

    /// <summary>Where the prompt belongs.</summary>
    public PromptSplit Split { get; init; }

    /// <summary>What the answers answer.</summary>
    public required string Prompt { get; init; }

    /// <summary>The answers, in an order that nobody sees.</summary>
    public required IReadOnlyList<Answer> Answers { get; init; }

    /// <summary>Indexes into <see cref="Answers"/> as shown to the first judge, from left (or top) on.</summary>
    public required IReadOnlyList<int> Order { get; init; }

    /// <summary>Draws the id and the side order of a draft.</summary>
    /// <param name="draft">What to compare.</param>
    /// <param name="seed">The seed of the collection.</param>
    /// <param name="number">
    /// The place in the collection, from 0. Among numbers mK … mK+K−1 (of comparisons of K answers) each answer is shown first exactly once,
    /// so that no side, and no model that always comes as answer 0, is favoured.
    /// </param>
    public static Comparison From(ComparisonDraft draft, Seed seed, long number)
    {
        ArgumentNullException.ThrowIfNull(draft);
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        var count = draft.Answers.Count;
        if (count < 2)
            throw new ArgumentException($"A comparison needs at least two answers, this one has {count}; give one more.", nameof(draft));
        if (draft.Answers.SelectMany(answer => answer.Features).FirstOrDefault(feature => !double.IsFinite(feature.Value)) is { Key: { } name } feature)
            throw new ArgumentException($"The feature {name} is {feature.Value}, expected a finite number; leave out what is not known.", nameof(draft));

        var content = seed.For("comparison").For(number).For(draft.Round).For(draft.Prompt);
        content = draft.Answers.Aggregate(content, (key, answer) => key.For(answer.Text));
        var id = $"c-{content.Value:x16}";
        return new()
        {
            Id = id,
            Round = draft.Round,
            Split = draft.Split,
            Prompt = draft.Prompt,
            Answers = draft.Answers.Select((answer, i) => answer.Id.Length > 0 ? answer : answer with { Id = $"{id}.{i}" }).ToArray(),
            Order = BalancedOrder(count, seed.For("side order"), number),
        };
    }

    /// <summary>
    /// The order for the judge who is number <paramref name="view"/> to see this comparison: the stored order, shifted round by one for each
    /// view. With two answers, views 0 and 1 are the two orders; with K, each answer is at each place once in K views.
    /// </summary>
    public IReadOnlyList<int> OrderFor(int view)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(view);
        return Order.Select((_, place) => Order[(place + view) % Order.Count]).ToArray();
    }

    /// <summary>The answer an index of <see cref="Order"/> or of a judgment's ranks stands for.</summary>
    public Answer this[int answer] => Answers[answer];

    /// <summary>The comparison as one line of JSON, as in <c>comparisons.jsonl</c>, without the line's end.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, FeedbackFile.Lines.Comparison);

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="JsonException">It is not a comparison.</exception>
    public static Comparison FromJson(string json) => JsonSerializer.Deserialize(json, FeedbackFile.Lines.Comparison) ?? throw new JsonException("is null, expected a comparison");

    private static int[] BalancedOrder(int count, Seed seed, long number)
    {
        var (block, within) = Math.DivRem(number, count);
        var first = seed.For(block).Permutation(count)[within];
        var rest = seed.For("rest").For(number).Permutation(count).Where(answer => answer != first);
        return [first, .. rest];
    }
}
