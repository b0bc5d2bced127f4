using Attune.Feedback.Quality;
using Attune.Runs;

namespace Attune.Storage.Work;

/// <summary>Quality control of a project; what is null is not done.</summary>
public sealed record QualitySettings
{
    /// <summary>How often a golden task takes the place of an ordinary one.</summary>
    public GoldenRate? Golden { get; init; }

    /// <summary>What somebody has to pass before they are given ordinary tasks.</summary>
    public QualificationSettings? Qualification { get; init; }

    /// <summary>When a task has been answered often enough; a fixed overlap without.</summary>
    public OverlapOptions? Overlap { get; init; }

    /// <summary>Which pairs come first; the order of the queue without.</summary>
    public ActivePairOptions? ActivePairs { get; init; }

    /// <summary>How often somebody is given a task again, pairs in the other order.</summary>
    public RepeatSettings? Repeats { get; init; }

    /// <summary>The least Krippendorff's alpha of a calibration round before its batch opens, up to 1; no gate without.</summary>
    public double? Gate { get; init; }

    /// <summary>The least accuracy of the reward model before a batch is delivered, from 0 to 1; no gate without.</summary>
    public double? Accuracy { get; init; }

    /// <summary>The skill whose level decides the price of a page; everyone has 0 without.</summary>
    public string? PaySkill { get; init; }

    internal IEnumerable<Problem> Check()
    {
        (string Key, IChecked? Section)[] sections =
            [("golden", Golden), ("qualification", Qualification), ("overlap", Overlap), ("activePairs", ActivePairs), ("repeats", Repeats)];
        foreach (var (key, section) in sections)
        {
            foreach (var problem in section?.Check() ?? [])
                yield return problem with { Key = $"quality.{key}.{problem.Key}" };
        }
        if (Gate is not (null or (>= -1 and <= 1)))
            yield return Problem.Of("quality.gate", $"is {Gate}", "from -1 to 1", "0.4 is moderate agreement");
        if (Accuracy is not (null or (>= 0 and <= 1)))
            yield return Problem.Of("quality.accuracy", $"is {Accuracy}", "from 0 to 1", "0.6 is usual");
        if (PaySkill is not null && string.IsNullOrWhiteSpace(PaySkill))
            yield return Problem.Of("quality.paySkill", "is empty", "the name of a skill", "leave it out where pay does not depend on one");
    }
}

/// <summary>The way into a project: its training tasks with feedback, then golden tasks without.</summary>
public sealed record QualificationSettings : IChecked
{
    /// <summary>Golden tasks of one attempt.</summary>
    public int Tasks { get; init; } = 10;

    /// <summary>The share of them to get right.</summary>
    public double PassMark { get; init; } = 0.8;

    /// <summary>How often it may be tried, each time with other tasks.</summary>
    public int Attempts { get; init; } = 2;

    /// <summary>The skill that passing gives; its level is the share got right in percent.</summary>
    public string Skill { get; init; } = "qualified";

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Tasks < 1)
            yield return Problem.Of("tasks", $"is {Tasks}", "at least 1", "10 is usual");
        if (PassMark is not (> 0 and <= 1))
            yield return Problem.Of("passMark", $"is {PassMark}", "above 0, at most 1", "0.8 is usual");
        if (Attempts < 1)
            yield return Problem.Of("attempts", $"is {Attempts}", "at least 1", "2 is usual");
        if (string.IsNullOrWhiteSpace(Skill))
            yield return Problem.Of("skill", "is empty", "a name", "qualified is usual");
    }
}

/// <summary>Tasks that somebody is given again, to see whether they answer as before.</summary>
public sealed record RepeatSettings : IChecked
{
    /// <summary>The share of somebody's tasks that are repeats.</summary>
    public double Share { get; init; } = 0.05;

    /// <summary>Tasks that lie between the first time and the second.</summary>
    public int After { get; init; } = 20;

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Share is not (> 0 and <= 0.5))
            yield return Problem.Of("share", $"is {Share}", "above 0, at most 0.5", "0.05 is usual");
        if (After < 1)
            yield return Problem.Of("after", $"is {After}", "at least 1", "20 is usual");
    }
}
