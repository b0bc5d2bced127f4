using System.Text.Json;
using Attune.Cli.Output;
using Attune.Tests.Models;

namespace Attune.Cli.Tests.Verbs;

public sealed class ChatVerbTests : IDisposable
{
    private readonly TemporaryFolder _root = new();

    private string Model => TinyTextModel.Write(_root.At("model"));

    public void Dispose() => _root.Dispose();

    [Fact]
    public async Task Each_line_gets_an_answer_and_the_same_ones_for_the_same_seed()
    {
        string[] line = ["chat", Model, "--max-new", "5", "--json"];
        var first = await Printed.By("the cat\nsat on\n\nnever read\n", line);
        var again = await Printed.By("the cat\nsat on\n", line);
        var other = await Printed.By("the cat\nsat on\n", [.. line, "--seed", "2"]);

        Assert.Equal(0, first.ExitCode);
        var turns = first.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(turn => JsonDocument.Parse(turn).RootElement).ToArray();
        Assert.Equal(["1 the cat", "2 sat on"], turns.Select(turn => $"{turn.GetProperty("turn")} {turn.GetProperty("user")}"));
        Assert.Equal(first.Result, again.Result);
        Assert.NotEqual(first.Result, other.Result);
        Assert.Equal("you> model> you> model> you> ", first.Log);
    }

    [Fact]
    public async Task A_conversation_that_is_too_long_ends_where_nobody_can_begin_another()
    {
        var printed = await Printed.By(string.Concat(Enumerable.Repeat("zxq ", 80)) + "\n", ["chat", Model]);

        Assert.Equal((1, ""), (printed.ExitCode, printed.Result));
        Assert.Matches(@"The conversation has \d+ tokens, expected less than the model's 64 positions; begin a new one\n$", printed.Log);
    }

    [Fact]
    public async Task Who_sits_before_it_can_begin_again_and_is_told_of_what_is_no_command()
    {
        var (result, log) = await TalkAsync("the cat\n" + string.Concat(Enumerable.Repeat("zxq ", 80)) + "\n/clear\n/new\nthe cat\n\n");

        Assert.StartsWith($"{_root.At("model")} reads 64 tokens. /new begins another conversation; an empty line or Ctrl-D ends.\nyou> model> you> The conversation has", log);
        Assert.Contains("begin a new one with /new, or say less\nyou> /clear is no command. /new begins another conversation; an empty line or Ctrl-D ends.\nyou> A new conversation.\nyou> model> you> ", log);
        Assert.Equal(2, result.Split('\n').Length - 1);
    }

    [Fact]
    public async Task A_day_that_is_none_is_refused_with_all_else()
    {
        var printed = await Printed.By("", ["chat", Model, "--date", "soon", "--temperature", "-1", "--top-p", "7"]);

        Assert.Equal((2, ""), (printed.ExitCode, printed.Result));
        Assert.Contains("--date         is \"soon\", expected a day like 2026-11-22; correct it, or leave it out", printed.Log);
        Assert.Equal(3, printed.Log.Split('\n').Count(line => line.StartsWith("  --", StringComparison.Ordinal)));
    }

    private async Task<(string Result, string Log)> TalkAsync(string said)
    {
        using var result = new StringWriter();
        using var log = new StringWriter();
        using var output = new ConsoleOutput(result, log, isTerminal: false, new StringReader(said), canAsk: true);
        Assert.Equal(0, await AttuneCommand.RunAsync(["chat", Model, "--max-new", "1"], output));
        return (result.ToString(), log.ToString());
    }
}
