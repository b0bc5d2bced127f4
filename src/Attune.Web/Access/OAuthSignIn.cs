using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Claims;
using System.Text.Json;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.People;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OAuth;
using Microsoft.Extensions.Logging;

namespace Attune.Web.Access;

/// <summary>
/// Signing in with another service. <c>GET /oauth</c> leads there, <c>/oauth/done</c> back. It lets in who has an account with the address that the service
/// vouches for, or an invitation made out to it; nobody becomes an owner by it. What goes wrong leads to the form with a reason and no more.
/// </summary>
internal static partial class OAuthSignIn
{
    private const string Scheme = "oauth", Return = "/oauth/done", Email = "email", Verified = "verified", Name = "name";

    // What user info may say in its own words about somebody's name.
    private const int LongestName = 80;

    public static void AddOAuthSignIn(this AuthenticationBuilder authentication, OAuthPlan? plan)
    {
        if (plan is null)
            return;
        authentication.AddOAuth(Scheme, options =>
        {
            (options.AuthorizationEndpoint, options.TokenEndpoint, options.UserInformationEndpoint) = (plan.Authorization, plan.Token, plan.UserInfo);
            (options.ClientId, options.ClientSecret) = (plan.ClientId, Environment.GetEnvironmentVariable(plan.SecretVariable)!);
            (options.CallbackPath, options.UsePkce, options.SaveTokens) = (Return, true, false);
            (options.CorrelationCookie.Name, options.CorrelationCookie.SameSite) = ("attune-oauth.", SameSiteMode.Lax); // the way back is a visit from elsewhere
            options.CorrelationCookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            options.RemoteAuthenticationTimeout = TimeSpan.FromMinutes(10);
            options.BackchannelTimeout = TimeSpan.FromSeconds(30);
            options.BackchannelHttpHandler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false };
            options.Scope.Clear();
            foreach (var scope in plan.Scopes)
                options.Scope.Add(scope);
            options.Events.OnCreatingTicket = context => ReadAsync(context, plan);
            options.Events.OnTicketReceived = context => EnterAsync(context, plan);
            options.Events.OnAccessDenied = context => Refuse(context, "denied");
            options.Events.OnRemoteFailure = context => Refuse(context, "failed");
        });
    }

    public static void MapOAuthSignIn(this WebApplication app, OAuthPlan? plan)
    {
        if (plan is not null)
            app.MapGet("/oauth", (string? to) => Results.Challenge(new AuthenticationProperties { RedirectUri = Local.Path(to) }, [Scheme]));
    }

    private static async Task ReadAsync(OAuthCreatingTicketContext context, OAuthPlan plan)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, plan.UserInfo);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", context.AccessToken);
        request.Headers.Accept.Add(new("application/json"));
        using var reply = await context.Backchannel.SendAsync(request, context.HttpContext.RequestAborted).ConfigureAwait(false);
        reply.EnsureSuccessStatusCode();
        var info = await reply.Content.ReadFromJsonAsync<JsonElement>(context.HttpContext.RequestAborted).ConfigureAwait(false);
        if (info.ValueKind != JsonValueKind.Object)
            throw new JsonException("User info is no object.");
        if (Text(info, plan.EmailClaim) is { } email)
            context.Identity!.AddClaim(new(Email, email.Trim()));
        if (!string.IsNullOrEmpty(plan.VerifiedClaim) && info.TryGetProperty(plan.VerifiedClaim, out var verified) && (verified.ValueKind == JsonValueKind.True || (verified.ValueKind == JsonValueKind.String && verified.GetString() == "true")))
            context.Identity!.AddClaim(new(Verified, "true"));
        if (Text(info, plan.NameClaim) is { } name)
            context.Identity!.AddClaim(new(Name, name));
    }

    private static async Task EnterAsync(TicketReceivedContext context, OAuthPlan plan)
    {
        var (services, stop) = (context.HttpContext.RequestServices, context.HttpContext.RequestAborted);
        var database = services.GetRequiredService<Database>();
        var email = context.Principal!.FindFirstValue(Email);
        var refusal = email is null || !plan.Believes(email, context.Principal!.HasClaim(Verified, "true")) ? "unverified" : null;
        var person = refusal is null ? await FindAsync(database, email!, context.Principal!.FindFirstValue(Name), stop).ConfigureAwait(false) : null;
        refusal ??= person is null ? "unknown" : null;
        if (refusal is null)
        {
            if (plan.Project is not null)
                await JoinAsync(database, plan.Project, person!, services.GetRequiredService<ILoggerFactory>(), stop).ConfigureAwait(false);
            await services.GetRequiredService<SignIn>().BeginAsync(context.HttpContext, person!).ConfigureAwait(false);
        }
        context.Response.Redirect(refusal is null ? Local.Path(context.ReturnUri) : $"/sign-in?oauth={refusal}");
        context.HandleResponse();
    }

    private static async Task<string?> FindAsync(Database database, string email, string? name, CancellationToken stop)
    {
        if (await database.People.IdentityByEmailAsync(email, stop).ConfigureAwait(false) is { } known)
            return known.PersonId;
        var display = string.IsNullOrWhiteSpace(name) ? email[..email.IndexOf('@')] : name.Replace('\0', ' ').Trim();
        try
        {
            var invited = await database.Access.AcceptInvitationOfAsync(email, new() { DisplayName = display[..Math.Min(display.Length, LongestName)], Email = email }, stop).ConfigureAwait(false);
            return invited?.Id;
        }
        catch (InputException) // the same person came in twice at the same time
        {
            return (await database.People.IdentityByEmailAsync(email, stop).ConfigureAwait(false))?.PersonId;
        }
    }

    private static async Task JoinAsync(Database database, string project, string personId, ILoggerFactory logs, CancellationToken stop)
    {
        var id = await database.ReadAsync(transaction => transaction.FirstAsync<string>("SELECT id FROM projects WHERE name = @project ORDER BY id LIMIT 1", new { project }), stop).ConfigureAwait(false);
        if (id is null)
            NoProject(logs.CreateLogger(typeof(OAuthSignIn)));
        else if (await database.Projects.MemberAsync(id, personId, stop).ConfigureAwait(false) is null) // who was banned stays so
            await database.Projects.SetMemberAsync(id, personId, Role.Annotator, null, stop).ConfigureAwait(false);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The project that people who sign in with another service should join is not there.")]
    private static partial void NoProject(ILogger logger);

    private static Task Refuse<TOptions>(HandleRequestContext<TOptions> context, string reason)
        where TOptions : AuthenticationSchemeOptions
    {
        context.Response.Redirect($"/sign-in?oauth={reason}");
        context.HandleResponse();
        return Task.CompletedTask;
    }

    private static string? Text(JsonElement info, string key) => info.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? text : null;
}
