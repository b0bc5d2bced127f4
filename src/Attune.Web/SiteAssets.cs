using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using Attune.Evaluation;

namespace Attune.Web;

/// <summary>Style sheets and scripts, embedded in the assembly. Their addresses carry a hash of what they hold, so that browsers may keep them for ever.</summary>
public static class SiteAssets
{
    private const string Prefix = "assets/";

    private static readonly FrozenDictionary<string, Asset> All = typeof(SiteAssets).Assembly.GetManifestResourceNames()
        .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)).Select(Asset.Read).Append(Asset.Of("plot.css", Encoding.UTF8.GetBytes(SvgPlot.Css))).ToFrozenDictionary(asset => asset.Name, StringComparer.Ordinal);

    /// <summary>Where a page finds an asset.</summary>
    /// <param name="name">"site.css", "kinds/text.js", …</param>
    public static string Address(string name) => $"/assets/{All[name].Version}/{name}";

    internal static void MapAssets(this WebApplication app) => app.MapGet("/assets/{version}/{**name}", (HttpContext context, string version, string name) =>
    {
        if (!All.TryGetValue(name, out var asset))
            return Results.NotFound();
        context.Response.Headers.CacheControl = version == asset.Version ? "public, max-age=31536000, immutable" : "no-cache";
        return Results.Bytes(asset.Bytes, asset.ContentType);
    });

    private sealed record Asset(string Name, string Version, string ContentType, byte[] Bytes)
    {
        public static Asset Read(string resource)
        {
            using var stream = typeof(SiteAssets).Assembly.GetManifestResourceStream(resource)!;
            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return Of(resource[Prefix.Length..], bytes);
        }

        public static Asset Of(string name, byte[] bytes)
        {
            var type = Path.GetExtension(name) switch { ".css" => "text/css", ".js" => "text/javascript", ".svg" => "image/svg+xml", _ => "application/octet-stream" };
            return new(name, Convert.ToHexStringLower(SHA256.HashData(bytes))[..12], type + "; charset=utf-8", bytes);
        }
    }
}
