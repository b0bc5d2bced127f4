namespace Attune.Feedback.Quality;

/// <summary>
/// Times taken on one kind of task, as natural logarithms of seconds, kept so that anybody's can be compared with those of all others: someone
/// who gives half of the judgments must not be the measure of their own speed.
/// </summary>
internal sealed class SpeedReference
{
    private const double LeastSeconds = 0.1; // a logarithm needs a time; nobody reads in less

    private readonly Times _all = new();
    private readonly Dictionary<string, Times> _own = new(StringComparer.Ordinal);

    public static double LogOf(double seconds) => Math.Log(Math.Max(seconds, LeastSeconds));

    public void Add(string annotator, double logSeconds)
    {
        _all.Add(logSeconds);
        if (!_own.TryGetValue(annotator, out var own))
            _own.Add(annotator, own = new());
        own.Add(logSeconds);
    }

    /// <summary>How many times the others took.</summary>
    public int OthersOf(string annotator) => _all.Count - OwnOf(annotator).Count;

    /// <summary>The smallest of the others' times that at least the given share of theirs do not exceed.</summary>
    public double Quantile(string annotator, double share)
    {
        var own = OwnOf(annotator);
        var rank = Math.Max(1, (int)Math.Ceiling(share * (_all.Count - own.Count)));
        var (low, high) = (0, _all.Count - 1);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_all.AtMost(_all[middle]) - own.AtMost(_all[middle]) < rank)
                low = middle + 1;
            else
                high = middle;
        }
        return _all[low];
    }

    /// <summary>The others' mean and population standard deviation.</summary>
    public (double Mean, double Deviation) Moments(string annotator)
    {
        var own = OwnOf(annotator);
        var n = _all.Count - own.Count;
        var mean = (_all.Sum - own.Sum) / n;
        return (mean, Math.Sqrt(Math.Max(0, (_all.Squares - own.Squares) / n - mean * mean)));
    }

    private Times OwnOf(string annotator) => _own.GetValueOrDefault(annotator) ?? Times.None;

    private sealed class Times
    {
        public static readonly Times None = new();

        private readonly List<double> _sorted = [];

        public int Count => _sorted.Count;

        public double Sum { get; private set; }

        public double Squares { get; private set; }

        public double this[int place] => _sorted[place];

        public void Add(double value)
        {
            _sorted.Insert(AtMost(value), value);
            Sum += value;
            Squares += value * value;
        }

        /// <summary>How many are not above a value.</summary>
        public int AtMost(double value)
        {
            var (low, high) = (0, _sorted.Count);
            while (low < high)
            {
                var middle = (low + high) / 2;
                if (_sorted[middle] <= value)
                    low = middle + 1;
                else
                    high = middle;
            }
            return low;
        }
    }
}
