using Attune.Feedback;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Tests.Feedback;

public sealed class ComparisonTests
{
    [Fact]
    public void The_same_seed_number_and_content_make_the_same_comparison()
    {
        var one = Comparison.From(Draft("a prompt", "x", "y"), new Seed(5), 3);

        Assert.Equal(one.Id, Comparison.From(Draft("a prompt", "x", "y"), new Seed(5), 3).Id);
        var others = new[]
        {
            Comparison.From(Draft("a prompt", "x", "y"), new Seed(6), 3),
            Comparison.From(Draft("a prompt", "x", "y"), new Seed(5), 4),
            Comparison.From(Draft("a prompt", "y", "x"), new Seed(5), 3),
            Comparison.From(Draft("a prompt?", "x", "y"), new Seed(5), 3),
            Comparison.From(Draft("a prompt", "x", "y") with { Round = 1 }, new Seed(5), 3),
        };
        Assert.Equal(6, others.Select(c => c.Id).Append(one.Id).Distinct().Count());
        Assert.Equal([$"{one.Id}.0", $"{one.Id}.1"], one.Answers.Select(a => a.Id));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(9)]
    public void Each_answer_is_shown_first_equally_often(int count)
    {
        var draft = new ComparisonDraft("p", Enumerable.Range(0, count).Select(i => new Answer { Source = "s", Text = $"{i}" }).ToArray());
        var orders = Enumerable.Range(0, 20 * count).Select(i => Comparison.From(draft, new Seed(1), i).Order).ToList();

        Assert.All(orders, order => Assert.Equal(Enumerable.Range(0, count), order.Order()));
        Assert.All(Enumerable.Range(0, count), answer => Assert.Equal(20, orders.Count(order => order[0] == answer)));
        Assert.True(orders.Chunk(count).Select(block => string.Join(" ", block.Select(order => order[0]))).Distinct().Count() > 1); // not simply taking turns
    }

    [Fact]
    public void Views_show_each_answer_at_each_place_once()
    {
        var comparison = Comparison.From(Draft("p", "a", "b", "c"), new Seed(2), 0);
        var views = Enumerable.Range(0, 3).Select(comparison.OrderFor).ToList();

        Assert.Equal(comparison.Order, views[0]);
        Assert.All(Enumerable.Range(0, 3), place => Assert.Equal(3, views.Select(view => view[place]).Distinct().Count()));
        Assert.Equal(views[0], comparison.OrderFor(3));
    }

    [Fact]
    public void What_cannot_be_compared_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Comparison.From(Draft("p", "only"), new Seed(1), 0));
        var unknown = new Answer { Source = "s", Text = "t", Features = new Dictionary<string, double> { ["fluency"] = double.NaN } };
        Assert.Throws<ArgumentException>(() => Comparison.From(new("p", [unknown, unknown]), new Seed(1), 0));
    }

    [Fact]
    public void A_file_of_comparisons_reads_back_whole()
    {
        using var folder = new TemporaryFolder();
        var fluent = new Answer { Id = "r7", Source = "sft", Text = "naïve \"✓\"\n", Features = new Dictionary<string, double> { [Answer.Fluency] = -1.0 / 3 } };
        var comparison = Comparison.From(new("p", [fluent, fluent with { Id = "" }], PromptSplit.HeldOut, Round: 2), new Seed(3), 1);
        ComparisonFile.Write(folder.PathOf("c.jsonl"), [comparison]);

        var text = File.ReadAllText(folder.PathOf("c.jsonl"));
        var read = Assert.Single(ComparisonFile.Read(folder.PathOf("c.jsonl")));

        Assert.StartsWith($$"""{"id":"{{comparison.Id}}","round":2,"split":"held-out","prompt":"p","answers":[{"id":"r7","source":"sft","text":"naïve \"✓\"\n","features":{"fluency":-0.333""", text, StringComparison.Ordinal);
        Assert.Equal(-1.0 / 3, read.Answers[0].Features[Answer.Fluency]); // to the bit
        Assert.Equal((comparison.Id, comparison.Prompt, comparison.Round, comparison.Split), (read.Id, read.Prompt, read.Round, read.Split));
        Assert.Equal(comparison.Order, read.Order);
        Assert.Equal(comparison.Answers.Select(a => (a.Id, a.Source, a.Text)), read.Answers.Select(a => (a.Id, a.Source, a.Text)));
    }

    [Fact]
    public void Every_bad_comparison_is_reported_with_its_line()
    {
        using var folder = new TemporaryFolder();
        const string good = """{"id":"c","prompt":"p","answers":[{"source":"s","text":"a"},{"source":"s","text":"b"}],"order":[0,1]}""";
        var path = folder.Write("c.jsonl", $"{good}\n\n{good}\nnonsense\n{good.Replace("[0,1]", "[0,0]", StringComparison.Ordinal)}\n{{\"id\":\"d\"}}\n");

        var error = Assert.Throws<InputException>(() => ComparisonFile.Read(path));

        Assert.Equal(["line 3 ", "line 4 ", "line 5 ", "line 6 "], error.Problems.Select(p => p.Key[..7]));
        Assert.Equal($"line 3 (byte {good.Length + 2})", error.Problems[0].Key);
        Assert.Contains("begins 'nonsense', expected one comparison as JSON", error.Message, StringComparison.Ordinal);
    }

    private static ComparisonDraft Draft(string prompt, params string[] answers) =>
        new(prompt, answers.Select(text => new Answer { Source = "sft", Text = text }).ToArray());
}
