using System.Text.Json;

namespace Attune.Tokens.Pipeline;

/// <summary>The tokens that a tokenizer puts around a whole text: the post-processors of <c>tokenizer.json</c>, for single texts. Pairs are not asked for here.</summary>
/// <param name="Before">Ids before the text.</param>
/// <param name="After">Ids after it.</param>
internal sealed record PostProcessor(int[] Before, int[] After)
{
    public static PostProcessor None { get; } = new([], []);

    /// <param name="component">What the file has.</param>
    /// <param name="idOf">The id of a token, null where there is none.</param>
    public static PostProcessor Read(Component component, Func<string, int?> idOf)
    {
        var (before, after) = (new List<int>(), new List<int>());
        foreach (var part in component.Flat("processors"))
        {
            var (first, last) = One(part, idOf);
            before.InsertRange(0, first); // a later processor stands around the earlier ones
            after.AddRange(last);
        }
        return new([.. before], [.. after]);
    }

    private static (int[] Before, int[] After) One(Component component, Func<string, int?> idOf)
    {
        switch (component.Type)
        {
            case "ByteLevel":
                component.Allow("add_prefix_space", "trim_offsets", "use_regex");
                return ([], []);
            case "BertProcessing":
                component.Allow("sep", "cls");
                return ([Named(component, "cls", idOf)], [Named(component, "sep", idOf)]);
            case "RobertaProcessing":
                component.Allow("sep", "cls", "trim_offsets", "add_prefix_space");
                return ([Named(component, "cls", idOf)], [Named(component, "sep", idOf)]);
            case "TemplateProcessing":
                component.Allow("single", "pair", "special_tokens");
                return Template(component, idOf);
            default:
                throw component.Unknown("ByteLevel, BertProcessing, RobertaProcessing, TemplateProcessing or a Sequence of these");
        }
    }

    /// <summary>A token written as <c>["[SEP]", 102]</c>.</summary>
    private static int Named(Component component, string key, Func<string, int?> idOf)
    {
        var pair = component.Elements(key);
        return pair.Count == 2 && pair[0].ValueKind == JsonValueKind.String && pair[1].ValueKind == JsonValueKind.Number && pair[1].TryGetInt32(out var id)
            ? Agreed(component, key, pair[0].GetString()!, id, idOf) : throw component.Wrong(key, "is no token with its id", "[\"token\", id]");
    }

    private static (int[] Before, int[] After) Template(Component component, Func<string, int?> idOf)
    {
        var (before, after) = (new List<int>(), new List<int>());
        var texts = 0;
        foreach (var item in component.Elements("single"))
        {
            var name = item.ValueKind == JsonValueKind.Object && item.EnumerateObject().Count() == 1 ? item.EnumerateObject().First().Name : "";
            if (name is not ("Sequence" or "SpecialToken") || item.GetProperty(name) is not { ValueKind: JsonValueKind.Object } what
                || !what.TryGetProperty("id", out var id) || id.ValueKind != JsonValueKind.String)
                throw component.Wrong("single", $"has {item.GetRawText()}", "a Sequence or a SpecialToken with its id");
            if (name == "SpecialToken")
                (texts == 0 ? before : after).AddRange(IdsOf(component, id.GetString()!, idOf));
            else if (id.GetString() != "A" || ++texts > 1)
                throw component.Wrong("single", $"has the text {id.GetString()}", "the text A once");
        }
        return texts == 1 ? ([.. before], [.. after]) : throw component.Wrong("single", "has no text", "the text A once");
    }

    private static IEnumerable<int> IdsOf(Component component, string name, Func<string, int?> idOf)
    {
        var token = component.Child("special_tokens").Child(name);
        var ids = token.Elements("ids");
        if (ids.Any(id => id.ValueKind != JsonValueKind.Number || !id.TryGetInt32(out _)))
            throw component.Wrong("special_tokens", $"has ids of '{name}' that are no numbers", "token ids");
        var tokens = token.Elements("tokens");
        return ids.Select((id, i) => i < tokens.Count && tokens[i].ValueKind == JsonValueKind.String
            ? Agreed(component, "special_tokens", tokens[i].GetString()!, id.GetInt32(), idOf)
            : throw component.Wrong("special_tokens", $"has {ids.Count} ids but {tokens.Count} tokens for '{name}'", "as many"));
    }

    private static int Agreed(Component component, string key, string token, int id, Func<string, int?> idOf) =>
        idOf(token) == id ? id : throw component.Wrong(key, $"gives '{token}' the id {id}", idOf(token) is { } known ? $"{known}, as the vocabulary has it" : "a token of the vocabulary");
}
