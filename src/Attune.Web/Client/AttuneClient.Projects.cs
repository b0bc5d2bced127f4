using System.Runtime.CompilerServices;
using System.Text.Json;
using Attune.Storage;
using Attune.Storage.People;
using Attune.Storage.Work;
using Attune.Web.Api;

namespace Attune.Web.Client;

/// <summary>Projects, tasks, members, people, keys, exports and metrics. What is refused is an <see cref="AttuneApiException"/>.</summary>
public sealed partial class AttuneClient
{
    /// <summary>Makes a project.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="settings">Anything that becomes an object of <see cref="ProjectSettings"/>; null for the usual ones.</param>
    /// <param name="stop">Gives up.</param>
    public Task<ProjectReply> CreateProjectAsync(string name, object? settings = null, CancellationToken stop = default) =>
        SendAsync<ProjectReply>(HttpMethod.Post, "projects", new NewProject(name, settings is null ? null : JsonSerializer.SerializeToElement(settings, Json)), stop);

    /// <summary>A project.</summary>
    public Task<ProjectReply> ProjectAsync(string id, CancellationToken stop = default) => SendAsync<ProjectReply>(HttpMethod.Get, Of(id), null, stop);

    /// <summary>The projects that the key's person belongs to, or may run.</summary>
    public IAsyncEnumerable<ProjectReply> ProjectsAsync(CancellationToken stop = default) => AllAsync<ProjectReply>("projects", stop);

    /// <summary>Replaces a project's settings.</summary>
    public Task<ProjectReply> SetSettingsAsync(string project, object settings, CancellationToken stop = default) => SendAsync<ProjectReply>(HttpMethod.Put, Of(project, "settings"), settings, stop);

    /// <summary>Opens, pauses or archives a project.</summary>
    public Task SetStateAsync(string project, ProjectState state, CancellationToken stop = default) => DoAsync(HttpMethod.Put, Of(project, "state"), new ProjectStateBody(state), stop);

    /// <summary>Adds a version of the instructions.</summary>
    public Task<InstructionReply> AddInstructionsAsync(string project, string markdown, CancellationToken stop = default) =>
        SendAsync<InstructionReply>(HttpMethod.Post, Of(project, "instructions"), new InstructionBody(markdown), stop);

    /// <summary>How far a project is.</summary>
    public Task<Progress> ProgressAsync(string project, CancellationToken stop = default) => SendAsync<Progress>(HttpMethod.Get, Of(project, "progress"), null, stop);

    /// <summary>How a project goes.</summary>
    /// <param name="project">The project.</param>
    /// <param name="days">Days of the window, from 1 to 90; null for the usual fourteen.</param>
    /// <param name="stop">Gives up.</param>
    public Task<MetricsReply> MetricsAsync(string project, int? days = null, CancellationToken stop = default) =>
        SendAsync<MetricsReply>(HttpMethod.Get, Of(project, "metrics") + (days is null ? "" : $"?days={days}"), null, stop);

    /// <summary>Adds tasks: the bytes of a comparisons.jsonl or tasks.jsonl. Those that are there already are left.</summary>
    public async Task<AddedTasks> AddTasksAsync(string project, byte[] lines, CancellationToken stop = default)
    {
        using var reply = await CallAsync(HttpMethod.Post, Of(project, "tasks"), lines, null, stop).ConfigureAwait(false);
        return JsonSerializer.Deserialize<AddedTasks>(await reply.Content.ReadAsStringAsync(stop).ConfigureAwait(false), Json)!;
    }

    /// <summary>A project's tasks.</summary>
    public IAsyncEnumerable<TaskReply> TasksAsync(string project, TaskState? state = null, CancellationToken stop = default) =>
        AllAsync<TaskReply>(Of(project, "tasks") + (state is { } wanted ? $"?state={JsonNamingPolicy.KebabCaseLower.ConvertName($"{wanted}")}" : ""), stop);

    /// <summary>Gives a task out again that was reported as broken; the reports so far count no more.</summary>
    public Task ReturnTaskAsync(string project, string task, string reason, CancellationToken stop = default) =>
        DoAsync(HttpMethod.Post, Of(project, $"tasks/{Uri.EscapeDataString(task)}/return"), new WithdrawBody(reason), stop);

    /// <summary>Takes a task out.</summary>
    public Task WithdrawTaskAsync(string project, string task, string reason, CancellationToken stop = default) =>
        DoAsync(HttpMethod.Post, Of(project, $"tasks/{Uri.EscapeDataString(task)}/withdraw"), new WithdrawBody(reason), stop);

    /// <summary>A project's members.</summary>
    public IAsyncEnumerable<MemberReply> MembersAsync(string project, CancellationToken stop = default) => AllAsync<MemberReply>(Of(project, "members"), stop);

    /// <summary>Makes somebody a member, or changes their part.</summary>
    public Task SetMemberAsync(string project, string person, Role role, MemberState? state = null, CancellationToken stop = default) =>
        DoAsync(HttpMethod.Put, Of(project, $"members/{Uri.EscapeDataString(person)}"), new MemberBody(role, state), stop);

    /// <summary>Ends a membership.</summary>
    public Task RemoveMemberAsync(string project, string person, CancellationToken stop = default) => DoAsync(HttpMethod.Delete, Of(project, $"members/{Uri.EscapeDataString(person)}"), null, stop);

    /// <summary>The key's person.</summary>
    public Task<PersonReply> MeAsync(CancellationToken stop = default) => SendAsync<PersonReply>(HttpMethod.Get, "me", null, stop);

    /// <summary>Everybody of the installation.</summary>
    public IAsyncEnumerable<PersonReply> PeopleAsync(CancellationToken stop = default) => AllAsync<PersonReply>("people", stop);

    /// <summary>A link by which somebody joins.</summary>
    public Task<InvitationReply> InviteAsync(Role role, string? project = null, string? email = null, CancellationToken stop = default) =>
        SendAsync<InvitationReply>(HttpMethod.Post, "invitations", new InvitationBody(role, project, email), stop);

    /// <summary>A link by which somebody chooses a new password.</summary>
    public Task<LinkReply> ResetAsync(string person, CancellationToken stop = default) => SendAsync<LinkReply>(HttpMethod.Post, $"people/{Uri.EscapeDataString(person)}/reset", new { }, stop);

    /// <summary>Changes what somebody may do on the installation.</summary>
    public Task SetRoleAsync(string person, Role role, CancellationToken stop = default) => DoAsync(HttpMethod.Put, $"people/{Uri.EscapeDataString(person)}/role", new RoleBody(role), stop);

    /// <summary>Keeps somebody out for a while, or lets them in again.</summary>
    public Task SetPausedAsync(string person, bool paused, CancellationToken stop = default) => DoAsync(HttpMethod.Put, $"people/{Uri.EscapeDataString(person)}/paused", new PausedBody(paused), stop);

    /// <summary>Erases somebody; with <paramref name="texts"/> also what they wrote in their own words.</summary>
    public Task ErasePersonAsync(string person, bool texts = false, CancellationToken stop = default) => DoAsync(HttpMethod.Delete, $"people/{Uri.EscapeDataString(person)}?texts={(texts ? "true" : "false")}", null, stop);

    /// <summary>The person's keys.</summary>
    public IAsyncEnumerable<ApiKey> KeysAsync(CancellationToken stop = default) => AllAsync<ApiKey>("keys", stop);

    /// <summary>Revokes a key.</summary>
    public Task RevokeKeyAsync(string key, CancellationToken stop = default) => DoAsync(HttpMethod.Delete, $"keys/{Uri.EscapeDataString(key)}", null, stop);

    /// <summary>The lines of an export, one after the other, as the server reads them.</summary>
    /// <param name="project">The project.</param>
    /// <param name="file">"judgments.jsonl", "comparisons.jsonl", "data.jsonl?shape=…", …</param>
    /// <param name="stop">Gives up.</param>
    public async IAsyncEnumerable<string> ExportAsync(string project, string file, [EnumeratorCancellation] CancellationToken stop = default)
    {
        using var reply = await CallAsync(HttpMethod.Get, Of(project, $"export/{file}"), null, null, stop, HttpCompletionOption.ResponseHeadersRead).ConfigureAwait(false);
        using var lines = new StreamReader(await reply.Content.ReadAsStreamAsync(stop).ConfigureAwait(false));
        while (await lines.ReadLineAsync(stop).ConfigureAwait(false) is { } line)
            yield return line;
    }

    /// <summary>A webhook; the reply holds its secret, this once.</summary>
    public Task<WebhookReply> CreateWebhookAsync(string project, string url, IReadOnlyList<string> events, CancellationToken stop = default) =>
        SendAsync<WebhookReply>(HttpMethod.Post, Of(project, "webhooks"), new NewWebhook(url, events), stop);

    /// <summary>A webhook's deliveries, the newest first.</summary>
    public IAsyncEnumerable<DeliveryReply> DeliveriesAsync(string project, string webhook, CancellationToken stop = default) => AllAsync<DeliveryReply>(Of(project, $"webhooks/{Uri.EscapeDataString(webhook)}/deliveries"), stop);

    /// <summary>Has a delivery made again.</summary>
    public Task RedeliverAsync(string project, string webhook, string delivery, CancellationToken stop = default) =>
        DoAsync(HttpMethod.Post, Of(project, $"webhooks/{Uri.EscapeDataString(webhook)}/deliveries/{Uri.EscapeDataString(delivery)}/redeliver"), new { }, stop);

    private static string Of(string project, string? rest = null) => $"projects/{Uri.EscapeDataString(project)}{(rest is null ? "" : $"/{rest}")}";

    private async Task DoAsync(HttpMethod method, string path, object? body, CancellationToken stop)
    {
        using var reply = await CallAsync(method, path, body, null, stop).ConfigureAwait(false);
    }

    private async IAsyncEnumerable<T> AllAsync<T>(string path, [EnumeratorCancellation] CancellationToken stop)
    {
        string? after = null;
        do
        {
            var page = await SendAsync<Page<T>>(HttpMethod.Get, $"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}size={PageRequest.Largest}{(after is null ? "" : $"&after={Uri.EscapeDataString(after)}")}", null, stop).ConfigureAwait(false);
            foreach (var item in page.Items)
                yield return item;
            after = page.Next;
        }
        while (after is not null);
    }
}
