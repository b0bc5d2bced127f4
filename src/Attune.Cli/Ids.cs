using System.Globalization;
using Attune.Runs;

namespace Attune.Cli;

/// <summary>Token ids on the command line: whole numbers with spaces or commas between.</summary>
internal static class Ids
{
    private static readonly char[] Between = [' ', ',', '\t', '\r', '\n'];

    /// <summary>The ids, each from 0 to one less than the vocabulary's size.</summary>
    public static int[] Parse(string text, int vocabularySize)
    {
        var words = text.Split(Between, StringSplitOptions.RemoveEmptyEntries);
        var ids = new int[words.Length];
        for (var i = 0; i < words.Length; i++)
        {
            if (!int.TryParse(words[i], NumberStyles.None, CultureInfo.InvariantCulture, out ids[i]) || ids[i] >= vocabularySize)
            {
                throw new InputException("--ids", [Problem.Of($"number {i + 1}", $"is {words[i]}",
                    $"a whole number from 0 to {vocabularySize - 1}", "give ids with spaces between, as attune tokenizer encode prints them")]);
            }
        }
        return ids;
    }
}
