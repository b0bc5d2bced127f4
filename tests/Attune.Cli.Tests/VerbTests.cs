using System.CommandLine;
using Attune.Cli.Output;
using Attune.Runs;

namespace Attune.Cli.Tests;

public sealed class VerbTests
{
    private static async Task<(int Code, string Log)> Run(Action<CancellationToken> action, string line = "ppo r.yaml", bool isStopped = false)
    {
        using var log = new StringWriter();
        using var output = new ConsoleOutput(TextWriter.Null, log, isTerminal: false, TextReader.Null);
        using var stop = new CancellationTokenSource();
        var verb = new Verb("ppo", "", "") { CommonOptions.Recipe, CommonOptions.Out, CommonOptions.Resume, CommonOptions.Force };
        verb.TreatUnmatchedTokensAsErrors = false;
        verb.Does(output, (_, token) =>
        {
            if (isStopped)
                stop.Cancel();
            action(token);
        });
        var code = await new Command("attune") { verb }.Parse(line).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null }, stop.Token);
        return (code, log.ToString());
    }

    [Fact]
    public async Task Bad_input_exits_with_2() =>
        Assert.Equal((2, "r.yaml has 1 problem\n  is empty, expected keys; write some\n"),
            await Run(_ => throw InputException.One("r.yaml", "is empty", "keys", "write some")));

    [Fact]
    public async Task A_failure_while_running_exits_with_1() =>
        Assert.Equal((1, "The loss of step 7 is NaN\n"), await Run(_ => throw new RunFailedException("The loss of step 7 is NaN")));

    [Fact]
    public async Task A_failed_write_advises_resume_only_where_the_verb_has_it()
    {
        var folder = Directory.CreateTempSubdirectory("attune-").FullName;
        void Write() => AtomicFile.Write(Path.Combine(folder, "file"), _ => throw new IOException("No space left on device", 28));
        using var log = new StringWriter();
        using var output = new ConsoleOutput(TextWriter.Null, log, isTerminal: false, TextReader.Null);
        var verb = new Verb("init", "", "").Does(output, (_, _) => Write());

        await new Command("attune") { verb }.Parse("init").InvokeAsync();

        Assert.EndsWith(" or choose another --out, then start again\n", log.ToString());
        var (code, resumable) = await Run(_ => Write());
        Assert.Equal(1, code);
        Assert.EndsWith(" or choose another --out, then continue with --resume\n", resumable);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Anything_unforeseen_exits_with_1_and_says_how_to_see_more() =>
        Assert.Equal((1, "InvalidOperationException: odd\nThis was not foreseen; set ATTUNE_TRACE=1 to see where it happened.\n"),
            await Run(_ => throw new InvalidOperationException("odd")));

    [Theory]
    [InlineData("ppo r.yaml --out 'my runs/1' --ppo.steps 50", "attune ppo r.yaml --out 'my runs/1' --ppo.steps 50 --resume")]
    [InlineData("ppo r.yaml --resume", "attune ppo r.yaml --resume")]
    [InlineData("ppo --force r.yaml --out d", "attune ppo r.yaml --out d --resume")] // once more would delete what was saved
    [InlineData("ppo r.yaml --force=true --out d", "attune ppo r.yaml --out d --resume")]
    public async Task Stopping_exits_with_130_and_says_how_to_go_on(string line, string again)
    {
        line = line.Replace('\'', '"');

        Assert.Equal((130, $"Stopped. Continue with: {again}\n"), await Run(token => token.ThrowIfCancellationRequested(), line, isStopped: true));
        Assert.Equal((130, $"Stopped. Continue with: {again}\n"), await Run(_ => { }, line, isStopped: true)); // saved and returned
    }

    [Fact]
    public void Flags_that_override_a_recipe_reach_the_verb_in_order()
    {
        var verb = new Verb("ppo", "", "") { CommonOptions.Recipe, CommonOptions.Out };
        verb.TreatUnmatchedTokensAsErrors = false;

        var parsed = verb.Parse(["r.yaml", "--ppo.steps", "50", "--out", "d", "--seed=-3"]);

        Assert.Empty(parsed.Errors);
        Assert.Equal("r.yaml", parsed.GetValue(CommonOptions.Recipe));
        Assert.Equal(["--ppo.steps", "50", "--seed=-3"], parsed.UnmatchedTokens);
    }
}
