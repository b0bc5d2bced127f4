using Attune.Evaluation;
using Attune.Feedback;
using Attune.Torch;

namespace Attune.Tests.Evaluation;

public sealed class WinRateTests
{
    private const PairOutcome W = PairOutcome.Win, T = PairOutcome.Tie, L = PairOutcome.Loss;

    private static PairResult Result(string prompt, params PairOutcome[] votes) =>
        new(prompt, "new", "old", [.. votes.Select((v, i) => new PairVote($"judge {i}", v, i % 2 == 0))]);

    [Fact]
    public void Majority_needs_more_than_half_of_the_votes()
    {
        Assert.Equal(W, Result("p", W, W, L).Majority);
        Assert.Equal(T, Result("p", W, T, L).Majority);
        Assert.Equal(T, Result("p", W, T, T).Majority);
        Assert.Equal(T, Result("p", W, W, L, L).Majority);
        Assert.Equal(L, Result("p", L, L, L, W, T).Majority);
        Assert.Contains("no votes", Assert.Throws<InvalidOperationException>(() => Result("p").Majority).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rate_counts_ties_half_and_interval_is_wilsons()
    {
        // 8 prompts: 5 wins, 2 ties, 1 loss = 6 points of 8.
        var results = new[] { W, W, W, W, W, T, T, L }.Select((o, i) => Result($"p{i}", o, o, o)).ToList();

        var rate = WinRate.Of(results, new Seed(1));

        Assert.Equal((5, 2, 1, 8, 24), (rate.Wins, rate.Ties, rate.Losses, rate.Prompts, rate.Votes));
        Assert.Equal(0.75, rate.Rate);
        // By hand, z = 1.96: centre (0.75 + 0.2401)/1.4802 = 0.66890, half (1/1.4802)·1.96·√(0.0234375 + 0.0150059) = 0.25962.
        Assert.Equal(0.40928, rate.Wilson.Lower, 4);
        Assert.Equal(0.92852, rate.Wilson.Upper, 4);
        Assert.Equal(Math.Min(rate.Wilson.Lower, rate.Bootstrap.Lower), rate.LowerBound);
    }

    [Fact]
    public void Several_results_on_one_prompt_are_one_unit()
    {
        var rate = WinRate.Of([Result("p", W), Result("p", W), Result("p", W), Result("q", L)], new Seed(1));

        Assert.Equal(2, rate.Prompts);
        Assert.Equal(0.5, rate.Rate);
        Assert.Equal(new Interval(0, 1), rate.Bootstrap);
    }

    [Fact]
    public void Bootstrap_is_the_binomials_spread_and_the_seed_fixes_it()
    {
        var results = Enumerable.Range(0, 400).Select(i => Result($"p{i}", i % 4 == 0 ? L : W)).ToList();

        var rate = WinRate.Of(results, new Seed(7));

        // Standard error √(0.75·0.25/400) = 0.02165, times 1.96 = 0.0424; 2,000 draws leave about 0.002 of noise in a quantile.
        Assert.Equal(0.75 - 0.0424, rate.Bootstrap.Lower, 0.006);
        Assert.Equal(0.75 + 0.0424, rate.Bootstrap.Upper, 0.006);
        Assert.Equal(rate, WinRate.Of(results, new Seed(7)));
        Assert.NotEqual(rate.Bootstrap, WinRate.Of(results, new Seed(8)).Bootstrap);
    }

    [Fact]
    public void A_judge_who_clicks_left_shows_in_the_first_shown_share()
    {
        var left = WinRate.Of([Result("p", W, L, W, L)], new Seed(1)); // shown first at even places
        Assert.Equal(1.0, left.FirstShownShare);
        Assert.Equal(0.5, left.ModelShownFirst);
        Assert.Null(WinRate.Of([Result("p", T, T)], new Seed(1)).FirstShownShare);
    }

    [Fact]
    public void Reversing_twice_changes_nothing_and_once_mirrors_the_rate()
    {
        var results = new[] { Result("p", W, W, T), Result("q", T, L, L), Result("r", W, W, W) };

        var forward = WinRate.Of(results, new Seed(3));
        var backward = WinRate.Of([.. results.Select(r => r.Reversed())], new Seed(3));

        Assert.Equal(forward.Rate, 1 - backward.Rate, 12);
        Assert.Equal(forward.Wilson.Lower, 1 - backward.Wilson.Upper, 12);
        Assert.Equal(forward.FirstShownShare, backward.FirstShownShare);
        Assert.Equal(forward.Rate, WinRate.Of([.. results.Select(r => r.Reversed().Reversed())], new Seed(3)).Rate);
    }

    [Fact]
    public void Mixed_or_missing_results_are_refused()
    {
        Assert.Throws<ArgumentException>(() => WinRate.Of([], new Seed(1)));
        var mixed = Assert.Throws<ArgumentException>(() => WinRate.Of([Result("p", W), Result("p", W).Reversed()], new Seed(1)));
        Assert.Contains("count each pair of models apart", mixed.Message, StringComparison.Ordinal);
    }
}

public sealed class TournamentTests
{
    private static PairResult Result(string prompt, string model, string opponent, PairOutcome outcome, int line) =>
        new(prompt, model, opponent, [new("judge", outcome, true, new(line, $"c{line}", $"j{line}"))]);

    private static readonly PairResult[] Results =
    [
        Result("p", "sft", "ppo", PairOutcome.Loss, 1), Result("q", "ppo", "sft", PairOutcome.Win, 2),
        Result("p", "base", "sft", PairOutcome.Loss, 3), Result("q", "base", "sft", PairOutcome.Tie, 4),
        Result("p", "base", "ppo", PairOutcome.Loss, 5),
    ];

    [Fact]
    public void Table_ranks_models_and_shows_each_pair_once_whatever_its_direction()
    {
        var table = Tournament.Of(Results, "sft", "crowd", new Seed(1));

        // ppo: 1 and 1; sft: 0 over ppo, 0.75 over base; base: 0.25 and 0.
        Assert.Equal([new Standing("ppo", 1, 2), new Standing("sft", 0.375, 2), new Standing("base", 0.125, 2)], table.Standings);
        Assert.Equal(["ppo/sft", "ppo/base", "sft/base"], table.Pairs.Select(p => $"{p.Model}/{p.Opponent}"));
        Assert.Equal(["ppo", "base"], table.AgainstBaseline.Select(p => p.Model));
        Assert.Equal(0.25, table.AgainstBaseline[1].Result.Rate);
        Assert.Throws<ArgumentException>(() => Tournament.Of(Results, "gpt", "crowd", new Seed(1)));
    }

    [Fact]
    public void Every_row_has_a_source_that_lists_its_judgments()
    {
        var table = Tournament.Of(Results, "sft", "crowd", new Seed(1));
        var sources = Tournament.Sources(Results, "crowd", "judgments.jsonl");

        Assert.All(table.Pairs.Concat(table.AgainstBaseline), row => Assert.Contains(sources, s => s.Id == row.Source));
        Assert.Equal([1L, 2L], sources.Single(s => s.Id == Tournament.SourceId("crowd", "ppo", "sft")).Rows.Select(r => r.Line));
        Assert.Equal(Tournament.SourceId("crowd", "a", "b"), Tournament.SourceId("crowd", "b", "a"));
        Assert.NotEqual(Tournament.SourceId("crowd", "a b", "c"), Tournament.SourceId("crowd", "a-b", "c"));
    }

    [Fact]
    public void Another_model_moves_no_other_interval()
    {
        var without = Tournament.Of(MadeUpReport.Results(40, "x", 1, 1).Where(r => r.Opponent != "base").ToList(), "SFT", "crowd", new Seed(1));
        var with = Tournament.Of(MadeUpReport.Results(40, "x", 1, 1), "SFT", "crowd", new Seed(1));

        Assert.All(without.AgainstBaseline, row => Assert.Contains(row, with.AgainstBaseline));
    }
}
