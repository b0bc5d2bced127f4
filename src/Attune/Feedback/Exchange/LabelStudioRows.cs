using System.Globalization;
using System.Text.Json;

namespace Attune.Feedback.Exchange;

/// <summary>
/// Tasks of a Label Studio JSON export: a Pairwise tag gives a choice between two fields, a Ranker tag without buckets an order of a list's items, a Rating
/// tag a rating beside them. Predictions are judgments by models. Cancelled annotations are passed over; people are known by their number alone.
/// </summary>
internal sealed class LabelStudioRows(ImportBuilder builder, ImportOptions options)
{
    private const int UsualRating = 5;

    public void Read(JsonElement row)
    {
        var data = row.Part("data", JsonValueKind.Object);
        var judged = 0;
        foreach (var annotation in Objects(row, "annotations").Where(annotation => !(annotation.TryGetProperty("was_cancelled", out var cancelled) && cancelled.ValueKind == JsonValueKind.True)))
        {
            Read(data, annotation, Annotator(annotation), options.Source);
            judged++;
        }
        foreach (var prediction in Objects(row, "predictions"))
        {
            Read(data, prediction, prediction.NameOrNull("model_version") ?? "model", JudgmentSource.Model);
            judged++;
        }
        if (judged == 0)
            AddToJudge(data);
    }

    /// <summary>A task that nobody has answered: two fields, or else the items of a list, wait to be judged here.</summary>
    private void AddToJudge(JsonElement data)
    {
        var isList = options.Answers is [var named] ? data.PartOrNull(named, JsonValueKind.Array) is not null : options.Answers is null && data.EnumerateObject().Any(field => field.Value.ValueKind == JsonValueKind.Array && field.Value.GetArrayLength() > 1);
        if (isList)
            Add(data, [.. Items(data).Select(item => item.Text)]);
        else
            AddPair(data);
    }

    private (Comparison, int[]) AddPair(JsonElement data)
    {
        var (left, right) = ForeignFields.Pair(data, options);
        return Add(data, [data.Text(left), data.Text(right)]);
    }

    private static IEnumerable<JsonElement> Objects(JsonElement row, string key) => (row.PartOrNull(key, JsonValueKind.Array)?.EnumerateArray() ?? default)
        .Select(one => one.ValueKind == JsonValueKind.Object ? one : throw new FormatException($"has {RowFields.Short(one)} under {key}, expected objects"));

    private string Annotator(JsonElement annotation)
    {
        if (!annotation.TryGetProperty("completed_by", out var who))
            return options.Annotator;
        return who.ValueKind == JsonValueKind.Object ? who.NameOrNull("id") ?? options.Annotator : annotation.NameOrNull("completed_by") ?? options.Annotator;
    }

    private void Read(JsonElement data, JsonElement annotation, string annotator, JudgmentSource source)
    {
        var results = Objects(annotation, "result").ToArray();
        var (comparison, judgment) = results.Select(result => result.TextOrNull("type") switch
        {
            "pairwise" => Pairwise(data, result),
            "ranker" => Ranker(data, result),
            _ => ((Comparison, Judgment)?)null,
        }).FirstOrDefault(found => found is not null) ?? throw new FormatException("has an annotation without a pairwise or ranker result, expected one of them");
        AxisRating[] ratings = [.. results.Where(result => result.TextOrNull("type") == "rating").Select(Rating)];
        var seconds = annotation.TryGetProperty("lead_time", out var time) && time.ValueKind == JsonValueKind.Number ? Math.Max(0, time.GetDouble()) : 0;
        var who = $"{options.Prefix}{annotator}";
        builder.Judge((judgment with
        {
            Id = $"{comparison.Id}:{who}",
            ComparisonId = comparison.Id,
            AnnotatorId = who,
            Ratings = ratings.Length > 0 ? ratings : null,
            Seconds = seconds,
            Source = source,
            At = annotation.TextOrNull("created_at") is { } at && DateTimeOffset.TryParse(at, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var given) ? given : DateTimeOffset.UnixEpoch,
        }).Checked());
    }

    private (Comparison, Judgment)? Pairwise(JsonElement data, JsonElement result)
    {
        var selected = result.Part("value", JsonValueKind.Object).Text("selected");
        if (selected is not ("left" or "right"))
            throw new FormatException($"has selected {selected}, expected left or right");
        var (comparison, place) = AddPair(data);
        var best = place[selected == "left" ? 0 : 1];
        return (comparison, Blank(place) with { Outcome = Outcome.Choice, Ranks = best == 0 ? [1, 2] : [2, 1] });
    }

    private (Comparison, Judgment)? Ranker(JsonElement data, JsonElement result)
    {
        var groups = result.Part("value", JsonValueKind.Object).Part("ranker", JsonValueKind.Object).EnumerateObject().Where(group => group.Name != "_").ToArray(); // "_" is the list that nothing was taken from
        if (groups.Length != 1)
            throw new FormatException($"has {groups.Length} buckets in its ranker, expected one order");
        if (groups[0].Value.ValueKind != JsonValueKind.Array)
            throw new FormatException($"has the order {RowFields.Short(groups[0].Value)}, expected a list of ids");
        var items = Items(data);
        var order = groups[0].Value.EnumerateArray().Select(id => id.ValueKind == JsonValueKind.String ? id.GetString()! : id.GetRawText()).ToList();
        if (order.FirstOrDefault(id => !items.Exists(item => item.Id == id)) is { } lost)
            throw new FormatException($"ranks {lost}, which is none of its items ({string.Join(", ", items.Select(item => item.Id))})");
        if (order.Distinct(StringComparer.Ordinal).Count() < order.Count)
            throw new FormatException("ranks an item twice, expected each once at most");
        var (comparison, place) = Add(data, [.. items.Select(item => item.Text)]);
        var ranks = new int[items.Count];
        for (var i = 0; i < items.Count; i++)
            ranks[place[i]] = order.IndexOf(items[i].Id) + 1;
        var (outcome, clean) = ForeignFields.Ranked(ranks);
        return (comparison, Blank(place) with { Outcome = outcome, Ranks = clean });
    }

    private List<(string Id, string Text)> Items(JsonElement data)
    {
        var list = options.Answers is [var named] ? data.Part(named, JsonValueKind.Array)
            : data.EnumerateObject().Where(field => field.Value.ValueKind == JsonValueKind.Array && field.Value.GetArrayLength() > 1).Select(field => (JsonElement?)field.Value).FirstOrDefault()
            ?? throw new FormatException($"has the fields {string.Join(", ", data.EnumerateObject().Select(one => one.Name))}, expected a list of items; or name it");
        var items = list.EnumerateArray().Select(item => item.ValueKind != JsonValueKind.Object ? throw new FormatException($"has the item {RowFields.Short(item)}, expected an object with an id")
            : (Id: item.NameOrNull("id") ?? throw new FormatException("has an item without id, expected one"), Text: item.TextOrNull("body") ?? item.TextOrNull("text") ?? item.TextOrNull("html") ?? item.Text("title"))).ToList();
        return items.Count >= 2 && items.DistinctBy(item => item.Id).Count() == items.Count ? items : throw new FormatException($"has {items.Count} items, expected two at least, each id once");
    }

    private (Comparison, int[]) Add(JsonElement data, IReadOnlyList<string> texts)
    {
        if (texts.Distinct(StringComparer.Ordinal).Count() == 1)
            throw new FormatException("has equal answers, expected different ones");
        return builder.Add(new(new() { Id = "", Prompt = ForeignFields.Prompt(data, options), Answers = [.. texts.Select(text => new Answer { Source = DataTerms.Unknown, Text = text })], Order = [] }));
    }

    private static Judgment Blank(int[] place) => new()
    {
        Id = "-",
        ComparisonId = "-",
        AnnotatorId = "-",
        Order = place,
        Outcome = Outcome.CannotJudge,
        Ranks = [],
        InstructionVersion = PairRows.NoVersion,
        At = DateTimeOffset.UnixEpoch,
    };

    private static AxisRating Rating(JsonElement result)
    {
        var value = result.Part("value", JsonValueKind.Object).NumberOrNull("rating", 1, 10) ?? throw new FormatException("has a rating without a value, expected 1 to 10");
        return new(result.TextOrNull("from_name") ?? "rating", value, value > UsualRating ? 10 : UsualRating);
    }
}
