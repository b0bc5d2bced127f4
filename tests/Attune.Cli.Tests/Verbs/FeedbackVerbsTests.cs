using System.Text.Json;
using Attune.Feedback;
using Attune.Torch;

namespace Attune.Cli.Tests.Verbs;

public sealed class FeedbackVerbsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("attune-feedback-").FullName;
    private readonly Comparison[] _pairs =
        [.. Enumerable.Range(0, 4).Select(k => Comparison.From(new($"prompt {k}", [new() { Source = "s", Text = "x" }, new() { Source = "s", Text = "y" }]), new Seed(1), k) with { Order = [0, 1] })];

    /// <summary>Ann prefers x in all four pairs, Ben in the first three, Cy, who is held out, never; nobody else judged the last pair.</summary>
    public FeedbackVerbsTests()
    {
        ComparisonFile.Write(At("comparisons.jsonl"), _pairs);
        new Annotators("1", [new("ann", AnnotatorGroup.Training), new("ben", AnnotatorGroup.Training), new("cy", AnnotatorGroup.HeldOut)]).Save(At("annotators.json"));
        using var log = JudgmentLog.Open(At("judgments.jsonl"));
        for (var k = 0; k < 4; k++)
            log.Append([Judged("ann", k, best: 0), Judged("ben", k, best: k < 3 ? 0 : 1), .. k < 3 ? new[] { Judged("cy", k, best: 1) } : []]);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string At(string name) => Path.Combine(_folder, name);

    private Task<Printed> Aggregate(params string[] more) =>
        ProgramProcess.Run(["aggregate", At("judgments.jsonl"), "--comparisons", At("comparisons.jsonl"), "--out", At("out.jsonl"), .. more]);

    [Fact]
    public async Task Judgments_become_the_preferences_of_the_majority()
    {
        var printed = await Aggregate();

        Assert.Equal(new Printed(0, $"{At("out.jsonl")} has 3 pairs from 11 judgments of 4 comparisons\n", ""), printed);
        var pairs = PreferenceExport.ReadPairs(At("out.jsonl"));
        Assert.Equal([("x", 3), ("x", 3), ("x", 3)], pairs.Select(pair => (pair.Chosen, pair.Judges))); // two to one; the last pair has no majority
        Assert.All(pairs, pair => Assert.Equal(2 / 3.0, pair.PChosen));
        Assert.Equal(["annotators.json", "comparisons.jsonl", "judgments.jsonl", "judgments.jsonl.lock", "out.jsonl"], Directory.GetFiles(_folder).Select(file => Path.GetFileName(file)).Order());
    }

    [Fact]
    public async Task Groups_rankings_and_votes_are_chosen_by_flags()
    {
        var training = await Aggregate("--annotators", At("annotators.json"), "--json");
        Assert.Equal(["x", "x", "x"], PreferenceExport.ReadPairs(At("out.jsonl")).Select(pair => pair.Chosen));
        var heldOut = await Aggregate("--annotators", At("annotators.json"), "--held-out");
        Assert.Equal(["y", "y", "y"], PreferenceExport.ReadPairs(At("out.jsonl")).Select(pair => pair.Chosen));
        var rankings = await Aggregate("--rankings", "--minimum-votes", "2");

        Assert.Equal([0, 0, 0], new[] { training.ExitCode, heldOut.ExitCode, rankings.ExitCode });
        Assert.Equal($$"""{"file":"{{At("out.jsonl")}}","form":"pairs","group":"training","judgments":11,"comparisons":4,"lines":3}""" + "\n", training.Result);
        Assert.StartsWith($"{At("out.jsonl")} has 4 rankings", rankings.Result);
        Assert.Equal([3, 3, 3, 2], PreferenceExport.ReadRankings(At("out.jsonl")).Select(ranking => ranking.Judges));
    }

    [Fact]
    public async Task All_that_is_wrong_with_a_line_is_said_and_nothing_is_written()
    {
        var before = await File.ReadAllTextAsync(At("judgments.jsonl"));

        var wrong = await Printed.By("aggregate", At("judgments.jsonl"), "--comparisons", At("none.jsonl"), "--out", At("judgments.jsonl"), "--held-out", "--minimum-votes", "0");
        var few = await Printed.By("aggregate", At("judgments.jsonl"), "--comparisons", At("comparisons.jsonl"), "--out", At("out.jsonl"), "--minimum-votes", "4");
        var bare = await Printed.By("aggregate", At("judgments.jsonl"));

        Assert.Equal([2, 2, 2], new[] { wrong.ExitCode, few.ExitCode, bare.ExitCode });
        Assert.Contains("attune aggregate has 4 problems\n", wrong.Log);
        Assert.Matches("""--minimum-votes +is 0, expected at least 1; 1 keeps all that was judged""", wrong.Log);
        Assert.Matches("""--held-out +stands without --annotators, expected the file that says who is held out; add --annotators annotators.json""", wrong.Log);
        Assert.Matches("""--out +is .*/judgments.jsonl, which is read, expected another file than those read; choose another --out""", wrong.Log);
        Assert.Matches("""none.jsonl +does not exist, expected a file; correct the path""", wrong.Log);
        Assert.Equal($"{At("judgments.jsonl")} has 1 problem\n  decides none of the 4 comparisons, expected a majority with at least 4 votes of the group on one of them; "
            + "name the --comparisons and --annotators that go with this log, or lower --minimum-votes\n", few.Log);
        Assert.Contains("--comparisons  is missing, expected the comparisons.jsonl that was judged", bare.Log);
        Assert.Equal(before, await File.ReadAllTextAsync(At("judgments.jsonl")));
        Assert.False(File.Exists(At("out.jsonl")));
    }

    [Fact]
    public async Task Agreement_is_shown_for_each_annotator_and_on_the_whole()
    {
        var printed = await ProgramProcess.Run("agreement", At("judgments.jsonl"), "--annotators", At("annotators.json"));

        Assert.Equal((0, ""), (printed.ExitCode, printed.Log));
        Assert.Matches(@"Training annotators\n+ *annotator +judgments +agrees with the others", printed.Result);
        Assert.Matches(@"\n +ann +4 +75\.0 % +30\.1 – 95\.4 % +100\.0 % +50\.0 % +5\.0\n +ben +4 +75\.0 % ", printed.Result);
        Assert.Contains("\nTwo of them agree on 75.0 % of the pairs they share (95 % interval ", printed.Result);
        Assert.Contains("%); Krippendorff's alpha 0.000\n", printed.Result); // xx, xx, xx, xy: 2/8 unequal, as 7·1·2/(8·7) by chance
        Assert.EndsWith("No two of them judged the same pair.\n", printed.Result); // Cy alone is held out
    }

    [Fact]
    public async Task Agreement_as_json_holds_one_object_for_each_group()
    {
        var printed = await Printed.By("agreement", At("judgments.jsonl"), "--json");

        Assert.Equal((0, ""), (printed.ExitCode, printed.Log));
        var group = Assert.Single(JsonDocument.Parse(printed.Result).RootElement.EnumerateArray());
        Assert.Equal((JsonValueKind.Null, 11), (group.GetProperty("group").ValueKind, group.GetProperty("judgments").GetInt32()));
        Assert.Equal((3, 10), (group.GetProperty("pairwise").GetProperty("successes").GetDouble(), group.GetProperty("pairwise").GetProperty("trials").GetInt32())); // one of three three times, none of one
        Assert.InRange(3 / 10.0, group.GetProperty("pairwiseInterval").GetProperty("lower").GetDouble(), group.GetProperty("pairwiseInterval").GetProperty("upper").GetDouble());
        Assert.Equal(["ann", "ben", "cy"], group.GetProperty("people").EnumerateArray().Select(one => one.GetProperty("annotatorId").GetString()));
    }

    [Fact]
    public async Task A_log_that_is_missing_damaged_or_empty_is_refused_and_an_unfinished_line_is_told()
    {
        await File.WriteAllTextAsync(At("empty.jsonl"), "");
        await File.WriteAllTextAsync(At("bad.jsonl"), "{\"id\": 3}\n");
        var missing = await Printed.By("agreement", At("none.jsonl"));
        var empty = await Printed.By("agreement", At("empty.jsonl"));
        var bad = await Printed.By("agreement", At("bad.jsonl"));
        await File.AppendAllTextAsync(At("judgments.jsonl"), "{\"id\":");
        var torn = await Printed.By("agreement", At("judgments.jsonl"));

        Assert.Equal([2, 2, 2, 0], new[] { missing.ExitCode, empty.ExitCode, bad.ExitCode, torn.ExitCode });
        Assert.EndsWith("none.jsonl  is not there, expected a file; check the path, or run the stage that writes it\n", missing.Log);
        Assert.EndsWith("empty.jsonl has 1 problem\n  has no judgment, expected at least one; name a log that somebody wrote to\n", empty.Log);
        Assert.Contains("bad.jsonl line 1 (byte 0)", bad.Log);
        Assert.Equal($"warning: line 12 of {At("judgments.jsonl")} is unfinished, as a killed writer leaves it; it is passed over\n", torn.Log);
    }

    private Judgment Judged(string who, int pair, int best) => new()
    {
        Id = $"{who}-{pair}",
        ComparisonId = _pairs[pair].Id,
        AnnotatorId = who,
        Order = [0, 1],
        Outcome = Outcome.Choice,
        Ranks = best == 0 ? [1, 2] : [2, 1],
        Seconds = 5,
        InstructionVersion = "1",
        At = DateTimeOffset.UnixEpoch,
    };
}
