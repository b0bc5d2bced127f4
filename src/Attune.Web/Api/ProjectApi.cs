using System.Security.Claims;
using System.Text.Json;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.Work;
using Attune.Web.Access;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Api;

/// <summary>A project; without its seed, from which the order of answers could be told.</summary>
public sealed record ProjectReply(string Id, string Name, ProjectState State, ProjectSettings Settings, DateTimeOffset CreatedAt)
{
    internal static ProjectReply Of(Project project) => new(project.Id, project.Name, project.State, project.Settings, project.CreatedAt);
}

/// <summary>A project to make.</summary>
/// <param name="Name">Its name, unique.</param>
/// <param name="Settings">An object of <see cref="ProjectSettings"/>; what it leaves out has its usual value.</param>
public sealed record NewProject(string Name, JsonElement? Settings = null);

/// <summary>A project's state.</summary>
public sealed record ProjectStateBody(ProjectState State);

/// <summary>A version of the instructions to add.</summary>
/// <param name="Markdown">The text.</param>
public sealed record InstructionBody(string Markdown);

/// <summary>A version of the instructions.</summary>
public sealed record InstructionReply(int Version, string Markdown, DateTimeOffset CreatedAt);

/// <summary><c>/api/v1/projects</c>: projects, their settings, instructions and progress.</summary>
internal static class ProjectApi
{
    public static void MapProjects(this (RouteGroupBuilder Read, RouteGroupBuilder Write) api)
    {
        api.Read.MapGet("/projects", ListAsync).Produces<Page<ProjectReply>>();
        api.Write.MapPost("/projects", CreateAsync).RequireAuthorization(Policies.Manager).Produces<ProjectReply>(StatusCodes.Status201Created).ProducesProblem(StatusCodes.Status400BadRequest);
        api.Read.MapGet("/projects/{project}", FindAsync).RequireProject(ProjectRight.Belong).Produces<ProjectReply>();
        api.Write.MapPut("/projects/{project}/settings", SetSettingsAsync).RequireProject(ProjectRight.Run).Produces<ProjectReply>().ProducesProblem(StatusCodes.Status400BadRequest);
        api.Write.MapPut("/projects/{project}/state", SetStateAsync).RequireProject(ProjectRight.Run).Produces(StatusCodes.Status204NoContent);
        api.Read.MapGet("/projects/{project}/instructions", InstructionsAsync).RequireProject(ProjectRight.Belong).Produces<InstructionReply>();
        api.Write.MapPost("/projects/{project}/instructions", AddInstructionsAsync).RequireProject(ProjectRight.Run).Produces<InstructionReply>(StatusCodes.Status201Created);
        api.Read.MapGet("/projects/{project}/progress", ProgressAsync).RequireProject(ProjectRight.Read).Produces<Progress>();
    }

    private static async Task<IResult> ListAsync([AsParameters] Paging page, Visitor visitor, Database database, CancellationToken stop) =>
        Results.Ok((await database.Projects.ListAsync(visitor.Manages ? null : visitor.Id, page.Request, stop).ConfigureAwait(false)).Select(ProjectReply.Of));

    private static async Task<IResult> CreateAsync([FromBody] NewProject body, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        var settings = body.Settings is { } json ? ProjectSettings.FromJson(json.GetRawText()) : new();
        var project = await database.Projects.CreateAsync(body.Name, settings, user.PersonId(), stop: stop).ConfigureAwait(false);
        return Results.Created($"/api/v1/projects/{project.Id}", ProjectReply.Of(project));
    }

    private static async Task<IResult> FindAsync(string project, Database database, CancellationToken stop) =>
        Results.Ok(ProjectReply.Of((await database.Projects.FindAsync(project, stop).ConfigureAwait(false))!));

    private static async Task<IResult> SetSettingsAsync(string project, [FromBody] JsonElement body, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        await database.Projects.SetSettingsAsync(project, ProjectSettings.FromJson(body.GetRawText()), user.PersonId(), stop).ConfigureAwait(false);
        return await FindAsync(project, database, stop).ConfigureAwait(false);
    }

    private static async Task<IResult> SetStateAsync(string project, [FromBody] ProjectStateBody body, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        await database.Projects.SetStateAsync(project, body.State, user.PersonId(), stop).ConfigureAwait(false);
        return Results.NoContent();
    }

    private static async Task<IResult> InstructionsAsync(string project, int? version, Database database, CancellationToken stop) =>
        await database.Projects.InstructionAsync(project, version, stop).ConfigureAwait(false) is { } found
            ? Results.Ok(new InstructionReply(found.Version, found.Markdown, found.CreatedAt)) : Results.NotFound();

    private static async Task<IResult> AddInstructionsAsync(string project, [FromBody] InstructionBody body, ClaimsPrincipal user, Database database, CancellationToken stop)
    {
        var version = await database.Projects.AddInstructionAsync(project, body.Markdown, user.PersonId(), stop).ConfigureAwait(false);
        var added = (await database.Projects.InstructionAsync(project, version, stop).ConfigureAwait(false))!;
        return Results.Created($"/api/v1/projects/{project}/instructions?version={version}", new InstructionReply(added.Version, added.Markdown, added.CreatedAt));
    }

    private static async Task<IResult> ProgressAsync(string project, Database database, CancellationToken stop) =>
        Results.Ok(await database.Tasks.ProgressAsync(project, stop: stop).ConfigureAwait(false));
}
