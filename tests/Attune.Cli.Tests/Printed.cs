using Attune.Cli.Output;

namespace Attune.Cli.Tests;

/// <summary>The program in this process, with what it prints kept apart.</summary>
internal sealed record Printed(int ExitCode, string Result, string Log)
{
    public static async Task<Printed> By(params string[] args) => await By("", args);

    public static async Task<Printed> By(string input, string[] args)
    {
        using var result = new StringWriter();
        using var log = new StringWriter();
        using var output = new ConsoleOutput(result, log, isTerminal: false, new StringReader(input));
        var code = await AttuneCommand.RunAsync(args, output);
        return new(code, result.ToString(), log.ToString());
    }
}
