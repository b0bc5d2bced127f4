using System.Text.Json;

namespace Attune.Feedback.Exchange;

/// <summary>Finds prompt and answers among fields that somebody named as they liked.</summary>
internal static class ForeignFields
{
    private static readonly string[] Prompts = ["prompt", "question", "instruction", "input", "context", "query", "post"];

    private static readonly (string Left, string Right)[] Pairs =
    [
        ("answer1", "answer2"), ("answera", "answerb"), ("response1", "response2"), ("responsea", "responseb"), ("text1", "text2"), ("texta", "textb"), ("output1", "output2"), ("outputa", "outputb"),
        ("option1", "option2"), ("optiona", "optionb"), ("left", "right"), ("a", "b"), ("chosen", "rejected"), ("generation1", "generation2"), ("completion1", "completion2"),
    ];

    /// <summary>Letters and digits in lower case: response-1, Response_1 and response1 are one name.</summary>
    public static string Plain(string name) => string.Concat(name.Where(char.IsLetterOrDigit)).ToLowerInvariant();

    /// <summary>The prompt; "" where no field is one.</summary>
    public static string Prompt(JsonElement data, ImportOptions options)
    {
        if (options.Prompt is { } named)
            return data.Text(named);
        var field = Prompts.SelectMany(known => data.EnumerateObject().Where(one => Plain(one.Name) == known && one.Value.ValueKind == JsonValueKind.String)).Select(one => one.Name).FirstOrDefault();
        return field is null ? "" : data.Text(field);
    }

    /// <summary>The names of two fields with the left and the right answer.</summary>
    public static (string Left, string Right) Pair(JsonElement data, ImportOptions options)
    {
        if (options.Answers is { } named)
            return named.Count == 2 ? (named[0], named[1]) : throw new FormatException($"is a pair while {named.Count} answer fields are named, expected two");
        var names = data.EnumerateObject().Where(one => one.Value.ValueKind == JsonValueKind.String).GroupBy(one => Plain(one.Name)).ToDictionary(group => group.Key, group => group.First().Name, StringComparer.Ordinal);
        foreach (var (left, right) in Pairs)
        {
            if (names.TryGetValue(left, out var first) && names.TryGetValue(right, out var second))
                return (first, second);
        }
        throw new FormatException($"has the fields {string.Join(", ", data.EnumerateObject().Select(one => one.Name))}, expected two with answers, such as answer1 and answer2; or name them");
    }

    /// <summary>The judgment of an order, with equal ranks where answers are level; 0 was not placed.</summary>
    public static (Outcome Outcome, IReadOnlyList<int> Ranks) Ranked(IReadOnlyList<int> ranks)
    {
        int[] clean = [.. ranks.Select(own => own <= 0 ? 0 : 1 + ranks.Count(other => other > 0 && other < own))];
        var placed = clean.Where(rank => rank > 0).ToArray();
        if (placed.Length < 2)
            throw new FormatException($"places {placed.Length} answers, expected two at least");
        if (placed.Length == clean.Length && placed.All(rank => rank == 1))
            return (Outcome.Tie, clean);
        if (placed.Distinct().Count() == 1)
            throw new FormatException("finds all answers that it places level, which says nothing");
        return clean.Length == 2 ? (Outcome.Choice, clean) : (Outcome.Ranking, clean);
    }
}
