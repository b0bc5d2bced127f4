using Attune.Web.Texts;

namespace Attune.Web.Api;

/// <summary>Problem details in the language of who asks, as pages show them; programs tell them apart by <c>code</c>.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">The key of the text below <c>told.</c></param>
/// <param name="Values">What is filled in.</param>
internal sealed record Told(int Status, string Code, params object?[] Values) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext) => Results.Problem(
        new Wording(httpContext).Of($"told.{Code}", Values), statusCode: Status, extensions: new Dictionary<string, object?> { ["code"] = Code }).ExecuteAsync(httpContext);
}
