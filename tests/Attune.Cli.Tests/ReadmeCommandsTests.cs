using Attune.Cli.Tests.Launcher;

namespace Attune.Cli.Tests;

/// <summary>
/// What the README tells people to type works. Commands run in their order in one shell, in a copy of what they need of the checkout, so that
/// they write nothing into it. The launcher's own verbs have tests of their own.
/// </summary>
public sealed class ReadmeCommandsTests
{
    private const int Least = 5; // raise it with the README
    private static readonly string Root = Sandbox.FindCheckout(AppContext.BaseDirectory);
    private static readonly string[] LaunchersOwn = ["./attune test", "./attune bench", "./attune publish"];
    private static readonly IReadOnlyList<string> Commands = ReadmeCommands.Of(File.ReadAllText(Path.Combine(Root, "README.md")));

    private static bool IsLaunchersOwn(string command) => LaunchersOwn.Any(own => (command + " ").StartsWith(own + " ", StringComparison.Ordinal));

    private static bool IsQuickstart(string command) => command.StartsWith("./attune quickstart", StringComparison.Ordinal);

    [Fact]
    public void Commands_are_found_without_comments_and_in_order() => Assert.Equal(["./attune one --a 'b'", "cd x", "./attune two"], ReadmeCommands.Of("""
        text
            ./attune not-this
        ```sh
        # first
        ./attune one \
            --a 'b'   # why
        cd x
        ```
        ```yaml
        no: command
        ```
        ```sh
        ./attune two
        ```
        """));

    [Fact]
    public void The_readme_has_commands() => Assert.InRange(Commands.Count, Least, int.MaxValue);

    [Fact]
    public void Every_command_of_the_readme_runs() => Run([.. Commands.Where(command => !IsLaunchersOwn(command) && !IsQuickstart(command))]);

    /// <summary>The longest test: the whole loop with the smallest budget, about two minutes.</summary>
    [Fact]
    [Trait("Length", "minutes")]
    public void The_quick_start_of_the_readme_runs() => Run([$"{Commands.First(IsQuickstart)} --budget small --out \"$PWD/quickstart\""]);

    private static void Run(IReadOnlyList<string> commands)
    {
        var folder = Directory.CreateTempSubdirectory("attune-readme-").FullName;
        try
        {
            foreach (var part in new[] { "recipes", "data", "models", "README.md" })
            {
                if (Path.Exists(Path.Combine(Root, part)))
                    SmallDisk.Outcome("cp", "-R", Path.Combine(Root, part), folder);
            }
            var program = Path.Combine(folder, "attune");
            File.WriteAllText(program, $"#!/bin/sh\nATTUNE_HOME='{Root}' OMP_WAIT_POLICY=passive exec dotnet '{Path.Combine(AppContext.BaseDirectory, "Attune.Cli.dll")}' \"$@\"\n");
            File.SetUnixFileMode(program, (UnixFileMode)0b111_101_101);

            var (code, result, log) = SmallDisk.Outcome("sh", "-exc", $"cd '{folder}'\n{string.Join('\n', commands)}");

            Assert.True(code == 0, $"exit code {code}\n{result}\n{log}");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
