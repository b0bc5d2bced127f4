using Attune.Runs;

namespace Attune.Storage.Webhooks;

/// <summary>Whether a webhook is called.</summary>
public enum WebhookState
{
    /// <summary>Called.</summary>
    Active,

    /// <summary>Not called, as somebody asked; events meanwhile are not kept for it.</summary>
    Paused,

    /// <summary>Not called any more, as it did not answer for a day; events meanwhile are not kept for it.</summary>
    Disabled,
}

/// <summary>An address that is called when something happens in a project. Its secret is shown once, where it is made.</summary>
public sealed record Webhook
{
    /// <summary>Its identifier.</summary>
    public required string Id { get; init; }

    /// <summary>The project.</summary>
    public required string ProjectId { get; init; }

    /// <summary>What is called: https, or http of this machine.</summary>
    public required string Url { get; init; }

    /// <summary>Which events, of <see cref="AllEvents"/>, separated by spaces.</summary>
    public required string Events { get; init; }

    /// <summary>Whether it is called.</summary>
    public required WebhookState State { get; init; }

    /// <summary>Since when it is there.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The events that there are.</summary>
    public static IReadOnlyList<string> AllEvents { get; } = ["judgment.created", "task.completed", "batch.state", "rule.fired"];

    /// <summary>What is wrong with a webhook that somebody wants.</summary>
    public static IEnumerable<Problem> Check(string? url, IReadOnlyList<string>? events)
    {
        if (url is not { Length: <= 2000 } || !Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.UserInfo.Length > 0 || uri.Fragment.Length > 0
            || !(uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback)))
            yield return Problem.Of("url", $"is {Shown(url)}", "an https address without a user and password, or an http one of this machine", "give one such as https://example.org/attune");
        if (events is null or [])
            yield return Problem.Of("events", "names none", $"at least one of {string.Join(", ", AllEvents)}", "name what to be told");
        foreach (var unknown in (events ?? []).Except(AllEvents))
            yield return Problem.Of("events", $"names {Shown(unknown)}", $"only {string.Join(", ", AllEvents)}", "correct it");
    }

    private static string Shown(string? text) => text is null ? "missing" : text.Length <= 100 ? text : text[..100] + "…";
}

/// <summary>Something that happened, on its way to a webhook.</summary>
public sealed record WebhookDelivery
{
    /// <summary>Its identifier; a webhook's deliveries are made in the order of these.</summary>
    public required string Id { get; init; }

    /// <summary>Which webhook.</summary>
    public required string WebhookId { get; init; }

    /// <summary>The event's identifier, the same in every delivery of it: a receiver that has seen it leaves it.</summary>
    public required string EventId { get; init; }

    /// <summary>One of <see cref="Webhook.AllEvents"/>.</summary>
    public required string Event { get; init; }

    /// <summary>What is sent, JSON.</summary>
    public required string Body { get; init; }

    /// <summary>"pending" or "delivered".</summary>
    public required string State { get; init; }

    /// <summary>How often it was tried.</summary>
    public required int Attempts { get; init; }

    /// <summary>When it was tried first; null before.</summary>
    public DateTimeOffset? FirstTriedAt { get; init; }

    /// <summary>When it is tried next, where it is pending.</summary>
    public required DateTimeOffset DueAt { get; init; }

    /// <summary>The receiver's last HTTP status; null where there was no answer.</summary>
    public int? Status { get; init; }

    /// <summary>Why the last try failed; null where it did not.</summary>
    public string? Problem { get; init; }

    /// <summary>When the event happened.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it arrived; null before.</summary>
    public DateTimeOffset? DeliveredAt { get; init; }
}

/// <summary>What a receiver said to a delivery.</summary>
/// <param name="Status">HTTP status; null where there was no answer.</param>
/// <param name="Problem">Why it counts as failed; null where it arrived.</param>
public sealed record WebhookAnswer(int? Status, string? Problem);

/// <summary>A delivery to make now, with where and how it is signed.</summary>
public sealed record DueDelivery(WebhookDelivery Delivery, string Url, string Secret);
