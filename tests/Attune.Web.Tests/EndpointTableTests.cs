using System.Net;
using System.Text;
using Attune.Storage.People;
using Attune.Storage.Work;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Attune.Web.Tests;

/// <summary>Every endpoint of the application against everyone who may ask. A new endpoint without a row fails.</summary>
public sealed class EndpointTableTests
{
    // Who asks: nobody, a viewer, an annotator and a manager of the project, a manager and an owner of the installation; then a key of the owner's with the
    // scope of the row and one with all others. Pages know no keys. A POST to a page carries no form token here: 400 is as far as anyone gets.
    private const string Table = """
        GET    /assets/{version}/{**name}                          200 200 200 200 200 200 200 200 -
        POST   /sign-out                                           400 400 400 400 400 400 400 400 -
        POST   /language                                           400 400 400 400 400 400 400 400 -
        GET    /sign-in                                            200 200 200 200 200 200 200 200 -
        POST   /sign-in                                            400 400 400 400 400 400 400 400 -
        GET    /invitation/{Token}                                 200 200 200 200 200 200 200 200 -
        POST   /invitation/{Token}                                 400 400 400 400 400 400 400 400 -
        GET    /reset/{Token}                                      200 200 200 200 200 200 200 200 -
        POST   /reset/{Token}                                      400 400 400 400 400 400 400 400 -
        GET    /                                                   302 200 200 200 200 200 302 302 -
        POST   /                                                   302 400 400 400 400 400 302 302 -
        GET    /work/{ProjectId}                                   302 200 200 200 200 200 302 302 -
        POST   /work/{ProjectId}                                   302 400 400 400 400 400 302 302 -
        GET    /projects/new                                       302 403 403 403 200 200 302 302 -
        POST   /projects/new                                       302 403 403 403 400 400 302 302 -
        GET    /people                                             302 403 403 403 200 200 302 302 -
        POST   /people                                             302 403 403 403 400 400 302 302 -
        GET    /people/{PersonId}                                  302 403 403 403 200 200 302 302 -
        POST   /people/{PersonId}                                  302 403 403 403 400 400 302 302 -
        GET    /audit                                              302 403 403 403 200 200 302 302 -
        POST   /audit                                              302 403 403 403 400 400 302 302 -
        GET    /keys                                               302 200 200 200 200 200 302 302 -
        POST   /keys                                               302 400 400 400 400 400 302 302 -
        GET    /password                                           302 200 200 200 200 200 302 302 -
        POST   /password                                           302 400 400 400 400 400 302 302 -
        GET    /projects/{ProjectId}                               302 200 404 200 200 200 302 302 -
        POST   /projects/{ProjectId}                               302 400 400 400 400 400 302 302 -
        GET    /projects/{ProjectId}/members                       302 200 404 200 200 200 302 302 -
        POST   /projects/{ProjectId}/members                       302 400 400 400 400 400 302 302 -
        GET    /api/{documentName}/openapi.json                    401 200 200 200 200 200 200 200 -
        POST   /api/v1/projects/{project}/next                     401 200 200 200 200 200 200 403 work {}
        POST   /api/v1/projects/{project}/consent                  401 204 204 204 204 204 204 403 work {"version":"1"}
        POST   /api/v1/leases/heartbeat                            401 404 404 404 404 404 404 403 work {"token":"x"}
        POST   /api/v1/leases/submit                               401 404 404 404 404 404 404 403 work {"token":"x","answer":{"step":1}}
        POST   /api/v1/leases/release                              401 404 404 404 404 404 404 403 work {"token":"x"}
        PUT    /api/v1/leases/{lease}/draft                        401 404 404 404 404 404 404 403 work {"content":"{}"}
        GET    /api/v1/leases/{lease}/draft                        401 404 404 404 404 404 404 403 work
        POST   /api/v1/leases/{lease}/undo                         401 404 404 404 404 404 404 403 work {}
        GET    /api/v1/leases/{lease}/chat                         401 404 404 404 404 404 404 403 work
        PUT    /api/v1/leases/{lease}/chat/{number:int}            401 404 404 404 404 404 404 403 work {"prompt":"Hello."}
        PUT    /api/v1/leases/{lease}/chat/{number:int}/choice     401 404 404 404 404 404 404 403 work {"place":0}
        GET    /api/v1/projects                                    401 200 200 200 200 200 200 403 read
        POST   /api/v1/projects                                    401 403 403 403 201 201 201 403 write {"name":"NEW"}
        GET    /api/v1/projects/{project}                          401 200 200 200 200 200 200 403 read
        PUT    /api/v1/projects/{project}/settings                 401 403 403 200 200 200 200 403 write {"overlap":2}
        PUT    /api/v1/projects/{project}/state                    401 403 403 204 204 204 204 403 write {"state":"active"}
        GET    /api/v1/projects/{project}/instructions             401 200 200 200 200 200 200 403 read
        POST   /api/v1/projects/{project}/instructions             401 403 403 201 201 201 201 403 write {"markdown":"Choose."}
        GET    /api/v1/projects/{project}/progress                 401 200 403 200 200 200 200 403 read
        GET    /api/v1/projects/{project}/tasks                    401 200 403 200 200 200 200 403 read
        POST   /api/v1/projects/{project}/tasks                    401 403 403 200 200 200 200 403 write COMPARISONS
        POST   /api/v1/projects/{project}/tasks/{task}/return      401 403 403 204 204 204 204 403 write {"reason":"fine"}
        POST   /api/v1/projects/{project}/tasks/{task}/withdraw    401 403 403 204 204 204 204 403 write {"reason":"broken"}
        GET    /api/v1/projects/{project}/reports                  401 200 403 200 200 200 200 403 read
        GET    /api/v1/projects/{project}/judgments                401 200 403 200 200 200 200 403 read
        GET    /api/v1/projects/{project}/export/judgments.jsonl   401 200 403 200 200 200 200 403 read
        GET    /api/v1/projects/{project}/export/comparisons.jsonl 401 200 403 200 200 200 200 403 read
        GET    /api/v1/projects/{project}/export/trees.jsonl       401 200 403 200 200 200 200 403 read
        GET    /api/v1/projects/{project}/trees                    401 200 403 200 200 200 200 403 read
        GET    /api/v1/projects/{project}/contributions            401 200 403 200 200 200 200 403 read
        GET    /projects/{ProjectId}/contributions                 302 200 404 200 200 200 302 302 -
        POST   /projects/{ProjectId}/contributions                 302 400 400 400 400 400 302 302 -
        GET    /api/v1/projects/{project}/export/texts.jsonl       401 200 403 200 200 200 200 403 read
        GET    /api/v1/projects/{project}/export/data.jsonl        401 200 403 200 200 200 200 403 read
        GET    /api/v1/projects/{project}/export/DATASET.md        401 200 403 200 200 200 200 403 read
        GET    /api/v1/projects/{project}/data-sets                401 200 403 200 200 200 200 403 read
        POST   /api/v1/projects/{project}/import                   401 403 403 400 400 400 400 403 write {}
        GET    /api/v1/projects/{project}/members                  401 200 403 200 200 200 200 403 read
        PUT    /api/v1/projects/{project}/members/{person}         401 403 403 204 204 204 204 403 write {"role":"annotator"}
        DELETE /api/v1/projects/{project}/members/{person}         401 403 403 404 404 404 404 403 write
        GET    /api/v1/me                                          401 200 200 200 200 200 200 403 read
        GET    /api/v1/people                                      401 403 403 403 200 200 200 403 read
        GET    /api/v1/people/{person}                             401 403 403 403 200 200 200 403 read
        GET    /api/v1/people/{person}/data                        401 403 403 403 403 200 200 403 read
        PUT    /api/v1/people/{person}/role                        401 403 403 403 403 204 204 403 write {"role":"viewer"}
        PUT    /api/v1/people/{person}/paused                      401 403 403 403 204 204 204 403 write {"paused":true}
        POST   /api/v1/people/{person}/reset                       401 403 403 403 200 200 200 403 write {}
        DELETE /api/v1/people/{person}                             401 403 403 403 403 204 204 403 write
        GET    /api/v1/invitations                                 401 403 403 403 200 200 200 403 read
        POST   /api/v1/invitations                                 401 403 403 403 200 200 200 403 write {"role":"annotator"}
        GET    /api/v1/projects/{project}/invitations              401 403 403 200 200 200 200 403 read
        DELETE /api/v1/invitations/{invitation}                    401 404 404 404 404 404 404 403 write
        GET    /api/v1/projects/{project}/audit                    401 403 403 200 200 200 200 403 read
        GET    /projects/{ProjectId}/audit                         302 404 404 200 200 200 302 302 -
        POST   /projects/{ProjectId}/audit                         302 400 400 400 400 400 302 302 -
        GET    /projects/{ProjectId}/settings                      302 404 404 200 200 200 302 302 -
        POST   /projects/{ProjectId}/settings                      302 400 400 400 400 400 302 302 -
        GET    /api/v1/projects/{project}/batches/{batch}/delivery.zip 401 200 403 200 200 200 200 403 read
        GET    /api/v1/keys                                        401 200 200 200 200 200 200 403 read
        POST   /api/v1/keys                                        401 200 200 200 200 200 403 403 write {"name":"k","scopes":["read"]}
        DELETE /api/v1/keys/{key}                                  401 404 404 404 404 404 404 403 write
        GET    /api/v1/audit                                       401 403 403 403 200 200 200 403 read
        GET    /projects/{ProjectId}/reports                       302 200 404 200 200 200 302 302 -
        POST   /projects/{ProjectId}/reports                       302 400 400 400 400 400 302 302 -
        GET    /projects/{ProjectId}/golden                        302 200 404 200 200 200 302 302 -
        POST   /projects/{ProjectId}/golden                        302 400 400 400 400 400 302 302 -
        GET    /projects/{ProjectId}/quality                       302 200 404 200 200 200 302 302 -
        POST   /projects/{ProjectId}/quality                       302 400 400 400 400 400 302 302 -
        GET    /projects/{ProjectId}/rules                         302 200 404 200 200 200 302 302 -
        POST   /projects/{ProjectId}/rules                         302 400 400 400 400 400 302 302 -
        GET    /projects/{ProjectId}/batches                       302 200 404 200 200 200 302 302 -
        POST   /projects/{ProjectId}/batches                       302 400 400 400 400 400 302 302 -
        GET    /projects/{ProjectId}/pay                           302 404 404 200 200 200 302 302 -
        POST   /projects/{ProjectId}/pay                           302 400 400 400 400 400 302 302 -
        GET    /mine/{ProjectId}                                   302 200 200 200 200 200 302 302 -
        POST   /mine/{ProjectId}                                   302 400 400 400 400 400 302 302 -
        GET    /api/v1/projects/{project}/measures                 401 200 403 200 200 200 200 403 read
        GET    /api/v1/projects/{project}/pairs                    401 200 403 200 200 200 200 403 read
        GET    /api/v1/projects/{project}/golden                   401 200 403 200 200 200 200 403 read
        POST   /api/v1/projects/{project}/golden                   401 403 403 200 200 200 200 403 write GOLDEN
        POST   /api/v1/projects/{project}/golden/make              401 403 403 200 200 200 200 403 write {"answers":[{"prompt":"Q","answer":"one two three four five six seven"}],"tricks":["shuffled"]}
        GET    /api/v1/projects/{project}/rules                    401 200 403 200 200 200 200 403 read
        POST   /api/v1/projects/{project}/rules                    401 403 403 200 200 200 200 403 write {"yaml":"rules: [{name: a, when: [{measure: judgments, atLeast: 1}], then: [{do: warn, message: m}]}]"}
        PUT    /api/v1/projects/{project}/rules/on                 401 403 403 204 204 204 204 403 write {}
        GET    /api/v1/projects/{project}/rules/{version:int}/dry-run 401 200 403 200 200 200 200 403 read
        GET    /api/v1/projects/{project}/firings                  401 200 403 200 200 200 200 403 read
        POST   /api/v1/projects/{project}/firings/overturn         401 403 403 404 404 404 404 403 write {"firing":"none","reason":"r"}
        GET    /api/v1/projects/{project}/appeals                  401 200 403 200 200 200 200 403 read
        POST   /api/v1/projects/{project}/appeals/{notice}         401 403 403 404 404 404 404 403 write {"overturn":true,"reason":"r"}
        GET    /api/v1/projects/{project}/notices                  401 200 200 200 200 200 200 403 work
        POST   /api/v1/projects/{project}/notices/{notice}/appeal  401 404 404 404 404 404 404 403 work {"text":"t"}
        GET    /api/v1/leases/{lease}/feedback                     401 404 404 404 404 404 404 403 work
        GET    /api/v1/projects/{project}/pay-plan                 401 403 403 404 404 404 404 403 read
        PUT    /api/v1/projects/{project}/pay-plan                 401 403 403 200 200 200 200 403 write {"yaml":"currency: EUR\nprices: [{kind: pair, from: 0, to: 100, tasks: 10, price: 1.20}]"}
        GET    /api/v1/projects/{project}/pay.json                 401 403 403 200 200 200 200 403 read
        GET    /api/v1/projects/{project}/pay.csv                  401 403 403 200 200 200 200 403 read
        GET    /api/v1/projects/{project}/earnings                 401 404 404 404 404 404 404 403 read
        GET    /api/v1/projects/{project}/batches                  401 200 403 200 200 200 200 403 read
        POST   /api/v1/projects/{project}/batches                  401 403 403 201 201 201 201 403 write {"name":"week 1"}
        GET    /api/v1/projects/{project}/batches/{batch}          401 200 403 200 200 200 200 403 read
        POST   /api/v1/projects/{project}/batches/{batch}/tasks    401 403 403 200 200 200 200 403 write COMPARISONS
        POST   /api/v1/projects/{project}/batches/{batch}/calibrate 401 403 403 400 400 400 400 403 write {}
        POST   /api/v1/projects/{project}/batches/{batch}/open     401 403 403 200 200 200 200 403 write {}
        POST   /api/v1/projects/{project}/batches/{batch}/close    401 403 403 400 400 400 400 403 write {}
        POST   /api/v1/projects/{project}/batches/{batch}/reopen   401 403 403 400 400 400 400 403 write {}
        POST   /api/v1/projects/{project}/batches/{batch}/deliver  401 403 403 400 400 400 400 403 write {}
        POST   /api/v1/projects/{project}/batches/{batch}/accuracy 401 403 403 400 400 400 400 403 write {"accuracy":0.7,"source":"run"}
        GET    /arena                                              404 404 404 404 404 404 404 404 -
        POST   /arena                                              400 400 400 400 400 400 400 400 -
        GET    /arena/talk/{TalkId}                                404 404 404 404 404 404 404 404 -
        POST   /arena/talk/{TalkId}                                400 400 400 400 400 400 400 400 -
        GET    /arena/leaderboard                                  404 404 404 404 404 404 404 404 -
        POST   /arena/leaderboard                                  400 400 400 400 400 400 400 400 -
        GET    /arena/voters                                       302 403 403 403 200 200 302 302 -
        POST   /arena/voters                                       302 403 403 403 400 400 302 302 -
        GET    /api/v1/arena/leaderboard                           401 200 200 200 200 200 200 403 read
        GET    /api/v1/arena/voters                                401 403 403 403 200 200 200 403 read
        GET    /api/v1/arena/export/comparisons.jsonl              401 403 403 403 200 200 200 403 read
        GET    /api/v1/arena/export/judgments.jsonl                401 403 403 403 200 200 200 403 read
        GET    /api/v1/arena/export/data.jsonl                     401 403 403 403 200 200 200 403 read
        GET    /api/v1/arena/export/DATASET.md                     401 403 403 403 200 200 200 403 read
        GET    /api/v1/arena/export/prompts.jsonl                  401 403 403 403 200 200 200 403 read
        PUT    /api/v1/arena/voters/{voter}                        401 403 403 403 404 404 404 403 write {"excluded":false}
        PUT    /api/v1/arena/consent                               401 404 404 404 404 404 404 403 work {"pool":true}
        DELETE /api/v1/arena/consent                               401 404 404 404 404 404 404 403 work
        POST   /api/v1/arena/talks                                 401 404 404 404 404 404 404 403 work {"mode":"blind","token":"t"}
        GET    /api/v1/arena/talks/{talk}                          401 404 404 404 404 404 404 403 work
        PUT    /api/v1/arena/talks/{talk}/turns/{number:int}       401 404 404 404 404 404 404 403 work {"prompt":"p"}
        POST   /api/v1/arena/talks/{talk}/vote                     401 404 404 404 404 404 404 403 work {"choice":"a","token":"t"}
        POST   /api/v1/arena/talks/{talk}/reveal                   401 404 404 404 404 404 404 403 work
        GET    /projects/{ProjectId}/dashboard                     302 200 404 200 200 200 302 302 -
        POST   /projects/{ProjectId}/dashboard                     302 400 400 400 400 400 302 302 -
        GET    /projects/{ProjectId}/webhooks                      302 404 404 200 200 200 302 302 -
        POST   /projects/{ProjectId}/webhooks                      302 400 400 400 400 400 302 302 -
        GET    /runs                                               302 403 403 403 404 404 302 302 -
        POST   /runs                                               302 403 403 403 400 400 302 302 -
        GET    /runs/run                                           302 403 403 403 404 404 302 302 -
        POST   /runs/run                                           302 403 403 403 400 400 302 302 -
        GET    /runs/rollouts                                      302 403 403 403 404 404 302 302 -
        POST   /runs/rollouts                                      302 403 403 403 400 400 302 302 -
        GET    /api/v1/projects/{project}/metrics                  401 200 403 200 200 200 200 403 read
        GET    /api/v1/projects/{project}/events                   401 200 403 200 200 200 200 403 read
        GET    /api/v1/projects/{project}/webhooks                 401 403 403 200 200 200 200 403 read
        POST   /api/v1/projects/{project}/webhooks                 401 403 403 201 201 201 201 403 write {"url":"https://example.org/","events":["batch.state"]}
        PUT    /api/v1/projects/{project}/webhooks/{webhook}       401 403 403 404 404 404 404 403 write {"active":false}
        DELETE /api/v1/projects/{project}/webhooks/{webhook}       401 403 403 404 404 404 404 403 write
        GET    /api/v1/projects/{project}/webhooks/{webhook}/deliveries 401 403 403 404 404 404 404 403 read
        POST   /api/v1/projects/{project}/webhooks/{webhook}/deliveries/{delivery}/redeliver 401 403 403 404 404 404 404 403 write {}
        GET    /api/v1/runs                                        401 403 403 403 404 404 404 403 read
        GET    /api/v1/runs/run                                    401 403 403 403 404 404 404 403 read
        GET    /api/v1/runs/metrics                                401 403 403 403 404 404 404 403 read
        GET    /api/v1/runs/rollouts                               401 403 403 403 404 404 404 403 read
        GET    /api/v1/runs/events                                 401 403 403 403 404 404 404 403 read
        """;

    private static readonly string[] Who = ["nobody", "viewer", "annotator", "project's manager", "manager", "owner", "key with scope", "key without"];

    [Fact]
    public async Task Each_endpoint_answers_each_role_as_the_table_says()
    {
        await using var site = await Site.Open();
        var project = await site.Project(40);
        await site.Database.Projects.AddInstructionAsync(project.Id, "Choose.", null);
        await site.Database.Rules.AddAsync(project.Id, "rules: [{name: a, when: [{measure: judgments, atLeast: 1}], then: [{do: warn, message: m}]}]", null);
        var owner = await site.Person(Role.Owner);
        var visits = new List<Visit> { site.Visit(), await site.SignedIn(await site.Member(project, Role.Viewer)) };
        foreach (var person in new[] { await site.Member(project), await site.Member(project, Role.Manager), await site.Person(Role.Manager), owner })
            visits.Add(await site.SignedIn(person));
        var faults = new List<string>();
        foreach (var row in Rows())
        {
            var scoped = row.Scope == "-" ? "read" : row.Scope;
            Visit[] all = [.. visits, await site.Program(owner, scoped), await site.Program(owner, Access.Policies.Scopes.Where(scope => scope != scoped).Append("other").ToArray())];
            for (var i = 0; i < all.Length; i++)
            {
                using var reply = await AskAsync(site, project, all[i], row);
                var text = reply.Content.Headers.ContentType?.MediaType == "text/event-stream" ? "" : await reply.Content.ReadAsStringAsync(); // a stream has no end
                if ((int)reply.StatusCode != row.Statuses[i])
                    faults.Add($"{row.Method} {row.Pattern} by {Who[i]}: {(int)reply.StatusCode}, expected {row.Statuses[i]} {text[..Math.Min(text.Length, 200)]}");
                if (row.Pattern.StartsWith("/api/", StringComparison.Ordinal) && (int)reply.StatusCode >= 400 && reply.Content.Headers.ContentType?.MediaType != "application/problem+json")
                    faults.Add($"{row.Method} {row.Pattern} by {Who[i]}: {(int)reply.StatusCode} without problem details: {text[..Math.Min(text.Length, 200)]}");
                if (!HasSecurityHeaders(reply))
                    faults.Add($"{row.Method} {row.Pattern} by {Who[i]}: lacks security headers");
            }
        }
        Assert.True(faults.Count == 0, string.Join('\n', faults));
    }

    [Theory]
    [InlineData("GET", "/api/v1/nothing", null, null, 404)]
    [InlineData("PATCH", "/api/v1/projects", null, null, 405)]
    [InlineData("GET", "/api/v1/projects?size=many", null, null, 400, "The parameter size is 'many', expected a whole number; correct it or leave it out.")]
    [InlineData("GET", "/api/v1/projects/none/tasks?state=odd", null, null, 400, "The parameter state is 'odd', expected waiting, open, complete, withdrawn; correct it or leave it out.")]
    [InlineData("GET", "/api/v1/projects/none/export/judgments.jsonl?inForce=1", null, null, 400, "The parameter inForce is '1', expected true or false; correct it or leave it out.")]
    [InlineData("GET", "/api/v1/projects/none/earnings?from=monday", null, null, 400, "The parameter from is 'monday', expected a time such as 2026-01-31T12:00:00Z; correct it or leave it out.")]
    [InlineData("POST", "/api/v1/projects", "{\"name\":", "application/json", 400)]
    [InlineData("POST", "/api/v1/projects", "name=x", "application/x-www-form-urlencoded", 415)]
    [InlineData("POST", "/api/v1/projects", "", "application/json", 400)]
    [InlineData("GET", "/api/v2/projects", null, null, 404)]
    public async Task Whatever_is_asked_wrongly_is_answered_with_problem_details(string method, string path, string? body, string? type, int status, string? detail = null)
    {
        await using var site = await Site.Open();
        var owner = await site.Program(await site.Person(Role.Owner), "read", "write", "work");
        using var reply = await owner.Send(new(method), path, body is null ? null : new StringContent(body, Encoding.UTF8, type!));
        var text = await reply.Content.ReadAsStringAsync();
        Assert.True((status, "application/problem+json") == ((int)reply.StatusCode, reply.Content.Headers.ContentType?.MediaType), $"{(int)reply.StatusCode} {reply.Content.Headers.ContentType} {text}");
        var problem = System.Text.Json.JsonSerializer.Deserialize<System.Text.Json.JsonElement>(text);
        Assert.Equal(status, problem.GetProperty("status").GetInt32());
        Assert.False(string.IsNullOrWhiteSpace(problem.GetProperty("title").GetString()));
        if (detail is not null)
            Assert.Equal(detail, problem.GetProperty("detail").GetString());
        Assert.DoesNotContain("   at ", text);
    }

    [Fact]
    public async Task Every_endpoint_of_the_application_has_a_row()
    {
        await using var site = await Site.Open();
        var there = site.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .SelectMany(endpoint => endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods.Select(method => $"{method} /{endpoint.RoutePattern.RawText!.Trim('/')}") ?? [$"any {endpoint.RoutePattern.RawText}"])
            .Where(endpoint => !endpoint.Contains("_framework", StringComparison.Ordinal) && !endpoint.Contains("_blazor", StringComparison.Ordinal)).Distinct().Order(StringComparer.Ordinal);
        Assert.Equal(string.Join('\n', Rows().Select(row => $"{row.Method} {row.Pattern}").Order(StringComparer.Ordinal)), string.Join('\n', there));
    }

    // What changes nothing that people run: it has no entry. The rest of what can be written has one, in the name of who did it.
    private static readonly string[] NoActs = ["PUT /api/v1/arena/voters/{voter}"]; // there is no arena here: ArenaApiTests

    [Fact]
    public async Task Every_act_of_those_who_run_things_leaves_an_entry_of_the_audit_log_in_their_name()
    {
        await using var site = await Site.Open();
        var project = await site.Project(10);
        var owner = await site.Person(Role.Owner);
        var visit = await site.SignedIn(owner);
        var faults = new List<string>();
        foreach (var row in Rows().Where(row => row.Scope == "write" && row.Method != "GET" && !NoActs.Contains($"{row.Method} {row.Pattern}")))
        {
            var (path, body) = await ReadyAsync(site, project, owner, row);
            var before = (await EntriesAsync(site)).Count;
            using var reply = await visit.Send(new(row.Method), path, body is null ? null : new StringContent(body, Encoding.UTF8, "application/json"), Visit.Token(await visit.Page("/")));
            var entries = (await EntriesAsync(site)).Skip(before).ToList();
            if (!reply.IsSuccessStatusCode || entries.Count == 0 || entries.Any(entry => entry.ActorId != owner.Id && entry.ActorId is not null) || entries.All(entry => entry.ActorId is null))
                faults.Add($"{row.Method} {row.Pattern}: {(int)reply.StatusCode}, {entries.Count} entries [{string.Join(", ", entries.Select(entry => $"{entry.Act} by {entry.ActorId}"))}] {await reply.Content.ReadAsStringAsync()}");
        }
        Assert.True(faults.Count == 0, string.Join('\n', faults));
        using (await visit.Get($"/api/v1/people/{(await site.Person()).Id}/data"))
            Assert.Equal(("person.export", owner.Id), (await EntriesAsync(site)) is [.., var last] ? (last.Act, last.ActorId) : default);
    }

    private static async Task<List<Attune.Storage.AuditEntry>> EntriesAsync(Site site) => [.. await site.Database.ReadAsync(transaction => transaction.QueryAsync<Attune.Storage.AuditEntry>("SELECT * FROM audit ORDER BY id"))];

    // The request of a row against something that is there.
    private static async Task<(string Path, string? Body)> ReadyAsync(Site site, Project project, Person owner, Row row)
    {
        var (database, path) = (site.Database, row.Pattern.Replace("{project}", project.Id, StringComparison.Ordinal));
        async Task<string> InBatch(params string[] steps)
        {
            var batch = (await database.Batches.CreateAsync(project.Id, "week", "{}", null)).Id;
            foreach (var step in steps)
                await Api.BatchApi.TakeAsync(database, batch, step, null, owner.Id, default);
            return batch;
        }
        if (path.EndsWith("/calibrate", StringComparison.Ordinal))
        {
            var batch = await InBatch();
            await database.Tasks.AddAsync(project.Id, [new() { Payload = Encoding.UTF8.GetString(Site.Comparisons(1)).Trim(), Choices = 2, BatchId = batch, Purpose = TaskPurpose.Calibration }], null);
            return (path.Replace("{batch}", batch, StringComparison.Ordinal), row.Body);
        }
        if (path.Contains("{batch}", StringComparison.Ordinal))
        {
            string[] before = path.Split('/')[^1] switch { "close" => ["open"], "reopen" or "deliver" or "accuracy" => ["open", "close"], _ => [] };
            path = path.Replace("{batch}", await InBatch(before), StringComparison.Ordinal);
        }
        if (path.Contains("{webhook}", StringComparison.Ordinal))
        {
            var hook = (await database.Webhooks.CreateAsync(project.Id, "https://example.org/", ["batch.state"], null)).Webhook.Id;
            await InBatch("open");
            var delivery = (await database.Webhooks.DeliveriesAsync(project.Id, hook, new())).Items[0].Id;
            path = path.Replace("{webhook}", hook, StringComparison.Ordinal).Replace("{delivery}", delivery, StringComparison.Ordinal);
        }
        if (path.Contains("firings", StringComparison.Ordinal) || path.Contains("{notice}", StringComparison.Ordinal))
        {
            var (firing, notice) = await FiredAsync(database, project, (await site.Member(project)).Id);
            return (path.Replace("{notice}", notice, StringComparison.Ordinal), row.Body!.Replace("none", firing, StringComparison.Ordinal));
        }
        if (row.Method == "DELETE" && path.Contains("/members/", StringComparison.Ordinal))
            path = path.Replace("{person}", (await site.Member(project)).Id, StringComparison.Ordinal);
        path = path.Replace("{person}", (await site.Person()).Id, StringComparison.Ordinal).Replace("{invitation}", (await database.Access.InviteAsync(Role.Viewer, null, null, TimeSpan.FromDays(1), null)).Value.Id, StringComparison.Ordinal)
            .Replace("{key}", (await database.Access.CreateKeyAsync(owner.Id, "k", ["read"], null, owner.Id)).Value.Id, StringComparison.Ordinal);
        if (path.Contains("{task}", StringComparison.Ordinal))
            path = path.Replace("{task}", (await database.Tasks.ListAsync(project.Id, new(State: TaskState.Open), new())).Items[0].Id, StringComparison.Ordinal);
        if (path.EndsWith("/import", StringComparison.Ordinal))
            return ($"{path}?shape=trl&terms=unknown", """{"prompt":"p","chosen":"a","rejected":"b"}""");
        return (path, Body(row));
    }

    // A rule's firing with a notice that was appealed against, as the rule's run would leave them.
    private static async Task<(string Firing, string Notice)> FiredAsync(Attune.Storage.Database database, Project project, string person)
    {
        var id = $"{Guid.NewGuid():n}";
        await database.WriteAsync(async transaction =>
        {
            await transaction.ExecuteAsync(
                "INSERT INTO rule_firings (project_id, id, version, person_id, at, content, done_at) VALUES (@project, @id, 1, @person, @Now, @Content, @Now)",
                new { project = project.Id, id, person, transaction.Now, Content = $$"""{"id":"{{id}}","rule":"a","annotatorId":"p","at":"2030-01-02T12:00:00+00:00","measures":[],"actions":[]}""" });
            await transaction.ExecuteAsync(
                "INSERT INTO notices (id, project_id, person_id, firing_id, kind, message, at, appeal_until, appeal, appealed_at) VALUES (@id, @project, @person, @id, 'warn', 'm', @Now, @Now, 'why', @Now)",
                new { id, project = project.Id, person, transaction.Now });
        });
        return (id, id);
    }

    [Fact]
    public async Task To_strangers_a_project_is_not_there()
    {
        await using var site = await Site.Open();
        var project = await site.Project();
        var stranger = await site.SignedIn(await site.Person());
        foreach (var path in new[] { "", "/tasks", "/judgments", "/members", "/progress", "/instructions", "/export/judgments.jsonl" })
            Assert.Equal(HttpStatusCode.NotFound, (await stranger.Get($"/api/v1/projects/{project.Id}{path}")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.Json(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.Get($"/work/{project.Id}")).StatusCode);
        Assert.Empty((await stranger.Ok(HttpMethod.Get, "/api/v1/projects")).GetProperty("items").EnumerateArray());
    }

    private static async Task<HttpResponseMessage> AskAsync(Site site, Project project, Visit visit, Row row)
    {
        var person = row.Pattern.Contains("{person}", StringComparison.Ordinal) ? (await site.Person()).Id : "";
        var task = row.Pattern.Contains("{task}", StringComparison.Ordinal) ? (await site.Database.Tasks.ListAsync(project.Id, new(State: TaskState.Open), new())).Items[0].Id : "";
        var batch = row.Pattern.Contains("{batch}", StringComparison.Ordinal) ? (await site.Database.Batches.CreateAsync(project.Id, "week", "{}", null)).Id : "";
        var path = row.Pattern.Replace("{project}", project.Id).Replace("{ProjectId}", project.Id).Replace("{person}", person).Replace("{task}", task).Replace("{documentName}", "v1")
            .Replace("{version}/{**name}", SiteAssets.Address("site.css")["/assets/".Length..]).Replace("{PersonId}", (await site.Person()).Id).Replace("{lease}", "none").Replace("{number:int}", "1").Replace("{notice}", "none").Replace("{version:int}", "1").Replace("{batch}", batch).Replace("{key}", "none").Replace("{webhook}", "none").Replace("{delivery}", "none").Replace("{invitation}", "none").Replace("{Token}", "none");
        if (!row.Pattern.StartsWith("/api", StringComparison.Ordinal))
            return await visit.Send(new(row.Method), path, row.Method == "POST" ? new FormUrlEncodedContent([]) : null);
        var token = visit.Key is null && row.Method != "GET" && visit.IsSignedIn ? Visit.Token(await visit.Page("/")) : null;
        var body = Body(row);
        return await visit.Send(new(row.Method), path, body is null ? null : new StringContent(body, Encoding.UTF8, "application/json"), token);
    }

    private static string? Body(Row row) => row.Body == "COMPARISONS" ? Encoding.UTF8.GetString(Site.Comparisons(1, $"{Guid.NewGuid()}"))
        : row.Body == "GOLDEN" ? Encoding.UTF8.GetString(Site.Comparisons(1, $"{Guid.NewGuid()}")).Replace("\"order\"", "\"expected\":{\"best\":0},\"order\"", StringComparison.Ordinal) : row.Body?.Replace("NEW", $"{Guid.NewGuid()}");

    private static bool HasSecurityHeaders(HttpResponseMessage reply) =>
        reply.Headers.TryGetValues("Content-Security-Policy", out var policy) && policy.Single().Contains("script-src 'self';", StringComparison.Ordinal) && policy.Single().Contains("frame-ancestors 'none'", StringComparison.Ordinal)
        && reply.Headers.TryGetValues("X-Content-Type-Options", out var options) && options.Single() == "nosniff"
        && reply.Headers.Contains("Referrer-Policy") && reply.Headers.Contains("Cross-Origin-Opener-Policy") && reply.Headers.CacheControl is not null && !reply.Headers.Contains("Server");

    private static IEnumerable<Row> Rows() => Table.Split('\n').Select(line =>
    {
        var parts = line.Split(' ', 12, StringSplitOptions.RemoveEmptyEntries);
        return new Row(parts[0], parts[1], [.. parts[2..10].Select(int.Parse)], parts[10], parts.Length > 11 ? parts[11] : null);
    });

    private sealed record Row(string Method, string Pattern, int[] Statuses, string Scope, string? Body);
}
