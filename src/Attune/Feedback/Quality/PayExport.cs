using System.Globalization;
using System.Text;
using Attune.Runs;

namespace Attune.Feedback.Quality;

/// <summary>Statements as text to hand on: amounts with a point and all their digits, whatever the machine's language.</summary>
public static class PayExport
{
    private const string Header = "annotator,from,until,reason,what,tasks,page_price,page_tasks,amount,currency";

    /// <summary>
    /// A table with a line for each row and a last line <c>total</c> for each person (RFC 4180). A name that a spreadsheet would take for a formula gets
    /// an apostrophe in front.
    /// </summary>
    public static string Csv(IEnumerable<PayStatement> statements)
    {
        ArgumentNullException.ThrowIfNull(statements);
        var text = new StringBuilder(Header).Append("\r\n");
        foreach (var statement in statements)
        {
            foreach (var row in statement.Rows)
                Line(text, statement, ResultFile.Json(row.Reason).Trim('"'), row.What, Number(row.Tasks), Number(row.PagePrice), Number(row.PageTasks), Number(row.Amount));
            Line(text, statement, "total", "", Number(statement.Rows.Sum(row => row.Tasks)), "", "", Number(statement.Total));
        }
        return text.ToString();
    }

    /// <summary>One JSON document, a list of statements.</summary>
    public static string Json(IEnumerable<PayStatement> statements)
    {
        ArgumentNullException.ThrowIfNull(statements);
        return ResultFile.Json(statements.ToArray()) + "\n";
    }

    private static void Line(StringBuilder text, PayStatement statement, string reason, string what, params string[] numbers)
    {
        string[] fields = [Cell(statement.AnnotatorId), Time(statement.From), Time(statement.Until), reason, Cell(what), .. numbers, statement.Currency];
        text.AppendJoin(',', fields).Append("\r\n");
    }

    private static string Cell(string value)
    {
        if (value.Length > 0 && value[0] is '=' or '+' or '-' or '@' or '\t' or '\r')
            value = "'" + value;
        return value.AsSpan().ContainsAny(",\"\r\n") ? $"\"{value.Replace("\"", "\"\"")}\"" : value;
    }

    private static string Time(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string Number(decimal? value) => value?.ToString(CultureInfo.InvariantCulture) ?? "";
}
