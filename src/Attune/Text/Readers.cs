namespace Attune.Text;

/// <summary>How a plain text file is cut into documents.</summary>
public sealed record PlainTextOptions
{
    /// <summary>A line that stands between documents, for instance <c>&lt;|endofstory|&gt;</c> or nothing for a blank line; null for no such line.</summary>
    public string? Separator { get; init; }

    /// <summary>Whether every line is a document; else, without a separator, the whole file is one.</summary>
    public bool LinePerDocument { get; init; }
}

/// <summary>Opens data files, plain or gzip; see docs/formats.md. Nothing is read before the result is checked or enumerated.</summary>
public static class Readers
{
    /// <summary>Plain text.</summary>
    public static DataFile<Document> PlainText(string path, PlainTextOptions options) => new(path, reader => PlainTextRows.Of(reader, options));

    /// <summary>JSON Lines, a document each.</summary>
    public static DataFile<Document> Documents(string path, FieldMap fields) => Json(path, row => row.Document(fields));

    /// <summary>JSON Lines, a prompt and its response each.</summary>
    public static DataFile<PromptResponse> PromptResponses(string path, FieldMap fields) => Json(path, row => row.PromptResponse(fields));

    /// <summary>JSON Lines, a list of messages each.</summary>
    public static DataFile<Conversation> Conversations(string path, FieldMap fields) => Json(path, row => row.Conversation(fields));

    /// <summary>JSON Lines, a better and a worse answer each, with a prompt field or as whole dialogues. Pairs of equal answers are dropped.</summary>
    public static DataFile<PreferencePair> Preferences(string path, FieldMap fields) => Json(path, row => row.PreferencePair(fields));

    private static DataFile<T> Json<T>(string path, Func<JsonRow, Row<T>> convert)
        where T : class => new(path, reader => JsonRows(reader, convert));

    private static IEnumerable<(Line, Func<Row<T>>)> JsonRows<T>(LineReader reader, Func<JsonRow, Row<T>> convert)
        where T : class
    {
        while (reader.Next() is { } line)
        {
            if (line.Bytes.Span.Trim(" \t"u8).Length > 0)
                yield return (line, () => JsonRow.Read(line, convert));
        }
    }
}
