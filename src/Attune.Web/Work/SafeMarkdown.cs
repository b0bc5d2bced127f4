using Markdig;
using Markdig.Renderers.Html;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;
using Microsoft.AspNetCore.Components;

namespace Attune.Web.Work;

/// <summary>Markdown that cannot hurt: raw HTML is shown as text, links and pictures become text with their address beside it.</summary>
public static class SafeMarkdown
{
    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().DisableHtml().UsePipeTables().Build();

    /// <summary>Instructions, prompts or answers as HTML.</summary>
    public static MarkupString Html(string markdown)
    {
        var document = Markdown.Parse(markdown, Pipeline);
        foreach (var link in document.Descendants<LinkInline>().ToArray())
            MakeInert(link, link.Url);
        foreach (var link in document.Descendants<AutolinkInline>().ToArray())
            link.ReplaceBy(new LiteralInline(link.Url));
        return new(document.ToHtml(Pipeline));
    }

    private static void MakeInert(LinkInline link, string? address)
    {
        var text = new ContainerInline();
        link.ReplaceBy(text, copyChildren: true);
        if (!string.IsNullOrEmpty(address))
            text.AppendChild(new LiteralInline($" ({address})"));
    }
}
