using System.Globalization;
using Attune.Runs;

namespace Attune.Feedback.Aggregation;

/// <summary>Who won a comparison of two.</summary>
public enum Winner
{
    /// <summary>The one shown left, or first.</summary>
    Left,

    /// <summary>The one shown right, or second.</summary>
    Right,

    /// <summary>Neither.</summary>
    Tie,
}

/// <summary>One person's choice between two items.</summary>
/// <param name="Left">The item shown left.</param>
/// <param name="Right">The item shown right.</param>
/// <param name="Winner">Which one won.</param>
/// <param name="Worker">Who judged; only methods with skills read it.</param>
/// <param name="LeftLength">How long the left item's text is, in any unit; only the covariate of length reads it.</param>
/// <param name="RightLength">How long the right item's text is.</param>
public readonly record struct PairRow(string Left, string Right, Winner Winner, string Worker = "", double LeftLength = 0, double RightLength = 0);

/// <summary>Choices between two items as dense numbers, in row order; items and workers are numbered in ordinal order of their names.</summary>
public sealed class ComparisonSet
{
    private ComparisonSet(List<PairRow> rows)
    {
        Items = Sorted(rows.SelectMany(row => new[] { row.Left, row.Right }));
        Workers = Sorted(rows.Select(row => row.Worker));
        (Left, Right, Worker, Result) = (new int[rows.Count], new int[rows.Count], new int[rows.Count], new Winner[rows.Count]);
        LengthLead = new double[rows.Count];
        for (var i = 0; i < rows.Count; i++)
        {
            (Left[i], Right[i]) = (NumberIn(Items, rows[i].Left), NumberIn(Items, rows[i].Right));
            (Worker[i], Result[i]) = (NumberIn(Workers, rows[i].Worker), rows[i].Winner);
            var (own, other) = (rows[i].LeftLength, rows[i].RightLength);
            LengthLead[i] = own == other ? 0 : (own - other) / (own + other);
        }
    }

    private ComparisonSet(ComparisonSet all, int[] rows)
    {
        T[] Of<T>(T[] values) => Array.ConvertAll(rows, row => values[row]);
        (Items, Workers, LengthLead) = (all.Items, all.Workers, Of(all.LengthLead));
        (Left, Right, Worker, Result) = (Of(all.Left), Of(all.Right), Of(all.Worker), Of(all.Result));
    }

    /// <summary>Names of the items, in ordinal order.</summary>
    public IReadOnlyList<string> Items { get; }

    /// <summary>Names of the workers, in ordinal order.</summary>
    public IReadOnlyList<string> Workers { get; }

    /// <summary>How many comparisons there are.</summary>
    public int Count => Left.Length;

    internal int[] Left { get; }

    internal int[] Right { get; }

    internal int[] Worker { get; }

    internal Winner[] Result { get; }

    /// <summary>How much longer the left text is: (left − right)/(left + right), from −1 to 1.</summary>
    internal double[] LengthLead { get; }

    /// <summary>Numbers comparisons.</summary>
    /// <exception cref="InputException">One compares an item with itself.</exception>
    public static ComparisonSet Of(IEnumerable<PairRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var all = rows.ToList();
        if (all.FindIndex(row => row.Left == row.Right) is var same and >= 0)
            throw InputException.One($"Comparison {same + 1}", $"compares '{all[same].Left}' with itself", "two items", "remove it");
        return new(all);
    }

    /// <summary>
    /// Reads a CSV file with the columns left, right, winner (others are ignored), and more where asked for; plain or gzip. The winner is <c>left</c>,
    /// <c>right</c>, <c>tie</c>, or the name of one of the two items.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="withWorkers">Whether to read the column worker.</param>
    /// <param name="withLengths">Whether to read the columns left_length and right_length: numbers of at least 0.</param>
    /// <exception cref="InputException">The file does not read; it names the lines and what is wrong with them.</exception>
    public static ComparisonSet Read(string path, bool withWorkers = false, bool withLengths = false)
    {
        var rows = new List<PairRow>();
        string[] columns = ["left", "right", "winner", .. withWorkers ? new[] { "worker" } : [], .. withLengths ? new[] { "left_length", "right_length" } : []];
        CsvFile.Read(path, columns, (_, fields) =>
        {
            var (left, right) = (fields[0], fields[1]);
            if (left == right)
                throw new FormatException($"compares '{left}' with itself, expected two items; remove the line");
            double Length(int fromEnd) => withLengths ? LengthOf(columns[^fromEnd], fields[^fromEnd]) : 0;
            rows.Add(new(left, right, WinnerOf(fields[2], left, right), withWorkers ? fields[3] : "", Length(2), Length(1)));
        });
        return rows.Count > 0 ? new(rows) : throw InputException.One(path, "has a header and no comparison", "at least one", "name another file");
    }

    private static double LengthOf(string column, string field) =>
        double.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out var length) && length >= 0 && double.IsFinite(length) ? length
            : throw new FormatException($"has the {column} '{field}', expected a number of at least 0; correct or remove the line");

    /// <summary>What a winner's name means.</summary>
    /// <exception cref="FormatException">It is neither a side nor one of the items.</exception>
    internal static Winner WinnerOf(string winner, string left, string right) =>
        winner == left || (winner == "left" && winner != right) ? Winner.Left
        : winner == right || winner == "right" ? Winner.Right
        : winner == "tie" ? Winner.Tie
        : throw new FormatException($"has the winner '{winner}', expected left, right, tie, '{left}' or '{right}'; correct or remove the line");

    /// <summary>The number of an item, or −1.</summary>
    public int ItemNumber(string item) => Math.Max(-1, NumberIn(Items, item));

    /// <summary>The same items and workers with other rows: those of the given numbers, each as often as it is named.</summary>
    internal ComparisonSet Take(IEnumerable<int> rows) => new(this, [.. rows]);

    /// <summary>Wins of the row's item over the column's, a tie as half a win each: <c>[item, item]</c>.</summary>
    internal double[] Wins()
    {
        var wins = new double[Items.Count * Items.Count];
        for (var i = 0; i < Count; i++)
        {
            var ofLeft = Result[i] switch { Winner.Left => 1, Winner.Right => 0, _ => 0.5 };
            wins[Left[i] * Items.Count + Right[i]] += ofLeft;
            wins[Right[i] * Items.Count + Left[i]] += 1 - ofLeft;
        }
        return wins;
    }

    private static string[] Sorted(IEnumerable<string> names)
    {
        var sorted = names.Distinct(StringComparer.Ordinal).ToArray();
        Array.Sort(sorted, StringComparer.Ordinal);
        return sorted;
    }

    private static int NumberIn(IReadOnlyList<string> names, string name) => Array.BinarySearch((string[])names, name, StringComparer.Ordinal);
}
