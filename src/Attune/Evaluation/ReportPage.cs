using System.Text;
using System.Xml;
using System.Xml.Linq;
using static Attune.Evaluation.HtmlParts;

namespace Attune.Evaluation;

/// <summary>
/// Writes an <see cref="EvaluationReport"/> as one HTML page that needs nothing else: no script, no font, no image, no network. It is also
/// well-formed XML. Every number leads to the rows it was made from.
/// </summary>
public static class ReportPage
{
    // Elements that HTML never closes; all others must be closed by a tag of their own, or a browser takes what follows as their content.
    private static readonly HashSet<string> Void = ["meta", "br", "hr", "img", "link", "input"];

    /// <summary>The page's text, UTF-8 when written to a file.</summary>
    public static string Html(EvaluationReport report)
    {
        var headline = HeadlineOf(report, report.Rounds.Count == 0
            ? throw new ArgumentException("The report has 0 rounds, expected at least one; evaluate before reporting.", nameof(report))
            : report.Rounds[^1]);
        var duplicate = report.Sources.GroupBy(s => s.Id, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1);
        if (duplicate is not null)
            throw new ArgumentException($"{duplicate.Count()} sources have the id {duplicate.Key}, expected one; give each its own id.",
                nameof(report));

        var parts = new HtmlParts(report.Sources.Select(s => s.Id).ToHashSet(StringComparer.Ordinal));
        var sections = Sections(report, parts).ToList();
        var page = Element("html", null, new XAttribute("lang", "en"),
            Element("head", null,
                new XElement("meta", new XAttribute("charset", "utf-8")),
                Meta("viewport", "width=device-width, initial-scale=1"),
                new XElement("meta", new XAttribute("http-equiv", "Content-Security-Policy"),
                    new XAttribute("content", "default-src 'none'; style-src 'unsafe-inline'")),
                Meta("generator", "Attune"),
                Element("title", null, report.Title),
                Element("style", null, ReportStyle.Css)),
            Element("body", null,
                Element("header", null,
                    Paragraph("eyebrow", "Attune · evaluation report", report.Created is { } made ? $" · {made.UtcDateTime:d MMMM yyyy}" : null),
                    Element("h1", null, report.Title),
                    report.Summary.Length > 0 ? Paragraph("claim", report.Summary) : null),
                Element("main", null,
                    Hero(report, headline, parts),
                    Warnings(report),
                    Element("nav", null, new XAttribute("aria-label", "Sections"),
                        Element("ul", null, sections.Where(s => s.Name == "section").Select(s =>
                        Element("li", null, Element("a", null, new XAttribute("href", $"#{(string)s.Attribute("id")!}"), s.Element("h2")!.Value))))),
                    sections),
                Element("footer", null, "Made by Attune. The exact numbers are in report.json; this page needs no network and runs no script.")));

        if (parts.Dangling.Count > 0)
            throw new ArgumentException(
                $"Numbers of the report name sources it does not have: {string.Join(", ", parts.Dangling)}; add them to Sources so that every "
                    + "number can be traced.",
                nameof(report));
        return Write(page);
    }

    /// <summary>The win-table row that the headline names, first group of judges first.</summary>
    internal static WinTableRow HeadlineOf(EvaluationReport report, RoundReport round) =>
        round.Wins.FirstOrDefault(w => w.Model == report.Headline.Model && w.Opponent == report.Headline.Opponent)
        ?? throw new ArgumentException(
            $"The headline {report.Headline.Model} / {report.Headline.Opponent} is not in the win table of round {round.Number}; name a pair that "
                + "was judged.",
            nameof(report));

    private static XElement Hero(EvaluationReport report, WinTableRow row, HtmlParts parts)
    {
        var result = row.Result;
        var meaning = (result.LowerBound, Math.Max(result.Wilson.Upper, result.Bootstrap.Upper)) switch
        {
            ( > 0.5, _) => "The whole interval lies above 50\u00A0%: chance alone would rarely do this.",
            (_, < 0.5) => "The whole interval lies below 50\u00A0%: the model got worse by these judges.",
            _ => "The interval includes 50\u00A0%: this evaluation cannot tell the two apart.",
        };
        var judges = row.Judges.Length > 0 ? $"the {row.Judges}" : "the judges";
        return Element("div", "hero",
            Element("div", null,
                Paragraph("big", parts.Number((result.Rate * 100).ToString("0.#"), row.Source), Element("small", null, "%")),
                Paragraph("claim", "is how often ", judges, " preferred ", Element("b", null, row.Model), " over ",
                    Element("b", null, row.Opponent), " on ", parts.Number($"{result.Prompts} prompts", row.Source), ", ties counting half."),
                Paragraph("lede", "95\u00A0% interval ", parts.Number(NumberText.Percents(result.Wilson), row.Source), $". {meaning}"),
                Element("div", "strip", new XAttribute("aria-hidden", "true"), Strip("w", result.Wins), Strip("t", result.Ties),
                    Strip("l", result.Losses)),
                Element("ul", "key", Key("w", $"{result.Wins} won"), Key("t", $"{result.Ties} tied"), Key("l", $"{result.Losses} lost"))),
            report.Checks.Count == 0 ? null : Element("div", null,
                Element("h3", null, "What was asked of this run"),
                Element("ul", "checks", report.Checks.Select(c => Element("li", null,
                    Element("b", c.Passed ? "yes" : "no", c.Passed ? "✓ met" : "✗ not met"),
                    Element("span", null, c.Name), Element("b", null, parts.Number(c.Value, c.Source)))))));

        XElement Key(string style, string count) => Element("li", null, Element("i", style), parts.Number(count, row.Source));
    }

    private static XElement Strip(string style, int count) => Element("span", style, new XAttribute("style", $"flex-grow:{count}"));

    private static XElement? Warnings(EvaluationReport report) =>
        report.Warnings.Count == 0 ? null : Element("div", "warnings", new XAttribute("role", "note"),
            Element("b", null, "Worth a look before you trust the number"),
            Element("ul", null, report.Warnings.Select(w => Element("li", null, w))));

    private static IEnumerable<XElement> Sections(EvaluationReport report, HtmlParts parts)
    {
        if (report.Rounds.Count > 1)
            yield return RoundSections.Comparison(report, parts);
        foreach (var section in RoundSections.Of(report, report.Rounds[^1], parts))
            yield return section;
        foreach (var round in report.Rounds.SkipLast(1).Reverse())
            yield return Element("details", "round", Element("summary", null, Element("b", null, $"Round {round.Number} in full")),
                RoundSections.Of(report, round, parts));
        if (report.Facts.Count + report.Models.Count > 0)
            yield return Section("run", "The run", "What was compared, and how to do it again.",
                Element("dl", null,
                    report.Models.Select(m => Entry(m.Name, m.Description, m.Path)),
                    report.Facts.Select(f => Entry(f.Name, f.Value, null))));
        if (report.Sources.Count > 0)
            yield return Section("sources", "Where the numbers come from",
                "Every underlined number leads here: to the file it was computed from and, for votes, to the very rows of the judgment log.",
                report.Sources.Select(Origin));
    }

    private static XElement[] Entry(string name, string value, string? path) =>
    [
        Element("dt", null, name),
        Element("dd", null, value, path is null ? null : Element("code", null, " " + path)),
    ];

    // The anchor sits inside the details element: browsers open a closed one only for a target within it.
    private static XElement Origin(Source source)
    {
        var anchor = new XAttribute("id", Anchor(source.Id));
        var place = source.Lines is { } lines ? $"{source.File}, lines {lines}" : source.File;
        if (source.Rows.Count == 0)
            return Element("div", "source", anchor, source.About, " ",
                Element("small", null, Element("code", null, place)));

        var comparisons = source.Rows.GroupBy(r => r.Comparison, StringComparer.Ordinal).ToList();
        return Element("details", "source",
            Element("summary", null, source.About, " ",
                Element("small", null, Element("code", null, place),
                    $" · {comparisons.Count} comparisons, {source.Rows.Count} judgments")),
            Element("div", "scroll tall", anchor, new XAttribute("role", "region"), new XAttribute("tabindex", "0"),
                new XAttribute("aria-label", "Judgments"),
                Element("table", "rows",
                    Element("caption", null, "Judgments"),
                    Element("thead", null, Element("tr", null, Header("Comparison"), Header("Lines and judgments"))),
                    Element("tbody", null, comparisons.Select(c => Element("tr", null,
                        Element("th", null, new XAttribute("scope", "row"), c.Key),
                        Element("td", null, c.Select(r => Element("div", null, $"{r.Line} · {r.Judgment}")))))))));
    }

    private static XElement Header(string name) => Element("th", null, new XAttribute("scope", "col"), name);

    private static XElement Meta(string name, string content) => new("meta", new XAttribute("name", name), new XAttribute("content", content));

    private static string Write(XElement page)
    {
        foreach (var element in page.DescendantsAndSelf().Where(e => e.IsEmpty && !Void.Contains(e.Name.LocalName)))
            element.Value = "";
        foreach (var text in page.DescendantNodes().OfType<XText>())
            text.Value = PageText.Clean(text.Value);
        foreach (var attribute in page.DescendantsAndSelf().Attributes())
            attribute.Value = PageText.Clean(attribute.Value);

        var html = new StringBuilder("<!DOCTYPE html>\n");
        var settings = new XmlWriterSettings { OmitXmlDeclaration = true, NewLineHandling = NewLineHandling.None };
        using (var writer = XmlWriter.Create(html, settings))
            page.WriteTo(writer);
        return html.Append('\n').ToString();
    }
}
