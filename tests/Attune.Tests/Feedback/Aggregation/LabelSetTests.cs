using System.IO.Compression;
using Attune.Feedback.Aggregation;
using Attune.Runs;

namespace Attune.Tests.Feedback.Aggregation;

public sealed class LabelSetTests
{
    [Fact]
    public void Labels_are_sorted_and_tasks_and_workers_keep_their_order()
    {
        var data = LabelSet.Of([new("t2", "w9", "yes"), new("t1", "w9", "no"), new("t2", "w1", "no")]);

        Assert.Equal(["t2", "t1"], data.Tasks);
        Assert.Equal(["w9", "w1"], data.Workers);
        Assert.Equal(["no", "yes"], data.Labels);
        Assert.Equal([1, 0], data.LabelsByAppearance);
        Assert.Equal([0, 2, 3], data.TaskStart);
        Assert.Equal([0, 1, 0], data.TaskWorker);
        Assert.Equal([1, 0, 0], data.TaskLabel);
        Assert.Equal([0, 2, 3], data.WorkerStart);
        Assert.Equal([0, 1, 0], data.WorkerTask);
        Assert.Equal(3, data.Rows().Count());
        Assert.Equal(-1, data.LabelNumber("maybe"));
        Assert.Equal(["maybe", "no", "yes"], LabelSet.Of(data.Rows(), ["maybe"]).Labels);
    }

    [Fact]
    public void A_file_reads_with_quotes_other_columns_and_gzip()
    {
        using var folder = new TemporaryFolder();
        var text = "\uFEFFid, worker ,task,label\r\n1,w1,t1,\"say \"\"a, b\"\"\"\r\n\r\n2,w2,t1,b";
        var plain = LabelSet.Read(folder.Write("labels.csv", text));
        Assert.Equal(["b", "say \"a, b\""], plain.Labels);
        Assert.Equal(["w1", "w2"], plain.Workers);

        using (var file = new GZipStream(File.Create(folder.PathOf("labels.csv.gz")), CompressionLevel.Fastest))
            file.Write(System.Text.Encoding.UTF8.GetBytes(text));
        Assert.Equal(plain.Rows(), LabelSet.Read(folder.PathOf("labels.csv.gz")).Rows());
    }

    [Fact]
    public void Bad_lines_are_named_all_at_once()
    {
        using var folder = new TemporaryFolder();
        var bad = folder.Write("labels.csv", "task,worker,label\nt1,w1\nt1,w1,a\nt1,,a\nt1,\"w1,a\nt1,w\"1,a\nt1,\"w\"1,a\nt1,\"w1,a");

        var refused = Assert.Throws<InputException>(() => LabelSet.Read(bad));

        Assert.Equal($"""
            {bad} has 5 problems
              line 2  has 2 fields and so no label, expected at least 3; complete or remove the line
              line 4  has an empty worker, expected a name; complete or remove the line
              line 5  has '1' behind a closing quote on line 6, expected a comma; double the quotes within a field
              line 7  has '1' behind a closing quote, expected a comma; double the quotes within a field
              line 8  opens a quote that does not close, expected it closed by the end of the file; close it, or double a quote that belongs to the text
            """, refused.Message);
    }

    [Fact]
    public void Fields_in_quotes_may_hold_line_breaks_and_later_lines_keep_their_numbers()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("labels.csv", "task,worker,\"label\"\r\n\"t\r\n1, \"\"one\"\"\",w1,a\r\n\r\nt2,\"w\n\n2\",\"a\"\nt3,w1,a\n");

        var rows = LabelSet.Read(file).Rows().ToList();
        Assert.Equal([("t\n1, \"one\"", "w1"), ("t2", "w\n\n2"), ("t3", "w1")], rows.Select(row => (row.Task, row.Worker)));

        var bad = folder.Write("bad.csv", "task,worker,label\n\"t\n1\",w1,a\nt1,w1\n\"t\n1\",w1\n");
        var refused = Assert.Throws<InputException>(() => LabelSet.Read(bad));
        Assert.Equal(["line 4", "line 5"], refused.Problems.Select(problem => problem.Key));
    }

    [Fact]
    public void A_quote_that_nobody_closes_does_not_take_in_a_large_file()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("labels.csv", "task,worker,label\nt1,\"w1,a\n" + string.Concat(Enumerable.Repeat("t2,w1,a\n", 1 << 18)));

        var refused = Assert.Throws<InputException>(() => LabelSet.Read(file));

        var problem = Assert.Single(refused.Problems);
        Assert.Equal("line 2", problem.Key);
        Assert.StartsWith("opens a quote that does not close within 1048576 characters", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_with_more_fields_than_the_header_is_refused_rather_than_cut()
    {
        using var folder = new TemporaryFolder();
        var bad = folder.Write("labels.csv", "task,worker,label,note\nt1,w1,a,\nt1,w2,a, or b,sure\nt2,w1,\"a, or b\",sure,very");

        Assert.Equal($"""
            {bad} has 2 problems
              line 3  has 5 fields, expected 4 as the first line has; put a field with a comma in it in double quotes
              line 4  has 5 fields, expected 4 as the first line has; put a field with a comma in it in double quotes
            """, Assert.Throws<InputException>(() => LabelSet.Read(bad)).Message);
    }

    [Fact]
    public void Truths_of_other_tasks_or_in_other_words_are_refused_and_bad_gold_is_named_by_line()
    {
        using var folder = new TemporaryFolder();
        var data = LabelSet.Of([new("t1", "w1", "yes"), new("t2", "w1", "no")]);
        Truth Read(string rows) => Truth.Read(folder.Write("truth.csv", "task,truth\n" + rows));
        var path = folder.PathOf("truth.csv");

        Assert.Equal($"{path} has 1 problem\n  has the truth of 1 tasks, none of which the labels name, expected the truth of some of these tasks; name the file that goes with them; the first task here is 't1'",
            Assert.Throws<InputException>(() => Read("t9,yes").RequireOf(data)).Message);
        Assert.Equal($"{path} has 1 problem\n  has truths such as '1', none of which anybody answered, expected labels like no, yes; write both files with the same labels",
            Assert.Throws<InputException>(() => Read("t1,1\nt2,0").RequireOf(data)).Message);
        var gold = Read("t9,yes\nt1,yes\nt2,nay"); // a task that is not here yet is passed over
        gold.RequireOf(data);
        Assert.Equal($"{path} has 1 problem\n  line 4  has the truth 'nay' of 't2', which no worker answered anywhere, expected one of no, yes; correct it, or remove the line",
            Assert.Throws<InputException>(() => DawidSkene.Run(data, new() { Gold = gold })).Message);
        Assert.Contains("has a header and no task", Assert.Throws<InputException>(() => Read("")).Message);
    }

    [Fact]
    public void A_header_without_the_columns_is_refused_and_so_is_an_empty_file()
    {
        using var folder = new TemporaryFolder();
        var wrong = folder.Write("wrong.csv", "task,annotator,label\nt1,w1,a");
        Assert.Contains("has the header 'task,annotator,label', which lacks or repeats worker, expected the columns task,worker,label once each",
            Assert.Throws<InputException>(() => LabelSet.Read(wrong)).Message);
        Assert.Contains("is empty", Assert.Throws<InputException>(() => LabelSet.Read(folder.Write("empty.csv", ""))).Message);
        Assert.Contains("does not exist", Assert.Throws<InputException>(() => LabelSet.Read(folder.PathOf("none.csv"))).Message);
        var many = folder.Write("many.csv", "task,worker,label\n" + string.Concat(Enumerable.Repeat("t1\n", 25)));
        Assert.EndsWith("and 5 more lines", Assert.Throws<InputException>(() => LabelSet.Read(many)).Message);
    }

    [Fact]
    public void Comparisons_read_with_sides_or_names_as_winners()
    {
        using var folder = new TemporaryFolder();
        var data = ComparisonSet.Read(folder.Write("pairs.csv", "worker,left,right,winner\nw2,b,a,left\nw1,a,b,a\nw1,a,c,tie"), withWorkers: true);
        Assert.Equal(["a", "b", "c"], data.Items);
        Assert.Equal(["w1", "w2"], data.Workers);
        Assert.Equal([Winner.Left, Winner.Left, Winner.Tie], data.Result);

        var bad = folder.Write("bad.csv", "left,right,winner\na,b,c\na,a,left");
        Assert.Equal($"""
            {bad} has 2 problems
              line 2  has the winner 'c', expected left, right, tie, 'a' or 'b'; correct or remove the line
              line 3  compares 'a' with itself, expected two items; remove the line
            """, Assert.Throws<InputException>(() => ComparisonSet.Read(bad)).Message);
    }

    [Fact]
    public void A_truth_that_nobody_answers_is_refused()
    {
        var data = LabelSet.Of([new("t1", "w1", "a")]);
        var gold = Truth.Of([("t1", "b")]);
        Assert.Contains("has the truth 'b' of 't1', which no worker answered anywhere, expected one of a; correct it, or remove the line", Assert.Throws<InputException>(() => DawidSkene.Run(data, new() { Gold = gold })).Message);
        Assert.Equal("b", DawidSkene.Run(LabelSet.Of(data.Rows(), ["b"]), new() { Gold = gold }).LabelOf("t1"));
    }
}
