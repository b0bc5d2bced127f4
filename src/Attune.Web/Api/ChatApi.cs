using System.Security.Claims;
using Attune.Feedback;
using Attune.Feedback.Tasks;
using Attune.Storage;
using Attune.Storage.Chats;
using Attune.Storage.Leases;
using Attune.Storage.Work;
using Attune.Web.Access;
using Attune.Web.Chat;
using Attune.Web.Texts;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Api;

/// <summary>What somebody says to the model.</summary>
/// <param name="Prompt">Their message.</param>
public sealed record ChatMessageBody(string Prompt);

/// <summary>The answer that the conversation goes on with.</summary>
/// <param name="Place">Its place as shown, from 0 at the left.</param>
/// <param name="Strength">How much better it is, from 0 (no difference) to 4; where the project asks.</param>
public sealed record ChatChoiceBody(int Place, int? Strength = null);

/// <summary><c>/api/v1/leases/{lease}/chat</c>: a conversation with a model, turn by turn. Each step may be sent again and is one step.</summary>
internal static class ChatApi
{
    private const int LongestMessage = 16_000; // characters; several times what models for such conversations read
    private const int WaitSeconds = 10;

    public static void MapChat(this IEndpointRouteBuilder work)
    {
        work.MapGet("/leases/{lease}/chat", ReadAsync).Produces<ChatView>().ProducesProblem(StatusCodes.Status404NotFound);
        work.MapPut("/leases/{lease}/chat/{number:int}", SayAsync).Produces<ChatTurnView>().ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status410Gone).ProducesProblem(StatusCodes.Status422UnprocessableEntity).ProducesProblem(StatusCodes.Status429TooManyRequests)
            .ProducesProblem(StatusCodes.Status502BadGateway);
        work.MapPut("/leases/{lease}/chat/{number:int}/choice", ChooseAsync).Produces<ChatTurnView>().ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict).ProducesProblem(StatusCodes.Status410Gone).ProducesProblem(StatusCodes.Status422UnprocessableEntity);
    }

    private static async Task<IResult> ReadAsync(string lease, ClaimsPrincipal user, Database database, ChatDesk desk, CancellationToken stop)
    {
        if (await FindAsync(database, lease, user, stop).ConfigureAwait(false) is not { } found)
            return Unknown();
        var turns = await database.Chats.OpenAsync(lease, user.PersonId(), stop).ConfigureAwait(false);
        return turns is null ? Unknown() : Results.Ok(ChatView.Of(turns, found.Settings, desk.Model is not null));
    }

    private static async Task<IResult> SayAsync(string lease, int number, [FromBody] ChatMessageBody body, HttpContext context, Database database, ChatDesk desk, CancellationToken stop)
    {
        var user = context.User;
        if (await FindAsync(database, lease, user, stop).ConfigureAwait(false) is not { } found)
            return Unknown();
        if (number > found.Settings.MaximumTurns)
            return new Told(StatusCodes.Status422UnprocessableEntity, "chat-full", found.Settings.MaximumTurns);
        if (string.IsNullOrWhiteSpace(body.Prompt) || body.Prompt.Length > LongestMessage || body.Prompt.Contains('\0', StringComparison.Ordinal))
            return new Told(StatusCodes.Status422UnprocessableEntity, "chat-message", body.Prompt.Length, LongestMessage);
        var asked = await database.Chats.AskAsync(lease, user.PersonId(), number, body.Prompt, stop).ConfigureAwait(false);
        if (asked is not ChatResult.Kept { Turn: var turn })
            return Refused(asked);
        if (turn.Answers is not null)
            return Results.Ok(ChatTurnView.Of(turn));
        if (desk.Model is null)
            return new Told(StatusCodes.Status502BadGateway, "chat-no-model");
        if (!desk.MaySample(turn, user.PersonId(), found.Settings.MessagesPerMinute))
        {
            context.Response.Headers.RetryAfter = $"{WaitSeconds}";
            return new Told(StatusCodes.Status429TooManyRequests, "chat-often", found.Settings.MessagesPerMinute);
        }
        try
        {
            var earlier = (await database.Chats.OpenAsync(lease, user.PersonId(), stop).ConfigureAwait(false))!.Where(before => before.Number < number).ToArray();
            var answered = await desk.AnswerAsync(turn, earlier, new((ulong)found.Lease.Seed), found.Payload, found.Settings, stop).ConfigureAwait(false);
            return answered is { Answers: not null } && answered.Prompt == body.Prompt ? Results.Ok(ChatTurnView.Of(answered))
                : new Told(StatusCodes.Status409Conflict, "chat-other");
        }
        catch (ChatModelException e)
        {
            return new Told(StatusCodes.Status502BadGateway, "chat-model", e.Phrase);
        }
    }

    private static async Task<IResult> ChooseAsync(string lease, int number, [FromBody] ChatChoiceBody body, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        if (await FindAsync(database, lease, user, stop).ConfigureAwait(false) is not { } found)
            return Unknown();
        if (body.Place is < 0 or >= ChatStore.AnswersPerTurn || body.Strength is < 0 or > Judgment.MaximumStrength || (found.Settings.AskStrength && body.Strength is null))
        {
            return new Told(StatusCodes.Status422UnprocessableEntity, "chat-choice", body.Place, body.Strength?.ToString() ?? "-", ChatStore.AnswersPerTurn - 1, Judgment.MaximumStrength);
        }
        var chosen = await database.Chats.ChooseAsync(lease, user.PersonId(), number, body.Place, found.Settings.AskStrength ? body.Strength : null, stop).ConfigureAwait(false);
        return chosen is ChatResult.Kept kept ? Results.Ok(ChatTurnView.Of(kept.Turn)) : Refused(chosen);
    }

    private static async Task<Found?> FindAsync(Database database, string lease, ClaimsPrincipal user, CancellationToken stop)
    {
        if (await database.Leases.FindAsync(lease, stop).ConfigureAwait(false) is not { } found || found.PersonId != user.PersonId())
            return null;
        var task = (await database.Tasks.FindAsync(found.TaskId, stop).ConfigureAwait(false))!;
        if (task.Kind != TaskKind.Chat)
            return null;
        return new(found, TaskPayload.Read<ChatTask>(task.Payload), (await database.Projects.FindAsync(found.ProjectId, stop).ConfigureAwait(false))!.Settings.Chat);
    }

    private static Told Refused(ChatResult result) => result switch
    {
        ChatResult.Conflict conflict => new Told(StatusCodes.Status409Conflict, "chat-conflict", new Phrase($"chat-fault.{conflict.Fault}", conflict.Number, conflict.Turns)),
        ChatResult.Over => new Told(StatusCodes.Status410Gone, "chat-over"),
        _ => Unknown(),
    };

    private static Told Unknown() => new(StatusCodes.Status404NotFound, "no-chat");

    private sealed record Found(Lease Lease, ChatTask Payload, ChatSettings Settings);
}
