using System.Globalization;
using Attune.Feedback;
using Attune.Feedback.Aggregation;
using Attune.Storage;
using Attune.Storage.People;
using Attune.Storage.Work;
using Attune.Torch;
using Attune.Web.Simulation;
using Attune.Web.Work;

namespace Attune.Benchmarks.Web;

/// <summary>A project of pairs whose better answer is known, with a crowd that has keys: made before the server starts.</summary>
public sealed class CrowdProject
{
    private CrowdProject(string projectId, IReadOnlyList<HttpCrowdMember> members, IReadOnlyDictionary<string, int> better, IReadOnlyDictionary<string, Behaviour> behaviours) =>
        (ProjectId, Members, Better, Behaviours) = (projectId, members, better, behaviours);

    /// <summary>The project.</summary>
    public string ProjectId { get; }

    /// <summary>Who judges.</summary>
    public IReadOnlyList<HttpCrowdMember> Members { get; }

    /// <summary>The index of the better answer, by comparison.</summary>
    public IReadOnlyDictionary<string, int> Better { get; }

    /// <summary>How the person of a pseudonym judges.</summary>
    public IReadOnlyDictionary<string, Behaviour> Behaviours { get; }

    /// <summary>Makes project, tasks and people.</summary>
    /// <param name="database">Where; nobody else has it open.</param>
    /// <param name="tasks">How many pairs.</param>
    /// <param name="overlap">Answers to each.</param>
    /// <param name="behaviours">One of each annotator.</param>
    public static async Task<CrowdProject> CreateAsync(Database database, int tasks, int overlap, IReadOnlyList<Behaviour> behaviours)
    {
        var settings = new ProjectSettings { Overlap = overlap, MaximumOverlap = overlap, LeaseMinutes = 1, OpenTasks = 3 };
        var project = await database.Projects.CreateAsync("Crowd", settings, null, seed: 1).ConfigureAwait(false);
        await database.Projects.AddInstructionAsync(project.Id, "Choose the answer with the higher grade.", null).ConfigureAwait(false);
        var comparisons = Enumerable.Range(0, tasks).Select(Pair).ToArray();
        await ComparisonProject.AddAsync(database, project, comparisons, null, CancellationToken.None).ConfigureAwait(false);
        var (members, kinds) = (new List<HttpCrowdMember>(), new Dictionary<string, Behaviour>(StringComparer.Ordinal));
        for (var i = 0; i < behaviours.Count; i++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{behaviours[i]} {i}");
            var person = await database.People.CreateAsync(new() { DisplayName = name, Source = JudgmentSource.Simulated }, null).ConfigureAwait(false);
            await database.Projects.SetMemberAsync(project.Id, person.Id, Role.Annotator, null).ConfigureAwait(false);
            members.Add(new(name, (await database.Access.CreateKeyAsync(person.Id, "crowd", ["work"], null, null).ConfigureAwait(false)).Token, behaviours[i]));
            kinds[person.Pseudonym] = behaviours[i];
        }
        return new(project.Id, members, comparisons.ToDictionary(pair => pair.Id, pair => LeftIsBetter(pair.Prompt, pair.Answers[0].Text, pair.Answers[1].Text) ? 0 : 1), kinds);
    }

    /// <summary>What the crowd is made of: 55 of 100 honest, 20 noisy, 5 each of five bad sorts.</summary>
    public static IReadOnlyList<Behaviour> Mixed(int count) => [.. Enumerable.Range(0, count).Select(i => (i % 20) switch
    {
        < 11 => Behaviour.Honest,
        < 15 => Behaviour.Noisy,
        15 => Behaviour.Lazy,
        16 => Behaviour.SideBiased,
        17 => Behaviour.Fast,
        18 => Behaviour.Colluding,
        _ => Behaviour.Adversarial,
    })];

    /// <summary>Answers of this project say their grade.</summary>
    public static bool LeftIsBetter(string prompt, string left, string right) => Grade(left) > Grade(right);

    /// <summary>What the people of a log said, as labels "0" and "1" for the better answer's index.</summary>
    public static LabelSet Labels(IEnumerable<Judgment> judgments) =>
        LabelSet.Of(judgments.Where(judgment => judgment.Best is not null).Select(judgment => new LabelRow(judgment.ComparisonId, judgment.AnnotatorId, $"{judgment.Best}")), ["0", "1"]);

    private static int Grade(string answer) => int.Parse(answer.AsSpan(answer.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture);

    private static Comparison Pair(int number)
    {
        var seed = new Seed(3).For("grades").For(number);
        var first = seed.Below(10, row: 0);
        var second = (first + 1 + seed.Below(9, row: 1)) % 10;
        Answer Of(int grade) => new() { Source = "made up", Text = string.Create(CultureInfo.InvariantCulture, $"An answer of grade {grade}") };
        return Comparison.From(new(string.Create(CultureInfo.InvariantCulture, $"Question {number}"), [Of(first), Of(second)]), new Seed(3), number);
    }
}
