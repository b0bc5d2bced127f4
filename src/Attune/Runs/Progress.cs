namespace Attune.Runs;

/// <summary>How far a stage is.</summary>
/// <param name="Stage">Its name: "reward model".</param>
/// <param name="Done">Units done.</param>
/// <param name="Total">Units in all; 0 when nobody knows.</param>
/// <param name="Unit">What is counted: "steps".</param>
/// <param name="PerSecond">Smoothed units a second; null before there is anything to go by.</param>
/// <param name="Remaining">Time to the end at that rate; null when unknown.</param>
/// <param name="Detail">What a watcher wants to see beside it: "loss 2.31".</param>
public sealed record ProgressReport(
    string Stage, long Done, long Total, string Unit, double? PerSecond = null, TimeSpan? Remaining = null, string Detail = "")
{
    /// <summary>As a line: "ppo  37/100 steps  37 %  2.1 steps/s  0:30 left  reward 0.42".</summary>
    public string Line()
    {
        var parts = new List<string> { Stage };
        parts.Add(Total > 0 ? $"{Done}/{Total} {Unit}" : $"{Done} {Unit}");
        if (Total > 0)
            parts.Add($"{100 * Done / Total} %");
        if (PerSecond is { } rate)
            parts.Add($"{rate.ToString(rate >= 100 ? "0" : rate >= 1 ? "0.0" : "0.000")} {Unit}/s");
        if (Remaining is { } left && Done < Total)
            parts.Add($"{Clock(left)} left");
        if (Detail.Length > 0)
            parts.Add(Detail);
        return string.Join("  ", parts);
    }

    private static string Clock(TimeSpan time)
    {
        var seconds = (long)Math.Ceiling(time.TotalSeconds);
        return seconds >= 3600 ? $"{seconds / 3600}:{seconds / 60 % 60:00}:{seconds % 60:00}" : $"{seconds / 60}:{seconds % 60:00}";
    }
}

/// <summary>Where progress goes: a terminal, a log, a test, nowhere.</summary>
public interface IProgressSink
{
    /// <summary>How far a stage is; called as often as is convenient, the sink thins it out.</summary>
    void Report(ProgressReport report);

    /// <summary>A line for the person watching.</summary>
    void Say(string line);

    /// <summary>A line that should not be overlooked.</summary>
    void Warn(string line);
}

/// <summary>Progress nobody watches.</summary>
public sealed class SilentProgress : IProgressSink
{
    private SilentProgress()
    {
    }

    /// <summary>The only one.</summary>
    public static SilentProgress Instance { get; } = new();

    /// <inheritdoc/>
    public void Report(ProgressReport report)
    {
    }

    /// <inheritdoc/>
    public void Say(string line)
    {
    }

    /// <inheritdoc/>
    public void Warn(string line)
    {
    }
}

/// <summary>Counts one stage's units, and tells a sink how far it is and how long it will take.</summary>
/// <param name="sink">Where to tell it.</param>
/// <param name="stage">The stage's name.</param>
/// <param name="total">Units in all; 0 when nobody knows.</param>
/// <param name="unit">What is counted: "steps".</param>
/// <param name="time">The clock.</param>
public sealed class ProgressMeter(IProgressSink sink, string stage, long total, string unit, TimeProvider time)
{
    private readonly long _began = time.GetTimestamp();
    private readonly EtaEstimator _eta = new();

    /// <summary>Units that were done before this process began: the first step of a resumed run.</summary>
    public long Start { get; init; }

    /// <summary>Says that so many units are done in all.</summary>
    public void Advance(long done, string detail = "")
    {
        if (!_eta.HasBegun)
            _eta.Update(Start, TimeSpan.Zero);
        _eta.Update(done, time.GetElapsedTime(_began));
        sink.Report(new(stage, done, total, unit, _eta.PerSecond, total > 0 ? _eta.Remaining(total - done) : null, detail));
    }
}

/// <summary>
/// How long the rest takes: recent time per recent unit, where "recent" fades with a half-life, so that a slow start or one slow step is soon
/// forgotten but does not throw the estimate about.
/// </summary>
public sealed class EtaEstimator
{
    private const double HalfLifeSeconds = 20;
    private double _units;
    private double _seconds;
    private long? _done;
    private TimeSpan _at;

    /// <summary>Whether there was any update.</summary>
    public bool HasBegun => _done is not null;

    /// <summary>Smoothed units a second; null before any unit took any time.</summary>
    public double? PerSecond => _units > 0 && _seconds > 0 ? _units / _seconds : null;

    /// <summary>So many units were done at this time since the start. Times and counts never go back.</summary>
    public void Update(long done, TimeSpan at)
    {
        if (_done is { } before)
        {
            var passed = (at - _at).TotalSeconds;
            var faded = Math.Pow(0.5, passed / HalfLifeSeconds);
            _units = (_units * faded) + Math.Max(0, done - before);
            _seconds = (_seconds * faded) + passed;
        }
        (_done, _at) = (done, at);
    }

    /// <summary>Time for so many more units; null when there is nothing to go by.</summary>
    public TimeSpan? Remaining(long units) =>
        PerSecond is { } rate && units / rate < TimeSpan.FromDays(10_000).TotalSeconds ? TimeSpan.FromSeconds(Math.Max(0, units / rate)) : null;
}
