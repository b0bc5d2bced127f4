using System.Net;
using System.Text;
using Attune.Runs;
using Attune.Storage;
using Attune.Web.Access;
using Attune.Web.Texts;
using Microsoft.AspNetCore.Diagnostics;

namespace Attune.Web;

/// <summary>What is said when something goes wrong: a page for people, problem details (RFC 9457) for programs; never a stack trace.</summary>
internal static class Failures
{
    /// <summary>After an exception.</summary>
    public static void Handle(IApplicationBuilder app) => app.Run(context => context.Features.Get<IExceptionHandlerFeature>()?.Error switch
    {
        InputException e => WriteAsync(context, StatusCodes.Status400BadRequest, e.Message),
        BadHttpRequestException e => WriteAsync(context, e.StatusCode, e.Message),
        StorageException e => WriteAsync(context, StatusCodes.Status503ServiceUnavailable, e.Message),
        OperationCanceledException => Task.CompletedTask,
        _ => WriteAsync(context, StatusCodes.Status500InternalServerError, null),
    });

    /// <summary>After an answer that has a status and nothing else.</summary>
    public static Task Explain(StatusCodeContext context) => WriteAsync(context.HttpContext, context.HttpContext.Response.StatusCode, null);

    private static async Task WriteAsync(HttpContext context, int status, string? detail)
    {
        context.Response.StatusCode = status;
        if (status == StatusCodes.Status503ServiceUnavailable)
            context.Response.Headers.RetryAfter = "5";
        var words = new Wording(context);
        var title = Wording.Has($"failure.{status}") ? words[$"failure.{status}"] : words["failure.other"];
        if (Requests.IsApi(context.Request))
        {
            await Results.Problem(detail, statusCode: status, title: title).ExecuteAsync(context).ConfigureAwait(false);
            return;
        }
        context.Response.ContentType = "text/html; charset=utf-8";
        var page = $"""
            <!DOCTYPE html>
            <html lang="{words.Language}" dir="{words.Direction}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{Html(title)} · Attune</title><link rel="stylesheet" href="{SiteAssets.Address("site.css")}"></head>
            <body><main class="narrow"><h1>{Html(title)}</h1><p class="text">{Html(detail ?? words["failure.hint"])}</p><p><a href="/">{Html(words["home"])}</a></p></main></body></html>
            """;
        await context.Response.WriteAsync(page, Encoding.UTF8).ConfigureAwait(false);
    }

    private static string Html(string text) => WebUtility.HtmlEncode(text);
}
