using System.Security.Cryptography;
using Attune.Runs;
using Attune.Storage.Leases;
using Attune.Storage.People;

namespace Attune.Storage.Work;

/// <summary>Projects, their instructions and members.</summary>
public sealed class ProjectStore
{
    private readonly Database _database;

    internal ProjectStore(Database database) => _database = database;

    /// <summary>Makes a project.</summary>
    /// <param name="name">Its name, unique.</param>
    /// <param name="settings">How it works.</param>
    /// <param name="actorId">Who makes it.</param>
    /// <param name="seed">From which side orders are drawn; null draws one.</param>
    /// <param name="stop">Gives up.</param>
    /// <exception cref="InputException">The name is empty or taken, a setting is out of its range.</exception>
    public Task<Project> CreateAsync(string name, ProjectSettings settings, string? actorId, long? seed = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(settings);
        if (string.IsNullOrWhiteSpace(name) || name.Contains('\0'))
            throw InputException.One("The project's name", "is empty or holds a NUL", "a name", "give one");
        settings.ThrowIfBad();
        return _database.WriteAsync(
            async transaction =>
            {
                var project = new Project
                {
                    Id = transaction.NewId(),
                    Name = name,
                    State = ProjectState.Active,
                    Settings = settings,
                    CreatedAt = transaction.Now,
                    Seed = seed ?? BitConverter.ToInt64(RandomNumberGenerator.GetBytes(8)),
                };
                if (await transaction.ExecuteAsync(
                    "INSERT INTO projects (id, name, state, seed, settings, created_at) VALUES (@Id, @Name, 'active', @Seed, @Settings, @CreatedAt) ON CONFLICT DO NOTHING",
                    new { project.Id, project.Name, project.Seed, Settings = settings.ToJson(), project.CreatedAt }).ConfigureAwait(false) == 0)
                    throw InputException.One($"Project {name}", "is there already", "a name of its own", "choose another");
                await _database.Audit.RecordAsync(transaction, actorId, "project.create", project.Id, project.Id).ConfigureAwait(false);
                return project;
            }, stop);
    }

    /// <summary>A project by id; null where there is none.</summary>
    public Task<Project?> FindAsync(string id, CancellationToken stop = default) => _database.ReadAsync(transaction => FindAsync(transaction, id), stop);

    /// <summary>A project by name; null where there is none.</summary>
    public Task<Project?> FindByNameAsync(string name, CancellationToken stop = default) => _database.ReadAsync(
        async transaction => (await transaction.FirstAsync<Row>("SELECT * FROM projects WHERE name = @name", new { name }).ConfigureAwait(false))?.Project(), stop);

    /// <summary>Projects in the order in which they were made.</summary>
    /// <param name="memberId">Only those this person is a member of; null for all.</param>
    /// <param name="page">Which part.</param>
    /// <param name="stop">Gives up.</param>
    public Task<Page<Project>> ListAsync(string? memberId, PageRequest page, CancellationToken stop = default) => _database.ReadAsync(
        async transaction =>
        {
            var mine = memberId is null ? "" : "AND id IN (SELECT project_id FROM memberships WHERE person_id = @memberId)";
            var rows = await transaction.QueryAsync<Row>($"SELECT * FROM projects WHERE id > @From {mine} ORDER BY id LIMIT @More", new { page.From, memberId, More = page.Limit + 1 }).ConfigureAwait(false);
            return page.Of(rows.Select(row => row.Project()).ToList(), project => project.Id);
        }, stop);

    /// <summary>Replaces the settings. Tasks that are there keep their overlap.</summary>
    /// <exception cref="InputException">A setting is out of its range.</exception>
    public Task SetSettingsAsync(string id, ProjectSettings settings, string? actorId, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(settings);
        settings.ThrowIfBad();
        return _database.WriteAsync(
            async transaction =>
            {
                await transaction.ExecuteAsync("UPDATE projects SET settings = @Settings WHERE id = @id", new { id, Settings = settings.ToJson() }).ConfigureAwait(false);
                await _database.Audit.RecordAsync(transaction, actorId, "project.settings", id, id, settings).ConfigureAwait(false);
            }, stop);
    }

    /// <summary>Pauses or archives a project, or lets it go on.</summary>
    public Task SetStateAsync(string id, ProjectState state, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            await transaction.ExecuteAsync("UPDATE projects SET state = @State WHERE id = @id", new { id, State = StorageJson.Word(state) }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "project.state", id, id, new { state }).ConfigureAwait(false);
        }, stop);

    /// <summary>Adds a version of the instructions; gives its number. Older ones stay.</summary>
    /// <exception cref="InputException">The text is empty.</exception>
    public Task<int> AddInstructionAsync(string projectId, string markdown, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            if (string.IsNullOrWhiteSpace(markdown) || markdown.Contains('\0'))
                throw InputException.One("The instructions", "are empty or hold a NUL", "a text in Markdown", "write them");
            await transaction.FirstAsync<string>($"SELECT id FROM projects WHERE id = @projectId{transaction.Engine.ForUpdate}", new { projectId }).ConfigureAwait(false);
            var version = 1 + (int)await transaction.CountAsync("SELECT COALESCE(MAX(version), 0) FROM instructions WHERE project_id = @projectId", new { projectId }).ConfigureAwait(false);
            await transaction.ExecuteAsync(
                "INSERT INTO instructions (project_id, version, markdown, author_id, created_at) VALUES (@projectId, @version, @markdown, @actorId, @Now)",
                new { projectId, version, markdown, actorId, transaction.Now }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "instruction.add", projectId, projectId, new { version }).ConfigureAwait(false);
            return version;
        }, stop);

    /// <summary>A version of the instructions; null where there is none.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="version">Which; null for the newest.</param>
    /// <param name="stop">Gives up.</param>
    public Task<Instruction?> InstructionAsync(string projectId, int? version = null, CancellationToken stop = default) => _database.ReadAsync(
        transaction => transaction.FirstAsync<Instruction>(
            $"SELECT * FROM instructions WHERE project_id = @projectId {(version is null ? "" : "AND version = @version")} ORDER BY version DESC LIMIT 1", new { projectId, version }), stop);

    /// <summary>Makes a person a member, or gives a member another role.</summary>
    public Task SetMemberAsync(string projectId, string personId, Role role, string? actorId, CancellationToken stop = default) =>
        _database.WriteAsync(transaction => SetMemberAsync(transaction, projectId, personId, role, actorId), stop);

    /// <summary>The same within a change.</summary>
    public async Task SetMemberAsync(Transaction transaction, string projectId, string personId, Role role, string? actorId)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        var within = role == Role.Owner ? Role.Manager : role; // projects have no owners of their own
        await transaction.ExecuteAsync(
            """
            INSERT INTO memberships (project_id, person_id, role, state, created_at) VALUES (@projectId, @personId, @Role, 'active', @Now)
            ON CONFLICT (project_id, person_id) DO UPDATE SET role = excluded.role
            """,
            new { projectId, personId, Role = StorageJson.Word(within), transaction.Now }).ConfigureAwait(false);
        await _database.Audit.RecordAsync(transaction, actorId, "member.set", personId, projectId, new { role = within }).ConfigureAwait(false);
    }

    /// <summary>Pauses or bans a member, or lets them go on.</summary>
    public Task SetMemberStateAsync(string projectId, string personId, MemberState state, DateTimeOffset? bannedUntil, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            await transaction.ExecuteAsync(
                "UPDATE memberships SET state = @State, banned_until = @bannedUntil WHERE project_id = @projectId AND person_id = @personId",
                new { projectId, personId, State = StorageJson.Word(state), bannedUntil }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "member.state", personId, projectId, new { state, bannedUntil }).ConfigureAwait(false);
        }, stop);

    /// <summary>Takes a person out of a project; their judgments stay, running leases end.</summary>
    public Task RemoveMemberAsync(string projectId, string personId, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            await LeaseStore.ReleaseAllAsync(transaction, personId, projectId).ConfigureAwait(false);
            await transaction.ExecuteAsync("DELETE FROM memberships WHERE project_id = @projectId AND person_id = @personId", new { projectId, personId }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "member.remove", personId, projectId).ConfigureAwait(false);
        }, stop);

    /// <summary>A person's place in a project; null where they have none.</summary>
    public Task<Membership?> MemberAsync(string projectId, string personId, CancellationToken stop = default) => _database.ReadAsync(
        transaction => transaction.FirstAsync<Membership>("SELECT * FROM memberships WHERE project_id = @projectId AND person_id = @personId", new { projectId, personId }), stop);

    /// <summary>A project's members.</summary>
    public Task<Page<Membership>> MembersAsync(string projectId, PageRequest page, CancellationToken stop = default) => _database.ReadAsync(
        async transaction => page.Of(
            await transaction.QueryAsync<Membership>(
                "SELECT * FROM memberships WHERE project_id = @projectId AND person_id > @From ORDER BY person_id LIMIT @More", new { projectId, page.From, More = page.Limit + 1 }).ConfigureAwait(false),
            member => member.PersonId), stop);

    internal static async Task<Project?> FindAsync(Transaction transaction, string id) =>
        (await transaction.FirstAsync<Row>("SELECT * FROM projects WHERE id = @id", new { id }).ConfigureAwait(false))?.Project();

    private sealed record Row
    {
        public required string Id { get; init; }

        public required string Name { get; init; }

        public required ProjectState State { get; init; }

        public required long Seed { get; init; }

        public required string Settings { get; init; }

        public required DateTimeOffset CreatedAt { get; init; }

        public Project Project() => new() { Id = Id, Name = Name, State = State, Seed = Seed, Settings = ProjectSettings.FromJson(Settings), CreatedAt = CreatedAt };
    }
}
