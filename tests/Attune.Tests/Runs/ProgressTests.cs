using Attune.Runs;

namespace Attune.Tests.Runs;

public sealed class ProgressTests
{
    [Fact]
    public void A_steady_rate_is_reported_exactly()
    {
        var eta = new EtaEstimator();
        for (var second = 0; second <= 10; second++)
            eta.Update(second * 5, TimeSpan.FromSeconds(second));

        Assert.Equal(5, eta.PerSecond!.Value, 1e-12);
        Assert.Equal(TimeSpan.FromSeconds(10), eta.Remaining(50));
    }

    [Fact]
    public void A_slow_start_is_half_forgotten_after_twenty_seconds()
    {
        var eta = new EtaEstimator();
        eta.Update(0, TimeSpan.Zero);
        eta.Update(0, TimeSpan.FromSeconds(20)); // 20 s, nothing done
        eta.Update(20, TimeSpan.FromSeconds(40)); // 20 units in 20 s, beside 10 s of the 20 s before

        Assert.Equal(20 / 30.0, eta.PerSecond!.Value, 1e-12);
    }

    [Fact]
    public void Nothing_is_promised_before_anything_is_done()
    {
        var eta = new EtaEstimator();
        eta.Update(0, TimeSpan.Zero);
        eta.Update(0, TimeSpan.FromSeconds(3));

        Assert.Null(eta.PerSecond);
        Assert.Null(eta.Remaining(10));
    }

    [Fact]
    public void A_resumed_stage_counts_only_its_own_units_in_the_rate()
    {
        var clock = new SteppedTime();
        var sink = new RecordedProgress();
        var meter = new ProgressMeter(sink, "ppo", total: 100, "steps", clock) { Start = 50 };

        clock.Advance(TimeSpan.FromSeconds(10));
        meter.Advance(60, "reward 0.5");

        Assert.Equal([new ProgressReport("ppo", 60, 100, "steps", 1, TimeSpan.FromSeconds(40), "reward 0.5")], sink.Reports);
    }

    private sealed class SteppedTime : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public void Advance(TimeSpan by) => _ticks += by.Ticks;
    }
}
