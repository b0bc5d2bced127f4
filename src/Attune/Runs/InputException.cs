using System.Text;

namespace Attune.Runs;

/// <summary>
/// The user's input cannot be used: a recipe, a file, a flag. It is thrown before any work starts and lists every problem at once.
/// The program prints its message and exits with code 2.
/// </summary>
public sealed class InputException : Exception
{
    /// <summary>An input with one or more problems.</summary>
    /// <param name="title">The input: usually a file's path. The message continues it with "has 2 problems".</param>
    /// <param name="problems">At least one problem.</param>
    public InputException(string title, IReadOnlyList<Problem> problems)
        : base(Render(title, problems))
    {
        Title = title;
        Problems = problems;
    }

    /// <summary>The input that has the problems.</summary>
    public string Title { get; }

    /// <summary>Everything that is wrong with it.</summary>
    public IReadOnlyList<Problem> Problems { get; }

    /// <summary>One problem with one thing, in the three parts every error has.</summary>
    /// <param name="what">The thing: a path, a flag.</param>
    /// <param name="found">What is wrong, with its value: "has 3 bytes".</param>
    /// <param name="expected">What would be right.</param>
    /// <param name="fix">What to do about it.</param>
    public static InputException One(string what, string found, string expected, string fix) =>
        new(what, [Problem.Of("", found, expected, fix)]);

    private static string Render(string title, IReadOnlyList<Problem> problems)
    {
        ArgumentOutOfRangeException.ThrowIfZero(problems.Count, nameof(problems));
        var text = new StringBuilder(title).Append(problems.Count == 1 ? " has 1 problem" : $" has {problems.Count} problems");
        var width = problems.Max(p => p.Key.Length);
        foreach (var problem in problems)
        {
            text.Append("\n  ");
            if (width > 0)
                text.Append(problem.Key.PadRight(width)).Append("  ");
            text.Append(problem.Message);
        }
        return text.ToString();
    }
}
