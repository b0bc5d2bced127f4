using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Web;
using Attune.Storage.People;
using Attune.Storage.Work;
using Attune.Web.Access;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging;

namespace Attune.Web.Tests;

public sealed class OAuthTests
{
    private const string Secret = "the-client-secret-that-nobody-logs", Variable = "ATTUNE_TEST_OAUTH_SECRET";

    [Fact]
    public async Task Who_has_an_account_or_an_invitation_signs_in_and_is_in_the_project()
    {
        await using var service = await Provider.Open();
        await using var site = await Open(service, plan => plan with { Project = "Colours" });
        var project = await site.Project();
        var known = await site.Person(email: "ada@example.org");
        service.Info = """{"email":"Ada@Example.org","email_verified":true,"name":"Ada"}""";
        var visit = site.Visit();
        Assert.Contains("/oauth?to=", await visit.Page("/sign-in?to=/keys"));
        using var back = await Walk(visit, service, "/oauth?to=/keys");
        Assert.Equal("/keys", back.Headers.Location!.OriginalString);
        Assert.Equal(known.Id, (await visit.Ok(HttpMethod.Get, "/api/v1/me")).GetProperty("id").GetString());
        Assert.Equal(Role.Annotator, (await site.Database.Projects.MemberAsync(project.Id, known.Id))!.Role);
        Assert.True(service.HadVerifier);

        await site.Database.Access.InviteAsync(Role.Manager, project.Id, "bea@example.org", TimeSpan.FromDays(1), null);
        service.Info = """{"email":"bea@example.org","email_verified":"true","name":"Bea"}""";
        var second = site.Visit();
        using var entered = await Walk(second, service, "/oauth");
        Assert.True(second.IsSignedIn);
        var bea = (await site.Database.People.IdentityByEmailAsync("bea@example.org"))!;
        Assert.Equal("Bea", bea.DisplayName);
        Assert.Equal(Role.Manager, (await site.Database.Projects.MemberAsync(project.Id, bea.PersonId))!.Role); // joining takes nothing away
        Assert.Equal(Role.Annotator, (await site.Database.People.FindAsync(bea.PersonId))!.Role);
    }

    [Theory]
    [InlineData("""{"email":"eve@example.org","email_verified":true}""", "unknown")]
    [InlineData("""{"email":"owner@example.org","email_verified":true}""", "unknown")]
    [InlineData("""{"email":"ada@example.org","email_verified":false}""", "unverified")]
    [InlineData("""{"email":"ada@example.org"}""", "unverified")]
    [InlineData("""{"email":"x@evil.org@trusted.org","email_verified":true}""", "unverified")]
    [InlineData("""{"name":"nobody"}""", "unverified")]
    [InlineData("""[]""", "failed")]
    public async Task Strangers_and_unverified_addresses_stay_out(string info, string reason)
    {
        await using var service = await Provider.Open();
        await using var site = await Open(service, plan => plan with { TrustedDomains = ["trusted.org"] });
        await site.Person(email: "ada@example.org");
        await site.Database.Access.InviteAsync(Role.Owner, null, "owner@example.org", TimeSpan.FromDays(1), null); // nobody becomes an owner by it
        service.Info = info;
        var visit = site.Visit();
        using var back = await Walk(visit, service, "/oauth");
        Assert.Equal($"/sign-in?oauth={reason}", back.Headers.Location!.OriginalString);
        Assert.False(visit.IsSignedIn);
        Assert.Contains("role=\"alert\"", await visit.Page($"/sign-in?oauth={reason}"));
    }

    [Fact]
    public async Task An_address_of_a_trusted_domain_is_believed_without_a_claim()
    {
        await using var service = await Provider.Open();
        await using var site = await Open(service, plan => plan with { VerifiedClaim = null, TrustedDomains = ["trusted.org"] });
        await site.Person(email: "ada@trusted.org");
        await site.Person(email: "ada@example.org");
        service.Info = """{"email":"ada@example.org","email_verified":true}""";
        var visit = site.Visit();
        (await Walk(visit, service, "/oauth")).Dispose();
        Assert.False(visit.IsSignedIn);
        service.Info = """{"email":"ada@trusted.org"}""";
        (await Walk(visit, service, "/oauth")).Dispose();
        Assert.True(visit.IsSignedIn);
    }

    [Fact]
    public async Task Denied_forged_and_repeated_returns_lead_to_the_form()
    {
        await using var service = await Provider.Open();
        await using var site = await Open(service);
        await site.Person(email: "ada@example.org");
        service.Info = """{"email":"ada@example.org","email_verified":true}""";
        service.Denies = true;
        var visit = site.Visit();
        using (var denied = await Walk(visit, service, "/oauth"))
            Assert.Equal("/sign-in?oauth=denied", denied.Headers.Location!.OriginalString);
        service.Denies = false;
        using (var forged = await visit.Get("/oauth/done?code=c&state=forged"))
            Assert.Equal("/sign-in?oauth=failed", forged.Headers.Location!.OriginalString);
        using (var begun = await site.Visit().Get("/oauth")) // the state of another browser
        {
            var other = await service.Return(begun.Headers.Location!);
            using var taken = await visit.Get(other.PathAndQuery);
            Assert.Equal("/sign-in?oauth=failed", taken.Headers.Location!.OriginalString);
        }
        Assert.False(visit.IsSignedIn);
        using (var open = await Walk(visit, service, "/oauth?to=https://evil.example.org/"))
            Assert.Equal("/", open.Headers.Location!.OriginalString);
    }

    [Fact]
    public async Task The_way_there_carries_state_and_challenge_and_no_secret_and_the_log_has_none()
    {
        var log = new ConcurrentQueue<string>();
        await using var service = await Provider.Open();
        await using var site = await Open(service);
        await using var second = await WebServer.BuildAsync(site.Database, new() { Listen = "http://127.0.0.1:0", OAuth = Plan(service) }, builder => builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Trace).AddProvider(new Recorder(log)));
        await second.StartAsync();
        using var visit = new Visit(new Uri(second.Urls.First()));
        using var begun = await visit.Get("/oauth");
        var query = HttpUtility.ParseQueryString(begun.Headers.Location!.Query);
        Assert.Equal(("client", "S256", "code"), (query["client_id"], query["code_challenge_method"], query["response_type"]));
        Assert.NotNull(query["state"]);
        Assert.Contains("samesite=lax", begun.Headers.GetValues("Set-Cookie").Single(), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("httponly", begun.Headers.GetValues("Set-Cookie").Single(), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(Secret, begun.Headers.Location!.OriginalString);
        service.TokenStatus = 500;
        using var failed = await Walk(visit, service, "/oauth");
        Assert.Equal("/sign-in?oauth=failed", failed.Headers.Location!.OriginalString);
        Assert.NotEmpty(log);
        Assert.DoesNotContain(log, line => line.Contains(Secret, StringComparison.Ordinal) || line.Contains("the-access-token", StringComparison.Ordinal));
    }

    [Fact]
    public void A_file_with_faults_is_refused_with_all_of_them()
    {
        var problems = Assert.Throws<Runs.InputException>(() => Runs.Recipe.Parse<OAuthPlan>(
            "name: ''\nauthorization: http://example.org/a\ntoken: nothing\nuserInfo: https://example.org/u\nclientId: c\nsecretVariable: ATTUNE_TEST_NOT_SET\nverifiedClaim: ''\n", "oauth.yaml", [])).Problems.Select(problem => problem.Key);
        Assert.Equal(["authorization", "name", "secretVariable", "token", "verifiedClaim"], problems.Order(StringComparer.Ordinal));
    }

    private static OAuthPlan Plan(Provider service)
    {
        Environment.SetEnvironmentVariable(Variable, Secret);
        return new() { Name = "Example", Authorization = $"{service.Address}/authorize", Token = $"{service.Address}/token", UserInfo = $"{service.Address}/me", ClientId = "client", SecretVariable = Variable };
    }

    private static Task<Site> Open(Provider service, Func<OAuthPlan, OAuthPlan>? change = null) =>
        Site.Open(new() { RequestsPerMinute = 1_000_000, OAuth = change?.Invoke(Plan(service)) ?? Plan(service) });

    // As a browser goes: to the service, and with what it gives back.
    private static async Task<HttpResponseMessage> Walk(Visit visit, Provider service, string path)
    {
        using var begun = await visit.Get(path);
        Assert.Equal(HttpStatusCode.Found, begun.StatusCode);
        var back = await service.Return(begun.Headers.Location!);
        return await visit.Get(back.PathAndQuery);
    }

    private sealed class Recorder(ConcurrentQueue<string> lines) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => lines.Enqueue($"{formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }

    /// <summary>A small service that gives codes, checks the verifier, and tells who it is.</summary>
    private sealed class Provider : IAsyncDisposable
    {
        private readonly WebApplication _app;
        private readonly ConcurrentDictionary<string, string> _challenges = new();

        private Provider(WebApplication app) => _app = app;

        public string Address => _app.Urls.First();

        public string Info { get; set; } = "{}";

        public bool Denies { get; set; }

        public int TokenStatus { get; set; } = 200;

        public bool HadVerifier { get; private set; }

        public static async Task<Provider> Open()
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.WebHost.UseSetting("urls", "http://127.0.0.1:0");
            builder.Logging.SetMinimumLevel(LogLevel.Error);
            var service = new Provider(builder.Build());
            service._app.MapGet("/authorize", service.Authorize);
            service._app.MapPost("/token", service.TokenAsync);
            service._app.MapGet("/me", (HttpRequest request) => request.Headers.Authorization == "Bearer the-access-token" ? Results.Text(service.Info, "application/json") : Results.Unauthorized());
            await service._app.StartAsync();
            return service;
        }

        /// <summary>Where a browser is sent back to.</summary>
        public async Task<Uri> Return(Uri way)
        {
            using var http = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false });
            using var reply = await http.GetAsync(way);
            return reply.Headers.Location!;
        }

        public async ValueTask DisposeAsync() => await _app.DisposeAsync();

        private IResult Authorize(HttpRequest request)
        {
            var (back, state) = (request.Query["redirect_uri"].ToString(), request.Query["state"].ToString());
            var code = $"{Guid.NewGuid():n}";
            _challenges[code] = request.Query["code_challenge"].ToString();
            return Results.Redirect(QueryHelpers.AddQueryString(back, Denies ? new Dictionary<string, string?> { ["error"] = "access_denied", ["state"] = state } : new() { ["code"] = code, ["state"] = state }));
        }

        private async Task<IResult> TokenAsync(HttpRequest request)
        {
            var form = await request.ReadFormAsync();
            var challenge = WebEncoders.Base64UrlEncode(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"].ToString())));
            HadVerifier = _challenges.TryRemove(form["code"].ToString(), out var expected) && challenge == expected;
            if (TokenStatus != 200 || !HadVerifier || form["client_secret"] != Secret)
                return Results.Json(new { error = "invalid_grant", error_description = $"secret was {form["client_secret"]}" }, statusCode: TokenStatus == 200 ? 400 : TokenStatus);
            return Results.Json(new { access_token = "the-access-token", token_type = "Bearer" });
        }
    }
}
