using System.Globalization;
using Attune.Runs;

namespace Attune.Cli;

/// <summary>Token ids on the command line: whole numbers with spaces or commas between.</summary>
internal static class Ids
{
    private const int MostProblems = 5;
    private static readonly char[] Between = [' ', ',', '\t', '\r', '\n'];

    /// <summary>The ids, each from 0 to one less than the vocabulary's size.</summary>
    public static int[] Parse(string text, int vocabularySize)
    {
        var problems = new List<Problem>();
        var ids = Read(text, "", vocabularySize, problems);
        return problems.Count == 0 ? ids : throw new InputException("--ids", problems);
    }

    /// <summary>The same for an option among others: what is wrong is added to the others' problems, and left out.</summary>
    public static int[] Read(string text, string option, int vocabularySize, List<Problem> problems)
    {
        var words = text.Split(Between, StringSplitOptions.RemoveEmptyEntries);
        var ids = new int[words.Length];
        var bad = new List<int>();
        for (var i = 0; i < words.Length; i++)
        {
            if (!int.TryParse(words[i], NumberStyles.None, CultureInfo.InvariantCulture, out ids[i]) || ids[i] >= vocabularySize)
                bad.Add(i);
        }

        problems.AddRange(bad.Take(MostProblems).Select(i => Problem.Of($"{option} number {i + 1}".TrimStart(), $"is {words[i]}",
            $"a whole number from 0 to {vocabularySize - 1}", "give ids with spaces between, as attune tokenizer encode prints them")));
        if (bad.Count > MostProblems)
            problems.Add(new(option, $"has {bad.Count - MostProblems} more like these"));
        return [.. ids.Where((_, i) => !bad.Contains(i))];
    }
}
