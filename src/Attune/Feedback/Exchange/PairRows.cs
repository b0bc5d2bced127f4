using System.Text.Json;
using Attune.Text;

namespace Attune.Feedback.Exchange;

/// <summary>Rows with a chosen and a rejected answer: Attune's own, TRL's, Anthropic's.</summary>
internal sealed class PairRows(ImportBuilder builder, ImportOptions options, ExchangeShape shape)
{
    internal const string NoVersion = "imported";

    public void Read(JsonElement row)
    {
        if (shape == ExchangeShape.Attune)
        {
            ReadOwn(row);
            return;
        }
        var (prompt, chosen, rejected) = shape switch
        {
            ExchangeShape.TrlChat => Chat(row),
            ExchangeShape.AnthropicHh => Dialogues(row),
            _ => (row.Text("prompt"), row.Text("chosen"), row.Text("rejected")),
        };
        if (chosen == rejected)
            throw new FormatException("has equal answers, expected two different ones");
        var (comparison, place) = builder.Add(new(new() { Id = "", Prompt = prompt, Answers = [Written("", chosen), Written("", rejected)], Order = [0, 1] }));
        builder.Judge(Vote(comparison, place[0], options.Annotator, options.Source));
    }

    private static Answer Written(string id, string text, string? source = null) => new() { Id = id, Source = source ?? DataTerms.Unknown, Text = text };

    private Judgment Vote(Comparison comparison, int best, string annotator, JudgmentSource? source) => new Judgment
    {
        Id = $"{comparison.Id}:{options.Prefix}{annotator}",
        ComparisonId = comparison.Id,
        AnnotatorId = options.Prefix + annotator,
        Order = comparison.Order,
        Outcome = Outcome.Choice,
        Ranks = best == 0 ? [1, 2] : [2, 1],
        InstructionVersion = NoVersion,
        At = DateTimeOffset.UnixEpoch,
        Source = source ?? options.Source,
    }.Checked();

    private static (string, string, string) Dialogues(JsonElement row)
    {
        var (chosen, rejected) = (row.Text("chosen"), row.Text("rejected"));
        foreach (var (key, text) in new[] { ("chosen", chosen), ("rejected", rejected) })
        {
            if (!Transcript.IsTranscript(text))
                throw new FormatException($"has a {key} that is no dialogue, expected turns led by a blank line and Human: or Assistant:");
        }
        var pair = Transcript.Pair(chosen, rejected);
        return pair.Prompt.Length > 0 ? (pair.Prompt, pair.Chosen, pair.Rejected) : throw new FormatException("has two dialogues that share no turn, expected the same prompt");
    }

    private static (string, string, string) Chat(JsonElement row)
    {
        var turns = Messages(row, "prompt");
        var isSingle = turns is [{ Role: Role.User }];
        var prompt = isSingle ? turns[0].Content : string.Concat(turns.Select(turn => turn.Role switch { Role.System => turn.Content, Role.User => $"\n\nHuman: {turn.Content}", _ => $"\n\nAssistant: {turn.Content}" })) + "\n\nAssistant:";
        string Answer(string key) => Messages(row, key) is [{ Role: Role.Assistant } answer] ? isSingle ? answer.Content : " " + answer.Content
            : throw new FormatException($"has other turns than one of the assistant under {key}, expected one");
        return (prompt, Answer("chosen"), Answer("rejected"));
    }

    private static Message[] Messages(JsonElement row, string key)
    {
        Message[] turns = [.. row.Part(key, JsonValueKind.Array).EnumerateArray().Select(turn => turn.ValueKind != JsonValueKind.Object ? throw new FormatException($"has {RowFields.Short(turn)} under {key}, expected messages")
            : new Message(turn.Text("role") switch
            {
                "system" => Role.System,
                "user" => Role.User,
                "assistant" => Role.Assistant,
                var other => throw new FormatException($"has the role {other} under {key}, expected system, user or assistant"),
            }, turn.Text("content")))];
        return turns.Length > 0 ? turns : throw new FormatException($"has no message under {key}, expected one at least");
    }

    /// <summary>A row of our own brings every judge's vote along; one of a run's file, without an origin, has only the sum of them.</summary>
    private void ReadOwn(JsonElement row)
    {
        Preference own;
        try
        {
            own = Preference.FromJson(row.GetRawText());
        }
        catch (JsonException e)
        {
            throw new FormatException($"is no preference ({e.Message.TrimEnd('.')}), expected one as 'attune feedback export' writes it");
        }
        if (own.PChosen is not (>= 0 and <= 1))
            throw new FormatException($"has pChosen {own.PChosen}, expected 0 to 1");
        if (own.Id.Length == 0 || own.Chosen == own.Rejected)
            throw new FormatException(own.Id.Length == 0 ? "has an empty id, expected one" : "has equal answers, expected two different ones");
        var (unit, answers) = (own.Id.Split('@')[0], new[] { Written(own.ChosenId ?? "", own.Chosen, own.ChosenSource), Written(own.RejectedId ?? "", own.Rejected, own.RejectedSource) });
        if (builder.Find(unit) is { } there && (there.Prompt != own.Prompt || !there.Answers.Select(answer => answer.Text).Order(StringComparer.Ordinal).SequenceEqual(answers.Select(answer => answer.Text).Order(StringComparer.Ordinal))))
            throw new FormatException($"has the id {unit} of other answers above, expected each id once");
        var (comparison, place) = builder.Add(new(
            new() { Id = unit, Prompt = own.Prompt, Round = own.Round, Split = own.Split, Answers = answers, Order = [0, 1] }, own.Origin?.Batch, own.Origin?.PolicyCheckpoint, own.Origin?.Sampling));
        if (own.Origin is not { } origin)
            builder.Judge(Vote(comparison, place[0], options.Annotator, null));
        foreach (var vote in own.Origin?.Votes ?? [])
            builder.Judge(Restored(comparison, place, vote));
    }

    private Judgment Restored(Comparison comparison, int[] place, PreferenceVote vote)
    {
        var best = vote.Prefers switch
        {
            PreferenceVote.ForChosen => place[0],
            PreferenceVote.ForRejected => place[1],
            PreferenceVote.Level => -1,
            var other => throw new FormatException($"has a vote that prefers {other}, expected chosen, rejected or level"),
        };
        var first = place[vote.ChosenShownFirst ? 0 : 1];
        return (Vote(comparison, Math.Max(best, 0), vote.Annotator, vote.Source) with
        {
            Id = vote.Judgment,
            Order = [first, 1 - first],
            Outcome = best < 0 ? Outcome.Tie : Outcome.Choice,
            Ranks = best switch { 0 => [1, 2], 1 => [2, 1], _ => [1, 1] },
            Strength = best < 0 ? null : vote.Strength,
            Seconds = vote.Seconds,
            InstructionVersion = vote.InstructionVersion,
            InterfaceVersion = vote.InterfaceVersion,
            At = vote.At,
        }).Checked();
    }
}
