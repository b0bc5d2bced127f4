using System.Xml.Linq;

namespace Attune.Evaluation;

/// <summary>A column of a table.</summary>
/// <param name="Name">Its header.</param>
/// <param name="Text">A row's cell.</param>
/// <param name="Numeric">Whether it holds numbers: set flush right, each leading to the rows it was made from.</param>
/// <param name="Source">Their source; the row's where not given.</param>
internal sealed record HtmlColumn<T>(string Name, Func<T, string> Text, bool Numeric = true, Func<T, string?>? Source = null);

/// <summary>
/// The pieces a report page is put together from. They are XML elements, so the page is well-formed and everything in it escaped by construction.
/// </summary>
/// <param name="sources">Ids that numbers may refer to.</param>
internal sealed class HtmlParts(IReadOnlySet<string> sources)
{
    /// <summary>Source ids that a number named although the report has no such source.</summary>
    public SortedSet<string> Dangling { get; } = new(StringComparer.Ordinal);

    /// <summary>Anchor of a source's rows.</summary>
    public static string Anchor(string source) => $"rows-{source}";

    public static XElement Element(string name, string? style, params object?[] content) =>
        new(name, style is null ? null : new XAttribute("class", style), content);

    public static XElement Paragraph(string style, params object?[] content) => Element("p", style, content);

    /// <summary>A number that leads to the rows it was made from.</summary>
    public object Number(string text, string? source)
    {
        if (source is null || text == NumberText.Missing)
            return text;
        if (!sources.Contains(source))
            Dangling.Add(source);
        return Element("a", "n", new XAttribute("href", $"#{Anchor(source)}"), text);
    }

    /// <summary>A table that scrolls inside its box; the first cell of a row is its header.</summary>
    /// <param name="caption">What it shows.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="source">Where a row's numbers come from.</param>
    /// <param name="columns">Its columns, the first of text.</param>
    /// <param name="strong">Which rows stand out.</param>
    public XElement Table<T>(string caption, IEnumerable<T> rows, Func<T, string?> source, IReadOnlyList<HtmlColumn<T>> columns, Func<T, bool>? strong = null)
    {
        object Cell(HtmlColumn<T> column, T row) => column.Numeric ? Number(column.Text(row), (column.Source ?? source)(row)) : column.Text(row);
        return Element("div", "scroll", new XAttribute("role", "region"), new XAttribute("tabindex", "0"), new XAttribute("aria-label", caption),
            Element("table", null,
                Element("caption", null, caption),
                Element("thead", null,
                    Element("tr", null, columns.Select(c => Element("th", c.Numeric ? "num" : null, new XAttribute("scope", "col"), c.Name)))),
                Element("tbody", null, rows.Select(row => Element("tr", strong?.Invoke(row) == true ? "strong" : null, columns.Select((column, i) =>
                    i == 0
                        ? Element("th", null, new XAttribute("scope", "row"), Cell(column, row))
                        : Element("td", column.Numeric ? "num" : null, Cell(column, row))))))));
    }

    /// <summary>A plot with a heading and a sentence on how to read it.</summary>
    public static XElement Figure(XElement plot, string title, string reading) =>
        Element("figure", null, Element("figcaption", null, Element("b", null, title), reading), plot);

    /// <summary>A section with a heading and an introduction in plain words.</summary>
    public static XElement Section(string id, string heading, string lede, params object?[] content) =>
        Element("section", null, new XAttribute("id", id), new XAttribute("aria-labelledby", $"{id}-heading"),
            Element("h2", null, new XAttribute("id", $"{id}-heading"), heading), Paragraph("lede", lede), content);
}
