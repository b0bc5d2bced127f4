using System.Text.RegularExpressions;
using System.Xml.Linq;
using Attune.Evaluation;

namespace Attune.Tests.Evaluation;

public sealed partial class ReportTests
{
    private static readonly EvaluationReport Report = MadeUpReport.Create(prompts: 30);
    private static readonly string Html = ReportPage.Html(Report);
    private static readonly XElement Page = XDocument.Parse(Html).Root!;

    [Fact]
    public void Page_is_well_formed_and_closes_what_html_needs_closed()
    {
        Assert.Equal("html", Page.Name.LocalName);
        Assert.DoesNotMatch(@"<(?!meta|br|hr)[a-z1-6]+[^>]*/>", Html);
        Assert.DoesNotContain("&", Page.Descendants("style").Single().Value, StringComparison.Ordinal);
        Assert.DoesNotContain('>', Page.Descendants("style").Single().Value);
        Assert.DoesNotContain('<', Page.Descendants("style").Single().Value);
        var twice = Page.DescendantsAndSelf().Attributes("id").GroupBy(a => a.Value).Where(g => g.Count() > 1).Select(g => g.Key);
        Assert.Empty(twice);
    }

    [Fact]
    public void Page_needs_nothing_from_outside_and_runs_no_script()
    {
        Assert.DoesNotContain("http:", Html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("https:", Html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("url(", Html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("@import", Html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(Page.Descendants(), e => e.Name.LocalName is "script" or "link" or "img" or "iframe" or "object" or "base");
        Assert.DoesNotContain(Page.Descendants().Attributes(), a => a.Name.LocalName is "src"
            || a.Name.LocalName.StartsWith("on", StringComparison.Ordinal));
        Assert.All(Page.Descendants("a"), a => Assert.StartsWith("#", a.Attribute("href")!.Value, StringComparison.Ordinal));
    }

    [Fact]
    public void Text_of_models_is_shown_and_never_run()
    {
        Assert.Contains("&lt;script&gt;alert('no')&lt;/script&gt; \uFFFD and &amp; then", Html, StringComparison.Ordinal);
        Assert.Contains("&lt;b&gt;\"Robots &amp; Rain\"&lt;/b&gt;", Html, StringComparison.Ordinal);
    }

    [Fact]
    public void Control_characters_in_any_text_of_the_report_do_not_break_the_page()
    {
        // Every string of the report but the schema's name gets a control character; ids stay consistent.
        var odd = Regex.Replace(ReportFile.Json(Report), """("(?!schema|distinctVariant|created)[a-zA-Z]+": ")([^"])""", "$1\\u0007$2");

        var page = XDocument.Parse(ReportPage.Html(ReportFile.Parse(odd)));

        Assert.Contains("\uFFFDFriendly film reviews", page.Descendants("h1").Single().Value, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_page_cannot_hold_becomes_the_replacement_character()
    {
        Assert.Equal("\uFFFD half", PageText.Clean("\uD800 half"));
        Assert.Equal("\uFFFD\uFFFD\uFFFD", PageText.Clean("\uFFFF\u0000\u001B"));
        Assert.Equal("😀 line\nbreak\t", PageText.Clean("😀 line\nbreak\t"));
    }

    [Fact]
    public void Every_link_leads_to_an_anchor_and_the_headline_to_its_judgments()
    {
        var anchors = Page.Descendants().Attributes("id").Select(a => a.Value).ToHashSet();
        var links = Page.Descendants("a").Select(a => a.Attribute("href")!.Value[1..]).ToList();
        Assert.True(links.Count > 200, $"only {links.Count} links");
        Assert.All(links, link => Assert.Contains(link, anchors));

        var big = Page.Descendants("p").Single(p => (string?)p.Attribute("class") == "big");
        var rows = Page.Descendants().Single(e => (string?)e.Attribute("id") == big.Element("a")!.Attribute("href")!.Value[1..]);
        var vote = Report.Sources[0].Rows;
        Assert.Contains(Report.Sources.Single(s =>
            s.Id == Report.Rounds[^1].Wins.First(w => w is { Model: "PPO", Opponent: "SFT" }).Source).Rows[0].Judgment, rows.Value,
            StringComparison.Ordinal);
        Assert.NotEmpty(vote);
    }

    [Fact]
    public void Every_measured_number_of_the_headline_and_of_the_samples_is_traceable()
    {
        bool Has(XElement e, string style) => (string?)e.Attribute("class") == style;
        var hero = Page.Descendants("div").Single(d => Has(d, "hero"));
        var samples = Page.Descendants("article").Where(a => Has(a, "sample")).ToList();
        Assert.Equal(2 * 20, samples.Count);

        // What models wrote and the names of the checks are no measurements; nor are the levels 95 % and 50 %.
        var plain = samples.Prepend(hero).SelectMany(e => e.DescendantNodes().OfType<XText>())
            .Where(t => !t.Ancestors().Any(e => e.Name == "a" || Has(e, "text") || Has(e, "text prompt") || (e.Name == "span" && e.Parent!.Parent!.Attribute("class")?.Value == "checks")))
            .Select(t => t.Value.Replace("95\u00A0% interval", "", StringComparison.Ordinal).Replace("50\u00A0%:", "", StringComparison.Ordinal));

        Assert.DoesNotContain(plain, text => text.Any(char.IsAsciiDigit));
        var headline = Report.Rounds[^1].Wins.First(w => w is { Model: "PPO", Opponent: "SFT" });
        Assert.Contains(hero.Descendants("a"), a => a.Value == $"{headline.Result.Wins} won" && a.Attribute("href")!.Value == $"#rows-{headline.Source}");
        Assert.All(samples, s => Assert.Equal(["#rows-samples"], s.Descendants("h4").Elements("span").Elements("a").Select(a => a.Attribute("href")!.Value).Distinct()));
    }

    [Fact]
    public void Every_cell_of_the_win_table_is_traceable()
    {
        var wins = Page.Descendants("section").Single(s => (string?)s.Attribute("id") == "round2-wins");
        Assert.All(wins.Descendants("td").Where(d => (string?)d.Attribute("class") == "num"), d => Assert.NotNull(d.Element("a")));
    }

    [Fact]
    public void Plots_and_tables_speak_to_screen_readers()
    {
        var plots = Page.Descendants("svg").ToList();
        Assert.Equal(2 * 12, plots.Count); // per round: 3 of wins, 2 frontiers, 2 of the reward model, 5 curves
        Assert.All(plots, p => Assert.Equal("img", p.Attribute("role")!.Value));
        Assert.All(plots, p =>
            Assert.Equal([$"{p.Element("title")!.Attribute("id")!.Value}", p.Element("desc")!.Attribute("id")!.Value],
            p.Attribute("aria-labelledby")!.Value.Split(' ')));
        Assert.All(Page.Descendants("th"), h => Assert.Contains(h.Attribute("scope")!.Value, new[] { "row", "col" }));
        Assert.All(Page.Descendants("table"), t => Assert.NotNull(t.Element("caption")));
        Assert.Single(Page.Descendants("h1"));
    }

    [Fact]
    public void A_number_without_a_source_in_the_report_is_refused_by_name()
    {
        var problem = Assert.Throws<ArgumentException>(() =>
            ReportPage.Html(Report with { Sources = [.. Report.Sources.Where(s => s.Id != "samples")] }));
        Assert.Contains("samples", problem.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => ReportPage.Html(Report with { Sources = [.. Report.Sources, Report.Sources[0]] }));
        Assert.Throws<ArgumentException>(() => ReportPage.Html(Report with { Headline = new("PPO", "nobody") }));
        Assert.Throws<ArgumentException>(() => ReportPage.Html(Report with { Rounds = [] }));
    }

    [Fact]
    public void A_report_with_the_headline_alone_is_a_page_too()
    {
        var bare = new EvaluationReport
        {
            Title = "t",
            Headline = Report.Headline,
            Rounds = [new() { Wins = [Report.Rounds[0].Wins.First(w => w is { Model: "PPO", Opponent: "SFT" }) with { Source = null }] }]
        };

        var page = XDocument.Parse(ReportPage.Html(bare)).Root!;

        Assert.Equal("wins", page.Descendants("section").Single().Attribute("id")!.Value);
    }

    [Fact]
    public void Json_reads_back_to_the_same_page_and_the_same_json()
    {
        var json = ReportFile.Json(Report);
        var back = ReportFile.Parse(json);

        Assert.Equal(json, ReportFile.Json(back));
        Assert.Equal(Html, ReportPage.Html(back));
    }

    [Fact]
    public void Doubles_survive_json_to_the_last_bit_not_a_number_included()
    {
        double?[] values = [0.1 + 0.2, 1 / 3.0, double.Epsilon, double.MaxValue, -0.0, double.NaN, double.PositiveInfinity, null];
        var report = Report with
        {
            Rounds = [Report.Rounds[0] with { Baselines = [.. values.Select(v =>
            new BaselineRow { Model = "m", Reward = v })] }]
        };

        var back = ReportFile.Parse(ReportFile.Json(report)).Rounds[0].Baselines.Select(b => b.Reward);

        Assert.Equal(values.Select(Bits), back.Select(Bits));
        static long? Bits(double? v) => v is { } d ? BitConverter.DoubleToInt64Bits(d) : null;
    }

    [Theory]
    [InlineData("{}", "nothing")]
    [InlineData("""{"schema":"attune.report/9"}""", "attune.report/9")]
    [InlineData("""{"schema":"attune.report/1","titel":"x"}""", "titel")]
    [InlineData("""{"schema":""", "line 1")]
    [InlineData("""[1]""", "nothing")]
    public void What_is_not_a_report_is_refused_with_the_reason(string json, string reason) =>
        Assert.Contains(reason, Assert.Throws<FormatException>(() => ReportFile.Parse(json)).Message, StringComparison.Ordinal);

    [Fact]
    public void Every_property_of_the_json_is_described_in_the_documentation()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Attune.slnx")))
            folder = folder.Parent;
        var page = File.ReadAllText(Path.Combine(folder!.FullName, "docs", "algorithms", "evaluation.md"));
        var names = PropertyName().Matches(ReportFile.Json(Report)).Select(m => m.Groups[1].Value).Distinct().ToList();

        Assert.Equal(97, names.Count); // a new property is a new line of the table
        Assert.All(names, name => Assert.Contains($"`{name}`", page, StringComparison.Ordinal));
    }

    [GeneratedRegex("\"([a-zA-Z0-9]+)\":")]
    private static partial Regex PropertyName();
}
