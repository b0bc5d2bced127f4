using Attune.Runs;

namespace Attune.Cli.Output;

/// <summary>
/// Progress on a terminal: one live line, redrawn at most ten times a second. Elsewhere: a plain line when a stage begins, every few seconds, and
/// when it ends, so that logs stay short.
/// </summary>
internal sealed class ConsoleProgress(TextWriter log, bool isTerminal, Func<int> width, TimeProvider time) : IProgressSink, IDisposable
{
    private static readonly TimeSpan LivePause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan PlainPause = TimeSpan.FromSeconds(5);
    private const string ClearLine = "\r\x1b[K";

    private readonly Lock _lock = new();
    private string _stage = "";
    private string _live = "";
    private long _shown;

    public void Report(ProgressReport report)
    {
        lock (_lock)
        {
            var isNew = report.Stage != _stage;
            var isEnd = report.Total > 0 && report.Done >= report.Total;
            if (!isNew && !isEnd && time.GetElapsedTime(_shown) < (isTerminal ? LivePause : PlainPause))
                return;
            if (isNew)
                EndLive();
            (_stage, _shown) = (report.Stage, time.GetTimestamp());
            var line = report.Line();
            if (!isTerminal)
            {
                log.Write(line + "\n");
                return;
            }
            _live = line.Length < width() ? line : line[..Math.Max(0, width() - 1)];
            log.Write(ClearLine + _live);
            if (isEnd)
                EndLive();
        }
    }

    public void Say(string line)
    {
        lock (_lock)
            log.Write(_live.Length > 0 ? $"{ClearLine}{line}\n{_live}" : line + "\n");
    }

    public void Warn(string line) => Say("warning: " + line);

    public void Dispose()
    {
        lock (_lock)
            EndLive();
    }

    private void EndLive()
    {
        if (_live.Length > 0)
            log.Write("\n");
        _live = "";
    }
}
