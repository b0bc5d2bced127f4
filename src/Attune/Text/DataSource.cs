using Attune.Runs;

namespace Attune.Text;

/// <summary>What the rows of a data file are; see docs/formats.md.</summary>
public enum DataFormat
{
    /// <summary>Plain text.</summary>
    Text,

    /// <summary>JSON Lines of documents.</summary>
    Documents,

    /// <summary>JSON Lines of a prompt and its response.</summary>
    Prompts,

    /// <summary>JSON Lines of conversations.</summary>
    Messages,

    /// <summary>JSON Lines of a better and a worse answer.</summary>
    Preferences,
}

/// <summary>Files to read and how: one entry of a recipe's list of data.</summary>
public sealed record DataSource : IChecked
{
    /// <summary>A file, a folder for all files in it, or a pattern in the last part: <c>books/*.txt.gz</c>.</summary>
    public required string Path { get; init; }

    /// <summary>File names to leave out of a folder or pattern; may hold <c>*</c>.</summary>
    public IReadOnlyList<string> Except { get; init; } = [];

    /// <summary>What the rows are.</summary>
    public DataFormat Format { get; init; } = DataFormat.Text;

    /// <summary>Plain text: a line that stands between documents; empty for a blank line, nothing for whole files.</summary>
    public string? Separator { get; init; }

    /// <summary>Plain text: whether every line is a document.</summary>
    public bool LinePerDocument { get; init; }

    /// <summary>JSON: where the fields are.</summary>
    public FieldMap Fields { get; init; } = new();

    /// <summary>JSON: rows to keep, as the values that a field may have; others are left out. All fields named must fit.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Keep { get; init; } = new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>Text and documents of all files, in the order of their names.</summary>
    public IReadOnlyList<DataFile<Document>> Documents() => Each(file => Format == DataFormat.Text
        ? Readers.PlainText(file, new() { Separator = Separator, LinePerDocument = LinePerDocument })
        : Readers.Documents(file, Fields, Keep));

    /// <summary>
    /// Texts to answer: lines of plain text (its documents, where a separator is named), documents, or the prompts of rows that have answers too.
    /// </summary>
    public IReadOnlyList<DataFile<Document>> Prompts() => Each(file => Format switch
    {
        DataFormat.Text => Readers.PlainText(file, new() { Separator = Separator, LinePerDocument = Separator is null }),
        DataFormat.Documents => Readers.Documents(file, Fields, Keep),
        _ => Readers.Prompts(file, Fields, Keep),
    });

    /// <summary>The texts of <see cref="Prompts"/> of several sources, after a look at all of them.</summary>
    /// <exception cref="InputException">A file has problems; lists those of all.</exception>
    public static string[] PromptTexts(IReadOnlyList<DataSource> sources)
    {
        var files = sources.SelectMany(source => source.Prompts().Select(file => (File: file, IsLine: source.Format == DataFormat.Text))).ToArray();
        CheckAll(files.Select(f => f.File));
        return [.. files.SelectMany(f => f.File.Select(document => f.IsLine ? document.Text.TrimEnd() : document.Text))]; // a space at a line's end is nobody's
    }

    /// <summary>Prompts with their responses.</summary>
    public IReadOnlyList<DataFile<PromptResponse>> PromptResponses() => Each(file => Readers.PromptResponses(file, Fields, Keep));

    /// <summary>Conversations.</summary>
    public IReadOnlyList<DataFile<Conversation>> Conversations() => Each(file => Readers.Conversations(file, Fields, Keep));

    /// <summary>Pairs of answers.</summary>
    public IReadOnlyList<DataFile<PreferencePair>> Preferences() => Each(file => Readers.Preferences(file, Fields, Keep));

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (string.IsNullOrWhiteSpace(Path))
            yield return Problem.Of("path", "is empty", "a file, a folder or a pattern", "name one");
        if (Format != DataFormat.Text && (Separator is not null || LinePerDocument))
            yield return Problem.Of("separator", "is set", "nothing beside JSON rows", "set format to text, or leave separator and linePerDocument out");
        if (Separator is not null && LinePerDocument)
            yield return Problem.Of("linePerDocument", "is true beside a separator", "one of the two", "leave one of them out");
        if (Format == DataFormat.Text && Keep.Count > 0)
            yield return Problem.Of("keep", "is set", "nothing beside plain text, which has no fields", "leave it out");
        if (Format == DataFormat.Text && Fields != new FieldMap())
            yield return Problem.Of("fields", "is set", "nothing beside plain text, which has no fields", "leave it out, or set format");
        if (Except.Count > 0 && !Path.Contains('*') && File.Exists(Path))
            yield return Problem.Of("except", $"is set beside the single file {Path}", "a folder or a pattern to leave files out of", "leave it out, or name a folder");
    }

    /// <summary>Refuses sources of a kind that a stage cannot use.</summary>
    /// <param name="sources">The sources of a recipe key.</param>
    /// <param name="key">The recipe key.</param>
    /// <param name="formats">Formats that can be used.</param>
    public static IEnumerable<Problem> CheckFormats(IReadOnlyList<DataSource> sources, string key, params DataFormat[] formats)
    {
        for (var i = 0; i < sources.Count; i++)
        {
            if (!formats.Contains(sources[i].Format))
            {
                var names = string.Join(" or ", formats.Select(f => f.ToString().ToLowerInvariant()));
                yield return Problem.Of($"{key}[{i}].format", $"is {sources[i].Format.ToString().ToLowerInvariant()}", names, "set it, or move the source");
            }
        }
    }

    /// <summary>Reads files to their end before any work, and throws once with every problem of all of them.</summary>
    public static IReadOnlyList<DataCheck> CheckAll<T>(IEnumerable<DataFile<T>> files)
        where T : class
    {
        var checks = files.Select(file => file.Check()).ToArray();
        var bad = checks.Where(check => check.Problems.Count > 0).ToArray();
        return bad.Length switch
        {
            0 => checks,
            1 => throw new InputException(bad[0].Path, bad[0].Problems),
            _ => throw new InputException("The data", [.. bad.SelectMany(check => check.Problems.Select(p => p with { Key = $"{check.Path} {p.Key}".TrimEnd() }))]),
        };
    }

    private List<DataFile<T>> Each<T>(Func<string, DataFile<T>> open)
        where T : class => [.. Files().Select(open)];

    /// <summary>The files, sorted by name, so that the order is the same on every machine.</summary>
    private string[] Files()
    {
        var (folder, pattern) = Directory.Exists(Path) ? (Path, "*") : (System.IO.Path.GetDirectoryName(Path) is { Length: > 0 } parent ? parent : ".", System.IO.Path.GetFileName(Path));
        if (!Directory.Exists(Path) && !pattern.Contains('*'))
            return [Path]; // its reader says what is wrong with it
        var files = Directory.Exists(folder)
            ? ReadFailure.Told(folder, () => Directory.GetFiles(folder, pattern)).Where(file => !IsLeftOut(System.IO.Path.GetFileName(file))).Order(StringComparer.Ordinal).ToArray()
            : [];
        return files.Length > 0 ? files : throw InputException.One(Path, "matches no file", "at least one", "check the path");
    }

    private bool IsLeftOut(string name) => name.StartsWith('.') || Except.Any(pattern => System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false));
}
