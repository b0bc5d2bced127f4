using Attune.Feedback.Quality;
using Attune.Runs;

namespace Attune.Storage.Quality;

/// <summary>A project's pay plans, and statements by the newest.</summary>
public sealed class PayStore
{
    private readonly Database _database;

    internal PayStore(Database database) => _database = database;

    /// <summary>Adds a version of the plan, YAML; gives its number. Statements follow the newest.</summary>
    /// <exception cref="InputException">Something is wrong in it; lists every problem.</exception>
    public Task<int> SetPlanAsync(string projectId, string yaml, string? actorId, CancellationToken stop = default)
    {
        Parse(yaml);
        return _database.WriteAsync(
            async transaction =>
            {
                await transaction.FirstAsync<string>($"SELECT id FROM projects WHERE id = @projectId{transaction.Engine.ForUpdate}", new { projectId }).ConfigureAwait(false);
                var version = 1 + (int)await transaction.CountAsync("SELECT COALESCE(MAX(version), 0) FROM pay_plans WHERE project_id = @projectId", new { projectId }).ConfigureAwait(false);
                await transaction.ExecuteAsync(
                    "INSERT INTO pay_plans (project_id, version, yaml, author_id, created_at) VALUES (@projectId, @version, @yaml, @actorId, @Now)",
                    new { projectId, version, yaml, actorId, transaction.Now }).ConfigureAwait(false);
                await _database.Audit.RecordAsync(transaction, actorId, "pay.plan", projectId, projectId, new { version }).ConfigureAwait(false);
                return version;
            }, stop);
    }

    /// <summary>The newest plan; null where there is none.</summary>
    public Task<string?> PlanAsync(string projectId, CancellationToken stop = default) => _database.ReadAsync(
        transaction => transaction.FirstAsync<string>("SELECT yaml FROM pay_plans WHERE project_id = @projectId ORDER BY version DESC LIMIT 1", new { projectId }), stop);

    /// <summary>Everyone's statements for a time; none without a plan.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="from">The first moment paid.</param>
    /// <param name="until">The first moment not paid any more.</param>
    /// <param name="pseudonym">Of this person alone; null for all.</param>
    /// <param name="stop">Gives up.</param>
    /// <exception cref="InputException">The times are the wrong way round, or work has no price; lists every gap.</exception>
    public async Task<IReadOnlyList<PayStatement>> StatementsAsync(string projectId, DateTimeOffset from, DateTimeOffset until, string? pseudonym = null, CancellationToken stop = default)
    {
        if (from >= until)
            throw InputException.One("The time", $"is from {from:u} to {until:u}", "an end after the beginning", "exchange them");
        if (await PlanAsync(projectId, stop).ConfigureAwait(false) is not { } yaml)
            return [];
        var input = await _database.ReadAsync(
            async transaction =>
            {
                var log = await QualityStore.InputAsync(transaction, projectId).ConfigureAwait(false);
                var skill = (await Work.ProjectStore.FindAsync(transaction, projectId).ConfigureAwait(false))!.Settings.Quality.PaySkill;
                var rejected = await transaction.QueryAsync<string>("SELECT judgment_id FROM rejections WHERE project_id = @projectId AND lifted_at IS NULL", new { projectId }).ConfigureAwait(false);
                var changes = skill is null ? [] : await transaction.QueryAsync<(string Pseudonym, long At, double? Level)>(
                    "SELECT p.pseudonym, c.at, c.level FROM skill_changes c JOIN people p ON p.id = c.person_id WHERE c.skill = @skill ORDER BY c.id", new { skill }).ConfigureAwait(false);
                return new PayInput(log, from, until)
                {
                    Rejected = rejected.ToHashSet(StringComparer.Ordinal),
                    Skills = [.. changes.Select(change => new SkillChange(change.Pseudonym, Microseconds.At(change.At), (int)Math.Clamp(change.Level ?? 0, 0, 100)))],
                    Firings = [.. (await RuleStore.DoneAsync(transaction, projectId).ConfigureAwait(false)).Where(done => done.OverturnedAt is null).Select(done => done.Firing)],
                };
            }, stop).ConfigureAwait(false);
        var all = PayStatement.Of(Parse(yaml), input); // bonuses on agreement need everyone's work
        return pseudonym is null ? all : [.. all.Where(statement => statement.AnnotatorId == pseudonym)];
    }

    private static PayPlan Parse(string yaml) => Recipe.Parse<PayPlan>(RuleStore.WithoutVariables(yaml, "The pay plan"), "The pay plan", []);
}
