using System.Net;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Attune.Runs;
using Attune.Storage;
using Attune.Web.Access;
using Attune.Web.Texts;
using Microsoft.AspNetCore.Diagnostics;

namespace Attune.Web;

/// <summary>What is said when something goes wrong: a page for people, problem details (RFC 9457) for programs; never a stack trace.</summary>
internal static partial class Failures
{
    private const int LongestShown = 100;

    /// <summary>After an exception. What the sender did wrong is told to them and is nothing for the server's log.</summary>
    public static ExceptionHandlerOptions Options { get; } = new()
    {
        ExceptionHandler = HandleAsync,
        SuppressDiagnosticsCallback = failed => failed.Exception is InputException or BadHttpRequestException or OperationCanceledException,
    };

    /// <summary>After an answer that has a status and nothing else.</summary>
    public static Task Explain(StatusCodeContext context) => WriteAsync(context.HttpContext, context.HttpContext.Response.StatusCode, null);

    private static Task HandleAsync(HttpContext context) => context.Features.Get<IExceptionHandlerFeature>()?.Error switch
    {
        InputException e => WriteAsync(context, StatusCodes.Status400BadRequest, e.Message),
        BadHttpRequestException { InnerException: JsonException inner } => WriteAsync(context, StatusCodes.Status400BadRequest, OfBody(new(context), inner)),
        BadHttpRequestException e when UnreadParameter().Match(e.Message) is { Success: true } unread => WriteAsync(context, StatusCodes.Status400BadRequest, OfParameter(
            new(context), context.Features.Get<IExceptionHandlerFeature>()?.Endpoint, unread.Groups[1].Value, unread.Groups[2].Value)),
        BadHttpRequestException e => WriteAsync(context, e.StatusCode, e.Message),
        StorageException e => WriteAsync(context, StatusCodes.Status503ServiceUnavailable, new Wording(context)[$"storage.{e.Fault}"]), // where the database is, is for the log
        OperationCanceledException => Task.CompletedTask,
        _ => WriteAsync(context, StatusCodes.Status500InternalServerError, null),
    };

    // Which key of a body is wrong, and how; the framework's own words name types of the program.
    private static string OfBody(Wording words, JsonException e)
    {
        if (UnknownKey().Match(e.Message) is { Success: true } unknown)
            return words.Of("body.unknown-key", unknown.Groups[1].Value, e.Path ?? "$");
        if (MissingKeys().Match(e.Message) is { Success: true } missing)
            return words.Of("body.missing-key", missing.Groups[1].Value);
        return words.Of("body.unreadable", e.Path ?? "$", (e.LineNumber ?? 0) + 1, (e.BytePositionInLine ?? 0) + 1);
    }

    // The framework's own words name types of the program here too, and not what was expected.
    private static string OfParameter(Wording words, Endpoint? endpoint, string name, string value)
    {
        var parameters = (endpoint?.Metadata.GetMetadata<MethodInfo>()?.GetParameters() ?? []).SelectMany(own => own.IsDefined(typeof(AsParametersAttribute), inherit: false)
            ? own.ParameterType.GetProperties().Select(property => (property.Name, Type: property.PropertyType)) : [(own.Name!, own.ParameterType)]);
        var found = parameters.FirstOrDefault(own => string.Equals(own.Name, name, StringComparison.OrdinalIgnoreCase)).Type;
        var type = found is null ? null : Nullable.GetUnderlyingType(found) ?? found;
        if (type is { IsGenericType: true } && type.GetGenericTypeDefinition() == typeof(Api.Word<>))
            type = type.GetGenericArguments()[0];
        var expected = type is { IsEnum: true } ? string.Join(", ", Enum.GetNames(type).Select(JsonNamingPolicy.CamelCase.ConvertName)) : words[$"parameter.{type?.Name ?? "other"}"];
        return words.Of("parameter.unreadable", JsonNamingPolicy.CamelCase.ConvertName(name), value.Length <= LongestShown ? value : value[..LongestShown] + "…", expected);
    }

    [GeneratedRegex("^Failed to bind parameter \"\\S+ (\\w+)\" from \"(.*)\"\\.$", RegexOptions.Singleline)]
    private static partial Regex UnreadParameter();

    [GeneratedRegex("property '([^']*)' could not be mapped")]
    private static partial Regex UnknownKey();

    [GeneratedRegex("missing required properties including: (.*?)\\.")]
    private static partial Regex MissingKeys();

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
            <body><a class="skip" href="#content">{Html(words["skip"])}</a><main id="content" class="narrow" tabindex="-1"><h1>{Html(title)}</h1><p class="text">{Html(detail ?? words[Wording.Has($"failure.{status}.hint") ? $"failure.{status}.hint" : "failure.hint"])}</p>{Again(context, status, words)}<p><a href="/">{Html(words["home"])}</a></p></main></body></html>
            """;
        await context.Response.WriteAsync(page, Encoding.UTF8).ConfigureAwait(false);
    }

    // Only ever asks for the page anew: what a form has changed, or not, is seen there, and nothing is sent twice.
    private static string Again(HttpContext context, int status, Wording words) => status is not (StatusCodes.Status503ServiceUnavailable or StatusCodes.Status500InternalServerError) ? ""
        : $"""<p><a class="button primary" href="{Html($"{context.Request.PathBase}{Failed(context)}{context.Request.QueryString}")}">{Html(words["again"])}</a></p>""";

    private static string Failed(HttpContext context) => context.Features.Get<IExceptionHandlerPathFeature>()?.Path ?? context.Request.Path;

    private static string Html(string text) => WebUtility.HtmlEncode(text);
}
