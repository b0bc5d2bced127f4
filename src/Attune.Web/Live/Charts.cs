using System.Xml.Linq;
using Attune.Evaluation;
using Microsoft.AspNetCore.Components;

namespace Attune.Web.Live;

/// <summary>A drawing for a page.</summary>
internal static class Charts
{
    /// <summary>The plot as it stands in a page.</summary>
    public static MarkupString Draw(Plot plot) => new(SvgPlot.Draw(plot).ToString(SaveOptions.DisableFormatting)); // texts are escaped by the writer of XML
}
