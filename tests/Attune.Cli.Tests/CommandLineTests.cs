using Attune.Cli.Output;

namespace Attune.Cli.Tests;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("--version")]
    [InlineData("version")]
    public async Task The_version_is_one_line(string word)
    {
        var printed = await Printed.By(word);

        Assert.Equal(0, printed.ExitCode);
        Assert.Matches(@"^attune \d+\.\d+\.\d+\n$", printed.Result);
        Assert.Empty(printed.Log);
    }

    [Theory]
    [InlineData]
    [InlineData("help")]
    [InlineData("--help")]
    [InlineData("-h")]
    public async Task Help_shows_the_verbs_along_the_flow(params string[] args)
    {
        var printed = await Printed.By(args);

        Assert.Equal(0, printed.ExitCode);
        Assert.StartsWith("Attune teaches language models from human feedback", printed.Result);
        Assert.Contains("\nText and tokens\n  data ", printed.Result);
        Assert.Contains("\n  tokenizer  ", printed.Result);
    }

    [Theory]
    [InlineData("help tokenizer encode")]
    [InlineData("tokenizer encode --help")]
    public async Task A_verbs_help_ends_with_an_example_that_can_be_run(string line)
    {
        var printed = await Printed.By(line.Split(' '));

        Assert.Equal(0, printed.ExitCode);
        Assert.Contains("Usage:\n  attune tokenizer encode <tokenizer> [options]\n", printed.Result.ReplaceLineEndings("\n"));
        Assert.EndsWith("Example:\n  attune tokenizer encode models/base --text \"Once upon a time\"\n", printed.Result);
    }

    [Theory]
    [InlineData("tokenizer", "attune tokenizer has 1 problem\n  has no verb, expected one of train, encode, decode; see attune tokenizer --help\n")]
    [InlineData("tokenizer encode x --jsn", "attune tokenizer encode has 1 problem\n  --jsn  is not an option, expected one of --text, --special, --json; did you mean --json?\n")]
    [InlineData("tokenizer encode x y", "attune tokenizer encode has 1 problem\n  y  is not expected here, expected nothing more; see attune tokenizer encode --help\n")]
    [InlineData("tokenizer encode", "attune tokenizer encode has 1 problem\n  tokenizer  is missing, expected model folder, or a tokenizer's file: tokenizer.json, vocab.json, a SentencePiece model, ranks of tiktoken; see attune tokenizer encode --help\n")]
    [InlineData("tokenizer train x --vocabulary many", "attune tokenizer train has 1 problem\n  --vocabulary  is many, expected a whole number; see attune tokenizer train --help\n")]
    [InlineData("tokenizer train x --vocabulary 1e9", "attune tokenizer train has 1 problem\n  --vocabulary  is 1e9, expected a whole number; see attune tokenizer train --help\n")]
    [InlineData("tokenizer train x --vocabulary 3000000000", "attune tokenizer train has 1 problem\n  --vocabulary  is 3000000000, expected a whole number from -2147483648 to 2147483647; see attune tokenizer train --help\n")]
    [InlineData("tokenizer train x --format csv", "attune tokenizer train has 1 problem\n  --format  is csv, expected text or documents; see attune tokenizer train --help\n")]
    [InlineData("sample x --seed -1", "attune sample has 1 problem\n  --seed  is -1, expected a whole number from 0 to 18446744073709551615; see attune sample --help\n")]
    [InlineData("sample x --top-p most", "attune sample has 1 problem\n  --top-p  is most, expected a number; see attune sample --help\n")]
    [InlineData("score x --dtype half", "attune score has 1 problem\n  --dtype  is half, expected float32, bfloat16 or float64; see attune score --help\n")]
    [InlineData("tokenizer train x --vocabulary", "attune tokenizer train has 1 problem\n  --vocabulary  has no value, expected pieces altogether; see attune tokenizer train --help\n")]
    [InlineData("data pairs --worse x --out y", "attune data pairs has 1 problem\n  --better  is missing, expected texts that people called good, a line each; see attune data pairs --help\n")]
    [InlineData("tokenizer train x --vocabulary 300 --vocabulary 301", "attune tokenizer train has 1 problem\n  --vocabulary  is given 2 times, expected once; see attune tokenizer train --help\n")]
    [InlineData("tokenizer train x", "attune tokenizer train has 1 problem\n  has no --out, expected a folder for tokenizer.json; add --out DIR\n")]
    public async Task A_line_that_makes_no_sense_exits_with_2_and_says_why(string line, string message)
    {
        var printed = await Printed.By(line.Split(' '));

        Assert.Equal(message, printed.Log);
        Assert.Equal(2, printed.ExitCode);
        Assert.Empty(printed.Result);
    }

    [Theory]
    [InlineData("--version", "")]
    [InlineData("score models/base --ids '5 17 3' --json", ", then start again")]
    public void A_result_that_cannot_be_written_is_a_failure(string line, string advice)
    {
        var program = $"cd '{Attune.Tests.Repository.Root}' && exec dotnet '{Path.Combine(AppContext.BaseDirectory, "Attune.Cli.dll")}' {line} >/dev/full";

        var (code, _, log) = SmallDisk.Outcome("sh", "-c", program);

        Assert.Equal($"standard output could not be written: No space left on device, expected a place with room; write the result elsewhere{advice}\n", log);
        Assert.Equal(1, code);
    }

    [Fact]
    public void Every_verb_can_print_its_result_as_JSON()
    {
        using var output = new ConsoleOutput(TextWriter.Null, TextWriter.Null, isTerminal: false, TextReader.Null);

        var leaves = AttuneCommand.Groups(output).SelectMany(group => group.Verbs).SelectMany(verb => verb.Subcommands.Count > 0 ? verb.Subcommands : [verb]).ToList();

        Assert.Equal(
            ["quickstart", "pairs", "train", "encode", "decode", "score", "sample", "merge", "chat", "serve", "annotate", "agreement", "aggregate", "rules", "overlap", "pairs", "export", "import", "deliver", "verify", "backup", "restore", "migrate", "export", "import", "pretrain", "sft", "reward", "ppo", "evaluate", "labels", "doctor", "init"],
            leaves.Select(verb => verb.Name));
        Assert.All(leaves, verb => Assert.Empty(verb.Subcommands));
        Assert.Empty(leaves.Where(verb => !verb.Options.Contains(CommonOptions.Json)).Select(verb => verb.Name)); // none is excepted
    }

    [Theory]
    [InlineData("tokenizr", "attune has 1 problem\n  tokenizr  is not a verb, expected one of quickstart, ", "; did you mean tokenizer?\n")]
    [InlineData("help nonsense", "attune has 1 problem\n  nonsense  is not a verb, expected one of quickstart, ", "; see attune --help\n")]
    public async Task An_unknown_verb_is_answered_with_those_there_are(string line, string begin, string end)
    {
        var printed = await Printed.By(line.Split(' '));

        Assert.StartsWith(begin, printed.Log, StringComparison.Ordinal);
        Assert.EndsWith(end, printed.Log, StringComparison.Ordinal);
        Assert.Equal(2, printed.ExitCode);
    }
}
