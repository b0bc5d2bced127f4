using Attune.Updates;

namespace Attune.Tests.Updates;

public sealed class PpoWatchTests
{
    [Fact]
    public void An_excursion_is_told_once_and_again_only_after_calm()
    {
        var watch = new PpoWatch(new());
        int Told(int step, double kl) => watch.See(step, new Dictionary<string, double> { ["objective/kl"] = kl }).Count;

        Assert.Equal([0, 1, 0, 0, 0], new[] { Told(0, 5), Told(1, 31), Told(2, 40), Told(3, 12), Told(4, 35) });
        for (var step = 5; step < 15; step++)
            Assert.Equal(0, Told(step, 10));
        Assert.Equal(1, Told(15, 99));
        Assert.Equal("step 1: objective/kl is 31, healthy is -0.5 to 30; raise ppo.klCoefficient or lower ppo.learningRate; below 0, look for truncated sampling or another temperature", watch.Told[0]);
        Assert.Equal(2, watch.Told.Count);
    }

    [Theory]
    [InlineData("objective/kl", 1, -1)]
    [InlineData("response/length", 20, 41)]
    [InlineData("response/length", 20, 9)]
    [InlineData("policy/entropy", 3, 0.9)]
    [InlineData("response/end_rate", 0.8, 0.3)]
    [InlineData("policy/clip_fraction", 0.1, 0.4)]
    [InlineData("heldout/gap", 0, 1.6)]
    public void Every_watched_metric_trips(string name, double first, double later)
    {
        var watch = new PpoWatch(new());

        Assert.Empty(watch.See(0, new Dictionary<string, double> { [name] = first }));
        Assert.Contains(name, Assert.Single(watch.See(1, new Dictionary<string, double> { [name] = later })));
    }

    [Fact]
    public void What_was_absent_at_first_sets_no_relative_range() =>
        Assert.Empty(new PpoWatch(new()).See(0, new Dictionary<string, double> { ["response/end_rate"] = 0 }));

    [Fact]
    public void A_controller_that_aims_far_may_go_three_times_as_far() =>
        Assert.Equal(60, PpoHealth.Of(new() { KlController = KlController.Adaptive, KlTarget = 20 })[0].High);

    [Fact]
    public void The_metrics_page_has_the_ranges_that_are_watched()
    {
        var page = File.ReadAllLines(Repository.PathOf("docs/metrics.md"));

        foreach (var range in PpoHealth.Of(new()))
        {
            var row = Assert.Single(page, line => line.StartsWith($"| `{range.Metric}` |", StringComparison.Ordinal));
            Assert.Contains(range.Text, row.Split('|')[^2]);
        }
    }
}
