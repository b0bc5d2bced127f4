using Attune.Runs;

namespace Attune.Feedback.Aggregation;

/// <summary>Rankings as items with the best first.</summary>
public static class RankingFile
{
    /// <summary>Reads a CSV file with the column ranking, each like <c>a &gt; b &gt; c</c> with the best first; plain or gzip.</summary>
    /// <exception cref="InputException">The file does not read; it names the lines and what is wrong with them.</exception>
    public static IReadOnlyList<IReadOnlyList<string>> Read(string path)
    {
        var rankings = new List<IReadOnlyList<string>>();
        CsvFile.Read(path, ["ranking"], (_, fields) =>
        {
            var items = fields[0].Split('>', StringSplitOptions.TrimEntries);
            if (items.Length < 2 || items.Contains("") || items.Distinct(StringComparer.Ordinal).Count() != items.Length)
                throw new FormatException($"has the ranking '{fields[0]}', expected at least two items, each once, with > between them; correct or remove the line");
            rankings.Add(items);
        });
        return rankings.Count > 0 ? rankings : throw InputException.One(path, "has a header and no ranking", "at least one", "name another file");
    }

    /// <summary>Comparisons as rankings of two.</summary>
    /// <exception cref="InputException">There are ties.</exception>
    internal static IReadOnlyList<IReadOnlyList<string>> Of(ComparisonSet data) =>
        data.Result.Contains(Winner.Tie)
            ? throw InputException.One("The comparisons", $"hold {data.Result.Count(result => result == Winner.Tie)} ties, the first between {data.Items[data.Left[Array.IndexOf(data.Result, Winner.Tie)]]} and {data.Items[data.Right[Array.IndexOf(data.Result, Winner.Tie)]]}", "a winner each, for a ranking", "take bradley-terry, where a tie is half a win for each")
            : [.. Enumerable.Range(0, data.Count).Select(i => data.Result[i] == Winner.Left
                ? new[] { data.Items[data.Left[i]], data.Items[data.Right[i]] }
                : [data.Items[data.Right[i]], data.Items[data.Left[i]]])];
}
