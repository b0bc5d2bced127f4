using System.Text.Json.Nodes;
using Attune.Runs;

namespace Attune.Web.Serving;

/// <summary>Why a request gets no answer: told to the program that asked, as problem details (RFC 9457) that carry OpenAI's <c>error</c> too.</summary>
internal sealed class ServeException(int status, string code, string? parameter, string message) : Exception(message)
{
    public int Status { get; } = status;

    public string Code { get; } = code;

    public string? Parameter { get; } = parameter;

    /// <summary>Everything that is wrong with a body.</summary>
    public static ServeException Bad(IReadOnlyList<Problem> problems) => new(
        StatusCodes.Status400BadRequest, "invalid_request", problems[0].Key, string.Join("\n", problems.Select(p => $"{p.Key} {p.Message}")));

    /// <summary>One thing that is wrong.</summary>
    public static ServeException Bad(string what, string found, string expected, string fix) => new(StatusCodes.Status400BadRequest, "invalid_request", null, $"{what} {found}, expected {expected}; {fix}");

    /// <summary>What both kinds of readers look for.</summary>
    public JsonObject Body() => new()
    {
        ["type"] = "about:blank",
        ["title"] = Title,
        ["status"] = Status,
        ["detail"] = Message,
        ["code"] = Code,
        ["error"] = new JsonObject { ["message"] = Message, ["type"] = Status < 500 ? "invalid_request_error" : "server_error", ["param"] = Parameter, ["code"] = Code },
    };

    private string Title => Status switch
    {
        400 => "The request cannot be served as it is",
        401 => "A key is needed",
        404 => "There is nothing here",
        405 => "This address takes other requests",
        413 => "The body is too large",
        415 => "The body is no JSON",
        429 => "Too many wait already",
        503 => "The server is about to stop",
        504 => "It took too long",
        _ => "The server failed",
    };
}
