using System.Text;
using System.Text.Json;
using Attune.Feedback;
using Attune.Feedback.Arena;
using Attune.Feedback.Exchange;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.Arena;
using Attune.Storage.Training;

namespace Attune.Web.Arena;

/// <summary>
/// Votes as comparisons with their judgments, and the pool of prompts, as JSON Lines. The first message is the prompt; an answer of several turns holds what
/// came after it, in the form of Anthropic's dialogues. Conversations whose words were taken back or in which private data is found are left out. A comparison lies on the
/// side of the split of its prompt in the pool, or else of its voter.
/// </summary>
public static class ArenaExport
{
    private const string Name = "the arena";

    private static readonly ArenaPlan Usual = new() { Models = [] }; // of a server that has votes and no arena any more

    private static readonly JsonSerializerOptions Lines = new(JsonSerializerDefaults.Web) { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A comparison a line; the same conversations as <see cref="WriteJudgmentsAsync"/>.</summary>
    internal static Task WriteComparisonsAsync(Database database, ArenaPlan? plan, Stream to, CancellationToken stop) => WriteAsync(database, to, voted => Comparison(voted, plan ?? Usual).ToJson(), stop);

    /// <summary>A judgment a line: flagged "blind", or "side-by-side" where the models were chosen and known.</summary>
    internal static Task WriteJudgmentsAsync(Database database, Stream to, CancellationToken stop) => WriteAsync(database, to, voted => Judgment(voted).ToJson(), stop);

    /// <summary>The conversations that a word names: "blind" or "side-by-side"; null for both.</summary>
    /// <exception cref="InputException">It is another word.</exception>
    public static ArenaMode? Mode(string key, string? word) => string.IsNullOrEmpty(word) ? null : ArenaWords.TryMode(word) is { } known and not ArenaMode.Single ? known
        : throw InputException.One(key, $"is {word}", "blind or side-by-side", "leave it out for both");

    /// <summary>Votes in a shape of <see cref="ExchangeShape"/>, for training and for others, with their card.</summary>
    /// <param name="database">The database.</param>
    /// <param name="plan">The arena; null where the server has none.</param>
    /// <param name="mode">Blind votes or such on chosen models alone; null for both. See <see cref="Mode"/>.</param>
    /// <param name="order">What is wanted.</param>
    /// <param name="stop">Gives up.</param>
    /// <exception cref="InputException">The arena's terms forbid it.</exception>
    public static async Task<ExportedData> MakeAsync(Database database, ArenaPlan? plan, ArenaMode? mode, ExportOrder order, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(order);
        var voted = new List<VotedTalk>();
        string? after = null;
        do
        {
            var page = await ArenaVotes.ListAsync(database, new() { After = after, Size = PageRequest.Largest }, stop).ConfigureAwait(false);
            voted.AddRange(page.Items.Where(one => MayGo(one) && (mode is null || one.State.Talk.Kind == mode)));
            after = page.Next;
        }
        while (after is not null);
        var comparisons = voted.ConvertAll(one => new JudgedComparison(Comparison(one, plan ?? Usual), Sampling: JsonSerializer.SerializeToElement(one.State.Talk.Draws, Lines)));
        var feedback = new ProjectFeedback(comparisons, voted.ConvertAll(Judgment), new Dictionary<string, JudgmentSource>());
        return DataExport.Of(Name, feedback, [new(Name, voted.Count, (plan ?? Usual).TermsInForce)], order);
    }

    /// <summary>Refuses what the arena's terms do not allow.</summary>
    /// <exception cref="InputException">Names the uses.</exception>
    internal static void Require(ArenaPlan? plan, IReadOnlyList<DataUse> uses) => DataCard.Require($"The export of {Name}", [new(Name, 0, (plan ?? Usual).TermsInForce)], uses);

    /// <summary>The pool: <c>{"id", "prompt", "split"}</c> a line.</summary>
    internal static async Task WritePromptsAsync(Database database, PromptSplit? split, Stream to, CancellationToken stop)
    {
        string? after = null;
        do
        {
            var page = await database.Arena.Pool.ListAsync(split, new() { After = after, Size = PageRequest.Largest }, stop).ConfigureAwait(false);
            foreach (var prompt in page.Items)
                await LineAsync(to, JsonSerializer.Serialize(prompt, Lines), stop).ConfigureAwait(false);
            after = page.Next;
        }
        while (after is not null);
    }

    private static async Task WriteAsync(Database database, Stream to, Func<VotedTalk, string> line, CancellationToken stop)
    {
        string? after = null;
        do
        {
            var page = await ArenaVotes.ListAsync(database, new() { After = after, Size = PageRequest.Largest }, stop).ConfigureAwait(false);
            foreach (var voted in page.Items.Where(MayGo))
                await LineAsync(to, line(voted), stop).ConfigureAwait(false);
            after = page.Next;
        }
        while (after is not null);
    }

    private static Task LineAsync(Stream to, string line, CancellationToken stop) => to.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"), stop).AsTask();

    private static bool MayGo(VotedTalk voted) => voted.State.Turns.Where(turn => turn.AnsweredAt is not null).All(turn => turn.Prompt != "[removed]" && PrivateData.Kinds(turn.Prompt).Count == 0);

    private static Comparison Comparison(VotedTalk voted, ArenaPlan plan)
    {
        var (talk, draws) = (voted.State.Talk, voted.State.Talk.Draws);
        var features = new Dictionary<string, double> { ["temperature"] = draws.Temperature, ["topP"] = draws.TopP, ["maximumNewTokens"] = draws.MaximumNewTokens };
        return new()
        {
            Id = talk.Id,
            Split = voted.Split(new(plan.HeldOutShare, plan.Seed)),
            Prompt = voted.State.Turns[0].Prompt,
            Answers =
            [
                new() { Id = $"{talk.Id}.a", Source = talk.ModelA, Text = Text(voted.State, turn => turn.AnswerA!), Features = features },
                new() { Id = $"{talk.Id}.b", Source = talk.ModelB!, Text = Text(voted.State, turn => turn.AnswerB!), Features = features },
            ],
            Order = [0, 1],
        };
    }

    private static Judgment Judgment(VotedTalk voted)
    {
        var vote = voted.State.Vote!;
        var choice = ArenaWords.Choice(vote.Choice)!.Value;
        return new()
        {
            Id = vote.Id,
            ComparisonId = vote.TalkId,
            AnnotatorId = voted.Voter,
            Order = [0, 1],
            Outcome = choice switch { ArenaChoice.Tie => Outcome.Tie, ArenaChoice.BothBad => Outcome.BothBad, _ => Outcome.Choice },
            Ranks = choice switch { ArenaChoice.A => [1, 2], ArenaChoice.B => [2, 1], _ => [1, 1] },
            Flags = [voted.State.Talk.Mode],
            InstructionVersion = "arena",
            InterfaceVersion = $"arena, {voted.State.Talk.Mode}",
            Source = JudgmentSource.Human,
            Seconds = (vote.GivenAt - voted.State.Talk.CreatedAt).TotalSeconds,
            At = vote.GivenAt,
        };
    }

    private static string Text(ArenaState state, Func<ArenaTurn, string> answer)
    {
        var text = new StringBuilder();
        foreach (var turn in state.Turns.Where(turn => turn.AnsweredAt is not null))
            text.Append(turn.Number == 1 ? "" : $"\n\nHuman: {turn.Prompt}\n\nAssistant: ").Append(answer(turn));
        return text.ToString();
    }
}
