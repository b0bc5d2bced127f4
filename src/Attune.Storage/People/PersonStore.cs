using System.Security.Cryptography;
using Attune.Runs;
using Attune.Storage.Work;

namespace Attune.Storage.People;

/// <summary>People, who they are, their languages and skills.</summary>
public sealed class PersonStore
{
    private readonly Database _database;

    internal PersonStore(Database database) => _database = database;

    /// <summary>Adds a person.</summary>
    /// <param name="person">Who.</param>
    /// <param name="actorId">Who adds them; null for the program itself.</param>
    /// <param name="stop">Gives up.</param>
    /// <exception cref="InputException">The address or the pseudonym is taken, the name is empty.</exception>
    public Task<Person> CreateAsync(NewPerson person, string? actorId, CancellationToken stop = default) =>
        _database.WriteAsync(transaction => CreateAsync(transaction, person, actorId), stop);

    /// <summary>The same within a change.</summary>
    public async Task<Person> CreateAsync(Transaction transaction, NewPerson person, string? actorId)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentNullException.ThrowIfNull(person);
        Check(person);
        var added = new Person
        {
            Id = transaction.NewId(),
            Pseudonym = person.Pseudonym ?? $"p-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6))}",
            Role = person.Role,
            State = PersonState.Active,
            Source = person.Source,
            CreatedAt = transaction.Now,
        };
        var isNew = await transaction.ExecuteAsync(
            "INSERT INTO people (id, pseudonym, role, state, source, created_at) VALUES (@Id, @Pseudonym, @Role, 'active', @Source, @CreatedAt) ON CONFLICT DO NOTHING",
            new { added.Id, added.Pseudonym, Role = StorageJson.Word(added.Role), Source = StorageJson.Word(added.Source), added.CreatedAt }).ConfigureAwait(false);
        if (isNew == 0)
            throw InputException.One($"Pseudonym {added.Pseudonym}", "is taken", "one of its own", "choose another");
        if (await transaction.ExecuteAsync(
            "INSERT INTO identities (person_id, email, display_name, password_hash) VALUES (@Id, @Email, @DisplayName, @PasswordHash) ON CONFLICT DO NOTHING",
            new { added.Id, Email = Address(person.Email), person.DisplayName, person.PasswordHash }).ConfigureAwait(false) == 0)
            throw InputException.One("This address", "belongs to somebody already", "one of its own", "sign in, or reset the password");
        await SetLanguagesAsync(transaction, added.Id, person.Languages).ConfigureAwait(false);
        await _database.Audit.RecordAsync(transaction, actorId, "person.create", added.Id, details: new { added.Role, added.Source }).ConfigureAwait(false);
        return added;
    }

    /// <summary>A person by id; null where there is none.</summary>
    public Task<Person?> FindAsync(string id, CancellationToken stop = default) =>
        _database.ReadAsync(transaction => transaction.FirstAsync<Person>("SELECT * FROM people WHERE id = @id", new { id }), stop);

    /// <summary>A person by pseudonym; null where there is none.</summary>
    public Task<Person?> FindByPseudonymAsync(string pseudonym, CancellationToken stop = default) =>
        _database.ReadAsync(transaction => transaction.FirstAsync<Person>("SELECT * FROM people WHERE pseudonym = @pseudonym", new { pseudonym }), stop);

    /// <summary>Who a person is; null where there is none or they were erased.</summary>
    public Task<Identity?> IdentityAsync(string personId, CancellationToken stop = default) =>
        _database.ReadAsync(transaction => transaction.FirstAsync<Identity>("SELECT * FROM identities WHERE person_id = @personId", new { personId }), stop);

    /// <summary>Who has an address, in whatever case; null where nobody has.</summary>
    public Task<Identity?> IdentityByEmailAsync(string email, CancellationToken stop = default) =>
        _database.ReadAsync(transaction => transaction.FirstAsync<Identity>("SELECT * FROM identities WHERE email = @Email", new { Email = Address(email) }), stop);

    /// <summary>Everyone, erased people included, in the order in which they came.</summary>
    public Task<Page<Person>> ListAsync(PageRequest page, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(page);
        return _database.ReadAsync(
            async transaction => page.Of(
                await transaction.QueryAsync<Person>("SELECT * FROM people WHERE id > @From ORDER BY id LIMIT @More", new { page.From, More = page.Limit + 1 }).ConfigureAwait(false),
                person => person.Id), stop);
    }

    /// <summary>Replaces the password's hash; ends all sessions of the person.</summary>
    public Task SetPasswordAsync(string personId, string passwordHash, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            await transaction.ExecuteAsync("UPDATE identities SET password_hash = @passwordHash WHERE person_id = @personId", new { personId, passwordHash }).ConfigureAwait(false);
            await transaction.ExecuteAsync("DELETE FROM sessions WHERE person_id = @personId", new { personId }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "person.password", personId).ConfigureAwait(false);
        }, stop);

    /// <summary>Gives a person another role on the installation.</summary>
    /// <exception cref="InputException">They are the last owner.</exception>
    public Task SetRoleAsync(string personId, Role role, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            if (role != Role.Owner)
                await RequireAnotherOwnerAsync(transaction, personId).ConfigureAwait(false);
            await transaction.ExecuteAsync("UPDATE people SET role = @Role WHERE id = @personId", new { personId, Role = StorageJson.Word(role) }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "person.role", personId, details: new { role }).ConfigureAwait(false);
        }, stop);

    /// <summary>Pauses a person, or lets them take part again. Erasure is <see cref="PersonErasure"/>'s.</summary>
    public Task SetStateAsync(string personId, PersonState state, string? actorId, CancellationToken stop = default)
    {
        ArgumentOutOfRangeException.ThrowIfEqual(state, PersonState.Erased);
        return _database.WriteAsync(
            async transaction =>
            {
                await transaction.ExecuteAsync("UPDATE people SET state = @State WHERE id = @personId AND state <> 'erased'", new { personId, State = StorageJson.Word(state) }).ConfigureAwait(false);
                await _database.Audit.RecordAsync(transaction, actorId, "person.state", personId, details: new { state }).ConfigureAwait(false);
            }, stop);
    }

    /// <summary>Records that a person agreed to a project's consent text, in its version.</summary>
    public Task ConsentAsync(string personId, string projectId, string version, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            if (await transaction.ExecuteAsync(
                "INSERT INTO consents (person_id, project_id, version, at) VALUES (@personId, @projectId, @version, @Now) ON CONFLICT DO NOTHING", new { personId, projectId, version, transaction.Now }).ConfigureAwait(false) > 0)
                await _database.Audit.RecordAsync(transaction, personId, "person.consent", personId, projectId, new { version }).ConfigureAwait(false);
        }, stop);

    /// <summary>Whether somebody has agreed to what a project shows before the first task: it shows nothing, they are no human, or they did.</summary>
    internal static async Task<bool> HasConsentedAsync(Transaction transaction, string personId, Project project) => !project.Settings.AsksConsent || await transaction.CountAsync(
        "SELECT COUNT(*) FROM people p WHERE p.id = @personId AND (p.source <> 'human' OR EXISTS (SELECT 1 FROM consents c WHERE c.person_id = p.id AND c.project_id = @Id AND c.version = @ConsentVersion))",
        new { personId, project.Id, project.Settings.ConsentVersion }).ConfigureAwait(false) > 0;

    /// <summary>Replaces a person's languages.</summary>
    public Task SetLanguagesAsync(string personId, IReadOnlyList<string> languages, CancellationToken stop = default) =>
        _database.WriteAsync(transaction => SetLanguagesAsync(transaction, personId, languages), stop);

    /// <summary>A person's languages, in alphabetical order.</summary>
    public Task<IReadOnlyList<string>> LanguagesAsync(string personId, CancellationToken stop = default) =>
        _database.ReadAsync(transaction => transaction.QueryAsync<string>("SELECT language FROM person_languages WHERE person_id = @personId ORDER BY language", new { personId }), stop);

    /// <summary>Sets how good a person is at something; null takes the skill away.</summary>
    public Task SetSkillAsync(string personId, string skill, double? level, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            await SetSkillAsync(transaction, personId, skill, level).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "person.skill", personId, details: new { skill, level }).ConfigureAwait(false);
        }, stop);

    /// <summary>What a person is good at.</summary>
    public async Task<IReadOnlyList<SkillLevel>> SkillsAsync(string personId, CancellationToken stop = default) =>
        await _database.ReadAsync(transaction => transaction.QueryAsync<SkillLevel>("SELECT skill, level FROM person_skills WHERE person_id = @personId ORDER BY skill", new { personId }), stop).ConfigureAwait(false);

    /// <summary>The same within a change; pay looks up what the level was at the time of a judgment.</summary>
    internal static async Task SetSkillAsync(Transaction transaction, string personId, string skill, double? level)
    {
        await transaction.ExecuteAsync("DELETE FROM person_skills WHERE person_id = @personId AND skill = @skill", new { personId, skill }).ConfigureAwait(false);
        if (level is not null)
            await transaction.ExecuteAsync("INSERT INTO person_skills (person_id, skill, level) VALUES (@personId, @skill, @level)", new { personId, skill, level }).ConfigureAwait(false);
        await transaction.ExecuteAsync(
            "INSERT INTO skill_changes (id, person_id, skill, level, at) VALUES (@Id, @personId, @skill, @level, @Now)", new { Id = transaction.NewId(), personId, skill, level, transaction.Now }).ConfigureAwait(false);
    }

    internal static string? Address(string? email) => string.IsNullOrWhiteSpace(email) ? null : email.Trim().ToLowerInvariant();

    /// <summary>Refuses what would leave an installation without an owner.</summary>
    internal static async Task RequireAnotherOwnerAsync(Transaction transaction, string personId)
    {
        var owners = await transaction.QueryAsync<string>($"SELECT id FROM people WHERE role = 'owner' AND state <> 'erased' ORDER BY id{transaction.Engine.ForUpdate}").ConfigureAwait(false);
        if (owners is [var last] && last == personId)
            throw InputException.One("This person", "is the last owner", "at least one more", "make somebody else an owner first");
    }

    private static async Task SetLanguagesAsync(Transaction transaction, string personId, IReadOnlyList<string> languages)
    {
        await transaction.ExecuteAsync("DELETE FROM person_languages WHERE person_id = @personId", new { personId }).ConfigureAwait(false);
        foreach (var language in languages.Distinct(StringComparer.Ordinal))
            await transaction.ExecuteAsync("INSERT INTO person_languages (person_id, language) VALUES (@personId, @language)", new { personId, language }).ConfigureAwait(false);
    }

    private static void Check(NewPerson person)
    {
        var problems = new List<Problem>();
        if (string.IsNullOrWhiteSpace(person.DisplayName) || person.DisplayName.Contains('\0'))
            problems.Add(Problem.Of("displayName", "is empty or holds a NUL", "a name", "give one"));
        if (person.Email is { } email && (!email.Contains('@') || email.Contains('\0')))
            problems.Add(Problem.Of("email", "is no address", "something@somewhere", "correct it"));
        if (problems.Count > 0)
            throw new InputException("This person", problems);
    }
}
