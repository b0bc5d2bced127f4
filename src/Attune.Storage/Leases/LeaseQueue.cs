using Attune.Storage.Engines;
using Attune.Storage.Work;
using Attune.Torch;

namespace Attune.Storage.Leases;

/// <summary>
/// Which task somebody is given: the next of a group that they have begun, from its first place on; then by priority, then by how few answers are missing, then by a shuffle that is
/// each person's own (one fixed circle of tasks, entered where the person's seed says) and stays the same. What they have had, have written themselves, or
/// lack the skill or language for is passed over; what ran out in their hands comes again only when nothing else is left.
/// </summary>
internal static class LeaseQueue
{
    private const string Fitting =
        """
        t.state = 'open'
            AND (t.language IS NULL OR EXISTS (SELECT 1 FROM person_languages l WHERE l.person_id = @person AND l.language = t.language))
            AND (t.required_skill IS NULL OR EXISTS (SELECT 1 FROM person_skills s WHERE s.person_id = @person AND s.skill = t.required_skill AND s.level >= t.required_level))
            AND NOT EXISTS (SELECT 1 FROM task_authors a WHERE a.task_id = t.id AND a.person_id = @person)
        """;

    private const string NeverHad = "NOT EXISTS (SELECT 1 FROM leases h WHERE h.task_id = t.id AND h.person_id = @person)";
    private const string NeverAnswered = "NOT EXISTS (SELECT 1 FROM leases h WHERE h.task_id = t.id AND h.person_id = @person AND h.state <> 'expired')";

    /// <summary>The id of a task, its row locked; null where nothing fits.</summary>
    public static async Task<string?> ChooseAsync(Transaction transaction, Project project, string person, TaskPurpose purpose)
    {
        var states = purpose switch { TaskPurpose.Normal => "'open'", TaskPurpose.Calibration => "'calibrating', 'open'", _ => "'calibrating', 'open', 'closed'" };
        var open = $"(t.batch_id IS NULL OR EXISTS (SELECT 1 FROM batches b WHERE b.id = t.batch_id AND b.state IN ({states})))";
        var fits = $"{Fitting} AND {open}{(purpose == TaskPurpose.Golden ? " AND t.expected IS NOT NULL" : "")}{await NotBannedAsync(transaction, project.Id, person).ConfigureAwait(false)}";
        var place = new Place(transaction, project.Id, StorageJson.Word(purpose), person, fits, (long)(SideOrder.SeedOf(project.Seed, person).Value >> 33));
        var task = await place.InGroupAsync().ConfigureAwait(false) ?? await place.BeginAsync(await place.FirstAsync(NeverHad).ConfigureAwait(false)).ConfigureAwait(false);
        if (task is not null || purpose == TaskPurpose.Golden) // nobody has a golden task twice
            return task;
        var hasExpired = await transaction.CountAsync("SELECT COUNT(*) FROM leases WHERE person_id = @person AND project_id = @Id AND state = 'expired'", new { person, project.Id }).ConfigureAwait(false) > 0;
        return hasExpired ? await place.FirstAsync(NeverAnswered).ConfigureAwait(false) : null;
    }

    /// <summary>Without the kinds of task from which a rule bars them.</summary>
    private static async Task<string> NotBannedAsync(Transaction transaction, string project, string person)
    {
        var kinds = await transaction.QueryAsync<string>(
            """
            SELECT DISTINCT kind FROM bans WHERE person_id = @person AND project_id = @project AND kind IS NOT NULL AND lifted_at IS NULL
                AND begins_at <= @Now AND (ends_at IS NULL OR ends_at > @Now)
            """, new { person, project, transaction.Now }).ConfigureAwait(false);
        return kinds.Count == 0 ? "" : $" AND t.kind NOT IN ({string.Join(", ", kinds.Select(kind => $"'{StorageJson.Word(Enum.Parse<TaskKind>(kind, ignoreCase: true))}'"))})";
    }

    private sealed record Place(Transaction Transaction, string Project, string Purpose, string Person, string Fits, long Start)
    {
        public async Task<string?> InGroupAsync()
        {
            var group = await Transaction.FirstAsync<string>(
                """
                SELECT t.group_id FROM leases l JOIN tasks t ON t.id = l.task_id
                WHERE l.person_id = @Person AND l.project_id = @Project AND t.purpose = @Purpose ORDER BY l.granted_at DESC, l.id DESC LIMIT 1
                """, new { Person, Project, Purpose }).ConfigureAwait(false);
            return group is null ? null : await InGroupAsync(group).ConfigureAwait(false);
        }

        /// <summary>The first place of the task's group, where it has one.</summary>
        public async Task<string?> BeginAsync(string? task)
        {
            var group = task is null ? null : await Transaction.FirstAsync<string>("SELECT group_id FROM tasks WHERE id = @task", new { task }).ConfigureAwait(false);
            return group is null ? task : await InGroupAsync(group).ConfigureAwait(false) ?? task;
        }

        private Task<string?> InGroupAsync(string group) => Transaction.FirstAsync<string>(
            $"SELECT t.id FROM tasks t WHERE t.group_id = @group AND t.project_id = @project AND t.purpose = @purpose AND t.needed > 0 AND {Fits} AND {NeverHad} ORDER BY t.place LIMIT 1{Transaction.Engine.SkipLocked}",
            new { group, project = Project, purpose = Purpose, person = Person });

        /// <summary>
        /// Without waiting for rows that others are about to take: a queue behind one row would hold everyone up. Where only such rows are left, all of it
        /// is tried again a moment later.
        /// </summary>
        public async Task<string?> FirstAsync(string hadRule)
        {
            var task = await FirstAsync(hadRule, Transaction.Engine.SkipLocked).ConfigureAwait(false);
            return task is null && Transaction.MayTryAgain && await FirstAsync(hadRule, "").ConfigureAwait(false) is not null ? throw new ContendedException() : task;
        }

        /// <summary>
        /// Class by class of (priority, answers missing), each read along the index from the person's own start, then round. A class misses one answer at
        /// least; to say so again here would have SQLite read all of them and sort.
        /// </summary>
        private async Task<string?> FirstAsync(string hadRule, string lockRow)
        {
            var at = await ClassAfterAsync(null).ConfigureAwait(false);
            while (at is not null)
            {
                foreach (var half in (string[])["t.shuffle >= @start", "t.shuffle < @start"])
                {
                    var task = await Transaction.FirstAsync<string>(
                        $"""
                        SELECT t.id FROM tasks t WHERE t.project_id = @project AND t.purpose = @purpose AND t.priority = @Priority AND t.needed = @Needed AND {half}
                            AND {Fits} AND {hadRule} ORDER BY t.shuffle LIMIT 1{lockRow}
                        """,
                        new { project = Project, purpose = Purpose, person = Person, start = Start, at.Priority, at.Needed }).ConfigureAwait(false);
                    if (task is not null)
                        return task;
                }
                at = await ClassAfterAsync(at).ConfigureAwait(false);
            }
            return null;
        }

        private Task<Class?> ClassAfterAsync(Class? before) => Transaction.FirstAsync<Class>(
            $"""
            SELECT priority, needed FROM tasks WHERE project_id = @Project AND purpose = @Purpose AND state = 'open' AND needed > 0
                {(before is null ? "" : "AND (priority < @Priority OR (priority = @Priority AND needed > @Needed))")}
            ORDER BY priority DESC, needed LIMIT 1
            """,
            new { Project, Purpose, before?.Priority, before?.Needed });
    }

    private sealed record Class(long Priority, long Needed);
}
