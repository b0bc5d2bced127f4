using Attune.Feedback;
using Attune.Storage.Chats;
using Attune.Storage.Leases;
using Attune.Storage.Work;
using Attune.Web.Texts;

namespace Attune.Web.Work;

/// <content>The end of a conversation.</content>
public sealed partial record GivenAnswer
{
    /// <summary>The key of the verdict on a conversation, "good" or "bad", in <see cref="Judgment.Answers"/>.</summary>
    public const string Verdict = "conversation";

    private static readonly string[] Verdicts = ["good", "bad"];

    /// <summary>The judgment of a conversation: its turns are those that the database holds, whatever the browser says.</summary>
    /// <param name="granted">The lease that it answers.</param>
    /// <param name="settings">The project's.</param>
    /// <param name="turns">The lease's turns.</param>
    /// <param name="fault">What is wrong; null where nothing is.</param>
    public Judgment? ToConversation(GrantedLease granted, ProjectSettings settings, IReadOnlyList<ChatTurn> turns, out Phrase? fault)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(turns);
        var answered = turns.Where(turn => turn.Answers is not null).ToArray(); // a message without answers was never a turn
        var judgment = ToJudgment(granted, settings, out fault);
        if (judgment is null)
            return null;
        fault = CannotJudge ? null
            : answered.FirstOrDefault(turn => turn.Chosen is null) is { Number: var open } ? new("fault.turn-open", open)
            : answered.Length < settings.Chat.MinimumTurns ? new("fault.turns", answered.Length, settings.Chat.MinimumTurns) : null;
        var held = answered.Where(turn => turn.Chosen is not null).Select(turn => turn.ToRecord()).ToArray();
        return fault is null ? judgment with { Turns = held.Length > 0 ? held : null } : null;
    }

    private Phrase? FaultOfChat()
    {
        if (CannotJudge)
            return Answers is not null ? new("fault.two", "answers, cannotJudge") : null;
        return Answers is { Count: 1 } && Answers.TryGetValue(Verdict, out var verdict) && Verdicts.Contains(verdict) ? null
            : new("fault.verdict", Verdict, string.Join(", ", Verdicts));
    }
}
