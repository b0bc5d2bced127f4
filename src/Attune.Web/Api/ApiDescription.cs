using System.Text.Json;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.Routing;
using Microsoft.OpenApi;

namespace Attune.Web.Api;

/// <summary>The scope that a key needs for an endpoint.</summary>
internal sealed record KeyScope(string Name);

/// <summary>A body that is a file, not an object of JSON.</summary>
internal sealed record FileBody(string ContentType, string Description);

/// <summary>The description of the API for tools, as OpenAPI: what handlers' signatures do not say, keys with their scopes, files, refusals, stands here.</summary>
internal static class ApiDescription
{
    private const string Key = "key";

    private static readonly int[] Refusals =
    [
        StatusCodes.Status400BadRequest, StatusCodes.Status401Unauthorized, StatusCodes.Status403Forbidden, StatusCodes.Status429TooManyRequests, StatusCodes.Status503ServiceUnavailable,
    ];

    public static void AddApiDescription(this IServiceCollection services) => services.AddOpenApi("v1", options =>
    {
        options.ShouldInclude = endpoint => endpoint.RelativePath?.StartsWith(HttpApi.Root[1..], StringComparison.Ordinal) == true;
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new() { Title = "Attune", Version = "v1", Description = "Projects, tasks, judgments, exports and metrics. Lists come in pages of at most 200; refusals are problem details (RFC 9457)." };
            document.AddComponent(Key, new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", Description = "An API key; the page of keys makes them. Next to it stands the scope that an operation needs." });
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            Complete(operation, context);
            return Task.CompletedTask;
        });
    });

    /// <summary>Says how every endpoint of a group may refuse.</summary>
    public static RouteGroupBuilder WithRefusals(this RouteGroupBuilder group)
    {
        ((IEndpointConventionBuilder)group).Add(endpoint =>
        {
            foreach (var status in endpoint is RouteEndpointBuilder { RoutePattern.Parameters.Count: > 0 } ? [.. Refusals, StatusCodes.Status404NotFound] : Refusals)
                endpoint.Metadata.Add(new ProducesResponseTypeMetadata(status, typeof(ProblemDetails), ["application/problem+json"]));
        });
        return group;
    }

    /// <summary>Says that the body is a file.</summary>
    public static RouteHandlerBuilder TakesFile(this RouteHandlerBuilder endpoint, string description, string contentType = "application/jsonl") => endpoint.WithMetadata(new FileBody(contentType, description));

    private static void Complete(OpenApiOperation operation, OpenApiOperationTransformerContext context)
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        if (metadata.OfType<KeyScope>().LastOrDefault() is { } scope)
            operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Key, context.Document)] = [scope.Name] }];
        if (metadata.OfType<FileBody>().LastOrDefault() is { } file)
        {
            var schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" };
            operation.RequestBody = new OpenApiRequestBody { Required = true, Description = file.Description, Content = new Dictionary<string, OpenApiMediaType> { [file.ContentType] = new() { Schema = schema } } };
        }
        foreach (var parameter in operation.Parameters?.OfType<OpenApiParameter>() ?? [])
        {
            if (parameter is { In: ParameterLocation.Query, Name: { } name })
                parameter.Name = JsonNamingPolicy.CamelCase.ConvertName(name); // as docs and clients write them
        }
    }
}
