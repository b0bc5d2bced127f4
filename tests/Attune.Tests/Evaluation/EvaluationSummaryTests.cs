using Attune.Evaluation;

namespace Attune.Tests.Evaluation;

public sealed class EvaluationSummaryTests
{
    private static WinRate Rate() => new()
    {
        Prompts = 8,
        Wins = 5,
        Ties = 2,
        Losses = 1,
        Votes = 24,
        Rate = 0.75,
        Wilson = new(0.40928, 0.92852),
        Bootstrap = new(0.5, 1),
        ModelShownFirst = 0.5,
    };

    [Theory]
    [InlineData(DistinctVariant.PooledOverWords, "distinct-n: different n-word sequences over all words, all answers of a model pooled (pooled-over-words)")]
    [InlineData(DistinctVariant.PooledOverNGrams, "distinct-n: different n-word sequences over all n-grams, all answers of a model pooled (pooled-over-n-grams)")]
    public void The_text_measures_name_their_form_of_distinct_n(DistinctVariant variant, string line)
    {
        var lines = EvaluationSummary.Lines(new EvaluationReport
        {
            Title = "t",
            Headline = new("PPO", "SFT"),
            Rounds = [new()
            {
                Wins = [new() { Model = "PPO", Opponent = "SFT", Result = Rate() }],
                TextMetrics = [new() { Model = "PPO" }],
                DistinctVariant = variant,
            }],
        });

        Assert.StartsWith("PPO ", lines[^2]);
        Assert.Equal(line, lines[^1]);
    }

    [Fact]
    public void Summary_starts_with_the_headline_and_aligns_its_tables()
    {
        var lines = EvaluationSummary.Lines(new EvaluationReport
        {
            Title = "t",
            Headline = new("PPO", "SFT"),
            Rounds = [new()
            {
                Wins = [new() { Model = "PPO", Opponent = "SFT", Judges = "crowd", Result = Rate() }],
                Baselines = [new() { Model = "best of 16", Reward = 1.736, RewardStandardError = 0.07, Kl = -0.001, WinRate = 0.77 },
                    new() { Model = "base", Reward = double.NaN }],
            }],
            Checks = [new("Preferred", "75.0 %", true)],
        });

        Assert.Equal(
            [
                "PPO preferred over SFT on 75.0 % of 8 prompts (95 % interval 40.9 – 92.9 %; 5 won, 2 tied, 1 lost)",
                "",
                "model  against  judges  win rate  95 % interval  won  tied  lost",
                "PPO    SFT      crowd     75.0 %  40.9 – 92.9 %    5     2     1",
                "",
                "model            reward  held-out  over SFT  distance  copied",
                "best of 16  1.74 ± 0.07         –    77.0 %      0.00       –",
                "base                  –         –         –         –       –",
                "",
                "met      Preferred: 75.0 %",
            ],
            lines);
    }
}
