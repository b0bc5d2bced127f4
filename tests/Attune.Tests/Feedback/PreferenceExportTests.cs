using System.IO.Compression;
using System.Text;
using Attune.Feedback;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Tests.Feedback;

public sealed class PreferenceExportTests
{
    private static readonly Annotators People =
        new("0", [.. new[] { "a", "b", "c", "d" }.Select(id => new Annotator(id, AnnotatorGroup.Training)), new("h", AnnotatorGroup.HeldOut)]);
    private static readonly Comparison Pair = Comparison.From(
        new("p", [new() { Source = "sft", Text = "x" }, new() { Source = "ppo", Text = "y" }], Round: 1), new Seed(1), 0) with
    {
        Order = [0, 1],
    };
    private static readonly Comparison Three = Comparison.From(
        new("q", [new() { Source = "s", Text = "x" }, new() { Source = "s", Text = "y" }, new() { Source = "s", Text = "z" }]), new Seed(1), 1);

    [Fact]
    public void Votes_on_a_pair_worked_by_hand()
    {
        var votes = new PairVotes(First: 3, Second: 1, Level: 1);

        Assert.Equal((1, 5), (votes.Majority, votes.Judges));
        Assert.Equal(0.7, votes.ShareOfFirst(), 12);
        Assert.Equal(4.5 / 7, votes.ShareOfFirst(smoothing: 1), 12);
        Assert.Equal(0, new PairVotes(2, 2, 1).Majority);
        Assert.Equal(0.5, new PairVotes(0, 0, 0).ShareOfFirst(smoothing: 1));
    }

    [Fact]
    public void A_preference_holds_the_majority_the_share_and_where_it_comes_from()
    {
        var log = new[] { Vote("a", 1, view: 0, strength: 4), Vote("b", 1, view: 1, strength: 1), Vote("c", 0, view: 0, strength: 2), Tie("d"), Abstain("d2"), Vote("h", 0) };
        var people = People with { People = [.. People.People, new("d2", AnnotatorGroup.Training)] };

        var preference = Assert.Single(PreferenceExport.Pairs([Pair], log, people, new()));

        Assert.Equal(("p", "y", "x"), (preference.Prompt, preference.Chosen, preference.Rejected));
        Assert.Equal((0.625, 4), (preference.PChosen, preference.Judges)); // two and a half of four
        Assert.Equal((4 + 1 - 2 + 0) / 4.0, preference.Strength);
        Assert.Equal(0.25, preference.ChosenShownFirst); // y first only in b's view 1
        Assert.Equal((Pair.Id, 1, "ppo", "sft"), (preference.Comparison, preference.Round, preference.ChosenSource, preference.RejectedSource));
        Assert.Equal(["j-a", "j-b", "j-c", "j-d"], preference.Judgments);
        Assert.Equal("x", Assert.Single(PreferenceExport.Pairs([Pair], log, people, new() { Group = AnnotatorGroup.HeldOut })).Chosen);
        Assert.Empty(PreferenceExport.Pairs([Pair], log, people, new() { MinimumJudges = 5 }));
    }

    [Fact]
    public void A_changed_mind_is_one_judge_and_the_later_vote_counts()
    {
        var log = new[] { Vote("a", 0), Vote("b", 1), Vote("a", 1) with { Id = "j-a2" } };

        var preference = Assert.Single(PreferenceExport.Pairs([Pair], log, People, new()));
        var ranking = Assert.Single(PreferenceExport.Rankings([Pair], log, People, new()));

        Assert.Equal(("y", 1.0, 2), (preference.Chosen, preference.PChosen, preference.Judges));
        Assert.Equal(["j-b", "j-a2"], preference.Judgments);
        Assert.Equal(2, ranking.Judges);
        Assert.Equal([0.0, 1.0], ranking.Shares);
        Assert.Equal([("a", "1"), ("b", "1")], Ratings.Of(log).Select(rating => (rating.Rater, rating.Label)).Order());
        Assert.Equal([1, 1], AnnotatorStatistics.Of(log).Select(one => one.Judgments));
        Assert.Empty(PreferenceExport.Pairs([Pair], [Vote("a", 0), Abstain("a") with { Id = "j-a2" }], People, new())); // withdrawn
    }

    [Fact]
    public void Ties_are_dropped_or_kept_as_a_half()
    {
        var log = new[] { Vote("a", 1), Vote("b", 0), Tie("c") };

        Assert.Empty(PreferenceExport.Pairs([Pair], log, People, new()));
        var kept = Assert.Single(PreferenceExport.Pairs([Pair], log, People, new() { Ties = TieRule.Keep }));
        Assert.Equal((0.5, "x"), (kept.PChosen, kept.Chosen));
        Assert.Null(kept.Strength);
    }

    [Fact]
    public void A_ranking_of_three_gives_three_pairs_and_one_common_order()
    {
        // z > x > y, z > y > x, x > z > y: z beats x 2:1 and y 3:0; x beats y 2:1
        var log = new[] { Rank("a", [2, 3, 1]), Rank("b", [3, 2, 1]), Rank("c", [1, 3, 2]) };

        var pairs = PreferenceExport.Pairs([Three], log, People, new());
        var ranking = Assert.Single(PreferenceExport.Rankings([Three], log, People, new()));

        Assert.Equal([("x", "y", 2 / 3.0), ("z", "x", 2 / 3.0), ("z", "y", 1.0)], pairs.Select(p => (p.Chosen, p.Rejected, p.PChosen)));
        Assert.Equal($"{Three.Id}/0-2", pairs[1].Id);
        Assert.Equal([2, 3, 1], ranking.Ranks);
        Assert.Equal([0.5, 1 / 6.0, 5 / 6.0], ranking.Shares.Select(share => Math.Round(share, 15)), EqualityComparer<double>.Create((a, b) => Math.Abs(a - b) < 1e-12));
        Assert.Equal(3, ranking.Judges);
    }

    [Fact]
    public void The_strength_of_a_ranking_counts_for_its_best_and_next_answer_alone()
    {
        // x > y > z by much, and y > x, z level with x: of x and y 4 for x and 1 for y, of y and z 1, of x and z nothing but a level
        var one = PreferenceExport.Pairs([Three], [Rank("a", [1, 2, 3]) with { Strength = 4 }], People, new());
        var two = PreferenceExport.Pairs([Three], [Rank("a", [1, 2, 3]) with { Strength = 4 }, Rank("b", [2, 1, 2]) with { Strength = 1 }], People, new() { Ties = TieRule.Keep });

        Assert.Equal([("x", "y", 4.0), ("x", "z", null), ("y", "z", null)], one.Select(p => (p.Chosen, p.Rejected, p.Strength)));
        Assert.Equal([("x", "y", 1.5), ("x", "z", null), ("y", "z", 1.0)], two.Select(p => (p.Chosen, p.Rejected, p.Strength)));
    }

    [Fact]
    public void A_ranking_of_nine_gives_thirty_six_pairs_and_one_common_order()
    {
        var nine = Comparison.From(new("r", [.. "abcdefghi".Select(letter => new Answer { Source = "s", Text = $"{letter}" })]), new Seed(1), 2);
        Judgment Ranked(string who, int[] ranks) => Rank(who, ranks) with { ComparisonId = nine.Id, Order = nine.OrderFor(who[0]) };
        // two from a down to i, one the other way round: each pair goes 2:1 to the earlier letter, but i and h are level for the first
        var log = new[] { Ranked("a", [1, 2, 3, 4, 5, 6, 7, 8, 8]), Ranked("b", [1, 2, 3, 4, 5, 6, 7, 8, 9]), Ranked("c", [9, 8, 7, 6, 5, 4, 3, 2, 1]) };
        Assert.All(log, judgment => Assert.Null(judgment.Fault()));

        var pairs = PreferenceExport.Pairs([nine], log, People, new() { Ties = TieRule.Keep });
        var ranking = Assert.Single(PreferenceExport.Rankings([nine], log, People, new()));

        Assert.Equal(36, pairs.Count);
        Assert.Equal(36, pairs.Select(pair => pair.Id).Distinct().Count());
        Assert.All(pairs, pair => Assert.True(string.CompareOrdinal(pair.Chosen, pair.Rejected) < 0));
        Assert.Equal([.. Enumerable.Repeat(2 / 3.0, 35), 0.5], pairs.Select(pair => pair.PChosen)); // h and i: one each, one level
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8, 8], ranking.Ranks);
        double[] shares = [.. Enumerable.Range(0, 7).Select(k => ((8 - k) * 2 + k) / 24.0), (0.5 + 7 / 3.0) / 8, (0.5 + 7 / 3.0) / 8]; // 2/3 over later letters, 1/3 over earlier ones
        Assert.All(ranking.Shares.Zip(shares), pair => Assert.Equal(pair.Second, pair.First, 12));
    }

    [Fact]
    public void A_choice_among_three_leaves_the_losers_uncompared()
    {
        var log = new[] { Rank("a", [1, 2, 2]) with { Outcome = Outcome.Choice } };

        Assert.Equal([("x", "y"), ("x", "z")], PreferenceExport.Pairs([Three], log, People, new()).Select(p => (p.Chosen, p.Rejected)));
        Assert.Equal([1, 2, 2], PreferenceExport.Rankings([Three], log, People, new())[0].Ranks);
    }

    [Fact]
    public void Files_are_read_compressed_and_with_a_byte_order_mark()
    {
        using var folder = new TemporaryFolder();
        PreferenceExport.Write(folder.PathOf("preferences.jsonl"), PreferenceExport.Pairs([Pair], [Vote("a", 1)], People, new()));
        var text = File.ReadAllText(folder.PathOf("preferences.jsonl"));
        using (var gzip = new GZipStream(File.Create(folder.PathOf("preferences.jsonl.gz")), CompressionLevel.Fastest))
            gzip.Write(Encoding.UTF8.GetBytes(text + "\n" + text));

        Assert.Equal(["y", "y"], PreferenceExport.ReadPairs(folder.PathOf("preferences.jsonl.gz")).Select(row => row.Chosen));
        Assert.Equal("y", Assert.Single(PreferenceExport.ReadPairs(folder.Write("marked.jsonl", "\uFEFF" + text))).Chosen);
    }

    [Fact]
    public void A_key_that_stands_twice_is_named_with_its_line()
    {
        using var folder = new TemporaryFolder();
        PreferenceExport.Write(folder.PathOf("preferences.jsonl"), PreferenceExport.Pairs([Pair], [Vote("a", 1)], People, new()));
        var line = File.ReadAllText(folder.PathOf("preferences.jsonl"));
        var bad = folder.Write("bad.jsonl", line + line.Replace("\"judges\":1", "\"judges\":1,\"judges\":2", StringComparison.Ordinal));

        var problem = Assert.Single(Assert.Throws<InputException>(() => PreferenceExport.ReadPairs(bad)).Problems);

        Assert.Equal($"line 2 (byte {Encoding.UTF8.GetByteCount(line)})", problem.Key);
        Assert.Contains("Duplicate property 'judges'", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_hold_one_object_a_line_and_read_back()
    {
        using var folder = new TemporaryFolder();
        var pairs = PreferenceExport.Pairs([Pair], [Vote("a", 1, strength: 2)], People, new() { Smoothing = 1 });
        PreferenceExport.Write(folder.PathOf("preferences.jsonl"), pairs);
        PreferenceExport.Write(folder.PathOf("rankings.jsonl"), PreferenceExport.Rankings([Three], [Rank("a", [2, 3, 1])], People, new()));

        Assert.Equal(
            $$"""{"id":"{{Pair.Id}}","prompt":"p","chosen":"y","rejected":"x","pChosen":0.6666666666666666,"judges":1,"strength":2,"chosenShownFirst":0,"group":"training","split":"training","round":1,"chosenId":"{{Pair.Id}}.1","rejectedId":"{{Pair.Id}}.0","chosenSource":"ppo","rejectedSource":"sft","comparison":"{{Pair.Id}}","judgments":["j-a"]}""" + "\n",
            File.ReadAllText(folder.PathOf("preferences.jsonl")));
        Assert.Equal(2 / 3.0, Assert.Single(PreferenceExport.ReadPairs(folder.PathOf("preferences.jsonl"))).PChosen);
        Assert.Equal([2, 3, 1], Assert.Single(PreferenceExport.ReadRankings(folder.PathOf("rankings.jsonl"))).Ranks);
        var bad = folder.Write("bad.jsonl", File.ReadAllText(folder.PathOf("preferences.jsonl")).Replace("0.6666666666666666", "1.5", StringComparison.Ordinal));
        Assert.Contains("line 1 (byte 0)  has pChosen 1.5, expected 0 to 1", Assert.Throws<InputException>(() => PreferenceExport.ReadPairs(bad)).Message, StringComparison.Ordinal);
        Assert.Equal(3, Directory.GetFiles(Path.GetDirectoryName(bad)!).Length); // no temporary file is left
    }

    [Fact]
    public void A_log_that_does_not_fit_is_refused()
    {
        Assert.Contains("in neither group", Assert.Throws<InputException>(() => PreferenceExport.Pairs([Pair], [Vote("stranger", 1)], People, new())).Message, StringComparison.Ordinal);
        var misfit = Rank("a", [1, 2, 3]) with { ComparisonId = Pair.Id };
        Assert.Contains("is about 3 answers", Assert.Throws<InputException>(() => PreferenceExport.Pairs([Pair], [misfit], People, new())).Message, StringComparison.Ordinal);
        Assert.Throws<InputException>(() => PreferenceExport.Pairs([Pair], [], People, new() { Smoothing = -1, MinimumJudges = 0 }));
        Assert.Empty(PreferenceExport.Pairs([Pair], [Rank("a", [1, 2, 3])], People, new())); // of another comparison
    }

    private static Judgment Vote(string who, int best, int view = 0, int? strength = null) => JudgmentTests.Example($"j-{who}") with
    {
        AnnotatorId = who,
        ComparisonId = Pair.Id,
        Order = Pair.OrderFor(view),
        Ranks = best == 0 ? [1, 2] : [2, 1],
        Strength = strength,
    };

    private static Judgment Tie(string who) => Vote(who, 0) with { Outcome = Outcome.Tie, Ranks = [1, 1] };

    private static Judgment Abstain(string who) => Vote(who, 0) with { Outcome = Outcome.CannotJudge, Ranks = [] };

    private static Judgment Rank(string who, int[] ranks) =>
        Vote(who, 0) with { ComparisonId = Three.Id, Order = Three.Order, Outcome = Outcome.Ranking, Ranks = ranks };
}
