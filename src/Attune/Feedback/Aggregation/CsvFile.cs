using System.Text;
using Attune.Runs;
using Attune.Text;

namespace Attune.Feedback.Aggregation;

/// <summary>
/// Reads tables of comma-separated values with a header line, plain or gzip: fields may stand in double quotes, a quote within them doubled.
/// A file with bad lines is refused, with all of them listed. Not here: line breaks within a field.
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
        var fields = new List<string>();
        int[]? places = null;
        var width = 0;
        while (reader.Next() is { } line)
        {
            try
            {
                var text = line.ReadText();
                if (string.IsNullOrWhiteSpace(text))
                    continue;
                Split(text, fields);
                if (places is null)
                    (places, width) = (Places(path, columns, fields), fields.Count);
                else
                    take(line.Number, Pick(columns, places, fields, width));
            }
            catch (Exception bad) when (bad is FormatException or RowException)
            {
                if (problems.Count < MostProblemsShown)
                    problems.Add(new($"line {line.Number}", bad.Message));
                else
                    more++;
            }
        }
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
        var fields = new List<string>();
        while (reader.Next() is { } line)
        {
            try
            {
                var text = line.ReadText();
                if (string.IsNullOrWhiteSpace(text))
                    continue;
                Split(text, fields);
                return fields.ConvertAll(name => name.Trim());
            }
            catch (Exception bad) when (bad is FormatException or RowException)
            {
                throw new InputException(path, [new($"line {line.Number}", bad.Message)]);
            }
        }
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

    private static void Split(string text, List<string> fields)
    {
        fields.Clear();
        for (var at = 0; ;)
        {
            var isQuoted = at < text.Length && text[at] == '"';
            var end = isQuoted ? Quoted(text, at, fields) : text.IndexOf(',', at) is var comma and >= 0 ? comma : text.Length;
            if (!isQuoted)
                fields.Add(text[at..end]);
            if (end == text.Length)
                return;
            at = end + 1;
        }
    }

    /// <summary>Adds a field in quotes; the place behind it.</summary>
    private static int Quoted(string text, int start, List<string> fields)
    {
        var field = new StringBuilder();
        for (var at = start + 1; at < text.Length; at++)
        {
            if (text[at] != '"')
            {
                field.Append(text[at]);
            }
            else if (at + 1 < text.Length && text[at + 1] == '"')
            {
                field.Append(text[at++]);
            }
            else if (at + 1 < text.Length && text[at + 1] != ',')
            {
                throw new FormatException($"has '{text[at + 1]}' behind a closing quote, expected a comma; double the quotes within a field");
            }
            else
            {
                fields.Add(field.ToString());
                return at + 1;
            }
        }
        throw new FormatException("opens a quote that does not close, expected it on the same line; close it, or double a quote that belongs to the text");
    }
}
