using Attune.Feedback;
using Attune.Feedback.Quality;
using Attune.Feedback.Tasks;

namespace Attune.Tests.Feedback.Tasks;

public sealed class ExpectedAnswerTests
{
    private const string Pair = """{"id":"p","prompt":"p","answers":[{"source":"m","text":"a"},{"source":"n","text":"b"}],"order":[0,1]}""";
    private const string Three = """{"id":"r","prompt":"p","answers":[{"source":"m","text":"a"},{"source":"n","text":"b"},{"source":"n","text":"c"}],"order":[0,1,2]}""";
    private const string One = """{"id":"o","prompt":"p","answers":[{"source":"m","text":"a"}],"order":[0]}""";
    private const string Question = """{"questions":[{"id":"good","text":"Good?","type":"yes-no"},{"id":"why","text":"Why?","type":"choice","options":[{"id":"x","text":"X"},{"id":"y","text":"Y"}]}]}""";
    private const string YesNo = """{"questions":[{"id":"good","text":"Good?","type":"yes-no"}]}""";
    private const string Verify = """{"prompt":"p","text":"t"}""";
    private const string Review = """{"thread":[{"role":"prompter","text":"Hello?"}]}""";

    private static Judgment Said(Outcome outcome, params int[] ranks) => new()
    {
        Id = "j",
        ComparisonId = "c",
        AnnotatorId = "ann",
        Order = [.. Enumerable.Range(0, Math.Max(1, ranks.Length))],
        Outcome = outcome,
        Ranks = ranks,
        InstructionVersion = "1",
        At = DateTimeOffset.UnixEpoch,
    };

    private static bool IsMet(string expected, Judgment said) => ExpectedAnswer.FromJson(expected).IsMetBy(said);

    [Fact]
    public void A_pair_is_met_by_its_side_and_where_it_is_said_by_a_strength_near_enough()
    {
        Assert.True(IsMet("""{"best":1}""", Said(Outcome.Choice, 2, 1)));
        Assert.False(IsMet("""{"best":1}""", Said(Outcome.Choice, 1, 2)));
        Assert.False(IsMet("""{"best":1}""", Said(Outcome.CannotJudge)));
        Assert.True(IsMet("""{"answer":"tie"}""", Said(Outcome.Tie, 1, 1)));
        Assert.False(IsMet("""{"answer":"tie"}""", Said(Outcome.BothBad, 1, 1)));
        const string Strong = """{"best":0,"strength":3,"tolerance":1}""";
        Assert.Equal([false, true, true, true], Enumerable.Range(1, 4).Select(strength => IsMet(Strong, Said(Outcome.Choice, 1, 2) with { Strength = strength })));
        Assert.False(IsMet(Strong, Said(Outcome.Choice, 2, 1) with { Strength = 3 })); // the other side, however sure
        Assert.False(IsMet(Strong, Said(Outcome.Choice, 1, 2))); // no strength was said
    }

    [Fact]
    public void A_ranking_is_met_where_no_more_pairs_than_allowed_stand_otherwise()
    {
        // expected a over b over c; of its three pairs b a c turns one, c b a three, a choice of a says nothing of b and c
        Assert.Equal([true, false, false], new[] { Said(Outcome.Ranking, 1, 2, 3), Said(Outcome.Ranking, 2, 1, 3), Said(Outcome.Ranking, 3, 2, 1) }.Select(said => IsMet("""{"ranks":[1,2,3]}""", said)));
        Assert.Equal([true, true, false], new[] { Said(Outcome.Ranking, 1, 2, 3), Said(Outcome.Ranking, 2, 1, 3), Said(Outcome.Ranking, 3, 2, 1) }.Select(said => IsMet("""{"ranks":[1,2,3],"tolerance":1}""", said)));
        Assert.False(IsMet("""{"ranks":[1,2,3]}""", Said(Outcome.Ranking, 1, 2, 2))); // level where an order is expected
        Assert.True(IsMet("""{"ranks":[1,2,2]}""", Said(Outcome.Ranking, 1, 3, 2))); // level in what is expected: either order
        Assert.True(IsMet("""{"ranks":[1,0,2]}""", Said(Outcome.Ranking, 1, 0, 2))); // b does not matter
        Assert.False(IsMet("""{"ranks":[1,2,3]}""", Said(Outcome.Tie, 1, 1, 1)));
    }

    [Fact]
    public void Ratings_may_be_off_by_the_tolerance_and_axes_that_are_not_named_do_not_matter()
    {
        var said = Said(Outcome.Rated) with { Ratings = [new("overall", 5, 7, 0), new("helpful", 1, 7, 0)] };
        Assert.True(IsMet("""{"ratings":[{"axis":"overall","value":6}],"tolerance":1}""", said));
        Assert.False(IsMet("""{"ratings":[{"axis":"overall","value":7}],"tolerance":1}""", said));
        Assert.False(IsMet("""{"ratings":[{"axis":"overall","value":5},{"axis":"honest","value":5}]}""", said)); // was not rated
        var labelled = said with { Answers = new Dictionary<string, string> { ["spam"] = "no", ["hate"] = "yes" } };
        Assert.True(IsMet("""{"answers":{"spam":"no"},"ratings":[{"axis":"overall","value":5,"answer":0}]}""", labelled));
        Assert.False(IsMet("""{"answers":{"spam":"yes"},"ratings":[{"axis":"overall","value":5}]}""", labelled));
    }

    [Fact]
    public void Questions_are_met_by_the_answers_that_are_named()
    {
        var said = Said(Outcome.Answered) with { Answers = new Dictionary<string, string> { ["good"] = "no", ["why"] = "x" } };
        Assert.True(IsMet("""{"answers":{"good":"no"}}""", said));
        Assert.False(IsMet("""{"answers":{"good":"no","why":"y"}}""", said));
        Assert.True(IsMet("""{"answer":"yes"}""", Said(Outcome.Answered) with { Answers = new Dictionary<string, string> { ["accept"] = "yes" } }));
    }

    [Theory]
    [InlineData("pair", Pair, """{"best":1,"strength":4,"tolerance":2,"why":"so"}""", null)]
    [InlineData("pair", Pair, """{"answer":"both-bad"}""", null)]
    [InlineData("pair", Pair, """{"best":2}""", "expected an index from 0 to 1")]
    [InlineData("pair", Pair, """{"best":1,"answer":"tie"}""", "with best and answer, expected one of them")]
    [InlineData("pair", Pair, """{"why":"so"}""", "has expected without best or strength or answer")]
    [InlineData("pair", Pair, """{"strength":2}""", "without best, expected 1 to 4 beside best")]
    [InlineData("pair", Pair, """{"best":0,"strength":5}""", "expects strength 5, expected 1 to 4")]
    [InlineData("pair", Pair, """{"best":0,"tolerance":1}""", "beside strength, ranks or ratings")]
    [InlineData("pair", Pair, """{"answer":"left"}""", "expected tie or both-bad")]
    [InlineData("pair", Pair, """{"ranks":[1,2]}""", "expects ranks of a pair, expected best or strength or answer")]
    [InlineData("best", Three, """{"answer":"tie"}""", "expected both-bad")]
    [InlineData("rank", Three, """{"ranks":[1,2,3],"tolerance":2}""", null)]
    [InlineData("rank", Three, """{"ranks":[1,2,3],"tolerance":3}""", "that order more pairs than may stand otherwise")]
    [InlineData("rank", Three, """{"ranks":[1,2]}""", "expected 3")]
    [InlineData("rank", Three, """{"ranks":[1,1,0]}""", "that order more pairs")]
    [InlineData("rate", One, """{"ratings":[{"axis":"overall","value":7}]}""", null)]
    [InlineData("rate", Three, """{"ratings":[{"axis":"overall","value":7}]}""", "an answer from 0 to 2")]
    [InlineData("rate", One, """{"ratings":[]}""", "expected one at least")]
    [InlineData("rate", One, """{"ratings":[null]}""", "has expected with null")]
    [InlineData("rate", One, """{"ratings":[{"axis":"a","value":1},{"axis":"a","value":2,"answer":0}]}""", "expects the same rating twice")]
    [InlineData("question", YesNo, """{"answer":"no"}""", null)]
    [InlineData("question", YesNo, """{"answer":"maybe"}""", "expected yes, no")]
    [InlineData("question", Question, """{"answer":"yes"}""", "one answer to 2 questions")]
    [InlineData("question", Question, """{"answers":{"why":"y"}}""", null)]
    [InlineData("question", Question, """{"answers":{"why":"z"}}""", "expects 'z' to 'why', expected x, y")]
    [InlineData("question", Question, """{"answers":{"when":"z"}}""", "expected one of good, why")]
    [InlineData("question", Question, """{"answers":{}}""", "expected one at least")]
    [InlineData("question", YesNo, """{"best":0}""", "expects best of a question, expected answer or answers")]
    [InlineData("verify", Verify, """{"answer":"no"}""", null)]
    [InlineData("verify", Verify, """{"answers":{"accept":"perhaps"}}""", "expected yes, no")]
    [InlineData("review", Review, """{"answers":{"acceptable":"yes","spam":"no"}}""", null)]
    [InlineData("write", """{"prompt":"p"}""", """{"answer":"a text"}""", "no one answer of a write is right")]
    public void What_is_expected_has_to_be_an_answer_of_its_kind(string kind, string payload, string expected, string? fault)
    {
        Assert.Null(TaskPayload.Check(kind, payload));
        var said = ExpectedAnswer.FromJson(expected).Fault(kind, payload);

        if (fault is null)
            Assert.Null(said);
        else
            Assert.Contains(fault, said);
    }

    [Fact]
    public void It_reads_back_as_it_was_written_and_what_it_does_not_know_it_does_not_read()
    {
        const string Json = """{"strength":3,"answer":"x","ranks":[1,2],"ratings":[{"axis":"a","value":1,"answer":0}],"answers":{"q":"yes"},"tolerance":1,"why":"so"}""";
        Assert.Equal(Json, ExpectedAnswer.FromJson(Json).ToJson().Replace("\"best\":null,", "", StringComparison.Ordinal));
        Assert.Throws<System.Text.Json.JsonException>(() => ExpectedAnswer.FromJson("""{"bset":0}"""));
        Assert.Null(ExpectedAnswer.Stored("""{"x":"yes"}"""));
        Assert.Null(ExpectedAnswer.Stored("{}"));
        Assert.Null(ExpectedAnswer.Stored(null));
    }

    [Fact]
    public void Golden_accuracy_counts_every_kind()
    {
        var yes = Said(Outcome.Answered) with { Id = "1", ComparisonId = "q", Answers = new Dictionary<string, string> { ["good"] = "yes" } };
        var rated = Said(Outcome.Rated) with { Id = "2", ComparisonId = "r", Ratings = [new("overall", 4, 7, 0)] };
        var input = new QualityInput([yes, rated]) with
        {
            Tasks = [new() { ComparisonId = "q", Kind = "question", Expected = new() { Answer = "yes" } }, new() { ComparisonId = "r", Kind = "rate", Expected = new() { Ratings = [new("overall", 6)], Tolerance = 1 } }],
        };

        var measured = QualityHistory.Of(input).Measure("ann", Measure.GoldenAccuracy);

        Assert.Equal((0.5, 2), (measured.Value, measured.Count)); // one right of two under the uniform prior: 2/4
    }
}
