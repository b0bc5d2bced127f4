using Attune.Feedback;
using Attune.Feedback.Quality;
using Attune.Torch;
using static Attune.Tests.Feedback.Quality.Made;

namespace Attune.Tests.Feedback.Quality;

public sealed class GoldenTests
{
    private static readonly GoldenSource[] Sources =
        [.. Enumerable.Range(0, 40).Select(k => new GoldenSource($"What of film {k}?", Text($"Film {k} is slow at first but it ends very well indeed."), Text($"film film film {k}")))];

    private static Answer Text(string text) => new() { Source = "person", Text = text };

    [Fact]
    public void Every_trick_makes_a_worse_answer_and_the_key_says_which_is_better()
    {
        var items = GoldenItems.Make(Sources, Enum.GetValues<GoldenTrick>(), new Seed(1), ["A paper about soil.", "Film is an art. What of it?"]);

        Assert.Equal(5 * 40, items.Count);
        Assert.All(items.Zip(Sources.SelectMany(source => Enumerable.Repeat(source, 5))), pair =>
        {
            var (item, source) = pair;
            Assert.Equal(source.Good.Text, item.Comparison[item.Best].Text);
            Assert.NotEqual(source.Good.Text, item.Comparison[1 - item.Best].Text);
            Assert.Equal((item.Comparison.Id, item.Best), (item.Facts.ComparisonId, item.Facts.Expected!.Best));
        });
        Assert.All(items.Where(item => item.Trick == GoldenTrick.OtherData), item => Assert.StartsWith("Film is an art", item.Comparison[1 - item.Best].Text, StringComparison.Ordinal));
        Assert.All(items.Where(item => item.Trick == GoldenTrick.Truncated), item => Assert.StartsWith(item.Comparison[1 - item.Best].Text, item.Comparison[item.Best].Text, StringComparison.Ordinal));
        Assert.All(items.Where(item => item.Trick == GoldenTrick.Shuffled), item => Assert.Equal(item.Comparison[item.Best].Text.Split(' ').Order(), item.Comparison[1 - item.Best].Text.Split(' ').Order()));
        Assert.Equal(200, items.Select(item => item.Comparison.Id).Distinct().Count());
    }

    [Fact]
    public void The_better_answer_stands_at_either_index_and_on_either_side_alike()
    {
        var items = GoldenItems.Make(Sources, [GoldenTrick.Truncated, GoldenTrick.Shuffled, GoldenTrick.OtherPrompt], new Seed(2));

        // of 120 fair draws: 60 ± 4 standard deviations of 5.5
        Assert.InRange(items.Count(item => item.Best == 0), 38, 82);
        Assert.InRange(items.Count(item => item.Comparison.Order[0] == item.Best), 38, 82);
    }

    [Fact]
    public void The_same_seed_makes_the_same_items_and_nothing_is_made_where_a_trick_changes_nothing()
    {
        string Shown(Seed seed) => string.Join('\n', GoldenItems.Make(Sources, [GoldenTrick.Shuffled], seed).Select(item => $"{item.Comparison.Id} {item.Comparison[0].Text} {item.Comparison[1].Text}"));
        Assert.Equal(Shown(new(1)), Shown(new(1)));
        Assert.NotEqual(Shown(new(1)), Shown(new(2)));

        Assert.Empty(GoldenItems.Make([new("p", Text("one")), new("p", Text("no no"))], Enum.GetValues<GoldenTrick>(), new Seed(1))); // too short, alike, no other prompt
        Assert.Equal("b a", GoldenItems.Shuffle("a b", new Seed(1)));
        Assert.Null(GoldenItems.Truncate("only five words are here", new Seed(1)));
    }

    [Fact]
    public void Difficulty_counts_good_annotators_and_a_task_that_they_miss_retires()
    {
        // Six golden tasks whose keys say 0; on g5 the key is wrong: all good annotators say 1. The bad one says what the key says there, and is wrong elsewhere.
        int Answer(string who, int task) => who == "bad" ? (task == 5 ? 0 : 1) : task == 5 ? 1 : 0;
        string[] people = ["a", "b", "c", "d", "e", "bad"];
        var log = people.SelectMany(who => Enumerable.Range(0, 6).Select(task => Judged(who, $"g{task}", Answer(who, task), task))).ToList();
        var input = new QualityInput(log) with { Tasks = [.. Enumerable.Range(0, 6).Select(task => Golden($"g{task}", 0)), new() { ComparisonId = "real" }] };

        var difficulties = GoldenDifficulty.Of(input);

        Assert.Equal(["g0", "g1", "g2", "g3", "g4", "g5"], difficulties.Select(one => one.ComparisonId));
        // without g5 each good one has 5 of 5: (5 + 1)/7 = 0.857; without g0 4 of 5: 5/7 = 0.714 < 0.75, so for the others nobody is known to be good
        Assert.Equal((new Proportion(0, 5), true), (difficulties[5].Right, difficulties[5].IsRetired));
        Assert.All(difficulties.Take(5), one => Assert.Equal((0, false), (one.Right.Trials, one.IsRetired)));
        Assert.All(GoldenDifficulty.Of(input, new() { GoodFrom = 0.7 }).Take(5), one => Assert.Equal((new Proportion(5, 5), false), (one.Right, one.IsRetired)));
        Assert.False(GoldenDifficulty.Of(input, new() { MinimumAnswers = 6 })[5].IsRetired);
    }

    [Fact]
    public void The_rate_halves_towards_its_floor_and_draws_follow_it()
    {
        var rate = new GoldenRate { Start = 0.3, Floor = 0.05, Halving = 50 };

        Assert.Equal(0.3, rate.After(0), 12);
        Assert.Equal(0.05 + 0.125, rate.After(50), 12);
        Assert.Equal(0.05 + 0.0625, rate.After(100), 12);
        var golden = Enumerable.Range(0, 1000).Count(done => rate.IsNextGolden("ann", done, new Seed(3)));
        var expected = Enumerable.Range(0, 1000).Sum(rate.After);
        Assert.Equal(expected, golden, tolerance: 4 * Math.Sqrt(expected)); // four standard deviations of a sum of rare draws
        Assert.Equal(rate.IsNextGolden("ann", 7, new Seed(3)), rate.IsNextGolden("ann", 7, new Seed(3)));
        Assert.Equal(["start", "floor", "halving"], new GoldenRate { Start = 2, Floor = 3, Halving = 0 }.Check().Select(problem => problem.Key));
    }
}
