using Attune.Runs;

namespace Attune.Tests.Runs;

/// <summary>A sink that keeps what it is told.</summary>
internal sealed class RecordedProgress : IProgressSink
{
    public List<ProgressReport> Reports { get; } = [];

    public List<string> Lines { get; } = [];

    public List<string> Warnings { get; } = [];

    public void Report(ProgressReport report) => Reports.Add(report);

    public void Say(string line) => Lines.Add(line);

    public void Warn(string line) => Warnings.Add(line);
}
