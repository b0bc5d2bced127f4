using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace Attune.Web.Serving;

/// <summary>What happened since the start, in Prometheus' text form (version 0.0.4).</summary>
internal sealed class ServeMetrics
{
    private static readonly double[] Buckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
    private readonly ConcurrentDictionary<(string Route, int Status), long> _requests = new();
    private readonly Histogram _whole = new();
    private readonly Histogram _first = new();
    private long _promptTokens;
    private long _newTokens;
    private long _cancelled;

    public void CountRequest(string route, int status) => _requests.AddOrUpdate((route, status), 1, (_, n) => n + 1);

    public void CountPrompt(int tokens) => Interlocked.Add(ref _promptTokens, tokens);

    public void CountNew(int tokens) => Interlocked.Add(ref _newTokens, tokens);

    public void CountCancelled() => Interlocked.Increment(ref _cancelled);

    public void NoteWhole(TimeSpan time) => _whole.Note(time.TotalSeconds);

    public void NoteFirst(TimeSpan time) => _first.Note(time.TotalSeconds);

    /// <summary>The text.</summary>
    /// <param name="active">Answers that are being decoded.</param>
    /// <param name="waiting">Answers that wait.</param>
    public string Print(int active, int waiting)
    {
        var text = new StringBuilder();
        Head(text, "attune_requests_total", "counter", "Requests by address and status.");
        foreach (var ((route, status), count) in _requests.OrderBy(r => r.Key))
            Line(text, $"attune_requests_total{{route=\"{route}\",status=\"{status}\"}}", count);
        Single(text, "attune_prompt_tokens_total", "counter", "Tokens of prompts that were read.", Interlocked.Read(ref _promptTokens));
        Single(text, "attune_generated_tokens_total", "counter", "Tokens that were written.", Interlocked.Read(ref _newTokens));
        Single(text, "attune_cancelled_requests_total", "counter", "Requests that were given up before their end.", Interlocked.Read(ref _cancelled));
        Single(text, "attune_active_answers", "gauge", "Answers that are being decoded.", active);
        Single(text, "attune_waiting_answers", "gauge", "Answers that wait for a place.", waiting);
        _whole.Print(text, "attune_request_seconds", "Seconds from a request to the end of its answers.");
        _first.Print(text, "attune_first_token_seconds", "Seconds from a request to the first text of an answer.");
        return text.ToString();
    }

    private static void Single(StringBuilder text, string name, string kind, string help, double value)
    {
        Head(text, name, kind, help);
        Line(text, name, value);
    }

    private static void Head(StringBuilder text, string name, string kind, string help) => text.Append("# HELP ").Append(name).Append(' ').Append(help).Append("\n# TYPE ").Append(name).Append(' ').Append(kind).Append('\n');

    private static void Line(StringBuilder text, string name, double value) => text.Append(name).Append(' ').Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');

    private sealed class Histogram
    {
        private readonly long[] _counts = new long[Buckets.Length + 1];
        private readonly Lock _lock = new();
        private double _sum;

        public void Note(double seconds)
        {
            var bucket = Array.FindIndex(Buckets, limit => seconds <= limit);
            lock (_lock)
            {
                _counts[bucket < 0 ? Buckets.Length : bucket]++;
                _sum += seconds;
            }
        }

        public void Print(StringBuilder text, string name, string help)
        {
            Head(text, name, "histogram", help);
            lock (_lock)
            {
                var total = 0L;
                for (var k = 0; k <= Buckets.Length; k++)
                {
                    total += _counts[k];
                    Line(text, $"{name}_bucket{{le=\"{(k < Buckets.Length ? Buckets[k].ToString(CultureInfo.InvariantCulture) : "+Inf")}\"}}", total);
                }

                Line(text, name + "_sum", _sum);
                Line(text, name + "_count", total);
            }
        }
    }
}
