using System.IO.Compression;
using System.Text;
using Attune.Feedback;
using Attune.Runs;

namespace Attune.Tests.Feedback;

public sealed class JudgmentLogTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string LogPath => _folder.PathOf("judgments.jsonl");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_line_holds_everything_in_a_fixed_order()
    {
        using (var log = JudgmentLog.Open(LogPath))
            log.Append(JudgmentTests.Example("j-1") with { Strength = 3, Seconds = 4.25, Comment = "naïve", Flags = ["off-topic"] });

        Assert.Equal(
            """{"id":"j-1","comparisonId":"c-1","annotatorId":"p-1","order":[1,0],"outcome":"choice","ranks":[1,2],"strength":3,"seconds":4.25,"comment":"naïve","flags":["off-topic"],"instructionVersion":"1","at":"2001-02-03T04:05:06+00:00"}""" + "\n",
            File.ReadAllText(LogPath));
    }

    [Fact]
    public void What_was_appended_is_there_after_opening_again()
    {
        using (var log = JudgmentLog.Open(LogPath))
        {
            Assert.True(log.Append(JudgmentTests.Example("j-1")));
            Assert.Equal(2, log.Append([JudgmentTests.Example("j-2"), JudgmentTests.Example("j-3")]));
        }
        using var again = JudgmentLog.Open(LogPath);
        again.Append(JudgmentTests.Example("j-4"));

        Assert.Null(again.Repaired);
        Assert.Equal(["j-1", "j-2", "j-3", "j-4"], again.Judgments.Select(j => j.Id));
        Assert.Equal(["j-1", "j-2", "j-3", "j-4"], JudgmentLog.Read(LogPath).Judgments.Select(j => j.Id)); // readable while open
    }

    [Fact]
    public void A_log_is_read_compressed_and_with_a_byte_order_mark_to_its_torn_line()
    {
        using (var log = JudgmentLog.Open(LogPath))
            log.Append([JudgmentTests.Example("j-1"), JudgmentTests.Example("j-2")]);
        var text = File.ReadAllText(LogPath) + "{\"id\":";
        using (var gzip = new GZipStream(File.Create(_folder.PathOf("judgments.jsonl.gz")), CompressionLevel.Fastest))
            gzip.Write(Encoding.UTF8.GetBytes(text));

        var compressed = JudgmentLog.Read(_folder.PathOf("judgments.jsonl.gz"));
        var marked = JudgmentLog.Read(_folder.Write("marked.jsonl", "\uFEFF" + text));

        Assert.All([compressed, marked], log => Assert.Equal(["j-1", "j-2"], log.Judgments.Select(j => j.Id)));
        Assert.All([compressed, marked], log => Assert.Equal((3, 6), (log.Torn!.Number, log.Torn.Bytes)));
    }

    [Fact]
    public void A_judgment_sent_twice_is_kept_once_and_a_changed_one_is_refused()
    {
        using (var log = JudgmentLog.Open(LogPath))
        {
            Assert.Equal(1, log.Append([JudgmentTests.Example("j-1"), JudgmentTests.Example("j-1")]));
            Assert.False(log.Append(JudgmentTests.Example("j-1")));
            Assert.Throws<InvalidOperationException>(() => log.Append([JudgmentTests.Example("j-2"), JudgmentTests.Example("j-1") with { Comment = "changed" }]));
        }
        using var again = JudgmentLog.Open(LogPath);

        Assert.False(again.Append(JudgmentTests.Example("j-1")));
        Assert.Single(again.Judgments); // j-2 came with a bad one and was not added
    }

    [Fact]
    public void Cut_off_at_any_byte_the_log_keeps_every_whole_line_and_goes_on()
    {
        using (var log = JudgmentLog.Open(LogPath))
            log.Append([JudgmentTests.Example("j-1"), JudgmentTests.Example("j-2") with { Comment = "naïve" }]);
        var whole = File.ReadAllBytes(LogPath);
        var second = Array.IndexOf(whole, (byte)'\n') + 1;

        for (var cut = second; cut < whole.Length; cut++)
        {
            File.WriteAllBytes(LogPath, whole[..cut]);
            var isWhole = cut is var c && (c == second || c == whole.Length - 1); // nothing of line 2, or all but its end
            Assert.Equal(isWhole ? null : new TornLine(2, second, cut - second), JudgmentLog.Read(LogPath).Torn);
            using (var log = JudgmentLog.Open(LogPath))
            {
                Assert.Equal(isWhole ? null : new TornLine(2, second, cut - second), log.Repaired);
                Assert.Equal(cut == whole.Length - 1 ? 2 : 1, log.Judgments.Count);
                log.Append(JudgmentTests.Example("j-2") with { Comment = "naïve" });
            }
            Assert.Equal(whole, File.ReadAllBytes(LogPath));
        }
    }

    [Fact]
    public void A_bad_line_in_the_middle_is_an_error_that_names_it()
    {
        using (var log = JudgmentLog.Open(LogPath))
            log.Append([JudgmentTests.Example("j-1"), JudgmentTests.Example("j-2")]);
        var lines = File.ReadAllLines(LogPath);
        var changed = lines[0].Replace("\"p-1\"", "\"p-2\"", StringComparison.Ordinal);
        File.WriteAllLines(LogPath, [lines[0], lines[0][..50], changed, lines[1].Replace("[1,2]", "[1,1]", StringComparison.Ordinal), lines[1]]);

        var error = Assert.Throws<InputException>(() => JudgmentLog.Open(LogPath));

        Assert.Equal([$"line 2 (byte {Encoding.UTF8.GetByteCount(lines[0]) + 1})", "line 3 ", "line 4 "], error.Problems.Select((p, i) => i == 0 ? p.Key : p.Key[..7]));
        Assert.Contains("has the id j-1 of another judgment above", error.Message, StringComparison.Ordinal);
        Assert.Contains("has ranks [1, 1] for 2 answers, which is no Choice; correct or remove the line", error.Message, StringComparison.Ordinal);
        Assert.Equal(5, File.ReadAllLines(LogPath).Length); // nothing was cut off
    }

    [Theory]
    [InlineData("\"ranks\":[1,2]", "\"ranks\":[1,2],\"strength\":9", "has strength 9, expected 1 to 4 or none")]
    [InlineData("\"outcome\":\"choice\",", "", "as JSON")] // lacks what is required
    public void A_last_line_that_is_whole_but_wrong_is_an_error_and_not_cut_off(string right, string wrong, string said)
    {
        using (var log = JudgmentLog.Open(LogPath))
            log.Append([JudgmentTests.Example("j-1"), JudgmentTests.Example("j-2")]);
        var lines = File.ReadAllLines(LogPath);
        File.WriteAllText(LogPath, lines[0] + "\n" + lines[1].Replace(right, wrong, StringComparison.Ordinal)); // without its end
        var before = File.ReadAllBytes(LogPath);

        Assert.Contains(said, Assert.Throws<InputException>(() => JudgmentLog.Open(LogPath)).Message, StringComparison.Ordinal);
        Assert.Throws<InputException>(() => JudgmentLog.Read(LogPath));
        Assert.Equal(before, File.ReadAllBytes(LogPath));
    }

    [Fact]
    public void The_last_judgment_of_an_annotator_on_a_comparison_is_in_force_or_the_last_in_each_order()
    {
        var first = JudgmentTests.Example("j-1");
        Judgment[] log = [first, first with { Id = "j-2", AnnotatorId = "p-2" }, first with { Id = "j-3", Order = [0, 1] }, first with { Id = "j-4" }, first with { Id = "j-5", ComparisonId = "c-2" }];

        Assert.Equal(["j-2", "j-4", "j-5"], JudgmentLog.InForce(log).Select(j => j.Id));
        Assert.Equal(["j-2", "j-3", "j-4", "j-5"], JudgmentLog.InForce(log, perView: true).Select(j => j.Id));
    }

    [Fact]
    public void Another_writer_and_a_missing_folder_are_refused()
    {
        using var log = JudgmentLog.Open(LogPath);

        Assert.Contains("no other program writes it", Assert.Throws<InputException>(() => JudgmentLog.Open(LogPath)).Message, StringComparison.Ordinal);
        Assert.Throws<InputException>(() => JudgmentLog.Open("/nowhere/judgments.jsonl"));
        Assert.Throws<InputException>(() => JudgmentLog.Read(_folder.PathOf("missing.jsonl")));
        Assert.Throws<ArgumentException>(() => log.Append(JudgmentTests.Example("j") with { Ranks = [] }));
        Assert.Empty(log.Judgments);
    }
}
