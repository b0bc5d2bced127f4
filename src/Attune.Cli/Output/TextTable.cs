using Spectre.Console;

namespace Attune.Cli.Output;

/// <summary>A table of the result, drawn with Spectre.Console; cells are plain text, columns of numbers are set right.</summary>
internal sealed class TextTable(string title, params string[] columns)
{
    private readonly List<string[]> _rows = [];

    public TextTable Row(params string[] cells)
    {
        if (cells.Length != columns.Length)
            throw new ArgumentException($"A row of \"{title}\" has {cells.Length} cells, expected {columns.Length}.");
        _rows.Add(cells);
        return this;
    }

    public string Render(int width)
    {
        var table = new Table { Border = TableBorder.Simple, ShowHeaders = columns.Any(name => name.Length > 0) };
        if (title.Length > 0)
            table.Title = new TableTitle(Markup.Escape(title));
        for (var c = 0; c < columns.Length; c++)
        {
            var numbers = _rows.Count > 0 && _rows.TrueForAll(r => r[c].Length == 0 || char.IsAsciiDigit(r[c].TrimStart('-', '+')[0]));
            table.AddColumn(new TableColumn(Markup.Escape(columns[c])) { Alignment = numbers ? Justify.Right : Justify.Left });
        }
        foreach (var row in _rows)
            table.AddRow(row.Select(cell => new Spectre.Console.Text(cell)));

        using var text = new StringWriter { NewLine = "\n" };
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Out = new AnsiConsoleOutput(text) });
        console.Profile.Width = width;
        console.Write(table);
        return string.Concat(text.ToString().Split('\n').SkipLast(1).Select(line => line.TrimEnd() + "\n"));
    }
}
