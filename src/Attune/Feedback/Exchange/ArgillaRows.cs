using System.Text.Json;

namespace Attune.Feedback.Exchange;

/// <summary>
/// Records of an Argilla JSON export: answers to ranking, label and rating questions, by people (responses) and by models (suggestions). A label that names a
/// field chooses its answer. Drafts and discarded responses are passed over. The export does not say how far a rating goes: it is taken to have 5, 7 or 10
/// steps, whichever holds all values of its question.
/// </summary>
internal sealed class ArgillaRows
{
    private readonly ImportBuilder _builder;
    private readonly ImportOptions _options;
    private readonly Dictionary<string, int> _largest = new(StringComparer.Ordinal);

    public ArgillaRows(ImportBuilder builder, ImportOptions options, IEnumerable<JsonElement> all)
    {
        (_builder, _options) = (builder, options);
        foreach (var row in all)
        {
            try
            {
                foreach (var given in Given(row))
                {
                    if (given.Value.ValueKind == JsonValueKind.Number && given.Value.TryGetInt32(out var value))
                        _largest[given.Question] = Math.Max(value, _largest.GetValueOrDefault(given.Question));
                }
            }
            catch (FormatException)
            {
                // told of when the row itself is read
            }
        }
    }

    public void Read(JsonElement row)
    {
        var fields = row.Part("fields", JsonValueKind.Object);
        var prompt = ForeignFields.Prompt(fields, _options);
        var answers = AnswerFields(fields, prompt);
        if (answers.Count == 0)
            throw new FormatException($"has the fields {string.Join(", ", fields.EnumerateObject().Select(one => one.Name))}, expected answers beside the prompt; or name them");
        var (comparison, place) = _builder.Add(new(new()
        {
            Id = "",
            Prompt = prompt,
            Answers = [.. answers.Select(name => new Answer { Source = DataTerms.Unknown, Text = fields.Text(name) })],
            Order = [],
        }));
        foreach (var own in Given(row).GroupBy(given => (given.Who, given.Source)))
            _builder.Judge(Of(comparison, answers, place, own.Key.Who, own.Key.Source, [.. own]).Checked());
    }

    private List<string> AnswerFields(JsonElement fields, string prompt)
    {
        if (_options.Answers is { } named)
            return [.. named];
        var texts = fields.EnumerateObject().Where(field => field.Value.ValueKind == JsonValueKind.String).Select(field => field.Name).ToList();
        var promptField = _options.Prompt ?? texts.FirstOrDefault(name => prompt.Length > 0 && fields.Text(name) == prompt);
        return [.. texts.Where(name => name != promptField)];
    }

    private Judgment Of(Comparison comparison, List<string> answers, int[] place, string who, JudgmentSource source, IReadOnlyList<GivenValue> given)
    {
        var annotator = _options.Prefix + who;
        var judgment = new Judgment
        {
            Id = $"{comparison.Id}:{annotator}",
            ComparisonId = comparison.Id,
            AnnotatorId = annotator,
            Order = place,
            Outcome = Outcome.Rated,
            Ranks = [],
            InstructionVersion = PairRows.NoVersion,
            At = DateTimeOffset.UnixEpoch,
            Source = source,
        };
        var ratings = new List<AxisRating>();
        foreach (var (question, _, _, value) in given)
        {
            switch (value.ValueKind)
            {
                case JsonValueKind.Number:
                    ratings.Add(Rating(question, value, answers, place));
                    break;
                case JsonValueKind.Array when value.GetArrayLength() > 0:
                    judgment = Ranked(judgment, Ranks(question, value, answers, place));
                    break;
                case JsonValueKind.String when IndexOf(answers, value.GetString()!) is { } best:
                    judgment = Ranked(judgment, [.. place.Order().Select(i => i == place[best] ? 1 : 2)]) with { Outcome = Outcome.Choice };
                    break;
                case JsonValueKind.String when ForeignFields.Plain(value.GetString()!) is "tie" or "same" or "equal":
                    judgment = Ranked(judgment, [.. answers.Select(_ => 1)]);
                    break;
                case JsonValueKind.String: // a written answer
                    judgment = judgment with { Comment = judgment.Comment is null ? value.GetString() : $"{judgment.Comment}\n{value.GetString()}" };
                    break;
                default:
                    throw new FormatException($"has {RowFields.Short(value)} for {question}, expected a ranking, a rating or a label");
            }
        }
        return judgment with { Ratings = ratings.Count > 0 ? ratings : null };
    }

    private static Judgment Ranked(Judgment judgment, IReadOnlyList<int> ranks)
    {
        var (outcome, clean) = ForeignFields.Ranked(ranks);
        return judgment with { Outcome = outcome, Ranks = clean };
    }

    /// <summary>Labels in order, or each with its rank.</summary>
    private static int[] Ranks(string question, JsonElement value, List<string> answers, int[] place)
    {
        var ranks = new int[answers.Count];
        var number = 0;
        foreach (var one in value.EnumerateArray())
        {
            number++;
            var label = one.ValueKind == JsonValueKind.Object ? one.Text("value") : one.ValueKind == JsonValueKind.String ? one.GetString()!
                : throw new FormatException($"has {RowFields.Short(one)} in the ranking {question}, expected labels");
            var answer = IndexOf(answers, label) ?? throw new FormatException($"ranks {label} under {question}, expected one of {string.Join(", ", answers)}");
            if (ranks[place[answer]] != 0)
                throw new FormatException($"ranks {label} twice under {question}, expected each once");
            ranks[place[answer]] = one.ValueKind == JsonValueKind.Object ? one.NumberOrNull("rank", 1, 1000) ?? number : number;
        }
        return ranks;
    }

    private AxisRating Rating(string question, JsonElement value, List<string> answers, int[] place)
    {
        if (!value.TryGetInt32(out var rating) || rating is < 1 or > 10)
            throw new FormatException($"has the rating {RowFields.Short(value)} for {question}, expected a whole number from 1 to 10");
        var about = answers.FindIndex(name => ForeignFields.Plain(question).EndsWith(ForeignFields.Plain(name), StringComparison.Ordinal));
        int? answer = about >= 0 ? place[about] : answers.Count == 1 ? 0 : null;
        return new(question, rating, _largest[question] switch { > 7 => 10, > 5 => 7, _ => 5 }, answer);
    }

    private static int? IndexOf(List<string> answers, string label) => answers.FindIndex(name => ForeignFields.Plain(name) == ForeignFields.Plain(label)) is var index and >= 0 ? index : null;

    /// <summary>What was given, by whom: responses by question or by person, suggestions by question.</summary>
    private IEnumerable<GivenValue> Given(JsonElement row)
    {
        if (row.TryGetProperty("responses", out var responses))
        {
            foreach (var one in responses.ValueKind switch
            {
                JsonValueKind.Object => responses.EnumerateObject().SelectMany(Responses),
                JsonValueKind.Array => responses.EnumerateArray().SelectMany(ByPerson),
                JsonValueKind.Null => [],
                _ => throw new FormatException($"has responses {RowFields.Short(responses)}, expected them by question"),
            })
                yield return one;
        }
        foreach (var suggestion in row.PartOrNull("suggestions", JsonValueKind.Object)?.EnumerateObject() ?? default)
        {
            if (suggestion.Value.ValueKind == JsonValueKind.Null)
                continue;
            var value = ValueOf(suggestion.Value, $"a suggestion for {suggestion.Name}");
            if (value.ValueKind != JsonValueKind.Null)
                yield return new(suggestion.Name, suggestion.Value.NameOrNull("agent") ?? "suggestion", JudgmentSource.Model, value);
        }
    }

    private IEnumerable<GivenValue> Responses(JsonProperty question) => question.Value.ValueKind != JsonValueKind.Array
        ? throw new FormatException($"has responses to {question.Name} {RowFields.Short(question.Value)}, expected a list of {{\"value\", \"user_id\"}}")
        : question.Value.EnumerateArray().Where(response => IsSent(response, "value")).Select(response => new GivenValue(
            question.Name, response.NameOrNull("user_id") ?? _options.Annotator, _options.Source, ValueOf(response, $"a response to {question.Name}")));

    private IEnumerable<GivenValue> ByPerson(JsonElement response) => !IsSent(response, "values") ? []
        : response.Part("values", JsonValueKind.Object).EnumerateObject().Select(answer => new GivenValue(
            answer.Name, response.NameOrNull("user_id") ?? _options.Annotator, _options.Source, answer.Value.ValueKind == JsonValueKind.Object ? ValueOf(answer.Value, $"a response to {answer.Name}") : answer.Value));

    private static JsonElement ValueOf(JsonElement given, string what) => given.ValueKind == JsonValueKind.Object && given.TryGetProperty("value", out var value) ? value
        : throw new FormatException($"has {what} {RowFields.Short(given)}, expected an object with a value");

    /// <summary>Whether a response was given for good; what is no response at all is a mistake of the file, and no reason to pass over it.</summary>
    private static bool IsSent(JsonElement response, string holds) => response.ValueKind != JsonValueKind.Object
        ? throw new FormatException($"has the response {RowFields.Short(response)}, expected an object with {holds}")
        : response.TextOrNull("status") switch
        {
            null or "submitted" => true,
            "draft" or "discarded" or "pending" => false,
            var other => throw new FormatException($"has a response with the status {other}, expected submitted, draft, discarded or pending"),
        };

    private sealed record GivenValue(string Question, string Who, JudgmentSource Source, JsonElement Value);
}
