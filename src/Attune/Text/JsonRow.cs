using System.Text.Json;

namespace Attune.Text;

/// <summary>One line of a JSON Lines file and the records that can be made of it.</summary>
internal readonly struct JsonRow
{
    private const string Empty = "empty text";
    private const string Same = "chosen equals rejected";

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    private readonly JsonElement _root;

    private JsonRow(JsonElement root) => _root = root;

    public static Row<T> Read<T>(Line line, Func<JsonRow, Row<T>> convert)
        where T : class
    {
        line.RequireUtf8(); // a byte that is not UTF-8 has a better message here than the parser's
        try
        {
            using var document = JsonDocument.Parse(line.Bytes, Strict);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new RowException(0, $"holds {Name(document.RootElement)}", "a JSON object, one a line", "write each row as {\"field\": value, ...} on a line of its own");
            return convert(new(document.RootElement));
        }
        catch (JsonException error) when (error.BytePositionInLine is null) // a doubled field: the parser does not say where
        {
            throw new RowException(0, $"has a field twice ({error.Message.TrimEnd('.')})", "each field of an object once", "remove one of them");
        }
        catch (JsonException error)
        {
            throw new RowException(error.BytePositionInLine ?? 0, "is not valid JSON", "a JSON object, one a line", "correct the line or remove it");
        }
        catch (InvalidOperationException) // an escape such as \ud800 alone, in a name or where a value is compared
        {
            throw new RowException(0, "holds half of a surrogate pair", "well-formed Unicode", "correct the line or remove it");
        }
    }

    /// <summary>Which of the fields has a value that is not to be kept, or null.</summary>
    public string? WhyDropped(IReadOnlyDictionary<string, IReadOnlyList<string>> keep)
    {
        foreach (var (path, values) in keep)
        {
            var value = Find(path) ?? throw Missing(path, $"keep.{path}");
            if (!values.Contains(value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText()))
                return $"{path} is not to be kept";
        }
        return null;
    }

    public Row<Document> Document(FieldMap fields) => Document(Text(nameof(fields.Text), fields.Text), fields);

    /// <summary>What a row asks, whatever the answers; without a prompt field that which two answers share.</summary>
    public Row<Document> Prompt(FieldMap fields)
    {
        if (Find(fields.Prompt) is not null || Find(fields.Chosen) is null)
            return Document(Text(nameof(fields.Prompt), fields.Prompt), fields);
        var pair = PreferencePair(fields);
        return pair.Value is null ? new(null, pair.WhyDropped) : Document(pair.Value.Prompt, fields);
    }

    public Row<PromptResponse> PromptResponse(FieldMap fields)
    {
        var (prompt, response) = (Text(nameof(fields.Prompt), fields.Prompt), Text(nameof(fields.Response), fields.Response));
        return prompt.Length == 0 || response.Length == 0 ? new(null, Empty) : new(new(prompt, response, Name(nameof(fields.Id), fields.Id)));
    }

    public Row<Conversation> Conversation(FieldMap fields)
    {
        var list = Required(nameof(fields.Messages), fields.Messages);
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() == 0)
            throw Wrong(nameof(fields.Messages), fields.Messages, list.ValueKind == JsonValueKind.Array ? "is empty" : $"is {Name(list)}", "a list of messages");
        var messages = new List<Message>();
        foreach (var item in list.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Object)
                throw Wrong(nameof(fields.Messages), fields.Messages, $"holds {Name(item)}", "objects with role and content");
            var message = new JsonRow(item);
            messages.Add(new(Speaker(message.Text(nameof(fields.Role), fields.Role)), message.Text(nameof(fields.Content), fields.Content)));
        }
        return messages.TrueForAll(message => message.Role != Role.Assistant) ? new(null, "no answer") : new(new(messages, Name(nameof(fields.Id), fields.Id)));
    }

    public Row<PreferencePair> PreferencePair(FieldMap fields)
    {
        var (chosen, rejected) = (Text(nameof(fields.Chosen), fields.Chosen), Text(nameof(fields.Rejected), fields.Rejected));
        if (chosen == rejected)
            return new(null, Same);
        var pair = Find(fields.Prompt) is not null ? new PreferencePair(Text(nameof(fields.Prompt), fields.Prompt), chosen, rejected)
            : Transcript.IsTranscript(chosen) && Transcript.IsTranscript(rejected) ? Transcript.Pair(chosen, rejected)
            : SharedPrompt.Extract(chosen, rejected);
        if (pair.Chosen.Length == 0 || pair.Rejected.Length == 0)
            return new(null, Empty);
        return new(pair with
        {
            PChosen = Number(nameof(fields.PChosen), fields.PChosen, 0, 1),
            Judges = Count(nameof(fields.Judges), fields.Judges) ?? 1,
            Strength = Number(nameof(fields.Strength), fields.Strength, double.MinValue, double.MaxValue),
            Id = Name(nameof(fields.Id), fields.Id),
            ChosenId = Name(nameof(fields.ChosenId), fields.ChosenId),
            RejectedId = Name(nameof(fields.RejectedId), fields.RejectedId),
            Group = Name(nameof(fields.Group), fields.Group),
        });
    }

    private Row<Document> Document(string text, FieldMap fields) =>
        string.IsNullOrWhiteSpace(text) ? new(null, Empty) : new(new(text, Name(nameof(fields.Id), fields.Id)));

    private static Role Speaker(string name) => name.ToLowerInvariant() switch
    {
        "system" => Role.System,
        "user" or "human" => Role.User,
        "assistant" or "gpt" or "model" => Role.Assistant,
        _ => throw new RowException(0, $"has a message by '{name}'", "system, user or assistant", "rename the role, or remove the row"),
    };

    public Row<Continuation> Continuation() => new(new(Named("context"), Named("continuation") is { Length: > 0 } text ? text
        : throw new RowException(0, "has an empty continuation", "some text", "complete the line or remove it")));

    private string Named(string field) => Find(field) is not { } value ? throw new RowException(0, $"has no \"{field}\"", "{\"context\": …, \"continuation\": …}", "complete the line or remove it")
        : value.ValueKind == JsonValueKind.String ? value.GetString()!
        : throw new RowException(0, $"has \"{field}\" that is {Name(value)}", "a string", "correct the line or remove it");

    private string Text(string key, string path)
    {
        var value = Required(key, path);
        if (value.ValueKind != JsonValueKind.String)
            throw Wrong(key, path, $"is {Name(value)}", "a string");
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException) // an escape such as \ud800 alone
        {
            throw Wrong(key, path, "holds half of a surrogate pair", "well-formed Unicode");
        }
    }

    private double? Number(string key, string path, double least, double most)
    {
        if (Find(path) is not { } value || value.ValueKind == JsonValueKind.Null)
            return null;
        if (value.ValueKind != JsonValueKind.Number)
            throw Wrong(key, path, $"is {Name(value)}", "a number");
        var number = value.GetDouble();
        return number >= least && number <= most ? number : throw Wrong(key, path, $"is {value.GetRawText()}", $"at least {least}" + (most == 1 ? " and at most 1" : ""));
    }

    private int? Count(string key, string path)
    {
        var number = Number(key, path, 1, int.MaxValue);
        return number is null || double.IsInteger(number.Value) ? (int?)number : throw Wrong(key, path, $"is {number}", "a whole number");
    }

    /// <summary>A name may be a string or a number; it is kept as text.</summary>
    private string? Name(string key, string path) => Find(path) is not { } value ? null : value.ValueKind switch
    {
        JsonValueKind.String => Text(key, path),
        JsonValueKind.Number => value.GetRawText(),
        _ => null,
    };

    private JsonElement Required(string key, string path) => Find(path) ?? throw Missing(path, InRecipe(key));

    private RowException Missing(string path, string recipeKey) =>
        new(0, $"has no \"{path}\" but {string.Join(", ", _root.EnumerateObject().Take(8).Select(field => $"\"{field.Name}\""))}", "that field", $"name the right one in the recipe: {recipeKey}");

    private JsonElement? Find(string path)
    {
        if (_root.TryGetProperty(path, out var direct))
            return direct;
        var at = _root;
        foreach (var part in path.Split('.'))
        {
            if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(part, out at))
                return null;
        }
        return at;
    }

    private static RowException Wrong(string key, string path, string found, string expected) =>
        new(0, $"has \"{path}\" that {found}", expected, $"correct it, or name another field in the recipe: {InRecipe(key)}");

    private static string InRecipe(string key) => $"fields.{char.ToLowerInvariant(key[0])}{key[1..]}";

    private static string Name(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => "true or false",
    };
}
