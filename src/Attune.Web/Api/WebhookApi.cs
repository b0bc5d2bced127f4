using System.Security.Claims;
using System.Text.Json;
using Attune.Storage;
using Attune.Storage.Webhooks;
using Attune.Web.Access;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Api;

/// <summary>A webhook to make.</summary>
/// <param name="Url">https, or http of this machine.</param>
/// <param name="Events">Of judgment.created, task.completed, batch.state, rule.fired.</param>
public sealed record NewWebhook(string Url, IReadOnlyList<string> Events);

/// <summary>A webhook. The secret that its deliveries are signed with is only in the reply to making it.</summary>
public sealed record WebhookReply(string Id, string Url, IReadOnlyList<string> Events, WebhookState State, DateTimeOffset CreatedAt, string? Secret = null)
{
    internal static WebhookReply Of(Webhook webhook, string? secret = null) => new(webhook.Id, webhook.Url, webhook.Events.Split(' '), webhook.State, webhook.CreatedAt, secret);
}

/// <summary>Whether a webhook is called.</summary>
public sealed record WebhookActiveBody(bool Active);

/// <summary>A delivery and what became of it.</summary>
public sealed record DeliveryReply(
    string Id, string EventId, string Event, JsonElement Body, string State, int Attempts, int? Status, string? Problem, DateTimeOffset? DueAt, DateTimeOffset CreatedAt, DateTimeOffset? DeliveredAt)
{
    internal static DeliveryReply Of(WebhookDelivery delivery) => new(
        delivery.Id, delivery.EventId, delivery.Event, JsonSerializer.Deserialize<JsonElement>(delivery.Body), delivery.State, delivery.Attempts, delivery.Status, delivery.Problem,
        delivery.State == "pending" ? delivery.DueAt : null, delivery.CreatedAt, delivery.DeliveredAt);
}

/// <summary><c>/api/v1/projects/{project}/webhooks</c>.</summary>
internal static class WebhookApi
{
    public static void MapWebhooks(this (RouteGroupBuilder Read, RouteGroupBuilder Write) api)
    {
        const string Root = "/projects/{project}/webhooks";
        api.Read.MapGet(Root, async (string project, [AsParameters] Paging page, Database database, CancellationToken stop) =>
            page.Request.Part(await database.Webhooks.ListAsync(project, stop).ConfigureAwait(false), webhook => webhook.Id).Select(webhook => WebhookReply.Of(webhook))).RequireProject(ProjectRight.Run);
        api.Write.MapPost(Root, CreateAsync).RequireProject(ProjectRight.Run).Produces<WebhookReply>(StatusCodes.Status201Created).ProducesProblem(StatusCodes.Status400BadRequest);
        api.Write.MapPut($"{Root}/{{webhook}}", async (string project, string webhook, [FromBody] WebhookActiveBody body, ClaimsPrincipal user, Database database, CancellationToken stop) =>
            Done(await database.Webhooks.SetActiveAsync(project, webhook, body.Active, user.PersonId(), stop).ConfigureAwait(false))).RequireProject(ProjectRight.Run).Produces(StatusCodes.Status204NoContent);
        api.Write.MapDelete($"{Root}/{{webhook}}", async (string project, string webhook, ClaimsPrincipal user, Database database, CancellationToken stop) =>
            Done(await database.Webhooks.DeleteAsync(project, webhook, user.PersonId(), stop).ConfigureAwait(false))).RequireProject(ProjectRight.Run).Produces(StatusCodes.Status204NoContent);
        api.Read.MapGet($"{Root}/{{webhook}}/deliveries", DeliveriesAsync).RequireProject(ProjectRight.Run).Produces<Page<DeliveryReply>>();
        api.Write.MapPost($"{Root}/{{webhook}}/deliveries/{{delivery}}/redeliver", async (string project, string webhook, string delivery, ClaimsPrincipal user, Database database, CancellationToken stop) =>
            Done(await database.Webhooks.RedeliverAsync(project, webhook, delivery, user.PersonId(), stop).ConfigureAwait(false))).RequireProject(ProjectRight.Run).Produces(StatusCodes.Status204NoContent);
    }

    private static IResult Done(bool isThere) => isThere ? Results.NoContent() : Results.NotFound();

    private static async Task<IResult> CreateAsync(string project, [FromBody] NewWebhook body, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        var (webhook, secret) = await database.Webhooks.CreateAsync(project, body.Url, body.Events, user.PersonId(), stop).ConfigureAwait(false);
        return Results.Created($"/api/v1/projects/{project}/webhooks/{webhook.Id}", WebhookReply.Of(webhook, secret));
    }

    private static async Task<IResult> DeliveriesAsync(string project, string webhook, [AsParameters] Paging page, Database database, CancellationToken stop) =>
        await database.Webhooks.FindAsync(project, webhook, stop).ConfigureAwait(false) is null ? Results.NotFound()
            : Results.Ok((await database.Webhooks.DeliveriesAsync(project, webhook, page.Request, stop).ConfigureAwait(false)).Select(DeliveryReply.Of));
}
