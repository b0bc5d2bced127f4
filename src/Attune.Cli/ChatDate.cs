using System.CommandLine;
using System.Globalization;
using Attune.Runs;

namespace Attune.Cli;

/// <summary>The day that a chat template is told where it asks for one.</summary>
internal static class ChatDate
{
    public static Option<string?> Option { get; } = new("--date") { Description = "The day that the chat template is told, if it asks; without it that of training, 2024-07-26", HelpName = "YYYY-MM-DD" };

    /// <summary>The day; null where none was given.</summary>
    public static DateTimeOffset? Read(ParseResult parsed, List<Problem> problems)
    {
        if (parsed.GetValue(Option) is not { } text)
            return null;
        if (DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day))
            return new(day, TimeOnly.MinValue, TimeSpan.Zero);
        problems.Add(Problem.Of(Option.Name, $"is \"{text}\"", "a day like 2026-11-22", "correct it, or leave it out"));
        return null;
    }
}
