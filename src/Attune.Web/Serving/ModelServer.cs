using System.Text.Json;
using System.Text.Json.Nodes;
using Attune.Web.Access;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Attune.Web.Serving;

/// <summary>
/// Serves one model by HTTP in the form of OpenAI's API, for programs that know it, with a page to talk with it. Whoever stops the application lets answers that
/// are being written end first. See docs/serving.md.
/// </summary>
public static class ModelServer
{
    /// <summary>Builds the application; the caller runs and disposes it. The model stays the caller's.</summary>
    /// <exception cref="Runs.InputException">The options cannot be served.</exception>
    public static WebApplication Build(ServedModel model, ServeOptions options, Action<WebApplicationBuilder>? configure = null)
    {
        options.ThrowIfBad();
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls(options.Listen);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = options.LargestBody;
        });
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.DrainTime + TimeSpan.FromSeconds(1));
        builder.Services.AddSingleton(options).AddSingleton(model).AddSingleton<ServeMetrics>().AddSingleton<Generation>().AddSingleton(TimeProvider.System);
        configure?.Invoke(builder);
        var app = builder.Build();
        app.UseSecurityHeaders();
        app.UseExceptionHandler(new ExceptionHandlerOptions
        {
            ExceptionHandler = TellAsync,
            SuppressDiagnosticsCallback = failed => failed.Exception is ServeException or BadHttpRequestException or OperationCanceledException,
        });
        app.UseStatusCodePages(context => WriteAsync(context.HttpContext, Plain(context.HttpContext.Response.StatusCode,
            $"{context.HttpContext.Request.Method} {RequestReader.Shortened(context.HttpContext.Request.Path.Value ?? "")} is nothing that this server answers, expected one of the addresses that docs/serving.md lists; correct method or path")));
        app.Use((context, next) => Admit(context, next, options));
        app.MapModelApi();
        app.MapChatPage();
        return app;
    }

    /// <summary>Reads a body as JSON.</summary>
    /// <exception cref="ServeException">It is none.</exception>
    internal static async Task<JsonElement> ReadBodyAsync(HttpContext http)
    {
        if (!http.Request.HasJsonContentType())
            throw Plain(StatusCodes.Status415UnsupportedMediaType, $"Content-Type is \"{http.Request.ContentType}\", expected application/json; send it with the body");
        try
        {
            using var document = await JsonDocument.ParseAsync(http.Request.Body, new JsonDocumentOptions { AllowDuplicateProperties = false }, http.RequestAborted).ConfigureAwait(false);
            Runs.JsonTexts.Check(document.RootElement);
            return document.RootElement.Clone();
        }
        catch (InvalidOperationException)
        {
            throw ServeException.Bad("The body", "holds text that is no Unicode: bytes that are not UTF-8, or half of a surrogate pair", "a JSON object in UTF-8", "correct the text");
        }
        catch (JsonException e)
        {
            throw ServeException.Bad("The body", $"is no JSON (line {(e.LineNumber ?? 0) + 1}, byte {(e.BytePositionInLine ?? 0) + 1})", "a JSON object", "check quotes, commas and brackets, and that no key stands twice");
        }
    }

    internal static ServeException Plain(int status, string message) => new(status, $"http_{status}", null, message);

    private static Task Admit(HttpContext context, RequestDelegate next, ServeOptions options)
    {
        var needsKey = options.Keys.Count > 0 && (context.Request.Path.StartsWithSegments("/v1") || context.Request.Path.Value is "/tokenize" or "/detokenize" or "/metrics");
        if (!needsKey)
            return next(context);
        var given = context.Request.Headers.Authorization.ToString();
        const string Bearer = "Bearer ";
        if (given.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) && options.Admits(given[Bearer.Length..].Trim()))
            return next(context);
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return WriteAsync(context, new(StatusCodes.Status401Unauthorized, "invalid_api_key", null, $"The key is {(given.Length == 0 ? "missing" : "none of this server's")}, expected \"Authorization: Bearer KEY\"; ask who runs the server for one"));
    }

    private static Task TellAsync(HttpContext context) => context.Features.Get<IExceptionHandlerFeature>()?.Error switch
    {
        ServeException e => WriteAsync(context, e),
        BadHttpRequestException e => WriteAsync(context, Plain(e.StatusCode, e.StatusCode == 413 ? $"The body is larger than {context.RequestServices.GetRequiredService<ServeOptions>().LargestBody} bytes, the most that this server reads; send less at once" : e.Message)),
        Runs.RunFailedException e => WriteAsync(context, Plain(StatusCodes.Status500InternalServerError, e.Message)),
        OperationCanceledException => Task.CompletedTask,
        _ => WriteAsync(context, Plain(StatusCodes.Status500InternalServerError, "Something failed within the server, expected nothing of the kind; its log says what")),
    };

    private static async Task WriteAsync(HttpContext context, ServeException problem)
    {
        context.Response.StatusCode = problem.Status;
        context.Response.ContentType = "application/problem+json";
        if (problem.Status is 429 or 503)
            context.Response.Headers.RetryAfter = "1";
        context.RequestServices.GetRequiredService<ServeMetrics>().CountRequest(ModelApi.RouteOf(context), problem.Status);
        await context.Response.WriteAsync(Replies.Text(problem.Body()), context.RequestAborted).ConfigureAwait(false);
    }
}
