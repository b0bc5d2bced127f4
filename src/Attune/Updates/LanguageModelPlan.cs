using Attune.Models;
using Attune.Runs;
using Attune.Text;
using Attune.Tokens;

namespace Attune.Updates;

/// <summary>
/// What pretraining or fine-tuning is going to do, known before weights are read and before anything is written. Training starts from it, and a
/// dry run shows it.
/// </summary>
public sealed record LanguageModelPlan
{
    /// <summary>The model's shape.</summary>
    public required TransformerConfig Config { get; init; }

    /// <summary>Its tokenizer.</summary>
    public required Tokenizer Tokenizer { get; init; }

    /// <summary>Training rows.</summary>
    public required TokenBatch Rows { get; init; }

    /// <summary>Validation rows; may be none.</summary>
    public required TokenBatch Validation { get; init; }

    /// <summary>Batch, learning rate, optimiser, length.</summary>
    public required LanguageModelConfig Training { get; init; }

    /// <summary>What learns instead of the weights; null for those.</summary>
    public AdapterSettings? Adapter { get; init; }

    /// <summary>Memory that training takes, bytes; an estimate on the safe side.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>What may not be meant.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Steps of the whole training.</summary>
    public int Steps => Training.StepsFor(Rows.Rows);

    /// <summary>What the folder to start from says of itself, after a look at whether its weights are whole; null after adding to the problems.</summary>
    internal static ModelDescription? Start(string folder, InputProblems problems)
    {
        var description = problems.Try(() => ModelDescription.Read(folder, TokenizerUse.Needed));
        if (description is not null)
            problems.Try(() => HuggingFaceFolder.Open(folder).Dispose());
        return description;
    }

    /// <summary>Opens the files of a source and reads each to its end; what was left out on purpose is told as a warning.</summary>
    internal static DataFile<T>[] Checked<T>(IReadOnlyList<DataSource> sources, Func<DataSource, IReadOnlyList<DataFile<T>>> open, InputProblems problems, List<string> warnings)
        where T : class
    {
        var files = sources.SelectMany(source => problems.Try(() => open(source)) ?? []).ToArray();
        foreach (var file in files)
        {
            if (problems.Try(() => file.Check().ThrowIfBad()) is { Dropped.Count: > 0 } check)
                warnings.Add($"{file.Path}: left out {string.Join(", ", check.Dropped.Select(reason => $"{reason.Value:N0} rows ({reason.Key})"))}");
        }
        return files;
    }

    /// <summary>Warnings that follow from the settings and the number of rows.</summary>
    internal static IEnumerable<string> Doubts(string section, LanguageModelConfig training, TokenBatch rows, Tokenizer tokenizer)
    {
        if (training.ScheduleFor(rows.Rows).Doubt(section) is { } doubt)
            yield return doubt;
        if (training.Batch > rows.Rows)
            yield return $"{section}.batch is {training.Batch}, but there are {rows.Rows} rows: each step sees some of them twice";
        if (tokenizer.PaddingId is { } padding && padding == tokenizer.EndId)
            yield return "padding and end are the same token: Attune tells them apart by place, but a tool that masks padding by its id would never learn to end";
    }
}
