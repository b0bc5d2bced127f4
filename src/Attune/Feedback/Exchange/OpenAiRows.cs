using System.Text.Json;

namespace Attune.Feedback.Exchange;

/// <summary>
/// Rows of OpenAI's summaries from feedback. Summaries stand as they were shown, so summary 0 is the left one. A confidence on the choice's side of 5 is the
/// step of the scale of nine; one on the other side contradicts the choice and is not read.
/// </summary>
internal sealed class OpenAiRows(ImportBuilder builder, ImportOptions options)
{
    private const int Middle = 5, Steps = 9, AxisSteps = 7;

    public void ReadChoice(JsonElement row)
    {
        var summaries = row.Part("summaries", JsonValueKind.Array).EnumerateArray().ToArray();
        if (summaries.Length != 2 || Array.Exists(summaries, one => one.ValueKind != JsonValueKind.Object))
            throw new FormatException($"has {summaries.Length} summaries, expected two objects");
        var choice = row.NumberOrNull("choice", 0, 1) ?? throw new FormatException("has no choice, expected 0 or 1");
        var answers = summaries.Select(Of).ToArray();
        if (answers[0].Text == answers[1].Text)
            throw new FormatException("has equal summaries, expected two different ones");
        var extra = row.PartOrNull("extra", JsonValueKind.Object);
        var confidence = extra?.NumberOrNull("confidence", 1, Steps);
        var isStep = confidence is { } given && given != Middle && given < Middle == (choice == 0);
        var (comparison, place) = Add(row, answers);
        int[] order = [place[0], place[1]];
        var meaning = isStep ? StepMeaning.Of(PreferenceScale.Nine, confidence!.Value, order) : new(Outcome.Choice, order[choice] == 0 ? [1, 2] : [2, 1], null);
        builder.Judge((Blank(row, comparison, order, extra) with
        {
            Outcome = meaning.Outcome,
            Ranks = meaning.Ranks,
            Strength = meaning.Strength,
            Scale = isStep ? PreferenceScale.Nine : null,
            Step = isStep ? confidence : null,
            Notes = Notes(summaries, place),
        }).Checked());
    }

    public void ReadAxes(JsonElement row)
    {
        var summary = row.Part("summary", JsonValueKind.Object);
        var extra = row.PartOrNull("extra", JsonValueKind.Object);
        var steps = extra?.NumberOrNull("steps", 2, 100) ?? AxisSteps;
        var axes = summary.Part("axes", JsonValueKind.Object).EnumerateObject().Where(axis => axis.Value.ValueKind != JsonValueKind.Null)
            .Select(axis => new AxisRating(axis.Name, summary.GetProperty("axes").NumberOrNull(axis.Name, 1, steps)!.Value, steps, 0)).ToArray();
        if (axes.Length == 0)
            throw new FormatException("has no axes, expected one rating at least");
        var (comparison, _) = Add(row, [Of(summary)]);
        builder.Judge((Blank(row, comparison, [0], extra) with { Outcome = Outcome.Rated, Ranks = [], Ratings = axes, Notes = Notes([summary], [0]) }).Checked());
    }

    private static Answer Of(JsonElement summary) => new() { Source = summary.TextOrNull("policy") ?? DataTerms.Unknown, Text = summary.Text("text") };

    private (Comparison, int[]) Add(JsonElement row, IReadOnlyList<Answer> answers)
    {
        var split = row.TextOrNull("split") is { } named && named != "train" ? PromptSplit.HeldOut : PromptSplit.Training;
        return builder.Add(new(new() { Id = "", Prompt = Prompt(row.Part("info", JsonValueKind.Object)), Split = split, Answers = answers, Order = [] }, row.TextOrNull("batch")));
    }

    /// <summary>An article, or a post as the paper's policies read it.</summary>
    private static string Prompt(JsonElement info)
    {
        if (info.TextOrNull("article") is { Length: > 0 } article)
            return article;
        var post = info.Text("post");
        var (title, subreddit) = (info.TextOrNull("title"), info.TextOrNull("subreddit"));
        return title is null && subreddit is null ? post : $"{(subreddit is null ? "" : $"SUBREDDIT: r/{subreddit}\n\n")}{(title is null ? "" : $"TITLE: {title}\n\n")}POST: {post}\n\nTL;DR:";
    }

    private Judgment Blank(JsonElement row, Comparison comparison, IReadOnlyList<int> order, JsonElement? extra)
    {
        var worker = options.Prefix + (row.NameOrNull("worker") ?? options.Annotator);
        return new()
        {
            Id = $"{comparison.Id}:{worker}",
            ComparisonId = comparison.Id,
            AnnotatorId = worker,
            Order = order,
            Outcome = Outcome.CannotJudge,
            Ranks = [],
            InstructionVersion = PairRows.NoVersion,
            At = DateTimeOffset.UnixEpoch,
            Source = extra?.SourceOrNull("source") ?? options.Source,
        };
    }

    private static string[]? Notes(JsonElement[] summaries, int[] place)
    {
        var notes = new string[summaries.Length];
        for (var i = 0; i < notes.Length; i++)
            notes[place[i]] = summaries[i].TextOrNull("note") ?? "";
        return Array.TrueForAll(notes, note => note.Length == 0) ? null : notes;
    }
}
