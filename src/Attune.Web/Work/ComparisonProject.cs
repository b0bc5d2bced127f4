using Attune.Feedback;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.Work;

namespace Attune.Web.Work;

/// <summary>What came of adding tasks to a project, and how comparisons become tasks.</summary>
/// <param name="Project">The project, new or as it was.</param>
/// <param name="Added">Tasks that were not there before.</param>
/// <param name="Known">Those that the project had already.</param>
public sealed record ComparisonProject(Project Project, int Added, int Known)
{
    private const int AtOnce = 1000;

    /// <summary>Adds comparisons to a project as tasks, each once however often it is called.</summary>
    /// <param name="database">Where to.</param>
    /// <param name="project">The project. Of its kind are the tasks; in one of pairs or rankings two answers make a pair, more a ranking.</param>
    /// <param name="comparisons">What is to be judged.</param>
    /// <param name="actorId">Who does it; null for the command line.</param>
    /// <param name="stop">Gives up.</param>
    /// <param name="batchId">The batch that they belong to; null for none.</param>
    /// <param name="purpose">What they are for.</param>
    public static async Task<ComparisonProject> AddAsync(
        Database database, Project project, IReadOnlyList<Comparison> comparisons, string? actorId, CancellationToken stop, string? batchId = null, TaskPurpose purpose = TaskPurpose.Normal)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(project);
        var known = (await database.ReadAsync(transaction => transaction.QueryAsync<string>("SELECT subject_id FROM tasks WHERE project_id = @Id", new { project.Id }), stop).ConfigureAwait(false))
            .ToHashSet(StringComparer.Ordinal);
        var added = comparisons.Where(comparison => !known.Contains(comparison.Id)).ToList();
        var places = project.Settings is { Kind: TaskKind.Pair, Scale: PreferenceScale.Nine } ? PlacesByPrompt(added) : [];
        var tasks = added.Select(comparison => new NewTask
        {
            Payload = comparison.ToJson(),
            Choices = comparison.Answers.Count,
            SubjectId = comparison.Id,
            BatchId = batchId,
            Purpose = purpose,
            Kind = project.Settings.Kind is TaskKind.Pair or TaskKind.Rank ? KindOf([comparison]) : project.Settings.Kind,
            GroupId = places.GetValueOrDefault(comparison.Id)?.Group,
            Place = places.GetValueOrDefault(comparison.Id)?.Number,
            GroupSize = places.GetValueOrDefault(comparison.Id)?.Of,
        }).ToArray();
        foreach (var part in tasks.Chunk(AtOnce))
            await database.Tasks.AddAsync(project.Id, part, actorId, stop).ConfigureAwait(false);
        return new(project, tasks.Length, comparisons.Count - tasks.Length);
    }

    /// <summary>On the scale of nine the pairs of one prompt come to a judge one after the other, "2 of 6", as summaries of one post did (Stiennon et al. 2020).</summary>
    private static Dictionary<string, PlaceInGroup> PlacesByPrompt(IReadOnlyList<Comparison> comparisons) => comparisons
        .Where(comparison => comparison.Answers.Count == 2).GroupBy(comparison => comparison.Prompt, StringComparer.Ordinal).Where(group => group.Count() > 1)
        .SelectMany(group => group.Select((comparison, number) => (comparison.Id, new PlaceInGroup(group.First().Id, number + 1, group.Count()))))
        .ToDictionary(StringComparer.Ordinal);

    /// <summary>Reads comparisons that somebody sent.</summary>
    /// <exception cref="InputException">There are none, or bad lines; lists them.</exception>
    public static IReadOnlyList<Comparison> Parse(string name, byte[] content)
    {
        var comparisons = ComparisonFile.Parse(name, content);
        ThrowIfNone(name, comparisons);
        return comparisons;
    }

    /// <summary>Pairs where all have two answers, else rankings.</summary>
    internal static TaskKind KindOf(IReadOnlyList<Comparison> comparisons) => comparisons.All(comparison => comparison.Answers.Count == 2) ? TaskKind.Pair : TaskKind.Rank;

    private static void ThrowIfNone(string name, IReadOnlyList<Comparison> comparisons)
    {
        if (comparisons.Count == 0)
            throw InputException.One(name, "has no comparisons", "at least one line", "see docs/feedback-formats.md for the form");
    }

    private sealed record PlaceInGroup(string Group, int Number, int Of);
}
