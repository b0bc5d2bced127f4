using Attune.Storage.Arena;
using Attune.Web.Chat;
using Attune.Web.Work;

namespace Attune.Web.Arena;

/// <summary>A turn as its voter sees it.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Prompt">What they said.</param>
/// <param name="Answers">One or two, from the left; null until they are there.</param>
public sealed record ArenaTurnView(int Number, string Prompt, IReadOnlyList<ChatAnswerView>? Answers);

/// <summary>A conversation as its voter sees it: the models of a blind one are named once it has its vote, or was given up.</summary>
/// <param name="Id">The identifier.</param>
/// <param name="Mode">"single", "blind", "side-by-side".</param>
/// <param name="Models">One or two names, from the left; null while they are hidden.</param>
/// <param name="Turns">From the first.</param>
/// <param name="IsOver">Whether nothing more can be said.</param>
/// <param name="MayVote">Whether it can be voted on.</param>
/// <param name="Choice">"a", "b", "tie", "both-bad"; null without a vote.</param>
/// <param name="VoidReason">Why the vote counts nowhere; null where it counts.</param>
public sealed record ArenaTalkView(string Id, string Mode, IReadOnlyList<string>? Models, IReadOnlyList<ArenaTurnView> Turns, bool IsOver, bool MayVote, string? Choice, string? VoidReason)
{
    /// <summary>The view of a conversation.</summary>
    public static ArenaTalkView Of(ArenaState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var (talk, vote) = (state.Talk, state.Vote);
        var isHidden = talk.Kind == ArenaMode.Blind && talk.RevealedAt is null;
        return new(
            talk.Id,
            talk.Mode,
            isHidden ? null : [.. new[] { talk.ModelA, talk.ModelB }.OfType<string>()],
            [.. state.Turns.Select(View)],
            talk.RevealedAt is not null,
            talk.Kind != ArenaMode.Single && talk.RevealedAt is null,
            vote?.Choice,
            vote?.VoidReason);
    }

    private static ArenaTurnView View(ArenaTurn turn) => new(
        turn.Number, turn.Prompt, turn.AnsweredAt is null ? null : [.. new[] { turn.AnswerA, turn.AnswerB }.OfType<string>().Select(text => new ChatAnswerView(text, SafeMarkdown.Html(text).Value))]);
}
