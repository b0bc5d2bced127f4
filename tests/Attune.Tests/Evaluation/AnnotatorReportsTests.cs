using Attune.Evaluation;
using Attune.Feedback;
using Attune.Runs;

namespace Attune.Tests.Evaluation;

public sealed class AnnotatorReportsTests : IDisposable
{
    private static readonly Annotators Everyone = new("1", [new("ann", AnnotatorGroup.Training), new("ben", AnnotatorGroup.HeldOut), new("cy", AnnotatorGroup.Training), new("dee", AnnotatorGroup.HeldOut)]);
    private readonly string _folder = Directory.CreateTempSubdirectory("attune-").FullName;

    [Fact]
    public void Each_annotator_gets_a_row_worked_by_hand()
    {
        // Ann and Ben prefer 0 in all four pairs, Cy the first shown, which is 1, 1, 0 and 0, and Dee 0 but in the last.
        var log = Path.Combine(_folder, "judgments.jsonl");
        using (var file = JudgmentLog.Open(log))
        {
            for (var k = 0; k < 4; k++)
            {
                int[] order = k < 2 ? [1, 0] : [0, 1];
                file.Append([Judged("ann", k, order, best: 0, 8), Judged("ben", k, order, best: 0, 10), Judged("cy", k, order, best: order[0], 1), Judged("dee", k, order, best: k < 3 ? 0 : 1, 12)]);
            }
        }

        var (rows, source) = AnnotatorReports.Read(log, Everyone, Path.Combine(_folder, "report"));

        Assert.Equal("../judgments.jsonl", source.File);
        Assert.Equal("1–16", source.Lines);
        Assert.Equal(["ann", "ben", "cy", "dee"], rows.Select(row => row.Annotator));
        Assert.Equal(["training", "held-out", "training", "held-out"], rows.Select(row => row.Group));
        Assert.All(rows, row => Assert.Equal((4, source.Id), (row.Judgments, row.Source)));
        Assert.Equal([0.5, 0.75, 0.5, 0.75], rows.Select(row => row.Agreement)); // ann and cy agree in two pairs of four, ben and dee in three
        Assert.Equal([0.5, 0.5, 1, 0.25], rows.Select(row => row.FirstShown));
        Assert.All(rows, row => Assert.Equal(0.5, row.FirstShownByChance));
        Assert.Equal([8, 10, 1, 12], rows.Select(row => row.MedianSeconds));
    }

    [Fact]
    public void Who_shares_no_pair_with_the_group_has_no_agreement_and_an_unfinished_line_does_not_count()
    {
        var log = Path.Combine(_folder, "judgments.jsonl");
        using (var file = JudgmentLog.Open(log))
            file.Append([Judged("ann", 0, [0, 1], best: 0, 8), Judged("ben", 0, [0, 1], best: 0, 8), Judged("stranger", 0, [0, 1], best: 0, 8)]);
        File.AppendAllText(log, "{\"id\":");

        var (rows, source) = AnnotatorReports.Read(log, Everyone, _folder);

        Assert.Equal("1–3", source.Lines);
        Assert.Equal(["training", "held-out", null], rows.Select(row => row.Group));
        Assert.All(rows, row => Assert.Null(row.Agreement));
        Assert.Equal([1, 1, 1], AnnotatorReports.Read(log, annotators: null, _folder).Rows.Select(row => row.Agreement)); // one group of everyone
    }

    [Fact]
    public void A_missing_log_is_refused()
    {
        Assert.Throws<InputException>(() => AnnotatorReports.Read(Path.Combine(_folder, "none.jsonl"), annotators: null, _folder));
    }

    private static Judgment Judged(string who, int pair, int[] order, int best, double seconds) => new()
    {
        Id = $"{who}-{pair}",
        ComparisonId = $"c-{pair}",
        AnnotatorId = who,
        Order = order,
        Outcome = Outcome.Choice,
        Ranks = best == 0 ? [1, 2] : [2, 1],
        Seconds = seconds,
        InstructionVersion = "1",
        At = DateTimeOffset.UnixEpoch,
    };

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
