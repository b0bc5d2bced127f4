using Attune.Runs;

namespace Attune.Storage.People;

/// <summary>An invitation, without its token.</summary>
public sealed record Invitation
{
    /// <summary>Its identifier.</summary>
    public required string Id { get; init; }

    /// <summary>The role that it gives: in its project if it names one, else on the installation.</summary>
    public required Role Role { get; init; }

    /// <summary>The project it leads into; null for none.</summary>
    public string? ProjectId { get; init; }

    /// <summary>Whom it is for; null for anyone who has the link.</summary>
    public string? Email { get; init; }

    /// <summary>Who made it.</summary>
    public string? CreatedBy { get; init; }

    /// <summary>Until when it can be used.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When it was used; null before.</summary>
    public DateTimeOffset? UsedAt { get; init; }
}

/// <summary>A key with which a program acts for a person, without the key itself.</summary>
public sealed record ApiKey
{
    /// <summary>Its identifier.</summary>
    public required string Id { get; init; }

    /// <summary>For whom the program acts.</summary>
    public required string PersonId { get; init; }

    /// <summary>What the person calls it.</summary>
    public required string Name { get; init; }

    /// <summary>What it may do, separated by blanks.</summary>
    public required string Scopes { get; init; }

    /// <summary>Until when; null for no end.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>When it was taken back; null while it holds.</summary>
    public DateTimeOffset? RevokedAt { get; init; }
}

/// <summary>Something made together with the token that is shown once.</summary>
public sealed record Issued<T>(T Value, string Token);

/// <summary>A session that holds.</summary>
/// <param name="Person">Whose it is.</param>
/// <param name="Age">How long ago it began.</param>
/// <param name="Left">How long it holds, unless it is prolonged.</param>
public sealed record Session(Person Person, TimeSpan Age, TimeSpan Left);

/// <summary>How often something may fail before it waits.</summary>
/// <param name="Subject">What is counted: an account, a network. Kept as a hash.</param>
/// <param name="Most">Failures after which it waits.</param>
/// <param name="EndsWithSuccess">Whether a try that succeeds makes all before it forgotten, or only does not count itself.</param>
public sealed record FailureLimit(string Subject, int Most, bool EndsWithSuccess);

/// <summary>
/// How people and programs get in: invitations, password resets, sessions, API keys, and the lock after failed tries. Tokens are kept as hashes
/// (<see cref="Secret"/>); each invitation and reset works once. Not here: passwords, which the caller hashes.
/// </summary>
public sealed class AccessStore
{
    private static readonly TimeSpan FailuresAreKept = TimeSpan.FromDays(1); // longer than any window, and no longer than that

    private readonly Database _database;

    internal AccessStore(Database database) => _database = database;

    /// <summary>Makes an invitation; its token goes into the link.</summary>
    public Task<Issued<Invitation>> InviteAsync(Role role, string? projectId, string? email, TimeSpan validFor, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            var token = Secret.New();
            var invitation = new Invitation { Id = transaction.NewId(), Role = role, ProjectId = projectId, Email = PersonStore.Address(email), CreatedBy = actorId, ExpiresAt = transaction.Now + validFor };
            await transaction.ExecuteAsync(
                """
                INSERT INTO invitations (id, token_hash, role, project_id, email, created_by, created_at, expires_at)
                VALUES (@Id, @Hash, @Role, @projectId, @Email, @CreatedBy, @Now, @ExpiresAt)
                """,
                new { invitation.Id, Hash = Secret.Hash(token), Role = StorageJson.Word(role), projectId, invitation.Email, invitation.CreatedBy, transaction.Now, invitation.ExpiresAt }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "invitation.create", invitation.Id, projectId, new { role }).ConfigureAwait(false);
            return new Issued<Invitation>(invitation, token);
        }, stop);

    /// <summary>An invitation that can still be used; null otherwise.</summary>
    public Task<Invitation?> FindInvitationAsync(string token, CancellationToken stop = default) => _database.ReadAsync(transaction => ValidAsync(transaction, token, ""), stop);

    /// <summary>Invitations, used and expired ones included, in the order in which they were made.</summary>
    public Task<Page<Invitation>> InvitationsAsync(PageRequest page, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(page);
        return _database.ReadAsync(
            async transaction => page.Of(
                await transaction.QueryAsync<Invitation>("SELECT * FROM invitations WHERE id > @From ORDER BY id LIMIT @More", new { page.From, More = page.Limit + 1 }).ConfigureAwait(false),
                invitation => invitation.Id), stop);
    }

    /// <summary>Invitations that can still be used, at most <see cref="PageRequest.Largest"/>, in the order in which they were made.</summary>
    /// <param name="projectId">Into this project; null for all.</param>
    /// <param name="stop">Gives up.</param>
    public Task<IReadOnlyList<Invitation>> OpenInvitationsAsync(string? projectId, CancellationToken stop = default) => _database.ReadAsync(
        transaction => transaction.QueryAsync<Invitation>(
            $"SELECT * FROM invitations WHERE used_at IS NULL AND expires_at > @Now {(projectId is null ? "" : "AND project_id = @projectId")} ORDER BY id LIMIT @Most",
            new { projectId, transaction.Now, Most = PageRequest.Largest }), stop);

    /// <summary>An invitation, whatever became of it; null where there is none.</summary>
    public Task<Invitation?> InvitationAsync(string id, CancellationToken stop = default) =>
        _database.ReadAsync(transaction => transaction.FirstAsync<Invitation>("SELECT * FROM invitations WHERE id = @id", new { id }), stop);

    /// <summary>Takes an invitation back: its link ends now. Whether it could still be used before.</summary>
    public Task<bool> RevokeInvitationAsync(string id, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            var ended = await transaction.ExecuteAsync("UPDATE invitations SET expires_at = @Now WHERE id = @id AND used_at IS NULL AND expires_at > @Now", new { id, transaction.Now }).ConfigureAwait(false);
            if (ended == 0)
                return false;
            var project = await transaction.FirstAsync<string>("SELECT project_id FROM invitations WHERE id = @id", new { id }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "invitation.revoke", id, project).ConfigureAwait(false);
            return true;
        }, stop);

    /// <summary>Uses an invitation: the person is there, a member of its project, and it is used up, all at once. Null where it cannot be used any more.</summary>
    /// <exception cref="InputException">The address is taken.</exception>
    public Task<Person?> AcceptInvitationAsync(string token, NewPerson person, CancellationToken stop = default) => _database.WriteAsync(
        async transaction => await ValidAsync(transaction, token, transaction.Engine.ForUpdate).ConfigureAwait(false) is { } invitation ? await AcceptAsync(transaction, invitation, person).ConfigureAwait(false) : null, stop);

    /// <summary>Uses the newest invitation made out to an address that somebody has proved to be theirs; never one that makes an owner. Null where there is none.</summary>
    public Task<Person?> AcceptInvitationOfAsync(string email, NewPerson person, CancellationToken stop = default) => _database.WriteAsync(
        async transaction => await transaction.FirstAsync<Invitation>(
            $"SELECT * FROM invitations WHERE email = @Email AND role <> 'owner' AND used_at IS NULL AND expires_at > @Now ORDER BY id DESC LIMIT 1{transaction.Engine.ForUpdate}",
            new { Email = PersonStore.Address(email), transaction.Now }).ConfigureAwait(false) is { } invitation ? await AcceptAsync(transaction, invitation, person).ConfigureAwait(false) : null, stop);

    private async Task<Person?> AcceptAsync(Transaction transaction, Invitation invitation, NewPerson person)
    {
        var inProject = invitation.ProjectId is not null;
        var added = await _database.People.CreateAsync(transaction, person with { Role = inProject ? Role.Annotator : invitation.Role, Email = invitation.Email ?? person.Email }, invitation.CreatedBy).ConfigureAwait(false);
        if (inProject)
            await _database.Projects.SetMemberAsync(transaction, invitation.ProjectId!, added.Id, invitation.Role, invitation.CreatedBy).ConfigureAwait(false);
        await transaction.ExecuteAsync("UPDATE invitations SET used_at = @Now, used_by = @By WHERE id = @Id", new { transaction.Now, By = added.Id, invitation.Id }).ConfigureAwait(false);
        await _database.Audit.RecordAsync(transaction, added.Id, "invitation.accept", invitation.Id, invitation.ProjectId).ConfigureAwait(false);
        return added;
    }

    /// <summary>Makes a password reset; null where nobody has the address, which the caller must not let on.</summary>
    public Task<string?> BeginResetAsync(string email, TimeSpan validFor, string? actorId = null, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            var person = await transaction.FirstAsync<string>("SELECT person_id FROM identities WHERE email = @Email", new { Email = PersonStore.Address(email) }).ConfigureAwait(false);
            if (person is null)
                return null;
            var token = Secret.New();
            await transaction.ExecuteAsync(
                "INSERT INTO password_resets (token_hash, person_id, created_at, expires_at) VALUES (@Hash, @person, @Now, @Until)",
                new { Hash = Secret.Hash(token), person, transaction.Now, Until = transaction.Now + validFor }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "password.reset-asked", person).ConfigureAwait(false);
            return (string?)token;
        }, stop);

    /// <summary>Whether a password reset can still be used.</summary>
    public async Task<bool> HoldsResetAsync(string token, CancellationToken stop = default) => await _database.ReadAsync(transaction => transaction.CountAsync(
        "SELECT COUNT(*) FROM password_resets WHERE token_hash = @Hash AND used_at IS NULL AND expires_at > @Now", new { Hash = Secret.Hash(token), transaction.Now }), stop).ConfigureAwait(false) > 0;

    /// <summary>Uses a password reset, once: sets the new hash, ends all sessions. Whether it could be used.</summary>
    public Task<bool> ResetPasswordAsync(string token, string passwordHash, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            var hash = Secret.Hash(token);
            if (await transaction.ExecuteAsync("UPDATE password_resets SET used_at = @Now WHERE token_hash = @hash AND used_at IS NULL AND expires_at > @Now", new { hash, transaction.Now }).ConfigureAwait(false) == 0)
                return false;
            var person = await transaction.FirstAsync<string>("SELECT person_id FROM password_resets WHERE token_hash = @hash", new { hash }).ConfigureAwait(false);
            await transaction.ExecuteAsync("UPDATE identities SET password_hash = @passwordHash WHERE person_id = @person", new { person, passwordHash }).ConfigureAwait(false);
            await transaction.ExecuteAsync("DELETE FROM sessions WHERE person_id = @person", new { person }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, person, "password.reset", person).ConfigureAwait(false);
            return true;
        }, stop);

    /// <summary>Begins a session; gives its token.</summary>
    public Task<string> BeginSessionAsync(string personId, TimeSpan validFor, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            var token = Secret.New();
            await transaction.ExecuteAsync("DELETE FROM sessions WHERE expires_at <= @Now", new { transaction.Now }).ConfigureAwait(false);
            await transaction.ExecuteAsync(
                "INSERT INTO sessions (token_hash, person_id, created_at, expires_at) VALUES (@Hash, @personId, @Now, @Until)",
                new { Hash = Secret.Hash(token), personId, transaction.Now, Until = transaction.Now + validFor }).ConfigureAwait(false);
            return token;
        }, stop);

    /// <summary>The session of a token; null where it has ended or the person is gone.</summary>
    public Task<Session?> FindSessionAsync(string token, CancellationToken stop = default) => _database.ReadAsync(
        async transaction =>
        {
            var found = await transaction.FirstAsync<SessionRow>(
                "SELECT person_id, created_at, expires_at FROM sessions WHERE token_hash = @Hash AND expires_at > @Now", new { Hash = Secret.Hash(token), transaction.Now }).ConfigureAwait(false);
            return found is not null && await transaction.FirstAsync<Person>("SELECT * FROM people WHERE id = @PersonId AND state <> 'erased'", new { found.PersonId }).ConfigureAwait(false) is { } person
                ? new Session(person, transaction.Now - found.CreatedAt, found.ExpiresAt - transaction.Now) : null;
        }, stop);

    /// <summary>Has a session hold for so long from now on, and never longer than so long from its beginning. Gives how long it holds; null where it has ended.</summary>
    public Task<TimeSpan?> ProlongSessionAsync(string token, TimeSpan validFor, TimeSpan fromBeginning, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            var hash = Secret.Hash(token);
            var found = await transaction.FirstAsync<SessionRow>(
                $"SELECT person_id, created_at, expires_at FROM sessions WHERE token_hash = @hash AND expires_at > @Now{transaction.Engine.ForUpdate}", new { hash, transaction.Now }).ConfigureAwait(false);
            if (found is null)
                return null;
            var until = new[] { transaction.Now + validFor, found.CreatedAt + fromBeginning }.Min();
            if (until > found.ExpiresAt)
                await transaction.ExecuteAsync("UPDATE sessions SET expires_at = @until WHERE token_hash = @hash", new { hash, until }).ConfigureAwait(false);
            return (TimeSpan?)(new[] { until, found.ExpiresAt }.Max() - transaction.Now);
        }, stop);

    /// <summary>Changes somebody's own password: their other sessions end, and links for a new password that were made before are of no use any more. Whether the old one still held.</summary>
    /// <param name="personId">Whose.</param>
    /// <param name="oldHash">The hash against which the old password was checked.</param>
    /// <param name="newHash">The new password's.</param>
    /// <param name="session">The token of the session that goes on.</param>
    /// <param name="stop">Gives up.</param>
    public Task<bool> ChangePasswordAsync(string personId, string oldHash, string newHash, string session, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            if (await transaction.ExecuteAsync("UPDATE identities SET password_hash = @newHash WHERE person_id = @personId AND password_hash = @oldHash", new { personId, oldHash, newHash }).ConfigureAwait(false) == 0)
                return false;
            await transaction.ExecuteAsync("DELETE FROM sessions WHERE person_id = @personId AND token_hash <> @Hash", new { personId, Hash = Secret.Hash(session) }).ConfigureAwait(false);
            await transaction.ExecuteAsync("UPDATE password_resets SET used_at = @Now WHERE person_id = @personId AND used_at IS NULL", new { personId, transaction.Now }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, personId, "password.change", personId).ConfigureAwait(false);
            return true;
        }, stop);

    /// <summary>Ends a session.</summary>
    public Task EndSessionAsync(string token, CancellationToken stop = default) =>
        _database.WriteAsync(transaction => transaction.ExecuteAsync("DELETE FROM sessions WHERE token_hash = @Hash", new { Hash = Secret.Hash(token) }), stop);

    /// <summary>Makes a key for a program.</summary>
    public Task<Issued<ApiKey>> CreateKeyAsync(string personId, string name, IReadOnlyList<string> scopes, TimeSpan? validFor, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            var token = Secret.New();
            var key = new ApiKey { Id = transaction.NewId(), PersonId = personId, Name = name, Scopes = string.Join(' ', scopes), ExpiresAt = transaction.Now + validFor };
            await transaction.ExecuteAsync(
                "INSERT INTO api_keys (id, person_id, name, key_hash, scopes, created_at, expires_at) VALUES (@Id, @PersonId, @Name, @Hash, @Scopes, @Now, @ExpiresAt)",
                new { key.Id, key.PersonId, key.Name, Hash = Secret.Hash(token), key.Scopes, transaction.Now, key.ExpiresAt }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "key.create", key.Id, details: new { personId, key.Scopes }).ConfigureAwait(false);
            return new Issued<ApiKey>(key, token);
        }, stop);

    /// <summary>The key that holds; null where it does not, or its person is gone.</summary>
    public Task<ApiKey?> FindKeyAsync(string token, CancellationToken stop = default) => _database.ReadAsync(
        transaction => transaction.FirstAsync<ApiKey>(
            """
            SELECT k.* FROM api_keys k JOIN people p ON p.id = k.person_id
            WHERE k.key_hash = @Hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > @Now) AND p.state <> 'erased'
            """,
            new { Hash = Secret.Hash(token), transaction.Now }), stop);

    /// <summary>A person's keys, those taken back included.</summary>
    public Task<IReadOnlyList<ApiKey>> KeysAsync(string personId, CancellationToken stop = default) =>
        _database.ReadAsync(transaction => transaction.QueryAsync<ApiKey>("SELECT * FROM api_keys WHERE person_id = @personId ORDER BY id", new { personId }), stop);

    /// <summary>Takes a key back.</summary>
    public Task RevokeKeyAsync(string id, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            await transaction.ExecuteAsync("UPDATE api_keys SET revoked_at = @Now WHERE id = @id AND revoked_at IS NULL", new { id, transaction.Now }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "key.revoke", id).ConfigureAwait(false);
        }, stop);

    /// <summary>
    /// Notes a try to sign in before it is made, as if it had failed, so that many at the same time are no way around the count. Whether it may be made:
    /// where too many have failed nothing is noted.
    /// </summary>
    /// <param name="limits">What is counted.</param>
    /// <param name="window">How long failures count.</param>
    /// <param name="stop">Gives up.</param>
    public Task<bool> BeginTryAsync(IReadOnlyList<FailureLimit> limits, TimeSpan window, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            await transaction.ExecuteAsync("DELETE FROM sign_in_failures WHERE at <= @Before", new { Before = transaction.Now - FailuresAreKept }).ConfigureAwait(false);
            foreach (var limit in limits)
            {
                if (await FailuresAsync(transaction, limit.Subject, window).ConfigureAwait(false) >= limit.Most)
                    return false;
            }
            foreach (var limit in limits)
            {
                await transaction.ExecuteAsync(
                    "INSERT INTO sign_in_failures (id, subject_hash, at) VALUES (@Id, @Hash, @Now)", new { Id = transaction.NewId(), Hash = Subject(limit.Subject), transaction.Now }).ConfigureAwait(false);
            }
            return true;
        }, stop);

    /// <summary>Says that the try succeeded: it counts no more, and what ended with it is forgotten.</summary>
    public Task EndTryAsync(IReadOnlyList<FailureLimit> limits, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            foreach (var limit in limits)
            {
                var which = limit.EndsWithSuccess ? "subject_hash = @Hash" : "id = (SELECT MAX(id) FROM sign_in_failures WHERE subject_hash = @Hash)";
                await transaction.ExecuteAsync($"DELETE FROM sign_in_failures WHERE {which}", new { Hash = Subject(limit.Subject) }).ConfigureAwait(false);
            }
            return true;
        }, stop);

    /// <summary>Notes that somebody showed a token that was never made here: a guess. The same one again is no other guess, and one that was used or has expired is none.</summary>
    /// <param name="subject">Who is locked out after too many: a network address. Kept as a hash.</param>
    /// <param name="token">What was shown.</param>
    /// <param name="stop">Gives up.</param>
    public Task NoteGuessAsync(string subject, string token, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            var made = await transaction.CountAsync(
                """
                SELECT (SELECT COUNT(*) FROM invitations WHERE token_hash = @Hash) + (SELECT COUNT(*) FROM password_resets WHERE token_hash = @Hash)
                    + (SELECT COUNT(*) FROM api_keys WHERE key_hash = @Hash)
                """, new { Hash = Secret.Hash(token) }).ConfigureAwait(false);
            if (made > 0)
                return;
            await transaction.ExecuteAsync("DELETE FROM sign_in_failures WHERE at <= @Before", new { Before = transaction.Now - FailuresAreKept }).ConfigureAwait(false);
            await transaction.ExecuteAsync(
                "INSERT INTO sign_in_failures (id, subject_hash, at) VALUES (@Id, @Hash, @Now) ON CONFLICT (id) DO UPDATE SET at = excluded.at",
                new { Id = Secret.Hash($"{subject}\n{token}"), Hash = Subject(subject), transaction.Now }).ConfigureAwait(false);
        }, stop);

    /// <summary>How many tries have failed within the window: the caller locks where there are too many.</summary>
    public Task<int> FailuresAsync(string subject, TimeSpan window, CancellationToken stop = default) => _database.ReadAsync(transaction => FailuresAsync(transaction, subject, window), stop);

    private static async Task<int> FailuresAsync(Transaction transaction, string subject, TimeSpan window) => (int)await transaction.CountAsync(
        "SELECT COUNT(*) FROM sign_in_failures WHERE subject_hash = @Hash AND at > @Since", new { Hash = Subject(subject), Since = transaction.Now - window }).ConfigureAwait(false);

    private sealed record SessionRow
    {
        public required string PersonId { get; init; }

        public required DateTimeOffset CreatedAt { get; init; }

        public required DateTimeOffset ExpiresAt { get; init; }
    }

    private static string Subject(string subject) => Secret.Hash(subject.Trim().ToLowerInvariant());

    private static Task<Invitation?> ValidAsync(Transaction transaction, string token, string lockRow) => transaction.FirstAsync<Invitation>(
        $"SELECT * FROM invitations WHERE token_hash = @Hash AND used_at IS NULL AND expires_at > @Now{lockRow}", new { Hash = Secret.Hash(token), transaction.Now });
}
