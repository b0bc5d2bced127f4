using System.Text.Json.Nodes;
using Attune.Feedback;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Tests.Feedback;

public sealed class CrowdTests
{
    internal static readonly Valence Words = Valence.Load(Repository.PathOf("data"));
    private static readonly CrowdOptions Options = new();
    private static readonly IReadOnlyList<Comparison> Pairs = MadeUpPairs(1_000, new Seed(11));
    private static readonly SimulatedCrowd Crowd = Calibrated(Options, new Seed(1));

    [Fact]
    public void Honest_annotators_agree_on_73_percent()
    {
        foreach (var group in Enum.GetValues<AnnotatorGroup>())
        {
            var honest = Crowd.Of(group).Where(judge => !judge.Member.Vices.Any).ToList();
            var differences = honest.ConvertAll(judge => Pairs.Select(pair => judge.Utility(pair.Prompt, pair[0]) - judge.Utility(pair.Prompt, pair[1])).ToArray());
            Assert.Equal(0.73, CrowdCalibration.ExpectedAgreement(differences, honest[0].Member.Noise), 9);

            var judgments = honest.SelectMany((judge, view) => Pairs.Select(pair => judge.Judge(pair, view))).ToList();
            // 1,000 pairs; the agreement of at least 5 judges on one pair deviates by at most 0.25 or so: standard error 0.008, four of them
            Assert.Equal(0.73, Agreement.Pairwise(Ratings.Of(judgments)).Share, tolerance: 0.032);
        }
    }

    [Fact]
    public void Noise_of_one_pair_worked_by_hand()
    {
        // Two annotators with difference ln 3 and noise 1 choose A with 3/4 each: they agree with 9/16 + 1/16 = 0.625
        double[][] both = [[Math.Log(3)], [Math.Log(3)]];

        Assert.Equal(0.625, CrowdCalibration.ExpectedAgreement(both, 1), 12);
        Assert.Equal(0.625, CrowdCalibration.ExpectedAgreement([[Math.Log(3)]], 1), 12); // with a second self
        Assert.Equal(1, CrowdCalibration.Noise(both, 0.625), 9);
        Assert.Equal(2, CrowdCalibration.Noise([[2 * Math.Log(3)]], 0.625), 9);
        Assert.Contains("below 0.000", Assert.Throws<InputException>(() => CrowdCalibration.Noise([[1], [-1]], 0.73)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_judgment_depends_on_annotator_and_comparison_only()
    {
        var some = Pairs.Take(50).ToList();
        var forward = Crowd.Collect(some, AnnotatorGroup.Training, votes: 3);
        var backward = Calibrated(Options, new Seed(1)).Collect(some.AsEnumerable().Reverse().ToList(), AnnotatorGroup.Training, votes: 3);

        Assert.Equal(150, forward.Count);
        Assert.Equal(forward.Select(Shown).Order(), backward.Select(Shown).Order());
        var honest = Crowd.Of(AnnotatorGroup.HeldOut)[0];
        Assert.All(some, pair => Assert.Equal(honest.Judge(pair, 0).Ranks, honest.Judge(pair, 1).Ranks)); // blind to the side
        Assert.NotEqual(forward.Select(Shown), Calibrated(Options, new Seed(2)).Collect(some, AnnotatorGroup.Training, 3).Select(Shown));
        Assert.All(forward, judgment => Assert.Null(judgment.Fault()));
        Assert.All(forward.GroupBy(j => j.ComparisonId), votes => Assert.Equal(3, votes.Select(j => j.AnnotatorId).Distinct().Count()));
    }

    [Fact]
    public void A_choice_follows_the_logistic_formula()
    {
        var judge = Crowd.Of(AnnotatorGroup.HeldOut)[1];
        double Difference(Comparison pair) => judge.Utility(pair.Prompt, pair[0]) - judge.Utility(pair.Prompt, pair[1]);
        var same = Pairs.First(pair => Difference(pair) / judge.Member.Noise is > 0.5 and < 2); // neither even nor certain
        var difference = Difference(same);
        var expected = 1 / (1 + Math.Exp(-difference / judge.Member.Noise));

        var first = Enumerable.Range(0, 4_000).Count(i => judge.Judge(same with { Id = $"again-{i}" }).Best == 0);

        Assert.Equal(expected, first / 4_000.0, tolerance: 4 * Math.Sqrt(expected * (1 - expected) / 4_000));
    }

    [Fact]
    public void Three_answers_are_ranked_as_Plackett_and_Luce_say()
    {
        var judge = Crowd.Of(AnnotatorGroup.HeldOut)[0];
        var three = Comparison.From(new("p", [Pairs[0][0], Pairs[0][1], Pairs[1][0]]), new Seed(1), 0);
        var worths = three.Answers.Select(answer => Math.Exp(judge.Utility(three.Prompt, answer) / judge.Member.Noise)).ToArray();

        var rankings = Enumerable.Range(0, 4_000).Select(i => judge.Judge(three with { Id = $"again-{i}" })).ToList();

        Assert.All(rankings, ranking => Assert.Equal((Outcome.Ranking, (string?)null), (ranking.Outcome, ranking.Fault())));
        for (var i = 0; i < 3; i++)
            Assert.Equal(worths[i] / worths.Sum(), rankings.Count(r => r.Best == i) / 4_000.0, tolerance: 0.032); // four standard errors of at most 0.008
    }

    [Fact]
    public void Vices_show_in_the_statistics()
    {
        var options = Options with { Bad = [new() { LeftBias = 0.6 }, new() { RandomClicks = 1, Speed = 8 }] };
        var crowd = Calibrated(options, new Seed(1));
        var judges = crowd.Of(AnnotatorGroup.Training);
        var log = judges.SelectMany((judge, view) => Pairs.Select(pair => judge.Judge(pair, view))).ToList();
        var statistics = AnnotatorStatistics.Of(log).ToDictionary(s => s.AnnotatorId);
        var leftist = statistics[judges.Single(j => j.Member.Vices.LeftBias > 0).Id];
        var clicker = statistics[judges.Single(j => j.Member.Vices.RandomClicks > 0).Id];
        var honest = judges.Where(j => !j.Member.Vices.Any).Select(j => statistics[j.Id]).ToList();

        // Without looking 60 % of the time: the first is taken in 0.6 + 0.4/2 of the cases. Four standard errors: 0.05; of the doubled share 0.1.
        Assert.Equal(0.8, leftist.FirstShown.Share, tolerance: 0.05);
        Assert.Equal(0.6, leftist.SideBias, tolerance: 0.1);
        Assert.True(leftist.FirstShown.Wilson().Lower > 0.5);
        Assert.All(honest, one => Assert.Equal(0.5, one.FirstShown.Share, tolerance: 0.064));
        Assert.Equal(0.5, clicker.WithMajorityOfOthers.Share, tolerance: 0.064);
        Assert.All(honest, one => Assert.True(one.WithMajorityOfOthers.Wilson().Lower > clicker.WithMajorityOfOthers.Wilson().Upper));
        Assert.All(honest, one => Assert.InRange(one.MedianSeconds / clicker.MedianSeconds, 6, 11)); // 8 times, to within the rounding of 0.1 s
    }

    [Fact]
    public void Side_bias_is_measured_on_more_than_two_answers_too()
    {
        Judgment Six(int k, int best) => JudgmentTests.Example($"j-{k}") with
        {
            ComparisonId = $"c-{k}",
            Order = [3, 0, 1, 2, 4, 5],
            Outcome = Outcome.Ranking,
            Ranks = [.. Enumerable.Range(0, 6).Select(answer => answer == best ? 1 : answer < best ? answer + 2 : answer + 1)],
        };
        var six = Enumerable.Range(0, 12).Select(k => Six(k, best: k < 7 ? 3 : 0)).ToList();
        var two = Enumerable.Range(0, 12).Select(k => JudgmentTests.Example($"j-{k}") with { ComparisonId = $"d-{k}", Ranks = k < 9 ? [2, 1] : [1, 2] }).ToList();

        var ofSix = Assert.Single(AnnotatorStatistics.Of(six));
        Assert.Equal(new Proportion(7, 12), ofSix.FirstShown);
        Assert.Equal(0.5, ofSix.SideBias, 12); // (6 * 7/12 - 1) / 5
        Assert.Equal(0.5, Assert.Single(AnnotatorStatistics.Of(two)).SideBias, 12); // 2 * 9/12 - 1
        Assert.Equal(0.5, Assert.Single(AnnotatorStatistics.Of([.. six, .. two])).SideBias, 12);
        Assert.Equal(double.NaN, Assert.Single(AnnotatorStatistics.Of([JudgmentTests.Example("j") with { Outcome = Outcome.CannotJudge, Ranks = [] }])).SideBias);
    }

    [Fact]
    public void Held_out_annotators_know_other_words_and_weigh_differently()
    {
        var praised = new Answer { Source = "s", Text = "a fine wonderful brilliant superb moving charming hilarious great gem", Features = Pairs[0][0].Features };
        foreach (var word in Attune.Feedback.Words.Of(praised.Text).Where(Words.ValenceOf.ContainsKey))
        {
            var alone = praised with { Text = word };
            var none = praised with { Text = "word" };
            bool Knows(SimulatedAnnotator judge) => judge.Utility("", alone) > judge.Utility("", none);
            Assert.NotEqual(Crowd.Of(AnnotatorGroup.Training).All(Knows), Crowd.Of(AnnotatorGroup.HeldOut).Any(Knows));
            Assert.Equal(Crowd.Of(AnnotatorGroup.Training).All(Knows), Crowd.Of(AnnotatorGroup.Training).Any(Knows));
        }
        Assert.Equal(Crowd.Judges.Count, Crowd.Judges.Select(judge => judge.Member.Taste).Distinct().Count());
        Assert.Equal(2, Crowd.Of(AnnotatorGroup.Training).Count(judge => judge.Member.Vices.Any));
        Assert.DoesNotContain(Crowd.Of(AnnotatorGroup.HeldOut), judge => judge.Member.Vices.Any);
        Assert.Empty(Crowd.Of(AnnotatorGroup.HeldOut).Select(j => j.Id).Intersect(Crowd.Of(AnnotatorGroup.Training).Select(j => j.Id)));
    }

    [Fact]
    public void A_stored_crowd_judges_the_same()
    {
        using var folder = new TemporaryFolder();
        Crowd.Save(folder.PathOf("crowd.json"));
        var stored = SimulatedCrowd.Load(folder.PathOf("crowd.json"), Words);

        Assert.Equal(Crowd.Record.Members, stored.Record.Members);
        Assert.Equal(Crowd.Collect(Pairs, AnnotatorGroup.HeldOut, 3).Select(Shown), stored.Collect(Pairs, AnnotatorGroup.HeldOut, 3).Select(Shown));
        var broken = folder.Write("broken.json", File.ReadAllText(folder.PathOf("crowd.json")).Replace("\"seed\": \"0", "\"seed\": \"z", StringComparison.Ordinal));
        Assert.Contains("hexadecimal", Assert.Throws<InputException>(() => SimulatedCrowd.Load(broken, Words)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("noise", "0", "is 0, expected a number above 0")]
    [InlineData("noise", "1e999", "expected a number above 0")]
    [InlineData("scale.spread.repetition", "0", "is 0, expected a number above 0")]
    [InlineData("scale.mean.fluency", "-1e999", "expected a finite number")]
    [InlineData("taste.positivity", "1e999", "expected a finite number")]
    [InlineData("taste.preferredWords", "-3", "is -3, expected a number above 0")]
    [InlineData("vices.leftBias", "1.5", "is 1.5, expected from 0 to 1")]
    [InlineData("vices.speed", "0.5", "is 0.5, expected at least 1")]
    [InlineData("id", "\"annotator-02\"", "has 2 of the id annotator-02, expected an id for each")]
    public void A_stored_crowd_that_no_calibration_writes_is_refused_with_all_that_is_wrong(string key, string value, string said)
    {
        using var folder = new TemporaryFolder();
        Crowd.Save(folder.PathOf("crowd.json"));
        var stored = JsonNode.Parse(File.ReadAllText(folder.PathOf("crowd.json")))!;
        var parts = key.Split('.');
        parts[..^1].Aggregate(stored["members"]![0]!, (node, part) => node[part]!)[parts[^1]] = JsonNode.Parse(value);
        stored["members"]![2]!["noise"] = -1;

        var error = Assert.Throws<InputException>(() => SimulatedCrowd.Load(folder.Write("wrong.json", stored.ToJsonString()), Words));

        Assert.Equal([key == "id" ? "members" : $"members[0].{key}", "members[2].noise"], error.Problems.Select(problem => problem.Key));
        Assert.Contains(said + "; ", error.Message, StringComparison.Ordinal); // and after that what to do
    }

    [Fact]
    public void Equal_texts_and_small_differences_are_ties()
    {
        var judge = Crowd.Of(AnnotatorGroup.HeldOut)[0];
        var twins = Comparison.From(new("p", [Pairs[0][0], Pairs[0][0] with { Id = "" }]), new Seed(1), 0);
        Assert.Equal((Outcome.Tie, (int?)null), (judge.Judge(twins).Outcome, judge.Judge(twins).Strength));

        var undecided = Calibrated(Options with { TieWithin = 0.5 }, new Seed(1)).Of(AnnotatorGroup.HeldOut)[0];
        var plain = Pairs.Count(pair => judge.Judge(pair).Strength == 1); // the same draws; 0.5 is also where strength 1 ends
        Assert.Equal(plain, Pairs.Count(pair => undecided.Judge(pair).Outcome == Outcome.Tie));
    }

    [Fact]
    public void Fluency_comes_with_the_answer_or_from_a_function()
    {
        var bare = Comparison.From(new("p", [Pairs[0][0] with { Features = new Dictionary<string, double>() }, Pairs[0][1]]), new Seed(1), 0);
        var judge = Crowd.Judges[0];
        Assert.Contains("'fluency'", Assert.Throws<InvalidOperationException>(() => judge.Utility("p", bare[0])).Message, StringComparison.Ordinal);

        var annotators = SimulatedCrowd.Recruit(Options, new Seed(1));
        var asked = SimulatedCrowd.Calibrate(Options, annotators, Pairs, Words, new Seed(1), fluency: (_, _) => Pairs[0][0].Features[Answer.Fluency]);
        Assert.Equal(judge.Utility("p", Pairs[0][0]), asked.Judges[0].Utility("p", bare[0]));
    }

    [Fact]
    public void What_makes_no_crowd_is_refused()
    {
        var wrong = new CrowdOptions { Training = 2, HeldOut = 0, Agreement = 0.4, Variation = -1, Bad = [new() { LeftBias = 2 }, new() { RandomClicks = -1, Speed = 0.5 }] };

        Assert.Equal(
            ["heldOut", "bad", "agreement", "variation", "bad[0].leftBias", "bad[1].randomClicks", "bad[1].speed"],
            Assert.Throws<InputException>(() => SimulatedCrowd.Recruit(wrong, new Seed(1))).Problems.Select(p => p.Key));
        Assert.Throws<ArgumentException>(() => SimulatedCrowd.Calibrate(Options, SimulatedCrowd.Recruit(Options, new Seed(1)), [], Words, new Seed(1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Crowd.Collect(Pairs, AnnotatorGroup.HeldOut, votes: 6));
    }

    [Fact]
    public void Fluency_pleases_up_to_a_point_worked_by_hand()
    {
        var scale = new FeatureScale(Mean: new(0.1, 0.2, 0.5, -3), Spread: new(0.2, 0.1, 0.5, 0.5));
        var taste = new Taste { Positivity = 2, Repetition = 0.5, Length = 0.3, Fluency = 0.4, FluentEnough = 1 };
        double Liked(double fluency) => scale.Utility(taste, new(Positivity: 0.3, Repetition: 0.4, LengthError: 1, fluency));

        // 2·(0.3 − 0.1)/0.2 − 0.5·(0.4 − 0.2)/0.1 − 0.3·(1 − 0.5)/0.5 = 2 − 1 − 0.3 = 0.7; fluency −2.75 is half a deviation above the mean, −2 two
        Assert.Equal(0.7 + 0.4 * 0.5, Liked(-2.75), 12);
        Assert.Equal(0.7 + 0.4, Liked(-2.5), 12);
        Assert.Equal(0.7 + 0.4, Liked(-2), 12);
        Assert.Equal(0.7 - 0.4 * 2, Liked(-4), 12);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.NegativeInfinity)]
    [InlineData(double.PositiveInfinity)]
    public void A_taste_of_numbers_that_are_none_is_refused(double value)
    {
        var taste = new Taste { Positivity = value, Repetition = value, Length = value, Fluency = value, FluentEnough = value, PreferredWords = value };

        var problems = new CrowdOptions { TrainingTaste = taste, HeldOutTaste = new() { FluentEnough = value } }.Check().ToList();

        string[] names = ["positivity", "repetition", "length", "fluency", "fluentEnough", "preferredWords"];
        Assert.Equal([.. names.Select(name => $"trainingTaste.{name}"), "heldOutTaste.fluentEnough"], problems.Select(problem => problem.Key));
        Assert.Equal($"is {value}, expected a finite number; 1 is usual, 100 sets no limit", problems[^1].Message);
    }

    [Fact]
    public void A_judge_by_score_needs_no_crowd()
    {
        IJudge longest = new ScoreJudge("longest", (_, answer) => answer.Text.Length, tieWithin: 2);
        var pair = Comparison.From(new("p", [new() { Source = "s", Text = "long answer" }, new() { Source = "s", Text = "short" }]), new Seed(1), 0);

        Assert.Equal(0, longest.JudgeAll([pair])[0].Best);
        Assert.Equal(Outcome.Tie, longest.Judge(pair with { Answers = [pair[0], pair[0] with { Text = "long answers" }] }).Outcome);
        Assert.Throws<InvalidOperationException>(() => new ScoreJudge("nan", (_, _) => double.NaN).Judge(pair));
    }

    private static SimulatedCrowd Calibrated(CrowdOptions options, Seed seed) =>
        SimulatedCrowd.Calibrate(options, SimulatedCrowd.Recruit(options, seed), Pairs, Words, seed);

    private static string Shown(Judgment j) => $"{j.Id} {string.Join(",", j.Order)} {j.Outcome} {string.Join(",", j.Ranks)} {j.Strength} {j.Seconds} {j.At:O}";

    /// <summary>Answers of 15 to 50 words, every fourth or so from the word list, with made-up fluency.</summary>
    internal static List<Comparison> MadeUpPairs(int count, Seed seed)
    {
        var listed = Words.ValenceOf.Keys.Order(StringComparer.Ordinal).ToArray();
        var (kind, harsh) = (listed.Where(word => Words.ValenceOf[word] > 0).ToArray(), listed.Where(word => Words.ValenceOf[word] < 0).ToArray());
        Answer MadeUp(long row)
        {
            var draws = seed.For(row);
            var kindness = draws.Uniform(1);
            var text = Enumerable.Range(0, 15 + draws.Below(36, 0)).Select(i =>
                draws.Uniform(2, i) > 0.25 ? $"filler{draws.Below(40, 3, i)}"
                : draws.Uniform(4, i) < kindness ? kind[draws.Below(kind.Length, 5, i)] : harsh[draws.Below(harsh.Length, 5, i)]);
            return new() { Source = "sft", Text = string.Join(' ', text), Features = new Dictionary<string, double> { [Answer.Fluency] = -3 + 0.5 * draws.Normal(6) } };
        }
        return Enumerable.Range(0, count).Select(i => Comparison.From(new($"prompt {i}", [MadeUp(2 * i), MadeUp(2 * i + 1)]), seed, i)).ToList();
    }
}
