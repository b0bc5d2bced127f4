using System.Net;
using System.Text;
using System.Text.Json;
using Attune.Web.Texts;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Serving;

/// <summary>A page to talk with the model; its script uses the same addresses as any program.</summary>
internal static class ChatPage
{
    public static void MapChatPage(this WebApplication app)
    {
        app.MapAssets();
        app.MapGet("/", (HttpContext http, ServeOptions options) => WriteAsync(http, options));
    }

    private static async Task WriteAsync(HttpContext http, ServeOptions options)
    {
        var words = new Wording(http);
        string Html(string text) => WebUtility.HtmlEncode(text);
        var texts = Html(JsonSerializer.Serialize(words.Under("serve.script.")));
        http.Response.ContentType = "text/html; charset=utf-8";
        var page = $"""
            <!DOCTYPE html>
            <html lang="{words.Language}" dir="{words.Direction}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{Html(options.ModelName)} · Attune</title>
            <link rel="icon" href="data:,"><link rel="stylesheet" href="{SiteAssets.Address("site.css")}"><link rel="stylesheet" href="{SiteAssets.Address("serve.css")}">
            <script type="module" src="{SiteAssets.Address("serve.js")}"></script></head>
            <body><a class="skip" href="#words">{Html(words["skip"])}</a>
            <main id="talk" class="talk" data-model="{Html(options.ModelName)}" data-needs-key="{(options.Keys.Count > 0 ? "yes" : "no")}" data-texts="{texts}">
            <h1>{Html(words.Of("serve.title", options.ModelName))}</h1>
            <p class="muted">{Html(words["serve.lead"])}</p>
            <form id="access" class="card" hidden><label>{Html(words["serve.key"])}<input id="key" type="password" autocomplete="off"></label><button class="primary">{Html(words["serve.use-key"])}</button></form>
            <div id="turns" role="log" aria-live="polite" aria-label="{Html(words["serve.conversation"])}"></div>
            <p id="problem" class="problem" role="alert" hidden></p>
            <form id="say" class="card"><label>{Html(words["serve.you"])}<textarea id="words" rows="3" required></textarea></label>
            <details><summary>{Html(words["serve.settings"])}</summary><div class="settings">
            <label>{Html(words["serve.system"])}<textarea id="system" rows="2"></textarea></label>
            <label>{Html(words["serve.temperature"])}<input id="temperature" type="number" min="0" max="2" step="0.1" value="0.7"></label>
            <label>{Html(words["serve.top-p"])}<input id="top-p" type="number" min="0.05" max="1" step="0.05" value="0.95"></label>
            <label>{Html(words["serve.tokens"])}<input id="tokens" type="number" min="1"></label></div></details>
            <div class="acts"><button class="primary" id="send">{Html(words["serve.send"])}</button><button type="button" id="stop" disabled>{Html(words["serve.stop"])}</button><button type="button" id="again">{Html(words["serve.again"])}</button></div></form>
            <noscript><p class="problem">{Html(words["serve.no-script"])}</p></noscript>
            </main></body></html>
            """;
        await http.Response.WriteAsync(page, Encoding.UTF8, http.RequestAborted).ConfigureAwait(false);
    }
}
