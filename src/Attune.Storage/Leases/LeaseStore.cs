using System.Text.Json;
using Attune.Storage.People;
using Attune.Storage.Work;

namespace Attune.Storage.Leases;

/// <summary>
/// Gives out tasks and takes answers. At every moment the leases of a task that run and its answers that count are at most its overlap: both numbers stand
/// in the task's row, change with the leases in one transaction, and the database itself refuses more. Not here: who may call this; the web app asks first.
/// </summary>
public sealed partial class LeaseStore
{
    /// <summary>Why a lease ended whose task the person then answered under an earlier one.</summary>
    internal const string AnsweredLate = "answered late";

    private const string Skipped = "skip";

    private const int MostExpiredAtOnce = 500; // the rest at the next call; bounds how long one call takes

    private readonly Database _database;

    internal LeaseStore(Database database) => _database = database;

    /// <summary>Gives somebody a task.</summary>
    /// <param name="projectId">Of this project.</param>
    /// <param name="personId">To whom.</param>
    /// <param name="request">What they have, and what for.</param>
    /// <param name="stop">Gives up.</param>
    public Task<NextTask> NextAsync(string projectId, string personId, LeaseRequest? request = null, CancellationToken stop = default) =>
        _database.WriteAsync(transaction => NextAsync(transaction, projectId, personId, request ?? new()), stop);

    /// <summary>The same within a change.</summary>
    public static async Task<NextTask> NextAsync(Transaction transaction, string projectId, string personId, LeaseRequest request)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentNullException.ThrowIfNull(request);
        if (await ProjectStore.FindAsync(transaction, projectId).ConfigureAwait(false) is not { State: ProjectState.Active } project)
            return new(null, NothingReason.ProjectClosed);
        if (await AllowedAsync(transaction, projectId, personId).ConfigureAwait(false) is not { } pseudonym)
            return new(null, NothingReason.NotAllowed);
        if (!await PersonStore.HasConsentedAsync(transaction, personId, project).ConfigureAwait(false))
            return new(null, NothingReason.NeedsConsent);
        await ExpireAsync(transaction, projectId).ConfigureAwait(false);

        var open = await transaction.QueryAsync<Lease>("SELECT * FROM leases WHERE person_id = @personId AND project_id = @projectId AND state = 'active' ORDER BY id", new { personId, projectId }).ConfigureAwait(false);
        if (open.FirstOrDefault(lease => !request.Known.Contains(lease.Id)) is { } again)
            return new(await GrantedAsync(transaction, await ExtendAsync(transaction, again, project).ConfigureAwait(false), pseudonym).ConfigureAwait(false));
        if (open.Count >= project.Settings.OpenTasks)
            return new(null, NothingReason.TooManyOpen);
        if (project.Settings.DailyLimit is { } limit && await TodayAsync(transaction, projectId, personId).ConfigureAwait(false) >= limit)
            return new(null, NothingReason.DailyLimit);
        var chosen = await ChooseAsync(transaction, project, personId, request).ConfigureAwait(false);
        return chosen.TaskId is null ? new(null, chosen.Why)
            : new(await GrantedAsync(transaction, await GrantAsync(transaction, project, chosen, personId).ConfigureAwait(false), pseudonym).ConfigureAwait(false));
    }

    /// <summary>Keeps a lease alive. Gives until when; null where it runs no more.</summary>
    public Task<DateTimeOffset?> HeartbeatAsync(string token, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            if (await ByTokenAsync(transaction, token).ConfigureAwait(false) is not { State: LeaseState.Active } lease || lease.ExpiresAt <= transaction.Now)
                return null;
            var project = await ProjectStore.FindAsync(transaction, lease.ProjectId).ConfigureAwait(false);
            return (DateTimeOffset?)(await ExtendAsync(transaction, lease, project!).ConfigureAwait(false)).ExpiresAt;
        }, stop);

    /// <summary>Gives a lease back: the place is free, and this person is not given the task again. Whether it still ran.</summary>
    /// <param name="token">The lease's.</param>
    /// <param name="reason">Why: "skip", which counts where none is given, "broken: the image is missing", …</param>
    /// <param name="stop">Gives up.</param>
    public Task<bool> ReleaseAsync(string token, string? reason, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            if (await ByTokenAsync(transaction, token).ConfigureAwait(false) is not { State: LeaseState.Active } lease)
                return false;
            await EndAsync(transaction, lease, LeaseState.Released, string.IsNullOrWhiteSpace(reason) ? Skipped : reason).ConfigureAwait(false);
            if (reason?.StartsWith(Broken, StringComparison.Ordinal) == true)
                await HoldIfReportedAsync(transaction, lease).ConfigureAwait(false);
            await FollowUps.ReleasedAsync(transaction, lease.TaskId).ConfigureAwait(false);
            return true;
        }, stop);

    /// <summary>Ends what has run out in a project, and frees the places; <see cref="NextAsync(string, string, LeaseRequest?, CancellationToken)"/> does so too. Gives how many.</summary>
    public Task<int> ExpireAsync(string projectId, CancellationToken stop = default) => _database.WriteAsync(transaction => ExpireAsync(transaction, projectId), stop);

    /// <summary>A lease by id; null where there is none.</summary>
    public Task<Lease?> FindAsync(string id, CancellationToken stop = default) =>
        _database.ReadAsync(transaction => transaction.FirstAsync<Lease>("SELECT * FROM leases WHERE id = @id", new { id }), stop);

    /// <summary>The lease of a token, with its task; null where there is none. Whether it still runs it says itself.</summary>
    public Task<GrantedLease?> FindByTokenAsync(string token, CancellationToken stop = default) => _database.ReadAsync(
        async transaction => await transaction.FirstAsync<Lease>("SELECT * FROM leases WHERE token_hash = @Hash", new { Hash = Secret.Hash(token) }).ConfigureAwait(false) is { } lease
            ? new GrantedLease(lease, token, (await TaskStore.FindAsync(transaction, lease.TaskId).ConfigureAwait(false))!, await PseudonymAsync(transaction, lease.PersonId).ConfigureAwait(false)) : null, stop);

    /// <summary>A person's leases in a project, newest first: what they did, and what runs.</summary>
    public Task<IReadOnlyList<Lease>> RecentAsync(string projectId, string personId, int count, CancellationToken stop = default) => _database.ReadAsync(
        transaction => transaction.QueryAsync<Lease>(
            "SELECT * FROM leases WHERE person_id = @personId AND project_id = @projectId ORDER BY granted_at DESC, id DESC LIMIT @Most",
            new { projectId, personId, Most = Math.Clamp(count, 1, PageRequest.Largest) }), stop);

    /// <summary>Takes back what somebody has: of one project, and of one kind of task in it, where these are named.</summary>
    internal static async Task ReleaseAllAsync(Transaction transaction, string personId, string? projectId = null, string? kind = null)
    {
        var ofProject = projectId is null ? "" : " AND project_id = @projectId";
        var ofKind = kind is null ? "" : " AND EXISTS (SELECT 1 FROM tasks t WHERE t.id = leases.task_id AND t.kind = @kind)";
        var running = await transaction.QueryAsync<Lease>(
            $"SELECT * FROM leases WHERE person_id = @personId AND state = 'active'{ofProject}{ofKind} ORDER BY task_id{transaction.Engine.ForUpdate}",
            new { personId, projectId, kind }).ConfigureAwait(false);
        foreach (var lease in running)
            await EndAsync(transaction, lease, LeaseState.Released, null).ConfigureAwait(false);
    }

    /// <summary>The person's pseudonym, if they may judge here; holds back their other calls until the transaction ends, so that limits hold.</summary>
    private static async Task<string?> AllowedAsync(Transaction transaction, string projectId, string personId)
    {
        var member = await transaction.FirstAsync<Membership>(
            $"SELECT * FROM memberships WHERE project_id = @projectId AND person_id = @personId{transaction.Engine.ForUpdate}", new { projectId, personId }).ConfigureAwait(false);
        var isBanned = member is { State: MemberState.Banned } && (member.BannedUntil is not { } end || end > transaction.Now);
        return member is null or { Role: Role.Viewer } or { State: MemberState.Paused } || isBanned || await IsBarredAsync(transaction, projectId, personId).ConfigureAwait(false) ? null
            : await transaction.FirstAsync<string>("SELECT pseudonym FROM people WHERE id = @personId AND state = 'active'", new { personId }).ConfigureAwait(false);
    }

    private static async Task<int> ExpireAsync(Transaction transaction, string projectId)
    {
        var due = await transaction.QueryAsync<Lease>(
            $"SELECT * FROM leases WHERE project_id = @projectId AND state = 'active' AND expires_at <= @Now ORDER BY task_id LIMIT {MostExpiredAtOnce}{transaction.Engine.SkipLocked}",
            new { projectId, transaction.Now }).ConfigureAwait(false);
        foreach (var lease in due)
            await EndAsync(transaction, lease, LeaseState.Expired, null).ConfigureAwait(false);
        return due.Count;
    }

    private static async Task<long> TodayAsync(Transaction transaction, string projectId, string personId)
    {
        var midnight = new DateTimeOffset(transaction.Now.UtcDateTime.Date, TimeSpan.Zero);
        return await transaction.CountAsync(
            "SELECT COUNT(*) FROM leases WHERE person_id = @personId AND project_id = @projectId AND granted_at >= @midnight AND state IN ('active', 'submitted', 'late')",
            new { projectId, personId, midnight }).ConfigureAwait(false);
    }

    private static async Task<Lease> GrantAsync(Transaction transaction, Project project, Chosen chosen, string personId)
    {
        var taskId = chosen.TaskId!;
        await MakeRoomAsync(transaction, (await TaskStore.FindAsync(transaction, taskId).ConfigureAwait(false))!).ConfigureAwait(false);
        var task = (await TaskStore.FindAsync(transaction, taskId).ConfigureAwait(false))!;
        var taken = await transaction.QueryAsync<int>("SELECT seat FROM leases WHERE task_id = @taskId AND (state = 'active' OR state = 'submitted')", new { taskId }).ConfigureAwait(false);
        var seed = SideOrder.SeedOf(task.SideSeed, personId);
        var seat = chosen.Seat ?? SideOrder.Seat(seed, task.Overlap, taken);
        var id = transaction.NewId();
        var lease = new Lease
        {
            Id = id,
            ProjectId = project.Id,
            TaskId = taskId,
            PersonId = personId,
            State = LeaseState.Active,
            Seat = seat,
            Seed = (long)seed.Value,
            SideOrder = JsonSerializer.Serialize(SideOrder.Of(task.SideSeed, task.Choices, seat)),
            GrantedAt = transaction.Now,
            ExpiresAt = Until(transaction, project),
            InstructionVersion = (int)await transaction.CountAsync("SELECT COALESCE(MAX(version), 0) FROM instructions WHERE project_id = @Id", new { project.Id }).ConfigureAwait(false),
        };
        await transaction.ExecuteAsync(
            """
            INSERT INTO leases (id, project_id, task_id, person_id, token_hash, state, seat, seed, side_order, instruction_version, granted_at, expires_at)
            VALUES (@Id, @ProjectId, @TaskId, @PersonId, @Hash, 'active', @Seat, @Seed, @SideOrder, @InstructionVersion, @GrantedAt, @ExpiresAt)
            """,
            new
            {
                lease.Id,
                lease.ProjectId,
                lease.TaskId,
                lease.PersonId,
                lease.Seat,
                lease.Seed,
                lease.SideOrder,
                lease.InstructionVersion,
                lease.GrantedAt,
                lease.ExpiresAt,
                Hash = Secret.Hash(await TokenAsync(transaction, id).ConfigureAwait(false)),
            }).ConfigureAwait(false);
        await transaction.ExecuteAsync("UPDATE tasks SET active = active + 1 WHERE id = @taskId", new { taskId }).ConfigureAwait(false);
        return lease;
    }

    private static async Task<Lease> ExtendAsync(Transaction transaction, Lease lease, Project project)
    {
        var extended = lease with { ExpiresAt = Until(transaction, project) };
        await transaction.ExecuteAsync("UPDATE leases SET expires_at = @ExpiresAt WHERE id = @Id", new { extended.Id, extended.ExpiresAt }).ConfigureAwait(false);
        return extended;
    }

    /// <summary>Ends a running lease without an answer; its place is free.</summary>
    private static async Task EndAsync(Transaction transaction, Lease lease, LeaseState state, string? reason)
    {
        await transaction.ExecuteAsync(
            "UPDATE leases SET state = @State, ended_at = @Now, reason = @reason WHERE id = @Id", new { lease.Id, State = StorageJson.Word(state), transaction.Now, reason }).ConfigureAwait(false);
        await transaction.ExecuteAsync("UPDATE tasks SET active = active - 1 WHERE id = @TaskId", new { lease.TaskId }).ConfigureAwait(false);
    }

    private static async Task<GrantedLease> GrantedAsync(Transaction transaction, Lease lease, string pseudonym) =>
        new(lease, await TokenAsync(transaction, lease.Id).ConfigureAwait(false), (await TaskStore.FindAsync(transaction, lease.TaskId).ConfigureAwait(false))!, pseudonym);

    private static Task<Lease?> ByTokenAsync(Transaction transaction, string token) =>
        transaction.FirstAsync<Lease>($"SELECT * FROM leases WHERE token_hash = @Hash{transaction.Engine.ForUpdate}", new { Hash = Secret.Hash(token) });

    /// <summary>
    /// A lease's token is made from its id under a key of this database: its owner can be told again after a reload, others cannot make it up from the id.
    /// </summary>
    private static async Task<string> TokenAsync(Transaction transaction, string leaseId)
    {
        const string Name = "lease-tokens";
        var key = await transaction.FirstAsync<string>("SELECT value FROM secrets WHERE name = @Name", new { Name }).ConfigureAwait(false);
        if (key is null)
        {
            await transaction.ExecuteAsync("INSERT INTO secrets (name, value) VALUES (@Name, @Value) ON CONFLICT DO NOTHING", new { Name, Value = Secret.New() }).ConfigureAwait(false);
            key = await transaction.FirstAsync<string>("SELECT value FROM secrets WHERE name = @Name", new { Name }).ConfigureAwait(false);
        }
        return Secret.Of(key!, leaseId);
    }

    private static async Task<string> PseudonymAsync(Transaction transaction, string personId) =>
        (await transaction.FirstAsync<string>("SELECT pseudonym FROM people WHERE id = @personId", new { personId }).ConfigureAwait(false))!;

    private static DateTimeOffset Until(Transaction transaction, Project project) => transaction.Now.AddMinutes(project.Settings.LeaseMinutes);
}
