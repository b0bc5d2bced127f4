using System.Text;
using Attune.Runs;
using Attune.Text;

namespace Attune.Feedback.Aggregation;

/// <summary>
/// Reads tables of comma-separated values with a header line, plain or gzip: fields may stand in double quotes, a quote within them doubled,
/// and then hold line breaks too (RFC 4180), which are read as one line feed each. A file with bad lines is refused, with all of them listed.
/// </summary>
public static class CsvFile
{
    private const int MostProblemsShown = 20;

    /// <summary>Hands on the named columns of each row.</summary>
    /// <param name="path">The file.</param>
    /// <param name="columns">The columns that it has to have, in any order and among any others; none may be empty in a row.</param>
    /// <param name="take">Called for each row with its line and its fields in the order of <paramref name="columns"/>; what it refuses it throws as <see cref="FormatException"/>.</param>
    public static void Read(string path, IReadOnlyList<string> columns, Action<int, string[]> take)
    {
        using var reader = LineReader.Open(path);
        var problems = new List<Problem>();
        var more = 0;
        var row = new CsvRow();
        int[]? places = null;
        var width = 0;
        void Refuse(int line, string why)
        {
            if (problems.Count < MostProblemsShown)
                problems.Add(new($"line {line}", why));
            else
                more++;
        }
        while (reader.Next() is { } line)
        {
            try
            {
                if (!row.Takes(line))
                    continue;
                if (places is null)
                    (places, width) = (Places(path, columns, row.Fields), row.Fields.Count);
                else
                    take(row.Line, Pick(columns, places, row.Fields, width));
            }
            catch (Exception bad) when (bad is FormatException or RowException)
            {
                Refuse(bad is RowException ? line.Number : row.Line, bad.Message);
                row.Drop();
            }
        }
        if (row.Unclosed is { } why)
            Refuse(row.Line, why);
        if (more > 0)
            problems.Add(new("", $"and {more} more lines"));
        if (problems.Count > 0)
            throw new InputException(path, problems);
        if (places is null)
            throw InputException.One(path, "is empty", $"a header line with {string.Join(",", columns)}", "name another file");
    }

    /// <summary>The names of a file's columns.</summary>
    /// <exception cref="InputException">The file does not read, or has no first line.</exception>
    public static IReadOnlyList<string> Header(string path)
    {
        using var reader = LineReader.Open(path);
        var row = new CsvRow();
        while (reader.Next() is { } line)
        {
            try
            {
                if (row.Takes(line))
                    return row.Fields.ConvertAll(name => name.Trim());
            }
            catch (Exception bad) when (bad is FormatException or RowException)
            {
                throw new InputException(path, [new($"line {line.Number}", bad.Message)]);
            }
        }
        if (row.Unclosed is { } why)
            throw new InputException(path, [new($"line {row.Line}", why)]);
        throw InputException.One(path, "is empty", "a header line that names the columns", "name another file");
    }

    private static int[] Places(string path, IReadOnlyList<string> columns, List<string> header)
    {
        var names = header.ConvertAll(name => name.Trim());
        var missing = columns.Where(column => names.Count(name => name == column) != 1).ToList();
        if (missing.Count > 0)
            throw InputException.One(path, $"has the header '{string.Join(",", names)}', which lacks or repeats {string.Join(", ", missing)}",
                $"the columns {string.Join(",", columns)} once each", "correct the first line");
        return [.. columns.Select(column => names.IndexOf(column))];
    }

    private static string[] Pick(IReadOnlyList<string> columns, int[] places, List<string> fields, int width)
    {
        if (fields.Count > width)
            throw new FormatException($"has {fields.Count} fields, expected {width} as the first line has; put a field with a comma in it in double quotes");
        var picked = new string[places.Length];
        for (var i = 0; i < places.Length; i++)
        {
            if (places[i] >= fields.Count)
                throw new FormatException($"has {fields.Count} fields and so no {columns[i]}, expected at least {places.Max() + 1}; complete or remove the line");
            picked[i] = fields[places[i]];
            if (picked[i].Length == 0)
                throw new FormatException($"has an empty {columns[i]}, expected a name; complete or remove the line");
        }
        return picked;
    }
}

/// <summary>A row of a table, which is one line or, where fields hold line breaks, several.</summary>
internal sealed class CsvRow
{
    private const int LongestField = 1 << 20; // a quote that nobody closes would take in the rest of the file

    private StringBuilder? _open; // the field in quotes that the lines so far have not closed
    private int _opened;

    /// <summary>The line on which it begins.</summary>
    public int Line { get; private set; }

    /// <summary>Its fields.</summary>
    public List<string> Fields { get; } = [];

    /// <summary>What is wrong where the file ends here; null between rows.</summary>
    public string? Unclosed => _open is null ? null
        : $"opens a quote{On(Line)} that does not close, expected it closed by the end of the file; close it, or double a quote that belongs to the text";

    /// <summary>Takes the next line; whether the row is whole with it. Blank lines between rows are none.</summary>
    /// <exception cref="FormatException">It is malformed; <see cref="Drop"/> the row then.</exception>
    public bool Takes(Line line)
    {
        var isNew = _open is null;
        if (isNew)
            Line = line.Number;
        var text = line.ReadText();
        if (isNew)
        {
            Fields.Clear();
            if (string.IsNullOrWhiteSpace(text))
                return false;
        }
        for (var at = 0; ;)
        {
            if (_open is null && at < text.Length && text[at] == '"')
            {
                (_open, _opened) = (new(), line.Number);
                at++;
            }
            if (_open is not null)
            {
                if (Quoted(text, at, line.Number) is not { } behind)
                    return false;
                at = behind;
            }
            else
            {
                var comma = text.IndexOf(',', at) is var next and >= 0 ? next : text.Length;
                Fields.Add(text[at..comma]);
                at = comma;
            }
            if (at == text.Length)
                return true;
            at++;
        }
    }

    /// <summary>Forgets a malformed row; the next line begins another.</summary>
    public void Drop() => _open = null;

    private string On(int line) => _opened == line ? "" : $" on line {_opened}";

    /// <summary>Goes on with a field in quotes; the place behind it, or null where it goes on in the next line.</summary>
    private int? Quoted(string text, int start, int line)
    {
        for (var at = start; at < text.Length; at++)
        {
            if (text[at] != '"')
            {
                _open!.Append(text[at]);
            }
            else if (at + 1 < text.Length && text[at + 1] == '"')
            {
                _open!.Append(text[at++]);
            }
            else if (at + 1 < text.Length && text[at + 1] != ',')
            {
                throw new FormatException($"has '{text[at + 1]}' behind a closing quote{(line == Line ? "" : $" on line {line}")}, expected a comma; double the quotes within a field");
            }
            else
            {
                Fields.Add(_open!.ToString());
                _open = null;
                return at + 1;
            }
        }
        if (_open!.Append('\n').Length > LongestField)
            throw new FormatException($"opens a quote{On(Line)} that does not close within {LongestField} characters, expected it closed; close it, or double a quote that belongs to the text");
        return null;
    }
}
