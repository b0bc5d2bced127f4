using System.Text.Json;
using Attune.Feedback;
using Attune.Runs;
using Attune.Storage.Work;

namespace Attune.Storage.Quality;

/// <summary>What is right on a golden or training task: the column <c>expected</c> of its row.</summary>
public sealed record ExpectedAnswer
{
    /// <summary>The index of the best answer among the comparison's; null where another word is expected.</summary>
    public int? Best { get; init; }

    /// <summary>Otherwise the word of <see cref="TaskOutcome"/>: "tie", "both-bad", the answer to a question.</summary>
    public string? Answer { get; init; }

    /// <summary>Why, Markdown; shown after a training task.</summary>
    public string? Why { get; init; }

    /// <summary>As JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, StorageJson.Options);

    /// <summary>Reads it; null where there is none or it says nothing.</summary>
    public static ExpectedAnswer? FromJson(string? json)
    {
        if (json is null)
            return null;
        try
        {
            return JsonSerializer.Deserialize<ExpectedAnswer>(json, StorageJson.Options) is { } read && (read.Best is not null || read.Answer is not null) ? read : null;
        }
        catch (JsonException)
        {
            return null; // written by a program in a form of its own
        }
    }

    /// <summary>Whether a judgment says the same.</summary>
    public bool IsMetBy(Judgment judgment)
    {
        ArgumentNullException.ThrowIfNull(judgment);
        return Best is { } best ? judgment.Best == best : TaskOutcome.Of(judgment) == Answer;
    }

    /// <summary>What is wrong with it for a task with so many answers; null where nothing is.</summary>
    public string? Fault(int choices) =>
        Best is null == Answer is null ? "has expected without one of best and answer, expected just one"
        : Best is { } best && (best < 0 || best >= choices) ? $"expects answer {best}, expected an index from 0 to {choices - 1}"
        : null;
}

/// <summary>A comparison with what is right on it: a line of <c>golden.jsonl</c>.</summary>
/// <param name="Comparison">What is shown.</param>
/// <param name="Expected">What is right.</param>
public sealed record KnownComparison(Comparison Comparison, ExpectedAnswer Expected)
{
    /// <summary>Reads lines of <c>comparisons.jsonl</c> that each have <c>expected</c> too.</summary>
    /// <exception cref="InputException">There are none, or bad lines; lists them.</exception>
    public static IReadOnlyList<KnownComparison> Parse(string name, byte[] content)
    {
        ArgumentNullException.ThrowIfNull(content);
        var (problems, plain, expected) = (new List<Problem>(), new System.Text.StringBuilder(), new List<ExpectedAnswer>());
        var number = 0;
        foreach (var line in Text(name, content).TrimStart('\uFEFF').Split('\n').Select(line => line.Trim()))
        {
            number++;
            if (line.Length == 0)
                continue;
            try
            {
                var node = System.Text.Json.Nodes.JsonNode.Parse(line) as System.Text.Json.Nodes.JsonObject ?? throw new JsonException("is no object");
                var known = node["expected"] is { } right ? right.Deserialize<ExpectedAnswer>(StorageJson.Options) : null;
                if (known is null)
                    throw new JsonException("has no expected");
                node.Remove("expected");
                if (known.Fault((node["answers"] as System.Text.Json.Nodes.JsonArray)?.Count ?? 0) is { } fault)
                    problems.Add(new($"line {number}", fault));
                expected.Add(known);
                plain.Append(node.ToJsonString()).Append('\n');
            }
            catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
            {
                problems.Add(Problem.Of($"line {number}", $"cannot be read ({e.Message.TrimEnd('.')})", "a comparison with \"expected\": {\"best\": 0}", "correct it"));
            }
            if (problems.Count == 20)
                break;
        }
        if (problems.Count > 0)
            throw new InputException(name, problems);
        if (expected.Count == 0)
            throw InputException.One(name, "has no comparisons", "at least one line", "see docs/quality-control.md for the form");
        var comparisons = ComparisonFile.Parse(name, System.Text.Encoding.UTF8.GetBytes(plain.ToString()));
        return [.. comparisons.Zip(expected, (comparison, right) => new KnownComparison(comparison, right))];
    }

    private static string Text(string name, byte[] content)
    {
        try
        {
            return new System.Text.UTF8Encoding(false, throwOnInvalidBytes: true).GetString(content);
        }
        catch (System.Text.DecoderFallbackException e)
        {
            var line = 1 + content.AsSpan(0, Math.Clamp(e.Index, 0, content.Length)).Count((byte)'\n');
            throw InputException.One(name, $"line {line} holds a byte that is not UTF-8", "UTF-8 text", "save the file as UTF-8");
        }
    }
}
