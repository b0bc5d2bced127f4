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
    /// <param name="path">The file.</param>
    /// <param name="fields">Where the fields are.</param>
    /// <param name="keep">Values that fields may have; rows with others are left out.</param>
    public static DataFile<Document> Documents(string path, FieldMap fields, IReadOnlyDictionary<string, IReadOnlyList<string>>? keep = null) =>
        Json(path, keep, row => row.Document(fields));

    /// <summary>JSON Lines, a prompt each; of pairs of answers without a prompt field, what both answers answer.</summary>
    /// <inheritdoc cref="Documents"/>
    public static DataFile<Document> Prompts(string path, FieldMap fields, IReadOnlyDictionary<string, IReadOnlyList<string>>? keep = null) =>
        Json(path, keep, row => row.Prompt(fields));

    /// <summary>JSON Lines, a prompt and its response each.</summary>
    /// <inheritdoc cref="Documents"/>
    public static DataFile<PromptResponse> PromptResponses(string path, FieldMap fields, IReadOnlyDictionary<string, IReadOnlyList<string>>? keep = null) =>
        Json(path, keep, row => row.PromptResponse(fields));

    /// <summary>JSON Lines, a <c>context</c> and a <c>continuation</c> each; other fields are passed over.</summary>
    public static DataFile<Continuation> Continuations(string path) => Json(path, keep: null, row => row.Continuation());

    /// <summary>JSON Lines, a list of messages each.</summary>
    /// <inheritdoc cref="Documents"/>
    public static DataFile<Conversation> Conversations(string path, FieldMap fields, IReadOnlyDictionary<string, IReadOnlyList<string>>? keep = null) =>
        Json(path, keep, row => row.Conversation(fields));

    /// <summary>JSON Lines, a better and a worse answer each, with a prompt field or as whole dialogues. Pairs of equal answers are dropped.</summary>
    /// <inheritdoc cref="Documents"/>
    public static DataFile<PreferencePair> Preferences(string path, FieldMap fields, IReadOnlyDictionary<string, IReadOnlyList<string>>? keep = null) =>
        Json(path, keep, row => row.PreferencePair(fields));

    private static DataFile<T> Json<T>(string path, IReadOnlyDictionary<string, IReadOnlyList<string>>? keep, Func<JsonRow, Row<T>> convert)
        where T : class => new(path, reader => JsonRows(reader, keep is not { Count: > 0 } ? convert
            : row => row.WhyDropped(keep) is { } reason ? new(null, reason) : convert(row)));

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
