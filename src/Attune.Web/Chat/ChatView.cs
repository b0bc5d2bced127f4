using Attune.Storage.Chats;
using Attune.Storage.Work;
using Attune.Web.Work;

namespace Attune.Web.Chat;

/// <summary>An answer of the model as the page shows it.</summary>
/// <param name="Text">What it said, untrusted.</param>
/// <param name="Html">The same as HTML that cannot hurt.</param>
public sealed record ChatAnswerView(string Text, string Html);

/// <summary>A turn as its person sees it: answers stand in the order in which they are shown.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Prompt">What they said.</param>
/// <param name="Answers">The answers from the left; null until they are there.</param>
/// <param name="Chosen">The place of the chosen one, from 0; null until then.</param>
/// <param name="Strength">How much better it is; null where not asked.</param>
public sealed record ChatTurnView(int Number, string Prompt, IReadOnlyList<ChatAnswerView>? Answers, int? Chosen, int? Strength)
{
    /// <summary>The view of a turn.</summary>
    public static ChatTurnView Of(ChatTurn turn)
    {
        ArgumentNullException.ThrowIfNull(turn);
        var sampled = turn.Sampled;
        return new(
            turn.Number,
            turn.Prompt,
            turn.Answers is null ? null : [.. turn.Order.Select(index => new ChatAnswerView(sampled[index].Text, SafeMarkdown.Html(sampled[index].Text).Value))],
            turn.Chosen is { } chosen ? turn.Order.ToList().IndexOf(chosen) : null,
            turn.Strength);
    }
}

/// <summary>A conversation as it stands.</summary>
/// <param name="Turns">From the first.</param>
/// <param name="MinimumTurns">Turns after which it may be handed in.</param>
/// <param name="MaximumTurns">Turns after which it cannot go on.</param>
/// <param name="AskStrength">Whether choices say how much better.</param>
/// <param name="HasModel">Whether there is a model to talk with.</param>
public sealed record ChatView(IReadOnlyList<ChatTurnView> Turns, int MinimumTurns, int MaximumTurns, bool AskStrength, bool HasModel)
{
    /// <summary>The view of a conversation.</summary>
    public static ChatView Of(IReadOnlyList<ChatTurn> turns, ChatSettings settings, bool hasModel)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return new([.. turns.Select(ChatTurnView.Of)], settings.MinimumTurns, settings.MaximumTurns, settings.AskStrength, hasModel);
    }
}
