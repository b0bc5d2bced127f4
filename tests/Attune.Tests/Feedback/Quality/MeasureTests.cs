using Attune.Feedback;
using Attune.Feedback.Quality;
using static Attune.Tests.Feedback.Quality.Made;

namespace Attune.Tests.Feedback.Quality;

public sealed class MeasureTests
{
    [Fact]
    public void Golden_accuracy_is_the_posterior_mean_of_prior_and_counts()
    {
        // 3 of 4 golden tasks right under a uniform prior: Beta(4, 2), mean 2/3
        var input = new QualityInput([.. Row("ann", 0, 0, 1, 1, 1)]) with { Tasks = [Golden("c0", 0), Golden("c1", 0), Golden("c2", 1), Golden("c3", 0)] };

        var measured = QualityHistory.Of(input).Of("ann", Measure.GoldenAccuracy);

        Assert.Equal((2 / 3.0, 4), (measured.Value, measured.Count));
        Assert.Equal(0.95, new BetaPosterior(4, 2).Below(measured.Interval!.Value.Upper) - new BetaPosterior(4, 2).Below(measured.Interval.Value.Lower), 9);
        Assert.Equal(5 / 7.0, QualityHistory.Of(input, new() { PriorRight = 2 }).Of("ann", Measure.GoldenAccuracy).Value, 12);
    }

    [Fact]
    public void Answers_to_questions_agree_streak_and_vary_as_comparisons_do()
    {
        static Judgment Answered(string who, int number, string answer) => Judged(who, $"q{number}", 0, number) with
        {
            Order = [],
            Ranks = [],
            Outcome = Outcome.Answered,
            Answers = new Dictionary<string, string> { ["good"] = answer },
        };
        // ann says yes, yes, no, yes; the others yes, no, no, and one of each: with them on the first and third of three
        var log = new[] { "yes", "yes", "no", "yes" }.Select((answer, i) => Answered("ann", i, answer))
            .Concat(new[] { "yes", "no", "no", "yes" }.Select((answer, i) => Answered("ben", i, answer))).Append(Answered("cy", 3, "no")).ToList();

        var history = QualityHistory.Of(new(log));

        Assert.Equal((2 / 3.0, 3), (history.Of("ann", Measure.Agreement).Value, history.Of("ann", Measure.Agreement).Count));
        Assert.Equal(2, history.Of("ann", Measure.AnswerStreak).Value);
        Assert.Equal(-(0.75 * Math.Log(0.75) + 0.25 * Math.Log(0.25)), history.Of("ann", Measure.AnswerEntropy).Value, 4);
    }

    [Fact]
    public void Texts_are_no_streak()
    {
        var log = Enumerable.Range(0, 5).Select(i => Judged("ann", $"w{i}", 0, i) with { Order = [], Ranks = [], Outcome = Outcome.Written, Text = $"Text {i}." });

        Assert.Equal(0, QualityHistory.Of(new([.. log])).Of("ann", Measure.AnswerStreak).Value);
    }

    [Fact]
    public void What_a_judgment_says_of_itself_is_measured_and_a_line_about_it_comes_first()
    {
        Judgment[] log = [Judged("ann", "c0", 0, 0) with { TypedCharacters = 30, PastedCharacters = 10 }, Judged("ann", "c1", 0, 1) with { PastedCharacters = 60 }, Judged("ann", "c2", 0, 2)];

        Assert.Equal((0.7, 2), (QualityHistory.Of(new(log)).Of("ann", Measure.PastedShare).Value, QualityHistory.Of(new(log)).Of("ann", Measure.PastedShare).Count)); // 70 of 100
        var line = new JudgmentFacts { JudgmentId = log[1].Id, PastedCharacters = 10 };
        Assert.Equal(0.4, QualityHistory.Of(new QualityInput(log) with { Facts = [line] }).Of("ann", Measure.PastedShare).Value); // 20 of 50
    }

    [Fact]
    public void Someone_without_golden_tasks_has_no_accuracy()
    {
        var measured = QualityHistory.Of(new([.. Row("ann", 0, 0)])).Of("ann", Measure.GoldenAccuracy);

        Assert.True(double.IsNaN(measured.Value));
        Assert.Equal((0, null), (measured.Count, measured.Interval));
    }

    [Fact]
    public void Agreement_leaves_out_the_own_vote_even_splits_and_golden_tasks()
    {
        // c0: others 0 0 (agrees); c1: others 1 1 (does not); c2: others 0 1 (even: not counted); c3: golden (not counted); c4: nobody else
        var log = Row("ann", 0, 0, 0, 0, 0).Concat(Row("ben", 0, 1, 0, 1)).Concat(Row("cy", 0, 1, 1, 1)).ToList();

        var measured = QualityHistory.Of(new QualityInput(log) with { Tasks = [Golden("c3", 0)] }).Of("ann", Measure.Agreement);

        Assert.Equal((0.5, 2), (measured.Value, measured.Count));
        Assert.Equal(new Proportion(1, 2).Wilson(), measured.Interval);
    }

    [Fact]
    public void Agreement_is_that_of_the_statistics_where_nothing_is_golden()
    {
        var log = Row("ann", 0, 1, 0, 1, 0, 1).Concat(Row("ben", 0, 0, 0, 1, 1, 1)).Concat(Row("cy", 1, 1, 0, 0, 0, 1)).ToList();
        var history = QualityHistory.Of(new(log));

        Assert.All(AnnotatorStatistics.Of(log), one => Assert.Equal((one.WithMajorityOfOthers.Share, one.SideBias),
            (history.Of(one.AnnotatorId, Measure.Agreement).Value, history.Of(one.AnnotatorId, Measure.LeftBias).Value)));
    }

    [Fact]
    public void A_repeat_in_the_other_order_or_of_another_comparison_measures_consistency_and_a_correction_does_not()
    {
        Judgment[] log =
        [
            Judged("ann", "c0", 0, 0), Judged("ann", "c0", 0, 1, isTurned: true), // the same answer on the other side: consistent
            Judged("ann", "c1", 0, 2), Judged("ann", "c1", 1, 3, isTurned: true), // not
            Judged("ann", "c2", 0, 4), Judged("ann", "c2", 1, 5),                 // a changed mind
            Judged("ann", "c3", 1, 6), Judged("ann", "mirror", 1, 7),             // consistent, by the facts
        ];

        var history = QualityHistory.Of(new QualityInput(log) with { Tasks = [new() { ComparisonId = "mirror", MirrorOf = "c3" }] });

        Assert.Equal((2 / 3.0, 3), (history.Of("ann", Measure.SelfConsistency).Value, history.Of("ann", Measure.SelfConsistency).Count));
        Assert.Equal(7, history.Of("ann", Measure.Judgments).Value);
    }

    [Fact]
    public void Repeats_of_other_kinds_are_tasks_of_their_own_and_are_compared_part_by_part()
    {
        Judgment Given(string comparison, string? task, int minute, Outcome outcome) => Judged("ann", comparison, 0, minute) with { TaskId = task, Outcome = outcome, Ranks = [] };
        Judgment Ranked(string? task, int minute, params int[] ranks) => Given("rank", task, minute, Outcome.Ranking) with { Order = [0, 1, 2], Ranks = ranks };
        Judgment Rated(string? task, int minute, int overall, int helpful) =>
            Given("rate", task, minute, Outcome.Rated) with { Order = [0], Ratings = [new("overall", overall, 7, 0), new("helpful", helpful, 7, 0)] };
        Judgment Asked(string? task, int minute, string answer) => Given("ask", task, minute, Outcome.Answered) with { Order = [], Answers = new Dictionary<string, string> { ["q"] = answer } };
        double Of(params Judgment[] log) => QualityHistory.Of(new(log)).Of("ann", Measure.SelfConsistency) is var measured ? measured.Value * measured.Count + 100 * measured.Count : 0;

        // (so many as before) + 100 · (parts): of three pairs of answers two stay; 5 is near 6, and 2 far from 4; the answer is another one
        Assert.Equal(302, Of(Ranked(null, 0, 1, 2, 3), Ranked("again", 1, 1, 3, 2)), 9);
        Assert.Equal(201, Of(Rated(null, 0, 6, 4), Rated("again", 1, 5, 2)), 9);
        Assert.Equal(100, Of(Asked("first", 0, "yes"), Asked("again", 1, "no")), 9);
        Assert.Equal(101, Of(Asked("first", 0, "yes"), Asked("first", 1, "no"), Asked("again", 2, "no")), 9); // the second is a correction
        Assert.Equal(0, QualityHistory.Of(new([Asked(null, 0, "yes"), Asked(null, 1, "no")])).Of("ann", Measure.SelfConsistency).Count); // and so is this
        Judgment[] texts = [Given("write", null, 0, Outcome.Written) with { Order = [], Text = "a" }, Given("write", "again", 1, Outcome.Written) with { Order = [], Text = "b" }];
        Assert.Equal(0, QualityHistory.Of(new(texts)).Of("ann", Measure.SelfConsistency).Count);
    }

    [Fact]
    public void Left_bias_worked_by_hand()
    {
        // 3 of 4 for the first shown of two: 2·0.75 − 1
        var measured = QualityHistory.Of(new([.. Row("ann", 0, 0, 0, 1)])).Of("ann", Measure.LeftBias);

        Assert.Equal((0.5, 4), (measured.Value, measured.Count));
        var wilson = new Proportion(3, 4).Wilson();
        Assert.Equal(2 * wilson.Lower - 1, measured.Interval!.Value.Lower, 12);
        Assert.Equal(2 * wilson.Upper - 1, measured.Interval.Value.Upper, 12);
    }

    [Fact]
    public void Speed_is_measured_against_the_others_on_the_same_kind_of_task()
    {
        // ben takes 1, e, e², … e^9 seconds: logarithms 0 … 9, mean 4.5, deviation √8.25. ann takes 1 second twice; her own times must not count.
        var log = Enumerable.Range(0, 10).Select(i => Judged("ben", $"b{i}", 0, i, seconds: Math.Exp(i)))
            .Append(Judged("ann", "c0", 0, 20, seconds: 1)).Append(Judged("ann", "c1", 0, 21, seconds: 2)).Append(Judged("ann", "rare", 0, 22, seconds: 0.2)).ToList();
        var history = QualityHistory.Of(new QualityInput(log) with { Tasks = [new() { ComparisonId = "rare", Kind = "rank" }] }, new() { MinimumTimes = 5, FastQuantile = 0.2 });

        var z = history.Of("ann", Measure.SpeedZ);
        Assert.Equal(((0 - 4.5) / Math.Sqrt(8.25) + (Math.Log(2) - 4.5) / Math.Sqrt(8.25)) / 2, z.Value, 9);
        Assert.Equal(2, z.Count); // nobody else ranked
        // The quantile 0.2 of ten times is the second, e: both of hers are faster
        Assert.Equal((1.0, 2), (history.Of("ann", Measure.FastShare).Value, history.Of("ann", Measure.FastShare).Count));
        Assert.True(double.IsNaN(history.Of("ben", Measure.FastShare).Value)); // there are two times of others, fewer than five
    }

    [Fact]
    public void Active_time_takes_the_place_of_the_time_given()
    {
        var log = Row("ben", 0, 0, 0).Append(Judged("ann", "c0", 0, 9, seconds: 900)).ToList();
        var input = new QualityInput(log) with { Facts = [new() { JudgmentId = log[^1].Id, ActiveSeconds = 20 }, new() { JudgmentId = log[0].Id, ActiveSeconds = 10 }] };

        var mean = (Math.Log(10) + 2 * Math.Log(20)) / 3;
        var deviation = Math.Sqrt((Math.Pow(Math.Log(10) - mean, 2) + 2 * Math.Pow(Math.Log(20) - mean, 2)) / 3);
        Assert.Equal((Math.Log(20) - mean) / deviation, QualityHistory.Of(input, new() { MinimumTimes = 3 }).Of("ann", Measure.SpeedZ).Value, 9);
    }

    [Fact]
    public void Streaks_entropy_and_votes_worked_by_hand()
    {
        var tie = Judged("ann", "t", 0, 50) with { Outcome = Outcome.Tie, Ranks = [1, 1] };
        var none = Judged("ann", "n", 0, 51) with { Outcome = Outcome.CannotJudge, Ranks = [] };
        var history = QualityHistory.Of(new([.. Row("ann", 0, 0, 0, 1, 1), tie, none, Judged("ann", "z", 1, 52, isTurned: true)]));

        Assert.Equal((3, 8), (history.Of("ann", Measure.SideStreak).Value, history.Of("ann", Measure.SideStreak).Count));
        Assert.Equal(3, history.Of("ann", Measure.AnswerStreak).Value);
        // as shown: left 4 (the last one is the second answer, shown first), right 2, level 1, none 1
        Assert.Equal(-(0.5 * Math.Log(0.5) + 0.25 * Math.Log(0.25) + 0.25 * Math.Log(0.125)), history.Of("ann", Measure.AnswerEntropy).Value, 12);
        Assert.Equal(1 / 8.0, history.Of("ann", Measure.NoVoteRate).Value);
    }

    [Fact]
    public void Skips_count_as_a_rate_and_in_a_row()
    {
        Skip Left(int minute) => new("ann", $"s{minute}", Start.AddMinutes(minute));
        var input = new QualityInput([Judged("ann", "c0", 0, 5)]) with { Skips = [Left(1), Left(7), Left(8)] };

        var history = QualityHistory.Of(input);

        Assert.Equal((0.75, 4), (history.Of("ann", Measure.SkipRate).Value, history.Of("ann", Measure.SkipRate).Count));
        Assert.Equal(2, history.Of("ann", Measure.SkipsInARow).Value);
    }

    [Fact]
    public void Pasted_characters_and_texts_come_from_the_facts()
    {
        var log = Row("ann", 0, 0).ToList();
        var input = new QualityInput(log) with
        {
            Tasks = [new() { ComparisonId = "c0", Prompt = "one two three four five" }, new() { ComparisonId = "c1", Prompt = "x" }],
            Facts =
            [
                new() { JudgmentId = log[0].Id, TypedCharacters = 10, PastedCharacters = 30, Text = "One two three four, five." },
                new() { JudgmentId = log[1].Id, TypedCharacters = 60, Text = "As an AI I cannot say. Sorry! Really" },
            ],
        };
        var history = QualityHistory.Of(input, new() { Text = new() { BannedOpenings = ["as an AI"], MaximumWords = 6, CopiedWords = 4 } });

        Assert.Equal((0.3, 2), (history.Of("ann", Measure.PastedShare).Value, history.Of("ann", Measure.PastedShare).Count));
        Assert.Equal(0.5, history.Of("ann", Measure.BannedOpenings).Value);
        Assert.Equal(0.5, history.Of("ann", Measure.TextFaults).Value); // the second opens badly and is too long
        Assert.Equal((5 + 8) / 2.0, history.Of("ann", Measure.TextWords).Value);
        Assert.Equal((1 + 3) / 2.0, history.Of("ann", Measure.TextSentences).Value);
        Assert.Equal(0.5, history.Of("ann", Measure.CopiedShare).Value); // all of the first, nothing of the second
    }

    [Fact]
    public void A_window_holds_the_last_events_or_those_of_a_time()
    {
        var history = QualityHistory.Of(new([.. Row("ann", 0, 0, 0, 1, 1)])); // a minute apart

        Assert.Equal(2, history.Measure("ann", Measure.Judgments, new(Last: 2)).Value);
        Assert.Equal(-1, history.Measure("ann", Measure.LeftBias, new(Last: 2)).Value);
        Assert.Equal(3, history.Measure("ann", Measure.Judgments, new(Days: 2 / 1440.0)).Value); // the last and those up to two minutes before
        Assert.Equal(2, history.Measure("ann", Measure.Judgments, new(Last: 2, Days: 2 / 1440.0)).Value);
        Assert.Equal(Enum.GetValues<Measure>(), history.MeasureAll("ann").Select(measured => measured.Measure));
    }
}
