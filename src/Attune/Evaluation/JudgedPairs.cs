using Attune.Feedback;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Evaluation;

/// <summary>Two models whose answers are compared, and the answers, a pair a prompt.</summary>
/// <param name="Model">The model whose wins are counted.</param>
/// <param name="Opponent">The other.</param>
/// <param name="Answers">Answers to the same prompt, the model's first.</param>
internal sealed record Contest(string Model, string Opponent, IReadOnlyList<(AnswerRow Model, AnswerRow Opponent)> Answers);

/// <summary>From answers to comparisons to judgments to results. What a killed run had judged is not judged again.</summary>
internal static class JudgedPairs
{
    public const string ComparisonsName = "comparisons.jsonl";
    public const string JudgmentsName = "judgments.jsonl";

    /// <summary>Comparisons asked about between two appends to the log, which is flushed to the disk at each.</summary>
    private const int AtOnce = 64;

    /// <summary>All pairs as comparisons whose answer 0 is the model's; which is shown first is balanced over the numbers.</summary>
    public static IReadOnlyList<Comparison> Compare(IEnumerable<Contest> contests, int round, Seed seed)
    {
        var own = seed.For("evaluation").For(round);
        return contests.SelectMany(contest => contest.Answers.Select(pair => new ComparisonDraft(pair.Model.Prompt,
                [pair.Model.ForJudges(contest.Model), pair.Opponent.ForJudges(contest.Opponent)], PromptSplit.HeldOut, round)))
            .Select((draft, number) => Comparison.From(draft, own, number)).ToArray();
    }

    /// <summary>Asks each panel about each comparison that it has not voted on yet, and appends what it says to the log.</summary>
    /// <returns>All judgments of the log, in its order.</returns>
    public static IReadOnlyList<Judgment> Judge(
        IReadOnlyList<Comparison> comparisons, IReadOnlyList<JudgePanel> panels, string folder, ProgressMeter meter, CancellationToken stop)
    {
        using var log = JudgmentLog.Open(Path.Combine(folder, JudgmentsName));
        var before = log.Judgments;
        var done = 0L;
        foreach (var panel in panels)
        {
            var votes = JudgmentLog.InForce(before.Where(panel.Gave), perView: true).CountBy(judgment => judgment.ComparisonId).ToDictionary();
            var open = comparisons.Where(comparison => votes.GetValueOrDefault(comparison.Id) < panel.Votes).ToList();
            done += (long)(comparisons.Count - open.Count) * panel.Votes;
            foreach (var chunk in open.Chunk(AtOnce))
            {
                stop.ThrowIfCancellationRequested();
                log.Append(panel.Ask(chunk));
                meter.Advance(done += chunk.Length * (long)panel.Votes, panel.Name);
            }
        }

        return log.Judgments;
    }

    /// <summary>
    /// The votes on each comparison as a result seen from its answer 0. A vote that says nothing about the pair ("cannot judge") is left out, and
    /// so is a comparison without votes. A judge votes once in each order; of two judgments in the same order the later counts.
    /// </summary>
    /// <param name="comparisons">Comparisons of two answers; <see cref="Answer.Source"/> names the models.</param>
    /// <param name="log">Judgments in the order of the log's lines.</param>
    /// <param name="counts">Whose judgments count.</param>
    public static IReadOnlyList<PairResult> Results(IReadOnlyList<Comparison> comparisons, IReadOnlyList<Judgment> log, Predicate<Judgment> counts)
    {
        var lines = log.Select((judgment, line) => (judgment.Id, Line: line + 1L)).ToDictionary(StringComparer.Ordinal);
        var votes = JudgmentLog.InForce(log.Where(judgment => counts(judgment)), perView: true)
            .Where(judgment => judgment.Between(0, 1) is not null).ToLookup(judgment => judgment.ComparisonId);
        return comparisons.Select(comparison => new PairResult(comparison.Prompt, comparison[0].Source, comparison[1].Source,
                [.. votes[comparison.Id].Select(vote => Vote(vote, lines[vote.Id]))]))
            .Where(result => result.Votes.Count > 0).ToArray();
    }

    private static PairVote Vote(Judgment judgment, long line) => new(
        judgment.AnnotatorId,
        judgment.Between(0, 1) switch { > 0 => PairOutcome.Win, < 0 => PairOutcome.Loss, _ => PairOutcome.Tie },
        ShownFirst: judgment.Order[0] == 0,
        new SourceRow(line, judgment.ComparisonId, judgment.Id));
}
