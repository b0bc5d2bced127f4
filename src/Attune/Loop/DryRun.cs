using Attune.Runs;

namespace Attune.Loop;

/// <summary>A number of a dry run.</summary>
/// <param name="Name">What it counts: "steps".</param>
/// <param name="Value">The number.</param>
/// <param name="Unit">Its unit; "bytes" are shown as people read them.</param>
public sealed record DryRunFigure(string Name, double Value, string Unit = "");

/// <summary>What a recipe would do: its arithmetic, its first sample, what may not be meant, and what is wrong with it.</summary>
public sealed record DryRun
{
    /// <summary>The recipe file.</summary>
    public string Recipe { get; init; } = "";

    /// <summary>The verb that runs it.</summary>
    public string Stage { get; init; } = "";

    /// <summary>Numbers that follow from recipe and data.</summary>
    public IReadOnlyList<DryRunFigure> Figures { get; init; } = [];

    /// <summary>Memory that it takes, bytes; an estimate on the safe side.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>Memory that may be taken now, bytes.</summary>
    public long MemoryAvailable { get; init; }

    /// <summary>The first thing that the model reads, with what it learns from between ⟦ and ⟧.</summary>
    public string Sample { get; init; } = "";

    /// <summary>What may not be meant.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Everything that is wrong; the rest is empty then.</summary>
    public IReadOnlyList<Problem> Problems { get; init; } = [];
}

/// <summary>Passes progress on, and keeps warnings for the report.</summary>
internal sealed class KeptWarnings(IProgressSink progress) : IProgressSink
{
    public List<string> Warnings { get; } = [];

    public void Report(ProgressReport report) => progress.Report(report);

    public void Say(string line) => progress.Say(line);

    public void Warn(string line) => Warnings.Add(line);
}
