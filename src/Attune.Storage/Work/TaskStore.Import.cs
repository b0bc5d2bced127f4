using Attune.Runs;

namespace Attune.Storage.Work;

public sealed partial class TaskStore
{
    /// <summary>
    /// Adds the tasks of a file, all or none: those whose subject the project has already are left as they are, and <see cref="NewTask.DependsOn"/> is the
    /// subject of a task that is there or stands above.
    /// </summary>
    /// <returns>How many were added.</returns>
    /// <exception cref="InputException">The project is not there, or a task is bad; lists all problems.</exception>
    public Task<int> ImportAsync(string projectId, IReadOnlyList<NewTask> tasks, string? actorId, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(tasks);
        Check(tasks);
        return _database.WriteAsync(
            async transaction =>
            {
                var project = await ProjectStore.FindAsync(transaction, projectId).ConfigureAwait(false) ?? throw InputException.One($"Project {projectId}", "is not there", "one of this database", "check the id");
                ThrowIfUnfit(tasks, project.Settings);
                var ids = (await transaction.QueryAsync<(string Subject, string Id)>("SELECT subject_id, id FROM tasks WHERE project_id = @projectId ORDER BY id", new { projectId }).ConfigureAwait(false))
                    .DistinctBy(task => task.Subject).ToDictionary(task => task.Subject, task => task.Id, StringComparer.Ordinal);
                var added = 0;
                foreach (var task in tasks.Where(task => task.SubjectId is not { } subject || !ids.ContainsKey(subject)).ToList())
                {
                    var before = task.DependsOn is not { } wanted ? null : ids.GetValueOrDefault(wanted)
                        ?? throw InputException.One($"Task {task.SubjectId}", $"depends on {wanted}, which is not there", "a task above it or of the project", "put that one first");
                    var id = await AddAsync(transaction, project, task with { DependsOn = before }).ConfigureAwait(false);
                    ids.TryAdd(task.SubjectId ?? id, id);
                    added++;
                }
                await _database.Audit.RecordAsync(transaction, actorId, "task.add", null, projectId, new { tasks = added }).ConfigureAwait(false);
                return added;
            }, stop);
    }
}
