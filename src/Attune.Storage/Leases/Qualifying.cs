using Attune.Feedback;
using Attune.Feedback.Tasks;
using Attune.Storage.People;
using Attune.Storage.Work;

namespace Attune.Storage.Leases;

/// <summary>Where somebody is on the way into a project.</summary>
internal enum QualifyingStep
{
    /// <summary>Ordinary tasks are theirs.</summary>
    Passed,

    /// <summary>Training tasks come first.</summary>
    Training,

    /// <summary>An attempt runs.</summary>
    Testing,

    /// <summary>No attempt is left.</summary>
    Failed,
}

/// <summary>The way into a project: training tasks, then attempts of golden tasks each, then a skill.</summary>
internal static class Qualifying
{
    public static async Task<QualifyingStep> StepAsync(Transaction transaction, string projectId, string personId, QualificationSettings settings)
    {
        var level = await transaction.FirstAsync<double?>("SELECT level FROM person_skills WHERE person_id = @personId AND skill = @Skill", new { personId, settings.Skill }).ConfigureAwait(false);
        if (level >= 100 * settings.PassMark)
            return QualifyingStep.Passed;
        var attempts = await AttemptsAsync(transaction, projectId, personId).ConfigureAwait(false);
        return attempts.Any(attempt => attempt.EndedAt is null) ? QualifyingStep.Testing : attempts.Count >= settings.Attempts ? QualifyingStep.Failed : QualifyingStep.Training;
    }

    /// <summary>Whether another golden task belongs to the attempt that runs; begins one where none does.</summary>
    public static async Task<bool> MayAskAsync(Transaction transaction, string projectId, string personId, QualificationSettings settings)
    {
        var attempts = await AttemptsAsync(transaction, projectId, personId).ConfigureAwait(false);
        if (attempts.FirstOrDefault(attempt => attempt.EndedAt is null) is not { } running)
        {
            await transaction.ExecuteAsync(
                "INSERT INTO qualifications (id, project_id, person_id, attempt, wanted, started_at) VALUES (@Id, @projectId, @personId, @Attempt, @Tasks, @Now)",
                new { Id = transaction.NewId(), projectId, personId, Attempt = attempts.Count + 1, settings.Tasks, transaction.Now }).ConfigureAwait(false);
            return true;
        }
        return await transaction.CountAsync(
            """
            SELECT COUNT(*) FROM leases l JOIN tasks t ON t.id = l.task_id
            WHERE l.person_id = @personId AND l.project_id = @projectId AND l.granted_at >= @StartedAt AND l.state IN ('active', 'submitted', 'late') AND t.purpose = 'golden'
            """, new { personId, projectId, running.StartedAt }).ConfigureAwait(false) < running.Wanted;
    }

    /// <summary>After the answer to a golden task: ends the attempt that runs if it was its last one, and gives the skill where it was passed.</summary>
    public static async Task AfterAsync(Transaction transaction, AuditLog audit, string projectId, string personId, QualificationSettings settings)
    {
        if ((await AttemptsAsync(transaction, projectId, personId).ConfigureAwait(false)).FirstOrDefault(attempt => attempt.EndedAt is null) is not { } running)
            return;
        var answers = await transaction.QueryAsync<(string Content, string Expected)>(
            """
            SELECT j.content, t.expected FROM judgments j JOIN tasks t ON t.id = j.task_id JOIN leases l ON l.id = j.lease_id
            WHERE j.person_id = @personId AND j.project_id = @projectId AND j.at >= @StartedAt AND l.granted_at >= @StartedAt AND t.purpose = 'golden' AND t.expected IS NOT NULL
                AND j.outcome <> 'withdrawn' AND NOT EXISTS (SELECT 1 FROM judgments n WHERE n.supersedes = j.id)
            """, new { personId, projectId, running.StartedAt }).ConfigureAwait(false);
        if (answers.Count < running.Wanted)
            return;
        var correct = answers.Count(answer => ExpectedAnswer.Stored(answer.Expected)?.IsMetBy(Judgment.FromJson(answer.Content)) == true);
        var share = (double)correct / answers.Count;
        var passed = share >= settings.PassMark;
        await transaction.ExecuteAsync(
            "UPDATE qualifications SET ended_at = @Now, correct = @correct, passed = @Passed WHERE id = @Id", new { running.Id, transaction.Now, correct, Passed = passed ? 1L : 0L }).ConfigureAwait(false);
        if (passed)
            await PersonStore.SetSkillAsync(transaction, personId, settings.Skill, Math.Round(100 * share)).ConfigureAwait(false);
        await audit.RecordAsync(transaction, null, "person.qualify", personId, projectId, new { running.Attempt, correct, of = answers.Count, passed }).ConfigureAwait(false);
    }

    private static Task<IReadOnlyList<Attempted>> AttemptsAsync(Transaction transaction, string projectId, string personId) => transaction.QueryAsync<Attempted>(
        "SELECT id, attempt, wanted, started_at, ended_at FROM qualifications WHERE project_id = @projectId AND person_id = @personId ORDER BY attempt", new { projectId, personId });

    private sealed record Attempted
    {
        public required string Id { get; init; }

        public required int Attempt { get; init; }

        public required int Wanted { get; init; }

        public required DateTimeOffset StartedAt { get; init; }

        public DateTimeOffset? EndedAt { get; init; }
    }
}
