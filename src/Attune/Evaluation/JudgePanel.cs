using Attune.Feedback;
using Attune.Rewards;
using Attune.Torch;

namespace Attune.Evaluation;

/// <summary>
/// A group of judges that votes on every pair of answers: people or a simulated crowd, a reward, a function of the text. It sees prompts and
/// answers, never which model wrote them, and both orders: each vote on a pair is another view of it.
/// </summary>
public sealed class JudgePanel
{
    private readonly Func<IReadOnlyList<Comparison>, IReadOnlyList<Judgment>> _ask;
    private readonly HashSet<string> _judges;

    private JudgePanel(string name, int votes, IEnumerable<string> judges, Func<IReadOnlyList<Comparison>, IReadOnlyList<Judgment>> ask)
    {
        (Name, Votes, _ask) = (name, votes, ask);
        _judges = judges.ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>What tables call it, for instance "held-out crowd".</summary>
    public string Name { get; }

    /// <summary>Votes on each pair.</summary>
    public int Votes { get; }

    /// <summary>How good a single answer to a prompt is by these judges, higher is better; null where they only compare.</summary>
    internal Func<string, Answer, double>? Score { get; private init; }

    /// <summary>The same for judges that read tokens; computed as answers are sampled.</summary>
    internal IReward? Reward { get; private init; }

    /// <summary>Whether it judges by how probable the base model finds an answer, so that a base model is needed.</summary>
    internal bool ReadsFluency { get; private init; }

    /// <summary>A group of a simulated crowd. An answer's score is the mean of its judges' utilities before noise.</summary>
    /// <param name="crowd">The crowd; answers carry the fluency it reads.</param>
    /// <param name="group">Which of its annotators judge.</param>
    /// <param name="votes">Different annotators for each pair, at least <see cref="PairResult.MinimumVotes"/> to be worth reporting.</param>
    /// <param name="name">What tables call it; by default after the group.</param>
    public static JudgePanel OfCrowd(SimulatedCrowd crowd, AnnotatorGroup group, int votes = PairResult.MinimumVotes, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(crowd);
        var members = crowd.Of(group);
        if (votes < 1 || votes > members.Count)
            throw new ArgumentOutOfRangeException(nameof(votes), votes, $"Expected 1 to {members.Count}, the number of annotators in the group.");
        return new(name ?? (group == AnnotatorGroup.HeldOut ? "held-out crowd" : "training crowd"), votes, members.Select(m => m.Id),
            comparisons => crowd.Collect(comparisons, group, votes))
        {
            Score = (prompt, answer) => members.Average(member => member.Utility(prompt, answer)),
            ReadsFluency = members.Any(member => member.Member.Taste.Fluency != 0),
        };
    }

    /// <summary>
    /// Any judges. Who of them votes on a pair depends on the pair alone; a panel of fewer judges than votes asks some again, with the sides
    /// swapped; a judge's votes on a pair in the same order count once.
    /// </summary>
    public static JudgePanel OfJudges(string name, IReadOnlyList<IJudge> judges, int votes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(votes, 1);
        ArgumentOutOfRangeException.ThrowIfZero(judges.Count, nameof(judges));
        IReadOnlyList<Judgment> Ask(IReadOnlyList<Comparison> comparisons)
        {
            var chosen = comparisons.Select(comparison => new Seed(0).For("panel").For(comparison.Id).Permutation(judges.Count)).ToArray();
            var given = new Judgment[comparisons.Count, votes];
            for (var view = 0; view < votes; view++)
            {
                for (var judge = 0; judge < judges.Count; judge++)
                {
                    var own = Enumerable.Range(0, comparisons.Count).Where(c => chosen[c][view % judges.Count] == judge).ToArray();
                    var said = judges[judge].JudgeAll([.. own.Select(c => comparisons[c])], view);
                    for (var k = 0; k < own.Length; k++)
                        given[own[k], view] = said[k];
                }
            }

            return [.. given.Cast<Judgment>()]; // row by row: the votes of a comparison stand together
        }

        return new(name, votes, judges.Select(judge => judge.Id), Ask);
    }

    /// <summary>A function of prompt and answer, higher is better; it votes once in each order.</summary>
    /// <param name="name">What tables and judgments call it.</param>
    /// <param name="score">The function.</param>
    /// <param name="tieWithin">Answers whose scores differ by no more are level.</param>
    public static JudgePanel OfFunction(string name, Func<string, string, double> score, double tieWithin = 0)
    {
        ArgumentNullException.ThrowIfNull(score);
        double Of(string prompt, Answer answer) => score(prompt, answer.Text);
        return Scoring(name, Of, tieWithin, reward: null);
    }

    /// <summary>A reward, a reward model for instance; it votes once in each order.</summary>
    /// <param name="name">What tables and judgments call it.</param>
    /// <param name="reward">The reward.</param>
    /// <param name="tieWithin">Answers whose scores differ by no more are level.</param>
    public static JudgePanel OfReward(string name, IReward reward, double tieWithin = 0)
    {
        ArgumentNullException.ThrowIfNull(reward);
        return Scoring(name, (_, answer) => answer.Features[name], tieWithin, reward);
    }

    /// <summary>Whether a judgment is one of theirs.</summary>
    internal bool Gave(Judgment judgment) => _judges.Contains(judgment.AnnotatorId);

    /// <summary>The panel's judges.</summary>
    internal IReadOnlyCollection<string> Judges => _judges;

    /// <summary>All votes on the comparisons; those of one comparison stand together, in the order of the comparisons.</summary>
    internal IReadOnlyList<Judgment> Ask(IReadOnlyList<Comparison> comparisons) => _ask(comparisons);

    private static JudgePanel Scoring(string name, Func<string, Answer, double> score, double tieWithin, IReward? reward)
    {
        const int bothOrders = 2;
        var panel = OfJudges(name, [new ScoreJudge(name, score, tieWithin)], bothOrders);
        return new(panel.Name, panel.Votes, panel._judges, panel._ask) { Score = reward is null ? score : null, Reward = reward };
    }
}
