using System.Text;
using Attune.Feedback;
using Attune.Feedback.Exchange;

namespace Attune.Tests.Feedback.Exchange;

public sealed class OrderCheckTests
{
    private static readonly Comparison[] Ordered = [Of("c-1", "Name a colour.", "red", "blue"), Of("c-2", "Name a river.", "Rhine", "Po"), Of("c-3", "Name a tree.", "oak", "elm", "fir")];

    [Fact]
    public void A_delivery_that_is_as_ordered_has_no_problem()
    {
        var report = OrderCheck.Of(Ordered,
        [
            new("line 1", Ordered[0], ["ann"]), new("line 2", Ordered[0], ["ben"]), new("line 3", Of("c-2", " Name a river.", "Po", "Rhine "), ["ann", "ben"]), // blanks and sides do not count
            new("line 4", Of("c-3/0-1", "Name a tree.", "oak", "elm"), ["ann", "ben"]), new("line 5", Of("c-3/0-2", "Name a tree.", "oak", "fir"), ["ann", "ben"]), // pairs of one ranking
        ], each: 2);

        Assert.Empty(report.Problems);
        Assert.Equal((6, 6, 0, 0, 0, 0), (report.Ordered, report.Delivered, report.Missing, report.Extra, report.Repeated, report.Altered));
    }

    [Fact]
    public void What_is_missing_too_much_repeated_or_altered_is_told_by_line()
    {
        var report = OrderCheck.Of(Ordered,
        [
            new("line 1", Ordered[0], ["ann"]),
            new("line 2", Ordered[0], ["ann"]),
            new("line 3", Of("c-2", "Name a river.", "Rhein", "Po"), ["ann"]),
            new("line 4", Of("c-9", "Name a star.", "Vega", "Deneb"), ["ann"]),
            new("line 5", Ordered[0], ["ben"]),
            new("line 6", Ordered[0], ["cy"]),
            new("line 7", Of("c-3", "Name two trees.", "oak", "elm", "fir"), ["ann"]),
            new("line 8", Of("i-1", "Name a river.", "Rhine", "Seine"), ["ben"]), // no id of ours, and a prompt that is
        ], each: 2);

        Assert.Equal(
        [
            "line 2: repeats line 1: c-1 by ann, expected each of them once on a comparison; keep the one that holds",
            "line 3: differs from c-2 as it was ordered: an answer has 'ein' from character 3 on, expected 'ine'; have it judged as it was ordered",
            "line 4: is of c-9, 'Name a star.', which was not ordered, expected what was ordered, and nothing else; remove it, or check whether this is the file of the order",
            "line 6: is judgment 3 of c-1, expected 2; remove it, or order more",
            "line 7: differs from c-3 as it was ordered: the prompt has 'two trees.' from character 6 on, expected 'a tree.'; have it judged as it was ordered",
            "line 8: differs from c-2 as it was ordered: an answer has 'Seine' from character 1 on, expected 'Po'; have it judged as it was ordered",
            "c-2: has 0 judgments, expected 2; have the rest delivered",
            "c-3: has 0 judgments, expected 2; have the rest delivered",
        ], report.Problems.Select(problem => $"{problem.Key}: {problem.Message}"));
        Assert.Equal((6, 2, 4, 2, 1, 3), (report.Ordered, report.Delivered, report.Missing, report.Extra, report.Repeated, report.Altered));
    }

    [Theory]
    [InlineData(ExchangeShape.Trl), InlineData(ExchangeShape.TrlChat), InlineData(ExchangeShape.AnthropicHh), InlineData(ExchangeShape.Attune), InlineData(ExchangeShape.OpenAiSummaries)]
    public void Every_shape_is_found_again_and_a_changed_letter_in_it_too(ExchangeShape shape)
    {
        Comparison[] ordered = [.. Ordered.Take(2), Of("c-4", "\n\nHuman: Hello.\n\nAssistant: Hello!\n\nHuman: Name a sea.\n\nAssistant:", "the North Sea", "the Baltic")];
        var judgments = ordered.Select(comparison => new Judgment { Id = $"j-{comparison.Id}", ComparisonId = comparison.Id, AnnotatorId = "ann", Order = [1, 0], Outcome = Outcome.Choice, Ranks = [2, 1], InstructionVersion = "1", At = DateTimeOffset.UnixEpoch }).ToArray();
        var feedback = new ProjectFeedback([.. ordered.Select(comparison => new JudgedComparison(comparison))], judgments, new Dictionary<string, JudgmentSource>());
        var lines = ExchangeWriter.Lines(shape, feedback, feedback.Preferences(Attune.Feedback.Aggregation.PreferenceAggregation.MajorityVote)).ToArray();
        OrderReport Check(IEnumerable<string> rows) => OrderCheck.Of(ordered, ExchangeReader.Parse(shape, "rows", Encoding.UTF8.GetBytes(string.Join('\n', rows)), new()).Delivered, 1, new ImportOptions().Annotator);

        Assert.Empty(Check(lines).Problems);
        Assert.Equal(3, lines.Length);
        var changed = Check(lines.Select((line, i) => i == 1 ? line.Replace("Rhine", "Rhone", StringComparison.Ordinal) : line));
        Assert.Equal((1, 1, 2), (changed.Altered, changed.Missing, changed.Delivered));
        Assert.StartsWith("differs from c-2 as it was ordered: an answer has 'one' from character 3 on", changed.Problems[0].Message);
        Assert.Equal("line 2", changed.Problems[0].Key);
        var doubled = Check(lines.Append(lines[0]));
        Assert.Equal((3, 1), (doubled.Delivered, doubled.Extra + doubled.Repeated));
        Assert.Equal("line 4", Assert.Single(doubled.Problems).Key);
        Assert.Equal("c-4", Assert.Single(Check(lines.Take(2)).Problems).Key);
    }

    private static Comparison Of(string id, string prompt, params string[] answers) => new()
    {
        Id = id,
        Prompt = prompt,
        Answers = [.. answers.Select((answer, i) => new Answer { Id = $"{id.Split('/')[0]}.{i}", Source = "s", Text = answer })],
        Order = [.. Enumerable.Range(0, answers.Length)],
    };
}
