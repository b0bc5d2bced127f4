using System.Collections;

using Attune.Runs;

namespace Attune.Text;

/// <summary>What a full reading of a file found.</summary>
/// <param name="Path">The file.</param>
/// <param name="Rows">Rows that can be used.</param>
/// <param name="Dropped">Rows left out on purpose, counted by reason.</param>
/// <param name="Problems">What is wrong, up to as many as were asked for.</param>
public sealed record DataCheck(string Path, long Rows, IReadOnlyDictionary<string, long> Dropped, IReadOnlyList<Problem> Problems)
{
    /// <summary>Throws where there are problems, naming all that were found.</summary>
    public DataCheck ThrowIfBad() => Problems.Count == 0 ? this : throw new InputException(Path, Problems);
}

/// <summary>A row, or the reason why it is left out on purpose.</summary>
internal readonly record struct Row<T>(T? Value, string? WhyDropped = null)
    where T : class;

/// <summary>
/// The rows of a data file, read anew by each enumeration in constant memory. Enumerating throws at the first problem; run <see cref="Check"/> before
/// training, so that a bad line is found before any work and not in its middle.
/// </summary>
public sealed class DataFile<T> : IEnumerable<T>
    where T : class
{
    private readonly Func<LineReader, IEnumerable<(Line Line, Func<Row<T>> Parse)>> _rows;

    internal DataFile(string path, Func<LineReader, IEnumerable<(Line Line, Func<Row<T>> Parse)>> rows) => (Path, _rows) = (path, rows);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Reads everything and reports up to <paramref name="most"/> problems at once.</summary>
    public DataCheck Check(int most = 20)
    {
        long rows = 0;
        var dropped = new SortedDictionary<string, long>(StringComparer.Ordinal);
        var problems = new List<Problem>();
        try
        {
            using var reader = LineReader.Open(Path);
            foreach (var (line, parse) in _rows(reader))
            {
                var (row, problem) = Parse(line, parse);
                if (problem is not null)
                    problems.Add(problem);
                else if (row.WhyDropped is { } reason)
                    dropped[reason] = dropped.GetValueOrDefault(reason) + 1;
                else
                    rows++;
                if (problems.Count >= most)
                    break;
            }
        }
        catch (InputException error)
        {
            problems.AddRange(error.Problems);
        }
        if (rows == 0 && problems.Count == 0)
            problems.Add(NoRows(dropped.Values.Sum()));
        return new(Path, rows, dropped, problems);
    }

    /// <inheritdoc/>
    public IEnumerator<T> GetEnumerator()
    {
        using var reader = LineReader.Open(Path);
        long rows = 0, dropped = 0;
        foreach (var (line, parse) in _rows(reader))
        {
            var (row, problem) = Parse(line, parse);
            if (problem is not null)
                throw new InputException(Path, [problem]);
            if (row.Value is null)
            {
                dropped++;
                continue;
            }
            rows++;
            yield return row.Value;
        }
        if (rows == 0)
            throw new InputException(Path, [NoRows(dropped)]);
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static (Row<T> Row, Problem? Problem) Parse(Line line, Func<Row<T>> parse)
    {
        try
        {
            return (parse(), null);
        }
        catch (RowException error)
        {
            return (default, line.ProblemAt(error.ByteInLine, error.Message));
        }
    }

    private static Problem NoRows(long dropped) => dropped == 0
        ? Problem.Of("", "is empty", "at least one row", "get the file again, or name another")
        : Problem.Of("", $"has {dropped} rows of which none can be used", "at least one", "name another file");
}
