namespace Attune.Cli.Tests;

/// <summary>The commands that a README shows: the lines of its fenced <c>sh</c> blocks.</summary>
internal static class ReadmeCommands
{
    /// <summary>One command an element, in order, without comments; lines that end in a backslash are joined.</summary>
    public static IReadOnlyList<string> Of(string markdown)
    {
        var commands = new List<string>();
        var (isInside, begun) = (false, "");
        foreach (var line in markdown.Split('\n').Select(line => line.Trim()))
        {
            if (line.StartsWith("```", StringComparison.Ordinal))
            {
                isInside = !isInside && line == "```sh";
                continue;
            }
            var command = (begun + WithoutComment(line)).Trim();
            begun = "";
            if (!isInside || command.Length == 0)
                continue;
            if (command.EndsWith('\\'))
                begun = command[..^1];
            else
                commands.Add(command);
        }
        return commands;
    }

    private static string WithoutComment(string line) =>
        line.StartsWith('#') ? "" : line.IndexOf(" #", StringComparison.Ordinal) is var at and >= 0 ? line[..at] : line;
}
