using System.Net;
using Markdig;
using Markdig.Extensions.CustomContainers;
using Markdig.Renderers.Html;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;
using Microsoft.AspNetCore.Components;

namespace Attune.Web.Work;

/// <summary>
/// Markdown that cannot hurt: raw HTML is shown as text, links and pictures become text with their address beside it. A line's end is one on the page too,
/// as models and people write verses and lists without marks.
/// </summary>
public static class SafeMarkdown
{
    private const int HeadingsAbove = 2, DeepestHeading = 6; // the page has a first heading of its own, and the parts of it second ones

    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().DisableHtml().UsePipeTables().UseSoftlineBreakAsHardlineBreak().Build();

    private static readonly MarkdownPipeline WithExamples = new MarkdownPipelineBuilder().DisableHtml().UsePipeTables().UseCustomContainers().Build();

    /// <summary>Prompts or answers as HTML.</summary>
    public static MarkupString Html(string markdown) => Html(markdown, Pipeline, _ => { });

    /// <summary>Instructions as HTML: a block between <c>:::good</c> and <c>:::</c> is a good example, one after <c>:::bad</c> a bad one.</summary>
    /// <param name="markdown">What a manager wrote.</param>
    /// <param name="good">What stands above a good example.</param>
    /// <param name="bad">And above a bad one.</param>
    public static MarkupString Instructions(string markdown, string good, string bad) => Html(markdown, WithExamples, document =>
    {
        foreach (var block in document.Descendants<CustomContainer>())
        {
            var isGood = block.Info == "good";
            block.SetAttributes(new()); // no class names but ours
            if (!isGood && block.Info != "bad")
                continue;
            block.GetAttributes().AddClass(isGood ? "example good" : "example bad");
            var title = new ParagraphBlock { Inline = new ContainerInline() };
            title.Inline.AppendChild(new LiteralInline(isGood ? good : bad));
            title.GetAttributes().AddClass("title");
            block.Insert(0, title);
        }
    });

    private static MarkupString Html(string markdown, MarkdownPipeline pipeline, Action<MarkdownDocument> prepare)
    {
        MarkdownDocument document;
        try
        {
            document = Markdown.Parse(markdown, pipeline);
        }
        catch (ArgumentException)
        {
            return new($"<p class=\"text\">{WebUtility.HtmlEncode(markdown)}</p>"); // nested too deeply to be meant as Markdown
        }
        foreach (var link in document.Descendants<LinkInline>().ToArray())
            MakeInert(link, link.Url);
        foreach (var link in document.Descendants<AutolinkInline>().ToArray())
            link.ReplaceBy(new LiteralInline(link.Url));
        foreach (var heading in document.Descendants<HeadingBlock>())
            heading.Level = Math.Min(DeepestHeading, heading.Level + HeadingsAbove);
        prepare(document);
        return new(document.ToHtml(pipeline));
    }

    private static void MakeInert(LinkInline link, string? address)
    {
        var text = new ContainerInline();
        link.ReplaceBy(text, copyChildren: true);
        if (!string.IsNullOrEmpty(address))
            text.AppendChild(new LiteralInline($" ({address})"));
    }
}
