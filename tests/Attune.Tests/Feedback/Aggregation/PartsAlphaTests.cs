using Attune.Feedback;
using Attune.Feedback.Aggregation;

namespace Attune.Tests.Feedback.Aggregation;

public sealed class PartsAlphaTests
{
    private static readonly Judgment Blank = new()
    {
        Id = "j",
        ComparisonId = "c",
        AnnotatorId = "a",
        Order = [0],
        Outcome = Outcome.Rated,
        Ranks = [],
        InstructionVersion = "1",
        At = DateTimeOffset.UnixEpoch,
    };

    /// <summary>Two people rate two answers on two axes, one high and one low, and are at opposite ends of each.</summary>
    private static readonly Judgment[] Opposite = [Rated("c", "a", 6, 1), Rated("c", "b", 7, 2), Rated("d", "a", 7, 2), Rated("d", "b", 6, 1)];

    [Fact]
    public void Axes_far_apart_are_no_agreement()
    {
        var units = Opposite.SelectMany(AgreementUnit.Of).ToList();

        // By hand, on each axis: two units of two unequal values, so observed 1; of four values two each expected 2·2·2/(4·3) = 2/3.
        Assert.Equal(1 - 1 / (2 / 3.0), PartsAlpha.Of(units, rounds: 0)!.Value.Value, 12);
        // In one table they would agree: mid-ranks 1, 3, 5, 7, observed 4·2·4/8, expected 2·8·2(9 + 1 + 1 + 9)/(8·7).
        var pooled = LabelAgreement.Of(LabelSet.Of(units.Select(unit => unit.Row)), new() { Distance = LabelDistance.Ordinal, Rounds = 0 }).Alpha["ordinal"].Value;
        Assert.Equal(1 - 4 / (640 / 56.0), pooled, 12);
    }

    [Fact]
    public void One_part_is_its_own_alpha_a_constant_one_tells_nothing_and_nothing_shared_is_none()
    {
        Judgment[] log = [.. Opposite, Rated("e", "a", 6, 1), Rated("e", "b", 6, 1)];
        var overall = log.Select(judgment => judgment with { Ratings = [judgment.Ratings![0]] }).ToList();
        var rows = overall.SelectMany(AgreementUnit.Of).Select(unit => unit.Row);
        var alone = PartsAlpha.Of(overall.SelectMany(AgreementUnit.Of), rounds: 200)!.Value;

        Assert.Equal(LabelAgreement.Of(LabelSet.Of(rows), new() { Distance = LabelDistance.Ordinal, Rounds = 0 }).Alpha["ordinal"].Value, alone.Value, 12);
        Assert.True(alone.Interval!.Value.Contains(alone.Value));
        var constant = overall.Select(judgment => judgment with { Ratings = [.. judgment.Ratings!, new("harmless", 7, 7, 0)] });
        Assert.Equal(alone.Value, PartsAlpha.Of(constant.SelectMany(AgreementUnit.Of), rounds: 0)!.Value.Value, 12);
        Assert.Equal(1, PartsAlpha.Of(constant.Select(judgment => judgment with { Ratings = [judgment.Ratings![^1]] }).SelectMany(AgreementUnit.Of))!.Value.Value);
        Assert.Null(PartsAlpha.Of(log.Take(1).SelectMany(AgreementUnit.Of)));
    }

    [Fact]
    public void Units_are_axes_answers_questions_labels_and_whole_orders()
    {
        IEnumerable<(string?, string, string)> Of(Judgment judgment) => AgreementUnit.Of(judgment).Select(unit => (unit.Part, unit.Row.Task, unit.Row.Label));

        Assert.Equal([("overall", "c/0/overall", "6"), ("harmless", "c/0/harmless", "1")], Of(Opposite[0]));
        Assert.Equal([(null, "c", "1")], Of(Blank with { Outcome = Outcome.Choice, Order = [0, 1], Ranks = [2, 1] }));
        Assert.Equal([(null, "c", "1,1,3")], Of(Blank with { Outcome = Outcome.Ranking, Order = [0, 1, 2], Ranks = [1, 1, 3] }));
        Assert.Equal([(null, "c?q7", "yes")], Of(Blank with { Outcome = Outcome.Answered, Answers = new Dictionary<string, string> { ["q7"] = "yes" } }));
        Assert.Equal([("spam", "c?spam#1", "no"), ("hate", "c?hate#1", "no")], Of(Blank with { Outcome = Outcome.Rated, Answers = new Dictionary<string, string> { ["spam#1"] = "no", ["hate#1"] = "no" } }));
        Assert.Empty(Of(Blank with { Outcome = Outcome.CannotJudge }));
        Assert.Empty(Of(Blank with { Outcome = Outcome.Written, Text = "x" }));
    }

    private static Judgment Rated(string comparison, string annotator, int overall, int harmless) =>
        Blank with { ComparisonId = comparison, AnnotatorId = annotator, Ratings = [new("overall", overall, 7, 0), new("harmless", harmless, 7, 0)] };
}
