using System.Text.Json;
using System.Text.RegularExpressions;
using Attune.Storage.People;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Attune.Web.Tests;

/// <summary>The OpenAPI document against the endpoints that there are.</summary>
public sealed class ApiDescriptionTests
{
    // What is one thing though it is written as a list: an export of statements, and a recorded step as its file has it.
    private static readonly string[] NoPages = ["GET /api/v1/projects/{project}/pay.json", "GET /api/v1/runs/rollouts"];

    private static readonly string[] Files = ["tasks", "golden", "import"];

    [Fact]
    public async Task The_description_has_every_endpoint_with_its_parameters_bodies_scope_and_replies()
    {
        await using var site = await Site.Open();
        var document = await (await site.Program(await site.Person(Role.Owner), "read")).Ok(HttpMethod.Get, "/api/v1/openapi.json");
        var described = document.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject().Select(operation => (Name: $"{operation.Name.ToUpperInvariant()} {path.Name}", operation.Value))).ToList();
        var there = site.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().Where(endpoint => $"/{endpoint.RoutePattern.RawText!.Trim('/')}".StartsWith("/api/v1/", StringComparison.Ordinal))
            .SelectMany(endpoint => endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Select(method => $"{method} /{Regex.Replace(endpoint.RoutePattern.RawText!.Trim('/'), ":int}", "}")}"));
        Assert.Equal(there.Order(StringComparer.Ordinal), described.Select(operation => operation.Name).Order(StringComparer.Ordinal));
        Assert.True(described.Count > 100, $"{described.Count} operations");

        var faults = described.SelectMany(operation => Faults(operation.Name, operation.Value).Select(fault => $"{operation.Name} {fault}")).ToList();
        Assert.True(faults.Count == 0, string.Join('\n', faults));
        Assert.Equal("bearer", document.GetProperty("components").GetProperty("securitySchemes").GetProperty("key").GetProperty("scheme").GetString());
    }

    private static IEnumerable<string> Faults(string name, JsonElement operation)
    {
        var parameters = operation.TryGetProperty("parameters", out var list) ? list.EnumerateArray().ToList() : [];
        string[] Names(string place) => [.. parameters.Where(parameter => parameter.GetProperty("in").GetString() == place).Select(parameter => parameter.GetProperty("name").GetString()!)];
        if (!Regex.Matches(name, "{([^}]+)}").Select(match => match.Groups[1].Value).Order().SequenceEqual(Names("path").Order()))
            yield return "does not describe the parameters of its path";
        if (Names("query").Any(query => char.IsUpper(query[0])))
            yield return $"has queries in another spelling than the documentation: {string.Join(", ", Names("query"))}";
        if (!operation.TryGetProperty("security", out var security) || security[0].GetProperty("key").EnumerateArray().Single().GetString() is not ("read" or "write" or "work"))
            yield return "names no scope";
        var replies = operation.GetProperty("responses").EnumerateObject().ToList();
        var good = replies.Where(reply => reply.Name[0] == '2').ToList();
        if (good.Count != 1 || (good[0].Name != "204" && !good[0].Value.TryGetProperty("content", out _)))
            yield return "does not say what it replies";
        foreach (var reply in good.Where(reply => reply.Value.TryGetProperty("content", out _)))
        {
            var (type, content) = reply.Value.GetProperty("content").EnumerateObject().Select(one => (one.Name, one.Value)).First();
            if (type == "application/json" && (!content.TryGetProperty("schema", out var schema) || (!schema.TryGetProperty("$ref", out _) && !schema.TryGetProperty("type", out _))))
                yield return $"replies with something that has no schema: {content}";
            else if (type == "application/json" && content.GetProperty("schema").TryGetProperty("type", out var kind) && kind.ToString() == "array" && !NoPages.Contains(name))
                yield return "replies with a list without pages";
            else if (type == "application/json" && content.GetProperty("schema").TryGetProperty("$ref", out var reference) && reference.GetString()!.Contains("/PageOf", StringComparison.Ordinal)
                && (!Names("query").Contains("size") || !Names("query").Contains("after")))
                yield return "replies with a page and takes no size or after";
        }
        string[] refusals = name.Contains('{') ? ["400", "401", "403", "404", "429", "503"] : ["400", "401", "403", "429", "503"];
        foreach (var refusal in refusals.Where(status => !replies.Any(reply => reply.Name == status && reply.Value.GetProperty("content").TryGetProperty("application/problem+json", out _))))
            yield return $"does not describe its problem details of {refusal}";
        if (name.StartsWith("POST", StringComparison.Ordinal) && Files.Any(file => name.EndsWith($"/{file}", StringComparison.Ordinal)) && !operation.TryGetProperty("requestBody", out _))
            yield return "takes a file and does not say so";
    }
}
