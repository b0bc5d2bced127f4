using Attune.Runs;
using Attune.Text;

namespace Attune.Feedback.Exchange;

/// <summary>A row of a file that was delivered: where it stands, what it says was compared, and who judged it.</summary>
/// <param name="Place">Its place: "line 3".</param>
/// <param name="Comparison">What it says was compared, under the id that it has or gets.</param>
/// <param name="Annotators">Pseudonyms of those whose judgments it holds; empty where it holds none.</param>
public sealed record DeliveredRow(string Place, Comparison Comparison, IReadOnlyList<string> Annotators);

/// <summary>How a delivery stands against its order.</summary>
/// <param name="Ordered">Judgments ordered.</param>
/// <param name="Delivered">Judgments delivered that were ordered.</param>
/// <param name="Missing">Judgments that were ordered and are not there.</param>
/// <param name="Extra">Judgments or rows of what was not ordered, or of which there are more than were.</param>
/// <param name="Repeated">Judgments of somebody who had judged the same before.</param>
/// <param name="Altered">Rows whose prompt or answers are not those that were ordered.</param>
/// <param name="Problems">All of it, by place.</param>
public sealed record OrderReport(long Ordered, int Delivered, long Missing, int Extra, int Repeated, int Altered, IReadOnlyList<Problem> Problems);

/// <summary>
/// Holds delivered rows against ordered comparisons. A row belongs to the comparison of its id; where that is nobody's, to the one with its prompt and answers, as shapes
/// without ids have only these. Blanks around texts do not count, nor whether a prompt stands alone or as a dialogue of one turn, since shapes differ in both. Of what has
/// more than two answers a row may hold some. Not here: whether the judgments are any good.
/// </summary>
public static class OrderCheck
{
    private const int Excerpt = 30;

    /// <summary>Finds what is missing, too much, repeated or altered.</summary>
    /// <param name="ordered">What was ordered, each once.</param>
    /// <param name="delivered">The rows, in the order of the file.</param>
    /// <param name="each">Judgments ordered of each comparison, by different people.</param>
    /// <param name="nobody">The pseudonym of rows that do not say who judged; it may stand on a comparison as often as was ordered.</param>
    public static OrderReport Of(IReadOnlyList<Comparison> ordered, IReadOnlyList<DeliveredRow> delivered, int each, string? nobody = null)
    {
        ArgumentNullException.ThrowIfNull(ordered);
        ArgumentNullException.ThrowIfNull(delivered);
        ArgumentOutOfRangeException.ThrowIfLessThan(each, 1);
        var byId = ordered.ToDictionary(comparison => comparison.Id, StringComparer.Ordinal);
        var byContent = ordered.GroupBy(ContentOf, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.First(), StringComparer.Ordinal);
        var byPrompt = ordered.GroupBy(comparison => PromptOf(comparison.Prompt), StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.First(), StringComparer.Ordinal);
        var judges = ordered.ToDictionary(comparison => comparison.Id, _ => new List<(string Annotator, string Place)>(), StringComparer.Ordinal);
        var seen = new Dictionary<(string Comparison, string Annotator), string>();
        var problems = new List<Problem>();
        var (extra, repeated, altered) = (0, 0, 0);
        foreach (var row in delivered)
        {
            var id = row.Comparison.Id.Split('/', '@')[0];
            var match = byId.GetValueOrDefault(id) ?? byContent.GetValueOrDefault(ContentOf(row.Comparison));
            if ((match ?? byPrompt.GetValueOrDefault(PromptOf(row.Comparison.Prompt))) is not { } near)
            {
                extra += Math.Max(1, row.Annotators.Count);
                problems.Add(Problem.Of(row.Place, $"is of {id}, '{Short(row.Comparison.Prompt, 0)}', which was not ordered", "what was ordered, and nothing else", "remove it, or check whether this is the file of the order"));
                continue;
            }
            if (Difference(near, row.Comparison) is { } difference)
            {
                altered++;
                problems.Add(Problem.Of(row.Place, $"differs from {near.Id} as it was ordered: {difference.Found}", difference.Expected, "have it judged as it was ordered"));
                continue;
            }
            foreach (var annotator in row.Annotators)
            {
                var key = (row.Comparison.Id, annotator);
                if (annotator != nobody && seen.TryGetValue(key, out var first))
                {
                    repeated++;
                    problems.Add(Problem.Of(row.Place, $"repeats {first}: {near.Id} by {annotator}", "each of them once on a comparison", "keep the one that holds"));
                    continue;
                }
                seen[key] = row.Place;
                if (annotator != nobody && judges[near.Id].Exists(judge => judge.Annotator == annotator))
                    continue; // another pair of the same answers
                judges[near.Id].Add((annotator, row.Place));
                if (judges[near.Id].Count > each)
                {
                    extra++;
                    problems.Add(Problem.Of(row.Place, $"is judgment {judges[near.Id].Count} of {near.Id}", $"{each}", "remove it, or order more"));
                }
            }
        }
        var there = ordered.Sum(comparison => Math.Min(each, judges[comparison.Id].Count));
        problems.AddRange(ordered.Where(comparison => judges[comparison.Id].Count < each).Select(comparison => Problem.Of(
            comparison.Id, $"has {judges[comparison.Id].Count} judgments", $"{each}", "have the rest delivered")));
        var wanted = (long)ordered.Count * each;
        return new(wanted, there, wanted - there, extra, repeated, altered, problems);
    }

    private static (string Found, string Expected)? Difference(Comparison ordered, Comparison delivered)
    {
        if (PromptOf(ordered.Prompt) is var prompt && PromptOf(delivered.Prompt) is var given && prompt != given)
            return Difference("the prompt", prompt, given);
        var left = ordered.Answers.Select(answer => answer.Text.Trim()).ToList();
        var strange = delivered.Answers.Select(answer => answer.Text.Trim()).Where(text => !left.Remove(text)).ToList();
        if (strange.Count > 0)
            return Difference("an answer", left.OrderByDescending(text => Common(text, strange[0])).FirstOrDefault() ?? "", strange[0]);
        return delivered.Answers.Count < 2 && ordered.Answers.Count > 1 ? ("it has one answer", $"{ordered.Answers.Count}") : null;
    }

    private static (string, string) Difference(string what, string expected, string given)
    {
        var common = Common(expected, given);
        return ($"{what} has '{Short(given, common)}' from character {common + 1} on", $"'{Short(expected, common)}'");
    }

    private static int Common(string first, string second) => first.AsSpan().CommonPrefixLength(second);

    private static string Short(string text, int from)
    {
        var rest = text[from..].ReplaceLineEndings(" ");
        return rest.Length <= Excerpt ? rest : rest[..Excerpt] + "…";
    }

    private static string ContentOf(Comparison comparison) =>
        string.Join('\0', comparison.Answers.Select(answer => answer.Text.Trim()).Order(StringComparer.Ordinal).Prepend(PromptOf(comparison.Prompt)));

    /// <summary>The prompt as all shapes write it: one turn of a person alone, or a dialogue without the call for an answer at its end.</summary>
    private static string PromptOf(string prompt)
    {
        const string Call = "Assistant:";
        if (!Transcript.IsTranscript(prompt))
            return prompt.Trim();
        var turns = Transcript.Parse(prompt).Messages.Where(turn => turn.Content.Length > 0).ToList();
        if (turns is [{ Role: Role.User } only])
            return only.Content.Trim();
        var text = prompt.Trim();
        return text.EndsWith(Call, StringComparison.Ordinal) ? text[..^Call.Length].TrimEnd() : text;
    }
}
