using Attune.Runs;

namespace Attune.Feedback.Aggregation;

/// <summary>Tables of answers whose annotators are to be compared: labels, or comparisons as labels of their pair.</summary>
public static class RaterTable
{
    /// <summary>
    /// Reads a CSV file with the columns task, worker, label; or worker, left, right, winner, where a task is the pair, whichever side each item stood, and the
    /// label the winner or <c>tie</c>.
    /// </summary>
    /// <exception cref="InputException">The file does not read, or has neither.</exception>
    public static LabelSet Read(string path)
    {
        var columns = CsvFile.Header(path);
        if (columns.Contains("task") || columns.Contains("label"))
            return LabelSet.Read(path);
        if (!columns.Contains("left") || !columns.Contains("right"))
            throw InputException.One(path, $"has the columns {string.Join(",", columns)}", "task,worker,label, or worker,left,right,winner", "name the columns in the first line");
        var data = ComparisonSet.Read(path, withWorkers: true);
        return LabelSet.Of(Enumerable.Range(0, data.Count).Select(row =>
        {
            var (left, right) = (data.Items[data.Left[row]], data.Items[data.Right[row]]);
            var (first, second) = string.CompareOrdinal(left, right) < 0 ? (left, right) : (right, left);
            var winner = data.Result[row] switch { Winner.Left => left, Winner.Right => right, _ => "tie" };
            return new LabelRow($"{first} | {second}", data.Workers[data.Worker[row]], winner);
        }));
    }
}
