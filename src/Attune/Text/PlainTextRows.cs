using System.Text;

namespace Attune.Text;

/// <summary>Cuts plain text into documents. Line breaks within a document become <c>\n</c>; that before a separator and at the end belongs to none.</summary>
internal static class PlainTextRows
{
    public static IEnumerable<(Line Line, Func<Row<Document>> Parse)> Of(LineReader reader, PlainTextOptions options)
    {
        var text = new StringBuilder();
        var isFirst = true;
        Line last = default;
        while (reader.Next() is { } line)
        {
            last = line;
            string? content = null;
            RowException? bad = null;
            try
            {
                content = line.ReadText();
            }
            catch (RowException error)
            {
                bad = error;
            }
            if (bad is not null)
                yield return (line, () => throw bad);
            else if (options.LinePerDocument)
                yield return (line, () => Document(content!));
            else if (content == options.Separator)
            {
                var document = text.ToString();
                yield return (line, () => Document(document));
                text.Clear();
                isFirst = true;
            }
            else
            {
                text.Append(isFirst ? "" : "\n").Append(content);
                isFirst = false;
            }
        }
        var rest = text.ToString();
        if (rest.Length > 0)
            yield return (last, () => Document(rest));
    }

    private static Row<Document> Document(string text) => string.IsNullOrWhiteSpace(text) ? new(null, "empty document") : new(new(text));
}
