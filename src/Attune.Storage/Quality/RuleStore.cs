using System.Text.Json;
using System.Text.Json.Serialization;
using Attune.Feedback.Quality;
using Attune.Runs;

namespace Attune.Storage.Quality;

/// <summary>A version of a project's rules.</summary>
public sealed record RuleVersion
{
    /// <summary>From 1 within the project.</summary>
    public required int Version { get; init; }

    /// <summary>The rules, YAML as in <c>data/quality-rules.yaml</c>.</summary>
    public required string Yaml { get; init; }

    /// <summary>Whether it is carried out; of a project one version at most.</summary>
    public required bool IsOn { get; init; }

    /// <summary>Since when it is there.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The rules.</summary>
    public RuleSet Rules() => RuleStore.Parse(Yaml);
}

/// <summary>A rule that fired and was carried out.</summary>
/// <param name="Firing">What fired, for whom, why.</param>
/// <param name="Version">Of which version of the rules.</param>
/// <param name="DoneAt">When it was carried out.</param>
/// <param name="OverturnedAt">When an appeal undid it; null where none did.</param>
public sealed record DoneFiring(Firing Firing, int Version, DateTimeOffset DoneAt, DateTimeOffset? OverturnedAt);

/// <summary>
/// A project's rules, and what they did. A version is switched on by itself; what it finds is then carried out, each firing once: its row and everything that
/// follows from it are one change, so that a restart in between loses and repeats nothing.
/// </summary>
public sealed partial class RuleStore
{
    private static readonly JsonSerializerOptions FiringJson = new(StorageJson.Options) { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    private readonly Database _database;

    internal RuleStore(Database database) => _database = database;

    /// <summary>Reads rules that somebody wrote on a page: variables of the server's environment are not for them.</summary>
    /// <exception cref="InputException">Something is wrong; lists every problem.</exception>
    public static RuleSet Parse(string yaml) => Recipe.Parse<RuleSet>(WithoutVariables(yaml, "The rules"), "The rules", []);

    internal static string WithoutVariables(string yaml, string title)
    {
        ArgumentNullException.ThrowIfNull(yaml);
        return yaml.Contains("${", StringComparison.Ordinal) ? throw InputException.One(title, "name a variable (${…})", "plain values", "write the value itself")
            : yaml.Contains('\0') ? throw InputException.One(title, "hold a NUL", "text", "take it out") : yaml;
    }

    /// <summary>Adds a version, switched off; gives its number.</summary>
    /// <exception cref="InputException">Something is wrong in it; lists every problem.</exception>
    public Task<int> AddAsync(string projectId, string yaml, string? actorId, CancellationToken stop = default)
    {
        Parse(yaml);
        return _database.WriteAsync(
            async transaction =>
            {
                await LockAsync(transaction, projectId).ConfigureAwait(false);
                var version = 1 + (int)await transaction.CountAsync("SELECT COALESCE(MAX(version), 0) FROM rule_sets WHERE project_id = @projectId", new { projectId }).ConfigureAwait(false);
                await transaction.ExecuteAsync(
                    "INSERT INTO rule_sets (project_id, version, yaml, is_on, author_id, created_at) VALUES (@projectId, @version, @yaml, 0, @actorId, @Now)",
                    new { projectId, version, yaml, actorId, transaction.Now }).ConfigureAwait(false);
                await _database.Audit.RecordAsync(transaction, actorId, "rules.add", projectId, projectId, new { version }).ConfigureAwait(false);
                return version;
            }, stop);
    }

    /// <summary>A project's versions, the newest first.</summary>
    public Task<IReadOnlyList<RuleVersion>> ListAsync(string projectId, CancellationToken stop = default) => _database.ReadAsync(
        transaction => transaction.QueryAsync<RuleVersion>("SELECT version, yaml, is_on, created_at FROM rule_sets WHERE project_id = @projectId ORDER BY version DESC", new { projectId }), stop);

    /// <summary>Switches a version on, and every other one off; null switches off. Gives false where there is no such version.</summary>
    public Task<bool> SwitchAsync(string projectId, int? version, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            await LockAsync(transaction, projectId).ConfigureAwait(false);
            if (version is not null && await transaction.CountAsync("SELECT COUNT(*) FROM rule_sets WHERE project_id = @projectId AND version = @version", new { projectId, version }).ConfigureAwait(false) == 0)
                return false;
            await transaction.ExecuteAsync(
                "UPDATE rule_sets SET is_on = CASE WHEN version = @On THEN 1 ELSE 0 END WHERE project_id = @projectId", new { projectId, On = version ?? 0 }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, version is null ? "rules.off" : "rules.on", projectId, projectId, new { version }).ConfigureAwait(false);
            return true;
        }, stop);

    /// <summary>What a version would do now that has not been done yet; changes nothing. Null where there is no such version.</summary>
    public Task<RuleOutcome?> DryRunAsync(string projectId, int version, CancellationToken stop = default) => _database.ReadAsync(
        async transaction => await FindAsync(transaction, projectId, version).ConfigureAwait(false) is { } found ? await ReplayAsync(transaction, projectId, found.Rules()).ConfigureAwait(false) : null, stop);

    /// <summary>What rules did in a project, the newest first.</summary>
    public Task<IReadOnlyList<DoneFiring>> FiringsAsync(string projectId, CancellationToken stop = default) => _database.ReadAsync(transaction => DoneAsync(transaction, projectId), stop);

    /// <summary>Finds what the version that is on has to do, and does it; gives how many firings were new.</summary>
    public async Task<int> RunAsync(string projectId, CancellationToken stop = default)
    {
        var (version, outcome) = await _database.ReadAsync(
            async transaction => await transaction.FirstAsync<RuleVersion>("SELECT version, yaml, is_on, created_at FROM rule_sets WHERE project_id = @projectId AND is_on = 1", new { projectId }).ConfigureAwait(false) is { } on
                ? (on, (RuleOutcome?)await ReplayAsync(transaction, projectId, on.Rules()).ConfigureAwait(false)) : (null, null), stop).ConfigureAwait(false);
        var done = 0;
        foreach (var firing in outcome?.Firings ?? [])
            done += await _database.WriteAsync(transaction => CarryOutAsync(transaction, projectId, version!.Version, firing), stop).ConfigureAwait(false) ? 1 : 0;
        return done;
    }

    internal static async Task<IReadOnlyList<DoneFiring>> DoneAsync(Transaction transaction, string projectId) =>
        [.. (await transaction.QueryAsync<FiringRow>("SELECT content, version, done_at, overturned_at FROM rule_firings WHERE project_id = @projectId ORDER BY at DESC, id", new { projectId }).ConfigureAwait(false))
            .Select(row => new DoneFiring(JsonSerializer.Deserialize<Firing>(row.Content, FiringJson)!, row.Version, row.DoneAt, row.OverturnedAt))];

    private static async Task<RuleOutcome> ReplayAsync(Transaction transaction, string projectId, RuleSet rules)
    {
        var done = await DoneAsync(transaction, projectId).ConfigureAwait(false);
        return RuleEngine.Replay(
            rules, await QualityStore.InputAsync(transaction, projectId).ConfigureAwait(false), [.. done.Select(one => one.Firing)],
            done.Where(one => one.OverturnedAt is not null).Select(one => one.Firing.Id).ToHashSet(StringComparer.Ordinal));
    }

    private static Task<RuleVersion?> FindAsync(Transaction transaction, string projectId, int version) => transaction.FirstAsync<RuleVersion>(
        "SELECT version, yaml, is_on, created_at FROM rule_sets WHERE project_id = @projectId AND version = @version", new { projectId, version });

    private static async Task LockAsync(Transaction transaction, string projectId)
    {
        if (await transaction.FirstAsync<string>($"SELECT id FROM projects WHERE id = @projectId{transaction.Engine.ForUpdate}", new { projectId }).ConfigureAwait(false) is null)
            throw InputException.One($"Project {projectId}", "is not there", "one of this database", "check the id");
    }

    private sealed record FiringRow
    {
        public required string Content { get; init; }

        public required int Version { get; init; }

        public required DateTimeOffset DoneAt { get; init; }

        public DateTimeOffset? OverturnedAt { get; init; }
    }
}
