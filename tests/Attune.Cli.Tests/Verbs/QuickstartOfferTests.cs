using Attune.Cli.Output;
using Attune.Cli.Verbs;
using Attune.Loop;
using Attune.Runs;

namespace Attune.Cli.Tests.Verbs;

public sealed class QuickstartOfferTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("attune-offer-").FullName;

    public QuickstartOfferTests() => File.WriteAllText(Path.Combine(_folder, "quickstart.yaml"), Recipe.ToYaml(QuickstartPlan.Of(Budget.Small)));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private (QuickstartStart Start, string Log) Answered(string answer, QuickstartStart? start = null, bool canAsk = true)
    {
        using var log = new StringWriter();
        using var output = new ConsoleOutput(TextWriter.Null, log, isTerminal: false, new StringReader(answer), canAsk);
        return (QuickstartVerb.Offer(output, (start ?? new() { Folder = "" }) with { Folder = _folder }), log.ToString());
    }

    [Theory]
    [InlineData("\n", true)]
    [InlineData("y\n", true)]
    [InlineData(" Yes \n", true)]
    [InlineData("n\n", false)]
    [InlineData("what?\n", false)]
    [InlineData("", false)]
    public void A_person_is_asked_whether_to_go_on_with_what_is_there(string answer, bool resumes)
    {
        var (start, log) = Answered(answer);

        Assert.Equal(resumes, start.Resume);
        Assert.Equal($"{_folder} holds a quick start that stopped in round 1 before the end of \"Supervised fine-tuning\". Go on with it? [Y/n] ", log);
    }

    [Fact]
    public async Task After_no_it_is_refused_and_nothing_is_touched()
    {
        var before = File.GetLastWriteTimeUtc(Path.Combine(_folder, "quickstart.yaml"));
        using var log = new StringWriter();
        using var output = new ConsoleOutput(TextWriter.Null, log, isTerminal: false, new StringReader("n\n"), canAsk: true);

        Assert.Equal(2, await AttuneCommand.RunAsync(["quickstart", "--budget", "small", "--out", _folder], output));

        Assert.Contains("expected an empty folder; continue it with --resume", log.ToString());
        Assert.Equal(before, File.GetLastWriteTimeUtc(Path.Combine(_folder, "quickstart.yaml")));
        Assert.Single(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void Nobody_is_asked_where_nobody_is_there_or_the_line_says_it()
    {
        Assert.Equal("", Answered("y\n", canAsk: false).Log);
        Assert.Equal("", Answered("y\n", new() { Folder = "", Force = true }).Log);
        Assert.Equal("", Answered("y\n", new() { Folder = "", Resume = true }).Log);
    }

    [Fact]
    public async Task A_dry_run_counts_rounds_as_the_run_would()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "quickstart.yaml"), Recipe.ToYaml(QuickstartPlan.Of(Budget.Small) with { Rounds = 3 }));

        var none = await Printed.By("quickstart", "--dry-run", "--rounds", "0", "--out", _folder);
        var stored = await Printed.By("quickstart", "--dry-run", "--resume", "--out", _folder);

        Assert.Equal(new Printed(2, "", "--rounds has 1 problem\n  is 0, expected at least 1; 2 goes round once more with answers of the improved policy\n"), none);
        Assert.Equal(0, stored.ExitCode);
        Assert.Contains("each of 3 rounds", stored.Result);
    }

    [Theory]
    [InlineData("quickstart")]
    [InlineData("ppo", "recipe.yaml")]
    [InlineData("evaluate", "recipe.yaml")]
    public async Task To_go_on_and_to_delete_at_once_is_refused(params string[] verb)
    {
        var printed = await Printed.By([.. verb, "--out", _folder, "--resume", "--force"]);

        Assert.Equal(new Printed(2, "", $"attune {verb[0]} has 1 problem\n  has both --resume and --force, expected one of them; --resume goes on with what is in the folder, --force deletes it\n"), printed);
        Assert.Single(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public async Task To_repeat_a_part_and_to_delete_at_once_is_refused()
    {
        var printed = await Printed.By("quickstart", "--out", _folder, "--from", "ppo", "--force");

        Assert.Equal(new Printed(2, "", "attune quickstart has 1 problem\n  has both --from ppo and --force, expected one of them; --from repeats a part of what is in the folder, --force deletes it all\n"), printed);
        Assert.Single(Directory.GetFileSystemEntries(_folder));
    }
}
