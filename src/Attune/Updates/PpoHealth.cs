using System.Globalization;

namespace Attune.Updates;

/// <summary>Where a metric should stay, and what to do where it does not.</summary>
/// <param name="Metric">Its name, defined in docs/metrics.md.</param>
/// <param name="Low">Least healthy value; −∞ for none.</param>
/// <param name="High">Greatest healthy value; +∞ for none.</param>
/// <param name="Advice">What to do.</param>
internal sealed record HealthyRange(string Metric, double Low, double High, string Advice)
{
    /// <summary>Whether the bounds are multiples of the metric's first value; a first value near 0 sets none.</summary>
    public bool IsTimesFirst { get; init; }

    /// <summary>As docs/metrics.md has it: "-0.5 to 30", "0.5 to 2 times its first value", "up to 0.3".</summary>
    public string Text
    {
        get
        {
            string Of(double number) => Math.Round(number, 2).ToString(CultureInfo.InvariantCulture);
            var range = double.IsInfinity(Low) ? $"up to {Of(High)}" : double.IsInfinity(High) ? $"at least {Of(Low)}" : $"{Of(Low)} to {Of(High)}";
            return IsTimesFirst ? range + " times its first value" : range;
        }
    }
}

/// <summary>
/// The metrics whose excursions are told, and their ranges: the one place where those thresholds stand; the table of docs/metrics.md repeats
/// them and a test compares the two.
/// </summary>
internal static class PpoHealth
{
    /// <summary>Steps in a row within its range after which a metric's next excursion is told again.</summary>
    public const int CalmSteps = 10;

    /// <summary>First values below this set no relative range.</summary>
    private const double SmallestFirst = 0.05;

    /// <summary>The ranges of a run; one that aims at a large distance from its reference may go three times as far.</summary>
    public static IReadOnlyList<HealthyRange> Of(PpoConfig config) =>
    [
        new("objective/kl", -0.5, Math.Max(30, config.KlController == KlController.Fixed ? 0 : 3 * config.KlTarget),
            "raise ppo.klCoefficient or lower ppo.learningRate; below 0, look for truncated sampling or another temperature"),
        new("response/length", 0.5, 2, "look at samples.jsonl: length is the commonest loophole of a reward") { IsTimesFirst = true },
        new("policy/entropy", 0.33, double.PositiveInfinity, "the policy forgets how to vary: raise ppo.klCoefficient, or add ppo.entropyCoefficient") { IsTimesFirst = true },
        new("response/end_rate", 0.5, double.PositiveInfinity, "answers stop ending: penalise that with ppo.endTokenRule, or raise ppo.maximumLength") { IsTimesFirst = true },
        new("policy/clip_fraction", double.NegativeInfinity, 0.3, "updates are too long: lower ppo.learningRate or ppo.epochs"),
        new("heldout/gap", double.NegativeInfinity, 1.5, "the reward rises and the held-out judge does not follow: the reward is being gamed; stop earlier or raise ppo.klCoefficient"),
    ];

    /// <summary>Whether a value is within the range.</summary>
    public static bool Holds(HealthyRange range, double value, double first)
    {
        if (!range.IsTimesFirst)
            return value >= range.Low && value <= range.High;
        return first < SmallestFirst || (value >= range.Low * first && value <= range.High * first);
    }
}

/// <summary>
/// Watches a run's metrics and tells when one leaves its range: once per excursion, not at every step of it. A pure function of the rows seen,
/// so that a resumed run, which replays those of its metrics file, tells what an uninterrupted one would.
/// </summary>
internal sealed class PpoWatch(PpoConfig config)
{
    private readonly IReadOnlyList<HealthyRange> _ranges = PpoHealth.Of(config);
    private readonly Dictionary<string, double> _first = [];
    private readonly Dictionary<string, int> _calm = []; // steps within the range since the last excursion, of metrics that had one
    private readonly List<string> _told = [];

    /// <summary>All that was told.</summary>
    public IReadOnlyList<string> Told => _told;

    /// <summary>Looks at a step's metrics.</summary>
    /// <returns>What is new.</returns>
    public IReadOnlyList<string> See(int step, IReadOnlyDictionary<string, double> metrics)
    {
        var before = _told.Count;
        foreach (var range in _ranges.Where(r => metrics.ContainsKey(r.Metric)))
        {
            var value = metrics[range.Metric];
            _first.TryAdd(range.Metric, value);
            if (PpoHealth.Holds(range, value, _first[range.Metric]))
            {
                if (_calm.TryGetValue(range.Metric, out var calm) && calm < PpoHealth.CalmSteps)
                    _calm[range.Metric] = calm + 1;
                continue;
            }

            if (!_calm.TryGetValue(range.Metric, out var since) || since >= PpoHealth.CalmSteps)
                _told.Add(Message(step, range, value));
            _calm[range.Metric] = 0;
        }

        return _told[before..];
    }

    private string Message(int step, HealthyRange range, double value)
    {
        var first = range.IsTimesFirst ? string.Create(CultureInfo.InvariantCulture, $" ({_first[range.Metric]:0.###})") : "";
        return string.Create(CultureInfo.InvariantCulture, $"step {step}: {range.Metric} is {value:0.###}, healthy is {range.Text}{first}; {range.Advice}");
    }
}
