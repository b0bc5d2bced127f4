using Attune.Feedback;

namespace Attune.Tests.Feedback;

/// <summary>One record shape for every kind of task.</summary>
public sealed class JudgmentKindsTests
{
    private static readonly Judgment Plain = JudgmentTests.Example("j");
    private static readonly Judgment Alone = Plain with { Order = [0], Ranks = [], Source = JudgmentSource.Human };

    [Theory]
    [InlineData(PreferenceScale.Eight, 1, 1, 4)]
    [InlineData(PreferenceScale.Eight, 4, 1, 1)]
    [InlineData(PreferenceScale.Eight, 5, 0, 1)]
    [InlineData(PreferenceScale.Eight, 8, 0, 4)]
    [InlineData(PreferenceScale.Nine, 1, 1, 4)]
    [InlineData(PreferenceScale.Nine, 4, 1, 1)]
    [InlineData(PreferenceScale.Nine, 6, 0, 1)]
    [InlineData(PreferenceScale.Nine, 9, 0, 4)]
    [InlineData(PreferenceScale.Three, 1, 1, null)]
    [InlineData(PreferenceScale.Three, 3, 0, null)]
    public void A_step_from_the_left_names_the_winner_that_stood_there_and_how_much_better_it_is(PreferenceScale scale, int step, int winner, int? strength)
    {
        var meaning = StepMeaning.Of(scale, step, order: [1, 0]); // answer 1 stands on the left

        Assert.Equal((Outcome.Choice, strength), (meaning.Outcome, meaning.Strength));
        Assert.Equal(1, meaning.Ranks[winner]);
        Assert.Null((Plain with { Outcome = meaning.Outcome, Ranks = meaning.Ranks, Strength = meaning.Strength, Scale = scale, Step = step, Source = JudgmentSource.Human }).Fault());
    }

    [Theory]
    [InlineData(PreferenceScale.Nine, 5)]
    [InlineData(PreferenceScale.Three, 2)]
    public void The_middle_step_is_a_tie(PreferenceScale scale, int step) => Assert.Equal((Outcome.Tie, null), (StepMeaning.Of(scale, step, [0, 1]).Outcome, StepMeaning.Of(scale, step, [0, 1]).Strength));

    [Fact]
    public void Every_kind_of_judgment_is_well_formed_and_reads_back_the_same()
    {
        Judgment[] kinds =
        [
            Plain with { Outcome = Outcome.BothBad, Ranks = [1, 1], Reason = "both rude", Notes = ["rude", ""], Source = JudgmentSource.Human },
            Plain with { Order = [2, 0, 1, 3], Outcome = Outcome.Ranking, Ranks = [1, 0, 1, 3], Source = JudgmentSource.Human }, // one was not placed
            Plain with { Order = [2, 0, 1, 3], Outcome = Outcome.Choice, Ranks = [2, 1, 2, 2] },
            Alone with { Outcome = Outcome.Rated, Ratings = [new("overall", 7, 7, 0), new("humorous", 1, 5)], Flags = ["spam"] },
            Alone with { Order = [], Outcome = Outcome.Answered, Answers = new Dictionary<string, string> { ["is-safe"] = "no" }, Flags = ["image-not-shown"] },
            Alone with { Order = [], Outcome = Outcome.Written, Text = "A reply." },
            Alone with { Outcome = Outcome.Marked, Spans = [new(0, 3, 5, "irrelevant", 2, "why?"), new(0, 0, 1, "strong-support")] },
            Alone with { Outcome = Outcome.Marked, Spans = [] },
            Alone with { Order = [], Outcome = Outcome.CannotJudge, Reason = "in Latin" },
            Alone with { Order = [], Outcome = Outcome.Conversed, Turns = [new() { Prompt = "Hi", Answers = [new() { Source = "a", Text = "1" }, new() { Source = "b", Text = "2" }], Order = [1, 0], Chosen = 1, Strength = 0 }], Ratings = [new("overall", 2, 2)] },
            Alone with { Outcome = Outcome.Withdrawn, Supersedes = "j-0", Late = true, TaskId = "t", InterfaceVersion = "3", Seconds = 9, ActiveSeconds = 4.5 },
        ];

        Assert.All(kinds, judgment =>
        {
            Assert.Null(judgment.Fault());
            Assert.Equal(judgment.ToJson(), Judgment.FromJson(judgment.ToJson()).ToJson());
        });
        Assert.Equal(kinds.Length, kinds.Select(judgment => judgment.ToJson()).Distinct().Count());
    }

    [Fact]
    public void What_is_not_placed_says_nothing_and_what_is_all_bad_is_level()
    {
        var partial = Plain with { Order = [0, 1, 2], Outcome = Outcome.Ranking, Ranks = [1, 0, 2] };
        var bad = Plain with { Outcome = Outcome.BothBad, Ranks = [1, 1] };

        Assert.Equal((null, 1, null), (partial.Between(0, 1), partial.Between(0, 2), partial.Between(1, 2)));
        Assert.Equal((0, null), (bad.Between(0, 1), bad.Best));
        Assert.Null((Alone with { Outcome = Outcome.Rated, Order = [0, 1] }).Between(0, 1));
    }

    [Fact]
    public void What_was_withdrawn_is_not_in_force()
    {
        var log = new[] { Plain with { Id = "1" }, Plain with { Id = "2", Outcome = Outcome.Withdrawn, Ranks = [], Supersedes = "1" }, Plain with { Id = "3", AnnotatorId = "p-2" } };

        Assert.Equal(["3"], JudgmentLog.InForce(log).Select(judgment => judgment.Id));
    }

    [Fact]
    public void Own_words_go_and_decisions_stay()
    {
        var judgment = Plain with { Comment = "I", Reason = "am", Notes = ["Anna", ""], Text = "from", Spans = [new(0, 0, 1, "wrong", 1, "Ulm")], Strength = 2 };

        var without = judgment.WithoutOwnWords();

        Assert.DoesNotMatch("I\"|am\"|Anna|from|Ulm", without.ToJson());
        Assert.Equal((Outcome.Choice, 2, "wrong"), (without.Outcome, without.Strength, without.Spans![0].Category));
    }

    [Fact]
    public void A_judgment_of_any_kind_that_contradicts_itself_says_how()
    {
        void Faulty(Judgment judgment, string says) => Assert.Contains(says, judgment.Fault(), StringComparison.Ordinal);

        Faulty(Alone with { Outcome = Outcome.Rated }, "without ratings");
        Faulty(Alone with { Outcome = Outcome.Rated, Ratings = [new("overall", 8, 7)] }, "rating 8 of 7 on 'overall'");
        Faulty(Alone with { Outcome = Outcome.Rated, Ratings = [new("overall", 1, 7, 1)] }, "of answer 1, expected");
        Faulty(Alone with { Outcome = Outcome.Rated, Ratings = [new("overall", 1, 7), new("overall", 2, 7)] }, "'overall' twice");
        Faulty(Alone with { Outcome = Outcome.Answered }, "without answers");
        Faulty(Alone with { Outcome = Outcome.Answered, Answers = new Dictionary<string, string> { ["q"] = "" } }, "to the question 'q'");
        Faulty(Alone with { Outcome = Outcome.Written, Text = " " }, "without a text");
        Faulty(Alone with { Outcome = Outcome.Marked }, "without spans");
        Faulty(Alone with { Outcome = Outcome.Marked, Spans = [new(0, 0, 0, "wrong")] }, "marks 0 units");
        Faulty(Alone with { Outcome = Outcome.Marked, Spans = [new(1, 0, 1, "wrong")] }, "of answer 1");
        Faulty(Alone with { Outcome = Outcome.Conversed }, "without turns");
        Faulty(Alone with { Outcome = Outcome.Conversed, Turns = [new() { Prompt = "Hi", Answers = [new() { Source = "a", Text = "1" }], Order = [0], Chosen = 1 }] }, "turn 1 that goes on with answer 1");
        Faulty(Alone with { Outcome = Outcome.Withdrawn }, "that it takes back");
        Faulty(Alone with { Outcome = Outcome.Written, Text = "x", Ranks = [1] }, "no Written");
        Faulty(Plain with { Notes = ["one"] }, "1 notes for 2 answers");
        Faulty(Plain with { ActiveSeconds = 2, Seconds = 1 }, "2 active seconds of 1");
        Faulty(Plain with { Supersedes = "j" }, "supersedes itself");
        Faulty(Plain with { Step = 1 }, "without a scale");
        Faulty(Plain with { Step = 9, Scale = PreferenceScale.Eight }, "expected 1 to 8");
        Faulty(Plain with { Step = 1, Scale = PreferenceScale.Eight, Strength = 4 }, "which is Choice [2, 1] with strength 4");
        Faulty(Plain with { Outcome = Outcome.Tie, Ranks = [1, 1], Strength = 1, Source = JudgmentSource.Human }, "has strength 1 for Tie");
        Faulty(Plain with { Outcome = Outcome.Ranking, Order = [0, 1, 2], Ranks = [0, 0, 1] }, "no Ranking");
        Faulty(Plain with { Outcome = (Outcome)99 }, "no 99");
    }

    [Fact]
    public void What_a_line_leaves_out_has_its_usual_value_and_no_list_is_null()
    {
        const string Line = """{"id":"j","comparisonId":"c","annotatorId":"a","order":[0,1],"outcome":"choice","ranks":[1,2],"instructionVersion":"1","at":"2024-01-02T03:04:05+00:00"}""";
        var judgment = Judgment.FromJson(Line);
        Assert.Equal((0, false, 0.0), (judgment.Flags.Count, judgment.Late, judgment.Seconds));
        Assert.Null(judgment.Fault());
        Assert.Equal(judgment.ToJson(), Judgment.FromJson(judgment.ToJson()).ToJson());
    }
}
