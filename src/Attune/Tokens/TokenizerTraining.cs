using Attune.Runs;
using Attune.Text;

namespace Attune.Tokens;

/// <summary>Learns a tokenizer from data files, which are read to their end before any work: a bad line is bad input and no failure.</summary>
public static class TokenizerTraining
{
    /// <summary>Reads all sources to their end.</summary>
    /// <returns>Their files, and how many documents these hold.</returns>
    /// <exception cref="InputException">Names everything that is wrong with any of them.</exception>
    public static (IReadOnlyList<DataFile<Document>> Files, long Documents) Check(IEnumerable<DataSource> sources)
    {
        var files = new List<DataFile<Document>>();
        var problems = new List<InputException>();
        foreach (var source in sources)
        {
            try
            {
                files.AddRange(source.Documents());
            }
            catch (InputException e)
            {
                problems.Add(e);
            }
        }

        return problems.Count switch
        {
            0 => (files, DataSource.CheckAll(files).Sum(check => check.Rows)),
            1 => throw problems[0],
            _ => throw new InputException("The data", [.. problems.SelectMany(e => e.Problems.Select(p => p with { Key = $"{e.Title} {p.Key}".TrimEnd() }))]),
        };
    }

    /// <summary>Learns from files that were checked.</summary>
    /// <param name="files">The files.</param>
    /// <param name="documents">How many documents they hold, for the progress.</param>
    /// <param name="options">What the vocabulary should be.</param>
    /// <param name="progress">Takes how far it is.</param>
    /// <param name="stop">Ends it without result.</param>
    public static Tokenizer Run(IReadOnlyList<DataFile<Document>> files, long documents, BpeTrainerOptions options, IProgressSink progress, CancellationToken stop)
    {
        var read = new ProgressMeter(progress, "read", documents, "documents", TimeProvider.System);
        var learn = new ProgressMeter(progress, "learn", options.VocabularySize, "pieces", TimeProvider.System);
        var done = 0L;
        return BpeTrainer.Train(Counted(), options, pieces => learn.Advance(pieces), stop);

        IEnumerable<string> Counted()
        {
            foreach (var document in files.SelectMany(file => file))
            {
                yield return document.Text;
                read.Advance(++done);
            }
        }
    }
}
