using System.Diagnostics;

namespace Attune.Updates;

/// <summary>Where a step's time went. Not among the metrics: those are the same for the same seed.</summary>
/// <param name="Rollout">Sampling, with log-probs and values.</param>
/// <param name="Scoring">Reference log-probs, a separate critic's values, the reward, advantages.</param>
/// <param name="Update">All epochs.</param>
public readonly record struct PpoTimings(TimeSpan Rollout, TimeSpan Scoring, TimeSpan Update);

/// <summary>Measures laps from the end: a step that begins with given answers has no first lap.</summary>
internal sealed class PpoClock
{
    private readonly List<TimeSpan> _laps = [];
    private long _last = Stopwatch.GetTimestamp();

    public static PpoClock Start() => new();

    public PpoTimings Timings => new(_laps.Count > 2 ? _laps[^3] : TimeSpan.Zero, _laps[^2], _laps[^1]);

    public void Lap()
    {
        var now = Stopwatch.GetTimestamp();
        _laps.Add(Stopwatch.GetElapsedTime(_last, now));
        _last = now;
    }
}
