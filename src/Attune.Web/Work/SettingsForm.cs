using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Attune.Feedback;
using Attune.Runs;
using Attune.Storage.Work;

namespace Attune.Web.Work;

/// <summary>
/// A project's settings as a form: the common ones as fields, as they were typed, and the rest as JSON. Together they are read as one object, so everything
/// that is wrong is said at once.
/// </summary>
public sealed class SettingsForm
{
    private static readonly string[] Whole = ["overlap", "maximumOverlap", "leaseMinutes", "undoMinutes", "reportsToHold", "openTasks", "dailyLimit", "idleSeconds"];
    private static readonly string[] Words = ["kind", "scale", "labels", "consentText", "consentVersion", "contentWarning"];

    private static JsonSerializerOptions Readable { get; } = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>What is typed, by the setting's key.</summary>
    public Dictionary<string, string?> Fields { get; set; } = new(StringComparer.Ordinal);

    /// <summary>The axes of ratings, with commas between.</summary>
    public string? Axes { get; set; }

    /// <summary>Whether judges see which model wrote what.</summary>
    public bool ShowModelNames { get; set; }

    /// <summary>Everything else, a JSON object.</summary>
    public string? Rest { get; set; }

    /// <summary>The settings with a number for a value, in the order shown.</summary>
    public static IReadOnlyList<string> Numbers => Whole;

    /// <summary>What can be chosen for a key that has words for values.</summary>
    public static IReadOnlyList<string> Choices(string key) => key switch
    {
        "kind" => [.. Enum.GetValues<TaskKind>().Select(Word)],
        "scale" => [.. Enum.GetValues<PreferenceScale>().Select(Word)],
        "labels" => [.. Enum.GetValues<LabelScheme>().Select(Word)],
        _ => [],
    };

    /// <summary>The form of settings that are there.</summary>
    public static SettingsForm Of(ProjectSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var rest = JsonNode.Parse(settings.ToJson())!.AsObject();
        var form = new SettingsForm { Axes = string.Join(", ", settings.Axes), ShowModelNames = settings.ShowModelNames };
        foreach (var key in Whole.Concat(Words))
        {
            form.Fields[key] = rest[key] is JsonValue value ? value.ToString() : null;
            rest.Remove(key);
        }
        rest.Remove("axes");
        rest.Remove("showModelNames");
        form.Rest = rest.ToJsonString(Readable);
        return form;
    }

    /// <summary>The settings that fields and rest say together.</summary>
    /// <exception cref="InputException">Everything that is wrong with them.</exception>
    public ProjectSettings Read()
    {
        var problems = new List<Problem>();
        var all = ReadRest(problems);
        foreach (var key in Words.Where(key => !string.IsNullOrWhiteSpace(Fields.GetValueOrDefault(key))))
            all[key] = Fields[key]!.Trim();
        foreach (var key in Whole.Where(key => !string.IsNullOrWhiteSpace(Fields.GetValueOrDefault(key))))
        {
            if (int.TryParse(Fields[key], NumberStyles.AllowLeadingSign | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var number))
                all[key] = number;
            else
                problems.Add(Problem.Of(key, $"is {Fields[key]}", "a whole number", "correct it"));
        }
        all["axes"] = new JsonArray([.. (Axes ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(axis => (JsonNode)axis)]);
        all["showModelNames"] = ShowModelNames;
        try
        {
            var settings = ProjectSettings.FromJson(all.ToJsonString());
            return problems.Count == 0 ? settings : throw new InputException("The project's settings", problems);
        }
        catch (InputException e) when (e.Problems.Count > 0 && !ReferenceEquals(e.Problems, problems) && problems.Count > 0)
        {
            throw new InputException("The project's settings", [.. problems.Union(e.Problems)]);
        }
    }

    private JsonObject ReadRest(List<Problem> problems)
    {
        try
        {
            using var read = JsonDocument.Parse(string.IsNullOrWhiteSpace(Rest) ? "{}" : Rest, new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (read.RootElement.ValueKind != JsonValueKind.Object)
                throw new JsonException("is no object");
            var rest = JsonObject.Create(read.RootElement.Clone())!;
            foreach (var key in rest.Select(entry => entry.Key).Where(key => Whole.Contains(key) || Words.Contains(key) || key is "axes" or "showModelNames").ToArray())
                problems.Add(Problem.Of(key, "stands in the rest", "the field above", "remove it from the rest"));
            return rest;
        }
        catch (JsonException e)
        {
            problems.Add(Problem.Of("rest", $"cannot be read ({e.Message.TrimEnd('.')})", "a JSON object", "correct it; {} says nothing"));
            return [];
        }
    }

    private static string Word<T>(T member)
        where T : struct, Enum => System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(member.ToString());
}
